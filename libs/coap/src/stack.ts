import assert from "node:assert";
import { type Block, readBlock } from "./block.ts";
import { BodyBudget } from "./blockwise.ts";
import { BodyTable } from "./body-table.ts";
import { CODE, isRequestCode } from "./code.ts";
import type { Context, Due, Random } from "./context.ts";
import { DeadlineQueue } from "./deadline-queue.ts";
import { Deduplicator, identityOf, type KeptReply, keptBytes } from "./deduplicator.ts";
import { CoapFormatError } from "./errors.ts";
import { Exchanges } from "./exchanges.ts";
import type { Machine } from "./machine.ts";
import {
  decodeMessage,
  encodeEmpty,
  HEADER_LENGTH,
  isKnownVersion,
  MESSAGE_TYPE,
  type Message,
  type MessageType,
  readMessageId,
  readType,
} from "./message.ts";
import { type CoapOption, findOption, readUintOption } from "./option.ts";
import { findUnacceptableOption, OPTION } from "./option-registry.ts";
import type { Peer } from "./peer.ts";
import { PeerTable } from "./peer-table.ts";
import { PendingTable } from "./pending-table.ts";
import { Reliability } from "./reliability.ts";
import { Responder } from "./responder.ts";
import type { DropReason, PeerKey, StackInput, StackOutput } from "./stack-io.ts";
import { DEFAULT_STACK_LIMITS, type StackLimits } from "./stack-limits.ts";
import {
  DEFAULT_TRANSMISSION_PARAMETERS,
  deriveTimes,
  type TransmissionParameters,
} from "./transmission-parameters.ts";

/** What a {@link CoapStack} is made of; only randomness has no default. */
export interface CoapStackSettings {
  readonly random: Random;
  readonly parameters?: Partial<TransmissionParameters>;
  readonly limits?: Partial<StackLimits>;
}

/** How much a {@link CoapStack} holds at the moment, for gauges and for tests that want it empty. */
export interface StackUsage {
  readonly peers: number;
  readonly exchanges: number;
  readonly pending: number;
  readonly remembered: number;
  readonly bodyBytes: number;
}

/**
 * A CoAP endpoint in both roles: RFC 7252, Observe (RFC 7641), block-wise transfer (RFC 7959), FETCH and PATCH
 * (RFC 8132), No-Response (RFC 7967). It owns no socket, no clock and no randomness.
 *
 * ```
 *  application      request respond acknowledge notify …          request response notification delivered …
 *                        │                                                  ▲
 *  bodies           RequestTransfer  Responder  ── Block1, Block2 ──  Responder  RequestTransfer
 *  exchanges        Exchanges ── token ───────────────────────────────────  Exchanges  PendingTable
 *  messages         Reliability ── CON, NON, NSTART ─────────── Deduplicator ── Message ID
 *                        │                                                  ▲
 *  datagrams             ▼  send                                   datagram │
 * ```
 *
 * An input that names a handle or exchange which is over is ignored: the peer may have ended it a moment before.
 */
export class CoapStack implements Machine<StackInput, StackOutput> {
  readonly #context: Context;
  readonly #budget: BodyBudget;
  readonly #peers: PeerTable;
  readonly #pending: PendingTable;
  readonly #exchanges: Exchanges;
  readonly #bodies: BodyTable;
  readonly #responder: Responder;

  constructor({ random, parameters, limits }: CoapStackSettings) {
    const allParameters = { ...DEFAULT_TRANSMISSION_PARAMETERS, ...parameters };
    const allLimits = { ...DEFAULT_STACK_LIMITS, ...limits };
    this.#context = {
      random,
      parameters: allParameters,
      times: deriveTimes(allParameters),
      limits: allLimits,
      deadlines: new DeadlineQueue<Due>(),
      deduplicator: new Deduplicator(allLimits),
    };
    this.#budget = new BodyBudget(allLimits.maxTotalBodyBytes);
    this.#peers = new PeerTable(this.#context);
    this.#pending = new PendingTable(this.#context, this.#peers);
    const reliability = new Reliability(this.#context, this.#peers);
    this.#exchanges = new Exchanges(this.#context, this.#peers, reliability, this.#budget);
    this.#bodies = new BodyTable(this.#context, this.#budget);
    this.#responder = new Responder(this.#context, this.#peers, this.#pending, this.#exchanges, this.#bodies);
  }

  get deadlineMs(): number | undefined {
    return this.#context.deadlines.nextMs;
  }

  get usage(): StackUsage {
    return {
      peers: this.#peers.size,
      exchanges: this.#exchanges.size,
      pending: this.#pending.size,
      remembered: this.#context.deduplicator.count,
      bodyBytes: this.#budget.usedBytes,
    };
  }

