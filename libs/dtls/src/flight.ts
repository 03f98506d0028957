import assert from "node:assert";
import { encodeHandshakeFragment, HANDSHAKE_HEADER_BYTES, type HandshakeMessage } from "./messages/handshake-header.ts";
import { CONTENT_TYPE, recordHeaderBytes } from "./record.ts";

/** Bytes of a datagram for a path of which nothing is known, and the bounds of a setting for it. */
export const DEFAULT_DATAGRAM_BYTES = 1200;
export const MIN_DATAGRAM_BYTES = 576;
export const MAX_DATAGRAM_BYTES = 1452;

/** Beyond the plaintext of a protected record: CBC's IV, MAC and padding are the most, 64; a type behind the content, and a Connection ID. */
const PROTECTION_BYTES = 65;

const CHANGE_CIPHER_SPEC = Uint8Array.of(1);

/** What limits records and datagrams. */
export interface FlightLimits {
  /** UDP payload, 576 to 1452. */
  readonly maxDatagramBytes: number;
  /** Plaintext of a record: what max_fragment_length (RFC 6066 §4) or record_size_limit (RFC 8449 §4) left of it, at least 64. */
  readonly maxPlaintextBytes: number;
  /** Length of the Connection ID in records of epoch 1; 0 without. */
  readonly cidBytes: number;
}

/** Makes a record; called for each at each transmission, because sequence numbers are never used again (RFC 6347 §4.2.4). */
export type Seal = (type: number, epoch: 0 | 1, content: Uint8Array) => Uint8Array;

type Part = { readonly epoch: 0 | 1; readonly message: HandshakeMessage } | "changeCipherSpec";

/** The messages that are sent, and sent again, together (RFC 6347 §4.2.4). */
export class Flight {
  readonly #parts: Part[] = [];

  /** Appends a message in the clear, or a protected one. */
  add(message: HandshakeMessage, epoch: 0 | 1 = 0): this {
    this.#parts.push({ epoch, message });
    return this;
  }

  addChangeCipherSpec(): this {
    this.#parts.push("changeCipherSpec");
    return this;
  }

  /** Cuts messages to fragments and packs their records into as few datagrams as keep the order. */
  datagrams(limits: FlightLimits, seal: Seal): Uint8Array[] {
    const records = this.#parts.flatMap((part) =>
      part === "changeCipherSpec"
        ? [seal(CONTENT_TYPE.CHANGE_CIPHER_SPEC, 0, CHANGE_CIPHER_SPEC)]
        : fragments(part.message, maxBodyBytes(limits, part.epoch)).map((content) =>
            seal(CONTENT_TYPE.HANDSHAKE, part.epoch, content),
          ),
    );
    return pack(records, limits.maxDatagramBytes);
  }
}

/** Bytes of a message's body that a record of this epoch can carry. */
function maxBodyBytes({ maxDatagramBytes, maxPlaintextBytes, cidBytes }: FlightLimits, epoch: 0 | 1): number {
  const overhead = recordHeaderBytes(undefined) + (epoch === 0 ? 0 : PROTECTION_BYTES + cidBytes);
  const bytes = Math.min(maxDatagramBytes - overhead, maxPlaintextBytes) - HANDSHAKE_HEADER_BYTES;
  assert(bytes > 0, "a record of a flight has room for a part of a message");
  return bytes;
}

/** A message without a body is one fragment. */
function fragments(message: HandshakeMessage, maxBytes: number): Uint8Array[] {
  const count = Math.max(1, Math.ceil(message.body.length / maxBytes));
  return Array.from({ length: count }, (_, index) => encodeHandshakeFragment(message, index * maxBytes, maxBytes));
}

function pack(records: readonly Uint8Array[], maxBytes: number): Uint8Array[] {
  const datagrams: Uint8Array[][] = [];
  let roomBytes = 0;
  for (const record of records) {
    if (record.length > roomBytes) {
      datagrams.push([]);
      roomBytes = maxBytes;
    }
    datagrams.at(-1)?.push(record);
    roomBytes -= record.length;
  }
  return datagrams.map((group) => (group.length === 1 ? (group[0] as Uint8Array) : Buffer.concat(group))); // It is there.
}
