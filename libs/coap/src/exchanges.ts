import assert from "node:assert";
import { type BodyBudget, cutResponse, sameBytes } from "./blockwise.ts";
import { CODE } from "./code.ts";
import type { Context } from "./context.ts";
import { CoapFormatError } from "./errors.ts";
import { Exchange, type ExchangePurpose, type Outgoing } from "./exchange.ts";
import { MESSAGE_TYPE, type Message } from "./message.ts";
import { sortOptions } from "./option.ts";
import type { Peer } from "./peer.ts";
import type { PeerTable } from "./peer-table.ts";
import type { Reliability } from "./reliability.ts";
import { RequestTransfer, type TransferStep } from "./request-transfer.ts";
import type { ExchangeId, FailureReason, PeerKey, StackInput, StackOutput } from "./stack-io.ts";

const TOKEN_LENGTH = 8;
const NO_BYTES = new Uint8Array(0);
const PING: Outgoing = { code: CODE.EMPTY, token: NO_BYTES, options: [], payload: NO_BYTES };

type Input<T extends StackInput["type"]> = Extract<StackInput, { type: T }>;

/** What we began: requests, notifications, pings and separate responses, from the first datagram to the outcome. */
export class Exchanges {
  readonly #context: Context;
  readonly #peers: PeerTable;
  readonly #reliability: Reliability;
  readonly #budget: BodyBudget;
  readonly #byId = new Map<ExchangeId, Exchange>();

  constructor(context: Context, peers: PeerTable, reliability: Reliability, budget: BodyBudget) {
    this.#context = context;
    this.#peers = peers;
    this.#reliability = reliability;
    this.#budget = budget;
  }

  get size(): number {
    return this.#byId.size;
  }

