import { type Deadline, NOT_QUEUED } from "./deadline-queue.ts";
import type { CoapOption } from "./option.ts";
import type { Peer } from "./peer.ts";
import type { RequestTransfer } from "./request-transfer.ts";
import type { ExchangeId } from "./stack-io.ts";

/** A message of ours before it has a type and a Message ID. */
export interface Outgoing {
  readonly code: number;
  readonly token: Uint8Array;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

/**
 * Where an exchange stands.
 * ```
 *  queued ──> unacknowledged ──> open ──> (ended)      CON
 *  queued ─────────────────────> open ──> (ended)      NON
 * ```
 */
export type ExchangeState = "queued" | "unacknowledged" | "open";

/** Why we send: a request of ours, a notification or ping of ours, or a separate response to the peer's request. */
export type ExchangePurpose = "request" | "notification" | "ping" | "response";

/** One message of ours and what is expected to come back for it; requests have their body's blocks on top. */
export class Exchange implements Deadline {
  readonly kind = "exchange";
  readonly purpose: ExchangePurpose;
  /** `undefined` for a separate response, of which the application hears no more. */
  readonly id: ExchangeId | undefined;
  readonly peer: Peer;
  readonly confirmable: boolean;
  /** How long to stay open once acknowledged or, for NON, sent. */
  readonly openMs: number;
  /** The message under way; a request has one per block. */
  outgoing: Outgoing;
  /** The blocks of a request and its response. */
  transfer: RequestTransfer | undefined;
  /** The application was told that the peer has the request. */
  isAcknowledgementReported = false;
  /** Until when the first message may leave, and until when it may be repeated; on the stack's clock. */
  sendByMs: number = Number.POSITIVE_INFINITY;
  repeatUntilMs: number = Number.POSITIVE_INFINITY;
  /** For how long after the peer was heard the messages that follow may be repeated. */
  repeatForMs: number = Number.POSITIVE_INFINITY;
  state: ExchangeState = "queued";
  messageId = 0;
  bytes: Uint8Array = new Uint8Array(0);
  /** Transmissions of these bytes so far, less one. */
  retransmissions = 0;
  /** The current wait for an acknowledgement. */
  timeoutMs = 0;
  dueMs = 0;
  place: number = NOT_QUEUED;

  constructor(
    purpose: ExchangePurpose,
    id: ExchangeId | undefined,
    peer: Peer,
    confirmable: boolean,
    openMs: number,
    outgoing: Outgoing,
  ) {
    this.purpose = purpose;
    this.id = id;
    this.peer = peer;
    this.confirmable = confirmable;
    this.openMs = openMs;
    this.outgoing = outgoing;
  }
}