  handle(input: StackInput, nowMs: number): StackOutput[] {
    const out: StackOutput[] = [];
    switch (input.type) {
      case "datagram":
        this.#receive(input.peer, input.bytes, nowMs, out);
        break;
      case "request":
        this.#exchanges.request(input, nowMs, out);
        break;
      case "notify":
        this.#exchanges.notify(input, nowMs, out);
        break;
      case "ping":
        this.#exchanges.ping(input, nowMs, out);
        break;
      case "cancel":
        this.#exchanges.cancel(input.exchange, nowMs, out);
        break;
      case "respond":
      case "acknowledge":
      case "reset":
      case "abandon":
        this.#settle(input, nowMs, out);
        break;
      case "setMessageId": {
        const peer = this.#peers.findOrAdd(input.peer, nowMs);
        if (peer === undefined) drop(out, input.peer, "too-many-peers");
        else this.#peers.continueFrom(peer, input.messageId, nowMs);
        break;
      }
      case "forget":
        this.#forget(input.peer, nowMs, out);
        break;
    }
    this.#peers.shrink();
    return out;
  }

  tick(nowMs: number): StackOutput[] {
    const out: StackOutput[] = [];
    const { deadlines } = this.#context;
    for (let due = deadlines.takeDue(nowMs); due !== undefined; due = deadlines.takeDue(nowMs)) {
      switch (due.kind) {
        case "exchange":
          this.#exchanges.expire(due, nowMs, out);
          break;
        case "pending":
          this.#pending.abandon(due);
          break;
        case "body":
          if (due.direction === "received") drop(out, due.peer.key, "body-incomplete");
          this.#bodies.delete(due);
          break;
        case "peer":
          this.#peers.expire(due, nowMs);
          break;
      }
    }
    return out;
  }

  #receive(peerKey: PeerKey, bytes: Uint8Array, nowMs: number, out: StackOutput[]): void {
    if (bytes.length > 0 && !isKnownVersion(bytes)) {
      drop(out, peerKey, "version");
      return;
    }
    const message = decodeOrUndefined(bytes);
    if (message === undefined) {
      drop(out, peerKey, "malformed");
      if (bytes.length >= HEADER_LENGTH && readType(bytes) === MESSAGE_TYPE.CON) {
        sendEmpty(out, peerKey, MESSAGE_TYPE.RST, readMessageId(bytes));
      }
      return;
    }
    const peer = this.#peers.find(peerKey);
    if (message.type === MESSAGE_TYPE.ACK) this.#receiveAcknowledgement(peerKey, peer, message, nowMs, out);
    else if (message.type === MESSAGE_TYPE.RST) this.#receiveReset(peerKey, peer, message, nowMs, out);
    else if (message.code === CODE.EMPTY) sendEmpty(out, peerKey, MESSAGE_TYPE.RST, message.messageId);
    else if (!this.#repeatReply(peer, message, nowMs, out)) {
      if (isRequestCode(message.code)) this.#responder.receive(peerKey, message, nowMs, out);
      else this.#receiveResponse(peerKey, peer, message, nowMs, out);
    }
  }

  #receiveAcknowledgement(
    peerKey: PeerKey,
    peer: Peer | undefined,
    message: Message,
    nowMs: number,
    out: StackOutput[],
  ): void {
    if (findUnacceptableOption(message.options) !== undefined) drop(out, peerKey, "bad-option");
    else if (!this.#exchanges.acknowledge(peer, message, nowMs, out)) drop(out, peerKey, "unexpected-ack");
  }

  #receiveReset(peerKey: PeerKey, peer: Peer | undefined, message: Message, nowMs: number, out: StackOutput[]): void {
    if (!this.#exchanges.reset(peer, message.messageId, nowMs, out)) drop(out, peerKey, "unexpected-reset");
  }

  /** Gives a duplicate what the first one got (RFC 7252 §4.5); false when the message is no duplicate. */
  #repeatReply(peer: Peer | undefined, message: Message, nowMs: number, out: StackOutput[]): boolean {
    if (peer === undefined) return false;
    const remembered = this.#context.deduplicator.find(peer, identityOf(message), nowMs);
    if (remembered === undefined) return false;
    drop(out, peer.key, "duplicate");
    const bytes = replyBytes(remembered.reply, message.messageId);
    if (bytes !== undefined) out.push({ type: "send", peer: peer.key, bytes });
    return true;
  }

  /** Takes a response in a CON or NON: to a request under way, or else a notification. */
  #receiveResponse(
    peerKey: PeerKey,
    known: Peer | undefined,
    message: Message,
    nowMs: number,
    out: StackOutput[],
  ): void {
    const confirmable = message.type === MESSAGE_TYPE.CON;
    if (findUnacceptableOption(message.options) !== undefined) {
      rejectResponse(out, peerKey, message);
      return;
    }
    const exchange = this.#exchanges.findRequest(known, message.token);
    if (exchange === undefined) {
      this.#receiveNotification(peerKey, known, message, nowMs, out);
      return;
    }
    if (confirmable && isObserve(exchange.outgoing) && findOption(message.options, OPTION.OBSERVE) !== undefined) {
      // The peer may hold the observation already and not know of this request yet: what it then sends is a notification, and the application's to acknowledge.
      if (!this.#receiveNotification(peerKey, known, message, nowMs, out)) return;
    } else {
      this.#peers.remember(exchange.peer, message, confirmable, confirmable ? "ack" : "none", nowMs);
      if (confirmable) sendEmpty(out, peerKey, MESSAGE_TYPE.ACK, message.messageId);
    }
    this.#exchanges.respond(exchange, message, nowMs, out);
  }

  /** False when it was refused or dropped. */
  #receiveNotification(
    peerKey: PeerKey,
    known: Peer | undefined,
    message: Message,
    nowMs: number,
    out: StackOutput[],
  ): boolean {
    const block = readBlockOrMalformed(message);
    if (block === "malformed") {
      rejectResponse(out, peerKey, message);
      return false;
    }
    const peer = known ?? this.#peers.findOrAdd(peerKey, nowMs);
    if (peer === undefined) {
      drop(out, peerKey, "too-many-peers");
      return false;
    }
    if (!this.#pending.hasRoom(peer)) {
      drop(out, peerKey, "too-many-pending");
      return false;
    }
    const { handle } = this.#pending.add(peer, message, undefined, undefined, nowMs);
    const { type, code, messageId, token, options, payload } = message;
    out.push({
      type: "notification",
      handle,
      observe: readUintOption(options, OPTION.OBSERVE),
      more: readMore(block, options),
      peer: peerKey,
      code,
      confirmable: type === MESSAGE_TYPE.CON,
      messageId,
      token,
      options,
      payload,
    });
    return true;
  }

  #settle(
    input: Extract<StackInput, { type: "respond" | "acknowledge" | "reset" | "abandon" }>,
    nowMs: number,
    out: StackOutput[],
  ): void {
    const pending = this.#pending.find(input.handle);
    if (pending === undefined) return;
    const isRequest = isRequestCode(pending.message.code);
    if (input.type === "respond") {
      assert(isRequest, "a notification is acknowledged, not responded to");
      this.#responder.respond(pending, input, nowMs, out);
    } else if (input.type === "acknowledge") {
      this.#pending.acknowledge(pending, out);
      if (!isRequest) this.#pending.delete(pending);
    } else if (input.type === "reset") {
      this.#pending.reset(pending, out);
    } else {
      this.#pending.abandon(pending);
    }
  }

  #forget(peerKey: PeerKey, nowMs: number, out: StackOutput[]): void {
    const peer = this.#peers.find(peerKey);
    if (peer === undefined) return;
    this.#exchanges.forget(peer, nowMs, out);
    this.#pending.forget(peer);
    for (const body of [...peer.bodies]) this.#bodies.delete(body);
    this.#peers.delete(peer);
  }
}

