import type { DeadlineQueue } from "@ferry/coap";
import type { LiveAssociation } from "./association.ts";
import type { AssociationTable } from "./association-table.ts";
import type { Beginnings } from "./beginnings.ts";
import type { Cookies } from "./cookie.ts";
import type { Handshake } from "./handshake.ts";
import type { HandshakeTable } from "./handshake-table.ts";
import type { KeyRing } from "./key-ring.ts";
import type { LastFlight, LastFlights } from "./last-flights.ts";
import type { DtlsLimits } from "./limits.ts";
import type { Lookup } from "./lookup.ts";
import type { OpenQuestion, Questions } from "./questions.ts";
import type { Rate } from "./rate.ts";
import type { DtlsDropReason, DtlsServerOutput } from "./server-io.ts";
import type { DtlsServerOptions } from "./server-options.ts";

/** Who waits for an answer. */
export type Waiter = Handshake | LiveAssociation | Lookup;

/** When the association that was heard longest ago may be idle. */
export interface IdleCheck {
  readonly kind: "idle";
  dueMs: number;
  place: number;
}

/** Everything in a server that can be due. */
export type Due = Handshake | LiveAssociation | OpenQuestion<Waiter> | LastFlight | IdleCheck;

/** What the parts of one server share. */
export interface Context {
  readonly options: DtlsServerOptions;
  readonly limits: DtlsLimits;
  readonly cookies: Cookies;
  readonly keys: KeyRing;
  readonly deadlines: DeadlineQueue<Due>;
  readonly questions: Questions<Waiter>;
  readonly associations: AssociationTable;
  readonly handshakes: HandshakeTable;
  /** By Connection ID or address. */
  readonly lookups: Map<string, Lookup>;
  readonly lastFlights: LastFlights;
  /** Handshakes that begin. */
  readonly beginnings: Beginnings;
  /** Fatal alerts to handshakes. */
  readonly alerts: Rate;
  /** The number of the datagram that is looked at. */
  datagram: number;
  /** The number of the last one that got a HelloVerifyRequest. */
  verifiedDatagram: number;
  nowMs: number;
  /** What the call that is under way gives back. */
  out: DtlsServerOutput[];
}

/** Something was not used, and a metric counts it. */
export function drop(context: Context, reason: DtlsDropReason): void {
  context.out.push({ type: "dropped", reason });
}
