import { type Block, blockOption, readBlock } from "./block.ts";
import { cutResponse, type ReceivedBody, requestBodyKey, responseBodyKey, withoutBlockOptions } from "./blockwise.ts";
import type { BodyTable } from "./body-table.ts";
import { CODE, codeClass } from "./code.ts";
import type { Context } from "./context.ts";
import { CoapFormatError } from "./errors.ts";
import type { Outgoing } from "./exchange.ts";
import type { Exchanges } from "./exchanges.ts";
import { encodeMessage, MESSAGE_TYPE, type Message } from "./message.ts";
import { type CoapOption, findOption, readUintOption, sortOptions, uintOption } from "./option.ts";
import { findUnacceptableOption, OPTION } from "./option-registry.ts";
import type { Peer } from "./peer.ts";
import type { PeerTable } from "./peer-table.ts";
import type { Pending } from "./pending.ts";
import type { PendingTable } from "./pending-table.ts";
import type { DropReason, PeerKey, StackOutput } from "./stack-io.ts";

const NO_BYTES = new Uint8Array(0);
const TO_UTF_8 = new TextEncoder();
/** How long a peer is asked to wait when there is no room for its body. */
const RETRY_AFTER_S = 60;

/** A response before it has found its message. */
export interface Response {
  readonly code: number;
  readonly options?: readonly CoapOption[] | undefined;
  readonly payload?: Uint8Array | undefined;
}

/** The server role: brings requests to the application whole, and its responses to the peer in blocks that fit. */
export class Responder {
  readonly #context: Context;
  readonly #peers: PeerTable;
  readonly #pending: PendingTable;
  readonly #exchanges: Exchanges;
  readonly #bodies: BodyTable;

  constructor(context: Context, peers: PeerTable, pending: PendingTable, exchanges: Exchanges, bodies: BodyTable) {
    this.#context = context;
    this.#peers = peers;
    this.#pending = pending;
    this.#exchanges = exchanges;
    this.#bodies = bodies;
  }

  /** Takes a request that is no duplicate. */
  receive(peerKey: PeerKey, request: Message, nowMs: number, out: StackOutput[]): void {
    const unacceptable = findUnacceptableOption(request.options);
    if (unacceptable !== undefined) {
      out.push({ type: "dropped", peer: peerKey, reason: "bad-option" });
      // A NON with such an option is rejected, which is silence (RFC 7252 §5.4.1, §4.3).
      if (request.type === MESSAGE_TYPE.NON) return;
    }
    const peer = this.#peers.findOrAdd(peerKey, nowMs);
    if (peer === undefined) {
      out.push({ type: "dropped", peer: peerKey, reason: "too-many-peers" });
      return;
    }
    if (unacceptable !== undefined) {
      this.#answer(peer, request, diagnose(CODE.BAD_OPTION, `option ${unacceptable} is not supported`), nowMs, out);
    } else if (hasProxyOption(request.options)) {
      this.#answer(peer, request, { code: CODE.PROXYING_NOT_SUPPORTED }, nowMs, out);
    } else {
      this.#receiveBlock(peer, request, nowMs, out);
    }
  }

  /** Sends the application's response: with the acknowledgement, or separately when that has gone. */
  respond(pending: Pending, response: Response, nowMs: number, out: StackOutput[]): void {
    const { peer, message, block1 } = pending;
    if (isUnwanted(message.options, response.code)) {
      this.#pending.acknowledge(pending, out);
      this.#pending.delete(pending);
      return;
    }
    const options = response.options ?? [];
    const echo = block1 === undefined ? [] : [blockOption(OPTION.BLOCK1, block1)];
    const whole = {
      code: response.code,
      options: sortOptions([...options, ...echo]),
      payload: response.payload ?? NO_BYTES,
    };
    this.#respond(pending, this.#cut(peer, message, pending.block2, whole, nowMs), nowMs, out);
    this.#pending.delete(pending);
  }

