import { type Deadline, type DeadlineQueue, NOT_QUEUED } from "@ferry/coap";
import type { LiveAssociation } from "./association.ts";
import type { Flight } from "./flight.ts";
import { oldestBeyond } from "./oldest-beyond.ts";

/** The flight that ended a handshake: sent again when the client shows that it did not come (RFC 6347 §4.2.4). */
export interface LastFlight extends Deadline {
  readonly kind: "lastFlight";
  readonly association: LiveAssociation;
  readonly flight: Flight;
  /** Of our next record of epoch 0. */
  nextRecord: number;
  /** Of the client's hello: one that comes again begins nothing. */
  readonly clientRandom: Uint8Array;
  sentAtMs: number;
}

/** When last flights are forgotten, and how many there are at most. */
export interface LastFlightLimits {
  readonly lastFlightMs: number;
  readonly maxLastFlights: number;
}

/** The last flights of associations that are young. */
export class LastFlights {
  readonly #limits: LastFlightLimits;
  readonly #deadlines: Pick<DeadlineQueue<LastFlight>, "set" | "delete">;
  readonly #flights = new Map<LiveAssociation, LastFlight>();

  constructor(limits: LastFlightLimits, deadlines: Pick<DeadlineQueue<LastFlight>, "set" | "delete">) {
    this.#limits = limits;
    this.#deadlines = deadlines;
  }

  get size(): number {
    return this.#flights.size;
  }

  get(association: LiveAssociation): LastFlight | undefined {
    return this.#flights.get(association);
  }

  /** Keeps a flight that was just sent; the oldest one makes room. The random is copied: it is a part of the hello. */
  add(sent: Pick<LastFlight, "association" | "flight" | "nextRecord" | "clientRandom">, nowMs: number): void {
    const clientRandom = Uint8Array.from(sent.clientRandom);
    const place = NOT_QUEUED;
    const flight: LastFlight = { kind: "lastFlight", ...sent, clientRandom, sentAtMs: nowMs, dueMs: 0, place };
    this.#flights.set(sent.association, flight);
    this.#deadlines.set(flight, nowMs + this.#limits.lastFlightMs);
    for (const oldest of oldestBeyond(this.#flights, this.#limits.maxLastFlights)) this.delete(oldest);
  }

  delete(association: LiveAssociation): void {
    const flight = this.#flights.get(association);
    if (flight === undefined) return;
    this.#flights.delete(association);
    this.#deadlines.delete(flight);
  }
}
