import type { CoapOption } from "./option.ts";

/** Names a far side for the stack: `address:port` on plain UDP, the association's id on DTLS. */
export type PeerKey = string;

/** Chosen by the caller, unique among its open exchanges; comes back in the events of the exchange. */
export type ExchangeId = number;

/** Given by the stack to an incoming request or notification until it is answered, acknowledged, reset or abandoned. */
export type Handle = number;

/** What the stack takes. */
export type StackInput =
  /** A datagram arrived. */
  | { readonly type: "datagram"; readonly peer: PeerKey; readonly bytes: Uint8Array }
  /** Sends a request. Large payloads go out block-wise (RFC 7959); the answer's body comes back whole. */
  | {
      readonly type: "request";
      readonly exchange: ExchangeId;
      readonly peer: PeerKey;
      readonly code: number;
      readonly options: readonly CoapOption[];
      readonly payload: Uint8Array;
      /** At most 8 bytes; made of randomness when absent. */
      readonly token?: Uint8Array;
      /** CON when true (the default), NON when false. */
      readonly confirmable?: boolean;
      /** How long to wait for the response after the request was acknowledged (or sent, for NON), ms. */
      readonly responseTimeoutMs?: number;
      /** Its first datagram leaves by then, on the stack's clock, or never: one that is queued behind others (NSTART) fails with `unsent`. */
      readonly sendByMs?: number;
      /** Its first message is not repeated after then, on the stack's clock: nobody would hear it. The answer is waited for as long as ever. */
      readonly repeatUntilMs?: number;
      /** Once the peer has answered, what follows, the further blocks, is repeated for so long after its last message, ms. */
      readonly repeatForMs?: number;
      /** Asks for the blocks after those already received in a notification; the response event has the whole body. */
      readonly continueFrom?: { readonly body: Uint8Array; readonly blockSize: number; readonly etag?: Uint8Array };
    }
  /** Answers a request. Piggybacked when the request was not acknowledged yet, else a separate response of the request's type. */
  | {
      readonly type: "respond";
      readonly handle: Handle;
      readonly code: number;
      readonly options?: readonly CoapOption[];
      readonly payload?: Uint8Array;
    }
  /** Acknowledges a CON notification; on a request: sends the empty ACK, the response follows separately. On a NON it only forgets the handle. */
  | { readonly type: "acknowledge"; readonly handle: Handle }
  /** Answers a notification with Reset: the observation is not wanted (RFC 7641 §3.6). */
  | { readonly type: "reset"; readonly handle: Handle }
  /** Stays silent and forgets, so that a retransmission is taken as new. */
  | { readonly type: "abandon"; readonly handle: Handle }
  /** Sends a notification: the CoAP server role, which a device plays. `delivered` or `failed` follows for CON. */
  | {
      readonly type: "notify";
      readonly exchange: ExchangeId;
      readonly peer: PeerKey;
      readonly token: Uint8Array;
      readonly code: number;
      readonly options: readonly CoapOption[];
      readonly payload: Uint8Array;
      readonly confirmable: boolean;
    }
  /** Gives up an own exchange silently; late responses to it are treated as those to an unknown token. */
  | { readonly type: "cancel"; readonly exchange: ExchangeId }
  /** Asks whether the peer lives (empty CON, RFC 7252 §4.3); `delivered` or `failed` follows. */
  | { readonly type: "ping"; readonly exchange: ExchangeId; readonly peer: PeerKey }
  /** Continues the Message IDs towards a peer from here: after a take-over they must not meet those of the node before. */
  | { readonly type: "setMessageId"; readonly peer: PeerKey; readonly messageId: number }
  /** Drops everything known of a peer: open exchanges fail with `cancelled`, received blocks and cached replies go. */
  | { readonly type: "forget"; readonly peer: PeerKey };

/** What the stack gives back, in the order in which it is to be performed. */
export type StackOutput =
  | {
      readonly type: "send";
      readonly peer: PeerKey;
      readonly bytes: Uint8Array;
      /** The own request, notification or ping that these bytes are of; each transmission names it. */
      readonly exchange?: ExchangeId;
    }
  /** A request arrived whole. It waits for `respond` (or `abandon`); repeats of it are absorbed or get the cached reply. */
  | ({ readonly type: "request"; readonly handle: Handle } & Received)
  /** The final response to an own request. A CON with Observe that answers an Observe was given as a `notification` just before: it may be one, and waits to be acknowledged as such. */
  | ({ readonly type: "response"; readonly exchange: ExchangeId } & Received)
  /**
   * A response whose token belongs to no open exchange: a notification, or an answer meant for another node.
   * It waits for `acknowledge`, `reset` or `abandon`; repeats of it meanwhile attach to it silently, later ones get the same ACK or RST.
   */
  | ({
      readonly type: "notification";
      readonly handle: Handle;
      /** Value of the Observe option; undefined when it has none. */
      readonly observe: number | undefined;
      /** More blocks follow: fetch them with `continueFrom`. */
      readonly more: { readonly blockSize: number; readonly etag: Uint8Array | undefined } | undefined;
    } & Received)
  /** A CON notification or ping was acknowledged (a ping: reset). */
  | { readonly type: "delivered"; readonly exchange: ExchangeId; readonly peer: PeerKey }
  /** The first datagram of an own request was acknowledged by an empty ACK; the response will come separately. */
  | { readonly type: "acknowledged"; readonly exchange: ExchangeId; readonly peer: PeerKey }
  | {
      readonly type: "failed";
      readonly exchange: ExchangeId;
      readonly peer: PeerKey;
      readonly reason: FailureReason;
      readonly detail?: string;
    }
  /** Something was dropped that a metric counts. */
  | { readonly type: "dropped"; readonly peer: PeerKey; readonly reason: DropReason };

/** A received message without what only the message layer needs. */
export interface Received {
  readonly peer: PeerKey;
  readonly code: number;
  readonly confirmable: boolean;
  readonly messageId: number;
  readonly token: Uint8Array;
  readonly options: readonly CoapOption[];
  /** The whole body, put together from its blocks. */
  readonly payload: Uint8Array;
}

/** Why an own exchange ended without a response. */
export type FailureReason =
  /** Not acknowledged within MAX_TRANSMIT_WAIT, or no response within `responseTimeoutMs`. */
  | "timeout"
  /** Nothing had left by `sendByMs`. */
  | "unsent"
  /** The peer sent Reset. */
  | "reset"
  | "cancelled"
  /** The peer's answer broke the rules of block-wise transfer, or a body is larger than the cap. */
  | "blockwise"
  /** Too many open exchanges. */
  | "overload";

/** Why a datagram was not used. */
export const DROP_REASONS = [
  "malformed",
  "version",
  "duplicate",
  "unexpected-ack",
  "unexpected-reset",
  "bad-option",
  "too-many-peers",
  "too-many-pending",
  "body-too-large",
  "body-incomplete",
] as const;
export type DropReason = (typeof DROP_REASONS)[number];