  request(input: Input<"request">, nowMs: number, out: StackOutput[]): void {
    const { code, payload, confirmable = true, token = this.#newToken() } = input;
    const { limits, parameters } = this.#context;
    const request: Outgoing = { code, token, options: sortOptions(input.options), payload };
    const openMs = input.responseTimeoutMs ?? parameters.responseTimeoutMs;
    const exchange = this.#open("request", input.exchange, input.peer, confirmable, openMs, request, nowMs, out);
    if (exchange === undefined) return;
    exchange.sendByMs = input.sendByMs ?? Number.POSITIVE_INFINITY;
    exchange.repeatUntilMs = input.repeatUntilMs ?? Number.POSITIVE_INFINITY;
    exchange.repeatForMs = input.repeatForMs ?? Number.POSITIVE_INFINITY;
    exchange.transfer = new RequestTransfer(request, input.continueFrom, limits, this.#budget, () => this.#newToken());
    this.#step(exchange, exchange.transfer.begin(), nowMs, out);
  }

  /** A body that does not fit goes out as its first block; the peer fetches the rest by GET (RFC 7959 §2.6). */
  notify(input: Input<"notify">, nowMs: number, out: StackOutput[]): void {
    const { code, token, confirmable } = input;
    const { limits, parameters } = this.#context;
    const cut = cutResponse(sortOptions(input.options), input.payload, undefined, limits.blockSize);
    assert(cut !== undefined, "the first block of a body exists");
    const { options, payload } = cut;
    // A peer that does not want the notification says so within a round trip, also to a NON (RFC 7641 §3.2).
    const openMs = parameters.ackTimeoutMs * parameters.ackRandomFactor;
    const outgoing: Outgoing = { code, token, options, payload };
    const exchange = this.#open("notification", input.exchange, input.peer, confirmable, openMs, outgoing, nowMs, out);
    if (exchange !== undefined) this.#reliability.submit(exchange, nowMs, out);
  }

  ping(input: Input<"ping">, nowMs: number, out: StackOutput[]): void {
    const exchange = this.#open("ping", input.exchange, input.peer, true, 0, PING, nowMs, out);
    if (exchange !== undefined) this.#reliability.submit(exchange, nowMs, out);
  }

  /** Sends a response apart from the acknowledgement of its request (RFC 7252 §5.2.2); nobody hears how it goes. */
  respondSeparately(peer: Peer, confirmable: boolean, outgoing: Outgoing, nowMs: number, out: StackOutput[]): void {
    const exchange = new Exchange("response", undefined, peer, confirmable, 0, outgoing);
    peer.exchanges.push(exchange);
    this.#reliability.submit(exchange, nowMs, out);
    if (!confirmable) this.#end(exchange, nowMs, out);
  }

  cancel(id: ExchangeId, nowMs: number, out: StackOutput[]): void {
    const exchange = this.#byId.get(id);
    if (exchange !== undefined) this.#end(exchange, nowMs, out);
  }

  /** Ends all exchanges with the peer. */
  forget(peer: Peer, nowMs: number, out: StackOutput[]): void {
    // Last first, so that none that is queued begins when one before it ends.
    for (const exchange of peer.exchanges.toReversed()) this.#fail(exchange, "cancelled", undefined, nowMs, out);
  }

  /** The request under way that a response with this token answers. */
  findRequest(peer: Peer | undefined, token: Uint8Array): Exchange | undefined {
    if (peer === undefined) return undefined;
    for (const exchange of peer.exchanges) {
      if (exchange.purpose !== "request" || exchange.state === "queued") continue;
      if (sameBytes(exchange.outgoing.token, token)) return exchange;
    }
    return undefined;
  }

  /** Takes an ACK, with or without a response; false when nothing waits for it. */
  acknowledge(peer: Peer | undefined, message: Message, nowMs: number, out: StackOutput[]): boolean {
    const exchange = this.#reliability.find(peer, message.messageId);
    if (exchange === undefined || exchange.state !== "unacknowledged") return false;
    if (message.code !== CODE.EMPTY) return this.#acknowledgeWithResponse(exchange, message, nowMs, out);
    if (exchange.purpose !== "request") {
      this.#deliver(exchange, nowMs, out);
      return true;
    }
    if (!exchange.isAcknowledgementReported) {
      exchange.isAcknowledgementReported = true;
      out.push({ type: "acknowledged", exchange: idOf(exchange), peer: exchange.peer.key });
    }
    this.#reliability.acknowledged(exchange, nowMs, out);
    return true;
  }

  /** Takes a RST; false when nothing of ours has this Message ID. */
  reset(peer: Peer | undefined, messageId: number, nowMs: number, out: StackOutput[]): boolean {
    const exchange = this.#reliability.find(peer, messageId);
    if (exchange === undefined) return false;
    if (exchange.purpose === "ping") this.#deliver(exchange, nowMs, out);
    else this.#fail(exchange, "reset", undefined, nowMs, out);
    return true;
  }

  /** Takes the response to a request under way. */
  respond(exchange: Exchange, response: Message, nowMs: number, out: StackOutput[]): void {
    assert(exchange.transfer !== undefined, "a request under way has its transfer");
    exchange.repeatUntilMs = nowMs + exchange.repeatForMs; // The peer listens: the blocks that follow are for it.
    try {
      this.#step(exchange, exchange.transfer.advance(response), nowMs, out);
    } catch (error) {
      if (!(error instanceof CoapFormatError)) throw error;
      this.#fail(exchange, "blockwise", error.message, nowMs, out);
    }
  }

  /** An exchange's time has come: its message is repeated, or it ends. */
  expire(exchange: Exchange, nowMs: number, out: StackOutput[]): void {
    if (this.#reliability.retransmit(exchange, nowMs, out)) return;
    const isUnheardNotification = exchange.purpose === "notification" && !exchange.confirmable;
    if (isUnheardNotification) this.#end(exchange, nowMs, out);
    else this.#fail(exchange, exchange.state === "queued" ? "unsent" : "timeout", undefined, nowMs, out);
  }

  #open(
    purpose: ExchangePurpose,
    id: ExchangeId,
    peerKey: PeerKey,
    confirmable: boolean,
    openMs: number,
    outgoing: Outgoing,
    nowMs: number,
    out: StackOutput[],
  ): Exchange | undefined {
    assert(!this.#byId.has(id), `exchange ${id} is open`);
    const { limits } = this.#context;
    const peer = this.#byId.size < limits.maxExchanges ? this.#peers.findOrAdd(peerKey, nowMs) : undefined;
    if (peer === undefined || peer.exchanges.length >= limits.maxExchangesPerPeer) {
      out.push({ type: "failed", exchange: id, peer: peerKey, reason: "overload" });
      return undefined;
    }
    const exchange = new Exchange(purpose, id, peer, confirmable, openMs, outgoing);
    peer.exchanges.push(exchange);
    this.#byId.set(id, exchange);
    return exchange;
  }

  #acknowledgeWithResponse(exchange: Exchange, response: Message, nowMs: number, out: StackOutput[]): boolean {
    if (exchange.purpose !== "request" || !sameBytes(exchange.outgoing.token, response.token)) return false;
    this.respond(exchange, response, nowMs, out);
    return true;
  }

  #step(exchange: Exchange, step: TransferStep, nowMs: number, out: StackOutput[]): void {
    switch (step.type) {
      case "send":
        exchange.outgoing = step.outgoing;
        this.#reliability.submit(exchange, nowMs, out);
        break;
      case "done": {
        const { code, messageId, token, options, payload, type } = step.response;
        const peer = exchange.peer.key;
        const confirmable = type === MESSAGE_TYPE.CON;
        out.push({
          type: "response",
          exchange: idOf(exchange),
          peer,
          code,
          confirmable,
          messageId,
          token,
          options,
          payload,
        });
        this.#end(exchange, nowMs, out);
        break;
      }
      case "fail":
        this.#fail(exchange, "blockwise", step.detail, nowMs, out);
        break;
      case "ignore":
        break;
    }
  }

  #deliver(exchange: Exchange, nowMs: number, out: StackOutput[]): void {
    if (exchange.id !== undefined) out.push({ type: "delivered", exchange: exchange.id, peer: exchange.peer.key });
    this.#end(exchange, nowMs, out);
  }

  #fail(
    exchange: Exchange,
    reason: FailureReason,
    detail: string | undefined,
    nowMs: number,
    out: StackOutput[],
  ): void {
    const { id, peer } = exchange;
    if (id !== undefined) {
      out.push({ type: "failed", exchange: id, peer: peer.key, reason, ...(detail === undefined ? {} : { detail }) });
    }
    this.#end(exchange, nowMs, out);
  }

  #end(exchange: Exchange, nowMs: number, out: StackOutput[]): void {
    if (exchange.id !== undefined) this.#byId.delete(exchange.id);
    exchange.transfer?.release();
    this.#reliability.end(exchange, nowMs, out);
  }

  #newToken(): Uint8Array {
    return this.#context.random(TOKEN_LENGTH);
  }
}

function idOf({ id }: Exchange): ExchangeId {
  assert(id !== undefined, "only a separate response has no id");
  return id;
}
