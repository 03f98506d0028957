import {
  CODE,
  type CoapOption,
  CoapStack,
  encodeMessage,
  type Message,
  OPTION,
  type StackOutput,
  sortOptions,
  uintOption,
  uriOptions,
} from "@ferry/coap";
import { SeededRandom } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";

const STEPS = 10_000;
const LIMITS = {
  maxPeers: 40,
  maxExchangesPerPeer: 4,
  maxExchanges: 60,
  maxPendingPerPeer: 3,
  maxPending: 50,
  maxRememberedPerPeer: 8,
  maxRemembered: 100,
  maxReplyBytes: 4096,
  maxBodyBytes: 300,
  maxBodiesPerPeer: 2,
  maxTotalBodyBytes: 2000,
  blockSize: 32,
};
const CODES = Object.values(CODE);
const OPTIONS = Object.values(OPTION);

/** Sends what peers might send, what broken peers might, and noise; the application does anything it may at random. */
class Fuzzer {
  readonly stack: CoapStack;
  readonly #random: SeededRandom;
  readonly #corpus: Uint8Array[] = [];
  readonly #handles: { handle: number; isRequest: boolean }[] = [];
  /** What the stack sent: answers to it should find their exchange. */
  readonly #sent: Uint8Array[] = [];
  #exchange = 1;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.stack = new CoapStack({ random: this.#random.bytes, limits: LIMITS });
  }

  step(nowMs: number): void {
    const outputs = this.#random.chance(0.8) ? this.#receive(nowMs) : this.#decide(nowMs);
    for (const output of [...outputs, ...this.stack.tick(nowMs)]) this.#note(output);
  }

  #receive(nowMs: number): StackOutput[] {
    return this.stack.handle(
      { type: "datagram", peer: `peer ${this.#random.below(60)}`, bytes: this.#datagram() },
      nowMs,
    );
  }

  #datagram(): Uint8Array {
    const { below, bytes, chance } = this.#random;
    if (chance(0.1)) return bytes(below(40));
    const known = this.#corpus[below(this.#corpus.length)];
    const valid = known === undefined || chance(0.5) ? encodeMessage(this.#message()) : Uint8Array.from(known);
    if (this.#corpus.length < 100) this.#corpus.push(valid);
    if (chance(0.3)) this.#answerTo(valid);
    if (chance(0.3)) valid[below(valid.length)] = below(256);
    return chance(0.05) ? valid.subarray(0, below(valid.length)) : valid;
  }

  #message(): Message {
    const { below, bytes, chance } = this.#random;
    const options: CoapOption[] = chance(0.5) ? uriOptions(`/${below(3)}`) : [];
    if (chance(0.4)) options.push(uintOption(OPTION.BLOCK1, this.#block()));
    if (chance(0.4)) options.push(uintOption(OPTION.BLOCK2, this.#block()));
    if (chance(0.3)) options.push({ number: this.#pick(OPTIONS), value: bytes(below(5)) });
    return {
      type: below(4) as Message["type"], // Two bits: all four values are types.
      code: this.#pick(CODES),
      messageId: below(50),
      token: bytes(below(3)),
      options: sortOptions(options),
      payload: bytes(this.#pick([0, 5, 16, 32])),
    };
  }

  #block(): number {
    const { below } = this.#random;
    return (below(4) << 4) | (below(2) << 3) | below(3);
  }

  /** Gives a datagram the type, Message ID and token length that make it an answer to one of ours. */
  #answerTo(bytes: Uint8Array): void {
    const sent = this.#sent[this.#random.below(this.#sent.length)];
    if (sent === undefined || bytes.length < 4) return;
    bytes[0] = ((bytes[0] ?? 0) & 0xcf) | (this.#random.chance(0.8) ? 0x20 : 0x30);
    bytes.set(sent.subarray(2, 4), 2);
  }

  #decide(nowMs: number): StackOutput[] {
    const { below, bytes, chance } = this.#random;
    const pending = this.#handles[below(this.#handles.length)];
    if (pending !== undefined && chance(0.7)) {
      const { handle, isRequest } = pending;
      const type = this.#pick(["acknowledge", "reset", "abandon", "respond"] as const);
      if (type !== "respond") return this.stack.handle({ type, handle }, nowMs);
      if (isRequest) {
        return this.stack.handle({ type, handle, code: CODE.CONTENT, payload: bytes(below(200)) }, nowMs);
      }
    }
    const peer = `peer ${below(60)}`;
    const exchange = this.#exchange++;
    const options = uriOptions("/1");
    const [payload, token] = [bytes(below(200)), bytes(below(3))];
    const message = { exchange, peer, options, payload, token, confirmable: chance(0.7) };
    const type = this.#pick(["request", "notify", "ping", "cancel", "forget", "setMessageId"] as const);
    switch (type) {
      case "request": {
        const deadlines = chance(0.5) ? { sendByMs: nowMs + below(5_000), repeatUntilMs: nowMs + below(20_000) } : {};
        const code = this.#pick([CODE.GET, CODE.PUT, CODE.FETCH]);
        return this.stack.handle({ type, code, ...message, ...deadlines }, nowMs);
      }
      case "notify":
        return this.stack.handle({ type, code: CODE.CONTENT, ...message }, nowMs);
      case "ping":
        return this.stack.handle({ type, exchange, peer }, nowMs);
      case "cancel":
        return this.stack.handle({ type, exchange: below(exchange) }, nowMs);
      case "forget":
        return chance(0.1) ? this.stack.handle({ type, peer }, nowMs) : [];
      case "setMessageId":
        return this.stack.handle({ type, peer, messageId: below(50) }, nowMs);
    }
  }

  #note(output: StackOutput): void {
    if (output.type === "send") this.#sent[this.#random.below(50)] = output.bytes;
    if (output.type !== "request" && output.type !== "notification") return;
    this.#handles[this.#random.below(50)] = { handle: output.handle, isRequest: output.type === "request" };
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)] as T; // In range.
  }
}

describe("a CoapStack under any datagrams and any use", () => {
  it.each([1, 2, 3])("never throws, stays within its limits and empties (seed %d)", (seed) => {
    const fuzzer = new Fuzzer(seed);
    const { stack } = fuzzer;
    let nowMs = 0;
    for (let step = 0; step < STEPS; step++) {
      nowMs += 20;
      fuzzer.step(nowMs);
      const { peers, exchanges, pending, remembered, bodyBytes } = stack.usage;
      const isBounded =
        peers <= LIMITS.maxPeers &&
        exchanges <= LIMITS.maxExchanges &&
        pending <= LIMITS.maxPending &&
        remembered <= LIMITS.maxPeers * LIMITS.maxRememberedPerPeer &&
        bodyBytes <= LIMITS.maxTotalBodyBytes;
      if (!isBounded) expect({ seed, step, usage: stack.usage }).toBe("bounded");
    }
    for (let dueMs = stack.deadlineMs; dueMs !== undefined; dueMs = stack.deadlineMs) stack.tick(dueMs);
    expect(stack.usage).toEqual({ peers: 0, exchanges: 0, pending: 0, remembered: 0, bodyBytes: 0 });
  });
});
