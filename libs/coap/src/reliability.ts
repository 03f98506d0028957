import { CODE } from "./code.ts";
import type { Context } from "./context.ts";
import type { Exchange } from "./exchange.ts";
import { encodeEmpty, encodeMessage, MESSAGE_TYPE } from "./message.ts";
import type { Peer } from "./peer.ts";
import type { PeerTable } from "./peer-table.ts";
import type { StackOutput } from "./stack-io.ts";

/** Sends our messages and repeats confirmable ones until they are acknowledged (RFC 7252 §4.2), NSTART at a time (§4.7). */
export class Reliability {
  readonly #context: Context;
  readonly #peers: PeerTable;

  constructor(context: Context, peers: PeerTable) {
    this.#context = context;
    this.#peers = peers;
  }

  /** Sends `exchange.outgoing` under a new Message ID, at once or when its turn comes. */
  submit(exchange: Exchange, nowMs: number, out: StackOutput[]): void {
    this.#context.deadlines.delete(exchange);
    exchange.state = "queued";
    if (exchange.sendByMs !== Number.POSITIVE_INFINITY) this.#context.deadlines.set(exchange, exchange.sendByMs);
    if (waitsItsTurn(exchange)) this.#startQueued(exchange.peer, nowMs, out);
    else if (nowMs <= exchange.sendByMs) this.#transmit(exchange, nowMs, out);
  }

  /** The exchange that an ACK or RST with this Message ID speaks of. */
  find(peer: Peer | undefined, messageId: number): Exchange | undefined {
    return peer?.exchanges.find((exchange) => exchange.state !== "queued" && exchange.messageId === messageId);
  }

  /** The message arrived: it is not repeated any more, and the next may go. */
  acknowledged(exchange: Exchange, nowMs: number, out: StackOutput[]): void {
    exchange.state = "open";
    this.#context.deadlines.set(exchange, nowMs + exchange.openMs);
    this.#startQueued(exchange.peer, nowMs, out);
  }

  /** Nothing more is expected of the exchange. */
  end(exchange: Exchange, nowMs: number, out: StackOutput[]): void {
    this.#context.deadlines.delete(exchange);
    const { exchanges } = exchange.peer;
    const index = exchanges.indexOf(exchange);
    if (index >= 0) exchanges.splice(index, 1);
    this.#startQueued(exchange.peer, nowMs, out);
  }

  /**
   * Repeats the message; false when it was repeated often enough or is not waiting for an acknowledgement, or when this process stood still for so long
   * that the peer may have forgotten the Message ID: it would take the repeat for a new message (RFC 7252 §4.8.2). Towards a peer that does not listen any more the time goes on without the repeats: its answer may be on its way.
   */
  retransmit(exchange: Exchange, nowMs: number, out: StackOutput[]): boolean {
    const { deadlines, parameters } = this.#context;
    if (exchange.state !== "unacknowledged" || exchange.retransmissions >= parameters.maxRetransmit) return false;
    if (nowMs - exchange.dueMs > parameters.maxLatencyMs + parameters.processingDelayMs) return false;
    exchange.retransmissions++;
    exchange.timeoutMs *= 2;
    deadlines.set(exchange, nowMs + exchange.timeoutMs);
    if (nowMs <= exchange.repeatUntilMs) out.push(sending(exchange));
    return true;
  }

  #startQueued(peer: Peer, nowMs: number, out: StackOutput[]): void {
    let outstanding = 0;
    for (const exchange of peer.exchanges) {
      if (exchange.state === "unacknowledged" && waitsItsTurn(exchange)) outstanding++;
    }
    for (const exchange of peer.exchanges) {
      if (outstanding >= this.#context.parameters.nstart) return;
      if (exchange.state !== "queued" || nowMs > exchange.sendByMs) continue; // The latter fails when its deadline is looked at.
      this.#transmit(exchange, nowMs, out);
      outstanding++;
    }
  }

  #transmit(exchange: Exchange, nowMs: number, out: StackOutput[]): void {
    const { deadlines } = this.#context;
    exchange.messageId = this.#peers.takeMessageId(exchange.peer, nowMs);
    exchange.sendByMs = Number.POSITIVE_INFINITY;
    exchange.bytes = encodeOutgoing(exchange);
    if (exchange.confirmable) {
      exchange.state = "unacknowledged";
      exchange.retransmissions = 0;
      exchange.timeoutMs = this.#firstTimeoutMs();
      deadlines.set(exchange, nowMs + exchange.timeoutMs);
    } else {
      exchange.state = "open";
      deadlines.set(exchange, nowMs + exchange.openMs);
    }
    out.push(sending(exchange));
  }

  /** Between ACK_TIMEOUT and ACK_TIMEOUT × ACK_RANDOM_FACTOR (RFC 7252 §4.2). */
  #firstTimeoutMs(): number {
    const { ackTimeoutMs, ackRandomFactor } = this.#context.parameters;
    const [high = 0, low = 0] = this.#context.random(2);
    const fraction = ((high << 8) | low) / 0xffff;
    return ackTimeoutMs * (1 + (ackRandomFactor - 1) * fraction);
  }
}

function sending({ id, peer, bytes }: Exchange): StackOutput {
  return { type: "send", peer: peer.key, bytes, ...(id === undefined ? {} : { exchange: id }) };
}

/** Separate responses answer what the peer began, and NON is not acknowledged: neither takes a place of NSTART. */
function waitsItsTurn({ purpose, confirmable }: Exchange): boolean {
  return confirmable && purpose !== "response";
}

function encodeOutgoing({ outgoing, messageId, confirmable }: Exchange): Uint8Array {
  const type = confirmable ? MESSAGE_TYPE.CON : MESSAGE_TYPE.NON;
  if (outgoing.code === CODE.EMPTY) return encodeEmpty(type, messageId);
  const { code, token, options, payload } = outgoing;
  return encodeMessage({ type, code, messageId, token, options, payload });
}
