import assert from "node:assert";
import type { LiveAssociation } from "./association.ts";
import type { Address } from "./association-state.ts";
import type { Context } from "./context.ts";
import type { Flight } from "./flight.ts";
import { DTLS_1_2, encodePlaintextRecord, MAX_PLAINTEXT_BYTES } from "./record.ts";
import { sealRecord } from "./send.ts";

/** Where a flight goes, and with what numbers. */
export interface FlightPath {
  readonly address: Address;
  /** Seals what is protected; undefined while there are no keys. */
  readonly association: LiveAssociation | undefined;
  /** Counts the records of epoch 0. */
  readonly source: { nextRecord: number };
  /** Where there is no association yet. */
  readonly maxPlaintextBytes?: number;
}

/** Sends a flight, for the first time or again: each record has a new number (RFC 6347 §4.2.4). */
export function transmitFlight(context: Context, flight: Flight, path: FlightPath): void {
  const { address, association, source } = path;
  // A flight has one protected record, Finished.
  if (association !== undefined && association.permit?.lacks !== undefined) return;
  const maxPlaintextBytes = association?.maxPlaintextBytes ?? path.maxPlaintextBytes ?? MAX_PLAINTEXT_BYTES;
  const cidBytes = association?.peerCid?.length ?? 0;
  const limits = { maxDatagramBytes: context.options.mtuBytes, maxPlaintextBytes, cidBytes };
  const datagrams = flight.datagrams(limits, (type, epoch, content) => {
    if (epoch === 0) return encodePlaintextRecord(type, DTLS_1_2, 0, source.nextRecord++, content);
    const record = association === undefined ? undefined : sealRecord(context, association, type, content);
    assert(record !== undefined, "a flight with Finished has keys and a number for it");
    return record;
  });
  for (const bytes of datagrams) context.out.push({ type: "send", address, bytes });
}