function decodeOrUndefined(bytes: Uint8Array): Message | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (error instanceof CoapFormatError) return undefined;
    throw error;
  }
}

function replyBytes(reply: KeptReply, messageId: number): Uint8Array | undefined {
  switch (reply) {
    case "pending":
    case "none":
      return undefined;
    case "ack":
      return encodeEmpty(MESSAGE_TYPE.ACK, messageId);
    case "reset":
      return encodeEmpty(MESSAGE_TYPE.RST, messageId);
    default:
      return keptBytes(reply);
  }
}

function readBlockOrMalformed({ options }: Message): Block | undefined | "malformed" {
  try {
    return readBlock(options, OPTION.BLOCK2);
  } catch (error) {
    if (error instanceof CoapFormatError) return "malformed";
    throw error;
  }
}

/** Whether a request asks to observe (RFC 7641 §2). */
function isObserve({ options }: { readonly options: readonly CoapOption[] }): boolean {
  return readUintOption(options, OPTION.OBSERVE) === 0;
}

/** What is to be fetched when a notification is the first block of a larger body (RFC 7959 §2.6). */
function readMore(
  block: Block | undefined,
  options: readonly CoapOption[],
): { blockSize: number; etag: Uint8Array | undefined } | undefined {
  if (block === undefined || !block.more || block.num !== 0) return undefined;
  return { blockSize: block.size, etag: findOption(options, OPTION.ETAG)?.value };
}

/** A response with options that must not be ignored is rejected: a CON by RST, a NON by silence (RFC 7252 §5.4.1). */
function rejectResponse(out: StackOutput[], peer: PeerKey, { type, messageId }: Message): void {
  drop(out, peer, "bad-option");
  if (type === MESSAGE_TYPE.CON) sendEmpty(out, peer, MESSAGE_TYPE.RST, messageId);
}

function drop(out: StackOutput[], peer: PeerKey, reason: DropReason): void {
  out.push({ type: "dropped", peer, reason });
}

function sendEmpty(out: StackOutput[], peer: PeerKey, type: MessageType, messageId: number): void {
  out.push({ type: "send", peer, bytes: encodeEmpty(type, messageId) });
}