  #receiveBlock(peer: Peer, request: Message, nowMs: number, out: StackOutput[]): void {
    let block1: Block | undefined;
    let block2: Block | undefined;
    try {
      block1 = readBlock(request.options, OPTION.BLOCK1);
      block2 = readBlock(request.options, OPTION.BLOCK2);
    } catch (error) {
      if (!(error instanceof CoapFormatError)) throw error;
      this.#answer(peer, request, diagnose(CODE.BAD_REQUEST, error.message), nowMs, out);
      return;
    }
    if (block1 !== undefined) this.#receiveBody(peer, request, block1, block2, nowMs, out);
    else if (block2 === undefined || block2.num === 0 || !this.#serveBlock(peer, request, block2, nowMs, out)) {
      this.#deliver(peer, request, undefined, block2, nowMs, out);
    }
  }

  #deliver(
    peer: Peer,
    request: Message,
    block1: Block | undefined,
    block2: Block | undefined,
    nowMs: number,
    out: StackOutput[],
  ): void {
    if (!this.#pending.hasRoom(peer)) {
      out.push({ type: "dropped", peer: peer.key, reason: "too-many-pending" });
      return;
    }
    const { handle } = this.#pending.add(peer, request, block1, block2, nowMs);
    const { type, code, messageId, token, options, payload } = request;
    const confirmable = type === MESSAGE_TYPE.CON;
    out.push({ type: "request", handle, peer: peer.key, code, confirmable, messageId, token, options, payload });
  }

  /** Takes a block of a request's body; the application hears of the request with the last (RFC 7959 §2.5, §2.9). */
  #receiveBody(
    peer: Peer,
    request: Message,
    block1: Block,
    block2: Block | undefined,
    nowMs: number,
    out: StackOutput[],
  ): void {
    const { payload, options } = request;
    const key = requestBodyKey(request.code, options);
    // The last block would be lost: its repeat finds the body as it is.
    if (!block1.more && !this.#pending.hasRoom(peer)) {
      out.push({ type: "dropped", peer: peer.key, reason: "too-many-pending" });
      return;
    }
    const body = block1.num === 0 ? this.#bodies.beginReceived(peer, key, nowMs) : this.#bodies.findReceived(peer, key);
    if (body === undefined || body.buffer.length !== block1.num * block1.size) {
      this.#giveUpBody(body, peer, "body-incomplete", out);
      this.#answer(peer, request, { code: CODE.REQUEST_ENTITY_INCOMPLETE }, nowMs, out);
      return;
    }
    if (payload.length > block1.size || (block1.more && payload.length < block1.size)) {
      this.#giveUpBody(body, peer, "body-incomplete", out);
      const refusal = diagnose(CODE.BAD_REQUEST, `block of ${payload.length} bytes, not ${block1.size}`);
      this.#answer(peer, request, refusal, nowMs, out);
      return;
    }
    const { maxBodyBytes, blockSize } = this.#context.limits;
    const isTooLarge = (readUintOption(options, OPTION.SIZE1) ?? 0) > maxBodyBytes;
    const appended = isTooLarge ? "too-large" : body.buffer.append(payload);
    if (appended === "too-large") {
      this.#giveUpBody(body, peer, "body-too-large", out);
      const limit = [uintOption(OPTION.SIZE1, maxBodyBytes)];
      this.#answer(peer, request, { code: CODE.REQUEST_ENTITY_TOO_LARGE, options: limit }, nowMs, out);
    } else if (appended === "no-room") {
      this.#giveUpBody(body, peer, "too-many-pending", out);
      const retry = [uintOption(OPTION.MAX_AGE, RETRY_AFTER_S)];
      this.#answer(peer, request, { code: CODE.SERVICE_UNAVAILABLE, options: retry }, nowMs, out);
    } else if (block1.more) {
      this.#bodies.touch(body, nowMs);
      const accepted = { ...block1, size: Math.min(block1.size, blockSize) };
      this.#answer(peer, request, { code: CODE.CONTINUE, options: [blockOption(OPTION.BLOCK1, accepted)] }, nowMs, out);
    } else {
      const whole = {
        ...request,
        options: withoutBlockOptions(options, OPTION.BLOCK1, OPTION.SIZE1),
        payload: body.buffer.toBytes(),
      };
      this.#bodies.delete(body);
      this.#deliver(peer, whole, block1, block2, nowMs, out);
    }
  }

  #giveUpBody(body: ReceivedBody | undefined, peer: Peer, reason: DropReason, out: StackOutput[]): void {
    if (body !== undefined) this.#bodies.delete(body);
    out.push({ type: "dropped", peer: peer.key, reason });
  }

  /** Answers a request for a later block from the body that is kept for it; false when there is none. */
  #serveBlock(peer: Peer, request: Message, block2: Block, nowMs: number, out: StackOutput[]): boolean {
    const body = this.#bodies.findServed(peer, responseBodyKey(request.code, request.options));
    if (body === undefined) return false;
    this.#bodies.touch(body, nowMs);
    const cut = cutResponse(body.options, body.payload, block2, this.#context.limits.blockSize);
    this.#answer(peer, request, cut === undefined ? noSuchBlock(block2) : { code: body.code, ...cut }, nowMs, out);
    return true;
  }

  /** The part of a response that fits into one message; the whole is kept when more of it will be asked for. */
  #cut(
    peer: Peer,
    request: Message,
    block2: Block | undefined,
    whole: { code: number; options: readonly CoapOption[]; payload: Uint8Array },
    nowMs: number,
  ): Response {
    const asked = codeClass(whole.code) === 2 ? block2 : undefined;
    const cut = cutResponse(whole.options, whole.payload, asked, this.#context.limits.blockSize);
    if (cut === undefined) return noSuchBlock(asked as Block); // Without a block asked for, the first is cut, which exists.
    if (cut.more) {
      const options = whole.options.filter(({ number }) => number !== OPTION.BLOCK1 && number !== OPTION.OBSERVE);
      this.#bodies.serve(peer, responseBodyKey(request.code, request.options), { ...whole, options }, nowMs);
    }
    return { code: whole.code, options: cut.options, payload: cut.payload };
  }

  /** Answers without the application. */
  #answer(peer: Peer, request: Message, response: Response, nowMs: number, out: StackOutput[]): void {
    const confirmable = request.type === MESSAGE_TYPE.CON;
    const outgoing = toOutgoing(request, response);
    if (confirmable) {
      const bytes = encodeMessage({ ...outgoing, type: MESSAGE_TYPE.ACK, messageId: request.messageId });
      this.#peers.remember(peer, request, confirmable, bytes, nowMs);
      out.push({ type: "send", peer: peer.key, bytes });
    } else {
      this.#peers.remember(peer, request, confirmable, "none", nowMs);
      this.#exchanges.respondSeparately(peer, confirmable, outgoing, nowMs, out);
    }
  }

  /** Sends the response to a request that the application has answered. */
  #respond(pending: Pending, response: Response, nowMs: number, out: StackOutput[]): void {
    const { peer, message, remembered } = pending;
    const outgoing = toOutgoing(message, response);
    const confirmable = message.type === MESSAGE_TYPE.CON;
    if (confirmable && !pending.acknowledged) {
      const bytes = encodeMessage({ ...outgoing, type: MESSAGE_TYPE.ACK, messageId: message.messageId });
      this.#context.deduplicator.settle(remembered, bytes);
      out.push({ type: "send", peer: peer.key, bytes });
    } else {
      this.#exchanges.respondSeparately(peer, confirmable, outgoing, nowMs, out);
    }
  }
}

function toOutgoing({ token }: Message, { code, options, payload }: Response): Outgoing {
  return { code, token, options: options ?? [], payload: payload ?? NO_BYTES };
}

function diagnose(code: number, text: string): Response {
  return { code, payload: TO_UTF_8.encode(text) };
}

function noSuchBlock({ num, size }: Block): Response {
  return diagnose(CODE.BAD_REQUEST, `no block ${num} of ${size} bytes`);
}

/** We are no proxy (RFC 7252 §5.7.2, §5.10.2). */
function hasProxyOption(options: readonly CoapOption[]): boolean {
  return findOption(options, OPTION.PROXY_URI) !== undefined || findOption(options, OPTION.PROXY_SCHEME) !== undefined;
}

/** Whether No-Response says that the peer does not care for responses of this class (RFC 7967 §2.1). */
function isUnwanted(options: readonly CoapOption[], code: number): boolean {
  const unwantedClasses = readUintOption(options, OPTION.NO_RESPONSE) ?? 0;
  return (unwantedClasses & (1 << (codeClass(code) - 1))) !== 0;
}
