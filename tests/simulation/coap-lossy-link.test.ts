import assert from "node:assert/strict";
import {
  CODE,
  CoapStack,
  type ExchangeId,
  type PeerKey,
  type StackInput,
  type StackOutput,
  uriOptions,
  uriQuery,
} from "@ferry/coap";
import { LossyLink, type LossyLinkOptions, SeededRandom } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";

const DEVICES = 1000;
const ACTIONS_PER_DEVICE = 6;
const ACTIVE_MS = 60_000;
/** Everything has ended by then: transfers, EXCHANGE_LIFETIME, and the sweep of peers. */
const END_MS = 1_500_000;
const STEP_MS = 20;
const SERVER: PeerKey = "server";
const BAD_LINK: LossyLinkOptions = { lossRate: 0.1, duplicationRate: 0.1, minDelayMs: 5, maxDelayMs: 1_500 };

interface Datagram {
  readonly from: PeerKey;
  readonly to: PeerKey;
  readonly bytes: Uint8Array;
}

/** A body that its number determines and names, so that the far side can tell whether it came whole; every third is large. */
function bodyOf(number: number): Uint8Array {
  const size = number % 3 === 0 ? 300 + (number % 500) : number % 50;
  const body = Uint8Array.from({ length: 4 + size }, (_, index) => number + index);
  new DataView(body.buffer).setUint32(0, number);
  return body;
}

/** The number that a body, or the first block of it, names. */
function numberOf(body: Uint8Array): number {
  return new DataView(body.buffer, body.byteOffset).getUint32(0);
}

/** One stack with an application that answers everything, now or a little later. */
class Node {
  readonly stack: CoapStack;
  readonly address: PeerKey;
  readonly outcomes = new Map<ExchangeId, string[]>();
  /** How often the application saw each request, by its number. */
  readonly seen = new Map<string, number>();
  readonly #simulation: Simulation;
  readonly #later: { atMs: number; input: StackInput }[] = [];

  constructor(simulation: Simulation, address: PeerKey) {
    this.#simulation = simulation;
    this.address = address;
    this.stack = new CoapStack({ random: simulation.random.bytes, limits: { blockSize: 64 } });
  }

  /** When the application or the stack next has something to do. */
  get dueMs(): number {
    return Math.min(
      this.#later[0]?.atMs ?? Number.POSITIVE_INFINITY,
      this.stack.deadlineMs ?? Number.POSITIVE_INFINITY,
    );
  }

  plan(input: StackInput, atMs: number): void {
    this.#later.push({ atMs, input });
    this.#later.sort((a, b) => a.atMs - b.atMs);
  }

  run(nowMs: number): void {
    for (let next = this.#later[0]; next !== undefined && next.atMs <= nowMs; next = this.#later[0]) {
      this.#later.shift();
      if ("exchange" in next.input) this.outcomes.set(next.input.exchange, []);
      this.#perform(this.stack.handle(next.input, nowMs), nowMs);
    }
    this.#perform(this.stack.tick(nowMs), nowMs);
  }

  receive({ from, bytes }: Datagram, nowMs: number): void {
    this.#perform(this.stack.handle({ type: "datagram", peer: from, bytes }, nowMs), nowMs);
  }

  #perform(outputs: StackOutput[], nowMs: number): void {
    for (const output of outputs) this.#react(output, nowMs);
  }

  #react(output: StackOutput, nowMs: number): void {
    const { random, link } = this.#simulation;
    const soonMs = nowMs + (random.chance(0.5) ? 0 : random.below(4_000));
    switch (output.type) {
      case "send":
        link.send({ from: this.address, to: output.peer, bytes: output.bytes }, nowMs);
        break;
      case "request": {
        const [number = ""] = uriQuery(output.options);
        if (output.confirmable) this.seen.set(number, (this.seen.get(number) ?? 0) + 1);
        if (output.code === CODE.PUT) assert.deepEqual(Uint8Array.from(output.payload), bodyOf(Number(number)));
        const { handle } = output;
        if (random.chance(0.2)) this.plan({ type: "acknowledge", handle }, nowMs);
        const payload = output.code === CODE.GET ? bodyOf(Number(number)) : new Uint8Array(0);
        this.plan({ type: "respond", handle, code: CODE.CONTENT, payload }, soonMs);
        break;
      }
      case "notification":
        this.plan({ type: "acknowledge", handle: output.handle }, soonMs);
        if (output.more !== undefined)
          this.#simulation.request(this, output.peer, nowMs, { body: output.payload, ...output.more });
        break;
      case "response":
        if (output.code === CODE.CONTENT && output.payload.length > 0)
          this.#simulation.check(output.exchange, output.payload);
        this.outcomes.get(output.exchange)?.push("response");
        break;
      case "delivered":
      case "failed":
        this.outcomes.get(output.exchange)?.push(output.type);
        break;
      case "acknowledged":
      case "dropped":
        break;
    }
  }
}

/** A server and its devices on one bad network, in virtual time. */
class Simulation {
  readonly random: SeededRandom;
  readonly link: LossyLink<Datagram>;
  readonly server: Node;
  readonly nodes = new Map<PeerKey, Node>();
  /** The number of the body that an exchange fetches, where that is not its own. */
  readonly #expected = new Map<ExchangeId, number>();
  /** Which nodes have something to do at which step. */
  readonly #agenda = new Map<number, Set<Node>>();
  #exchange = 1;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.link = new LossyLink(BAD_LINK, this.random);
    this.server = this.#addNode(SERVER);
    for (let index = 0; index < DEVICES; index++) {
      const device = this.#addNode(`device ${index}`);
      for (let action = 0; action < ACTIONS_PER_DEVICE; action++) this.#planAction(device);
    }
  }

  /** The number of an exchange is its id, and what its body is made of. */
  request(
    from: Node,
    to: PeerKey,
    atMs: number,
    continueFrom?: { body: Uint8Array; blockSize: number; etag: Uint8Array | undefined },
  ): void {
    const exchange = this.#exchange++;
    const code = continueFrom === undefined && this.random.chance(0.5) ? CODE.PUT : CODE.GET;
    const number = continueFrom === undefined ? exchange : numberOf(continueFrom.body);
    const payload = code === CODE.PUT ? bodyOf(exchange) : new Uint8Array(0);
    const confirmable = this.random.chance(0.8);
    const options = uriOptions(`/x?${number}`);
    const { below, chance } = this.random;
    const deadlines = chance(0.2) ? { sendByMs: atMs + below(10_000), repeatUntilMs: atMs + below(30_000) } : {};
    const input: StackInput = {
      type: "request",
      exchange,
      peer: to,
      code,
      options,
      payload,
      confirmable,
      ...deadlines,
    };
    if (continueFrom === undefined) from.plan(input, atMs);
    else {
      const { body, blockSize } = continueFrom;
      this.#expected.set(exchange, number);
      from.plan({ ...input, confirmable: true, continueFrom: { body, blockSize } }, atMs);
    }
  }

  /** The body of a response is the one of its exchange's number. */
  check(exchange: ExchangeId, payload: Uint8Array): void {
    const number = this.#expected.get(exchange) ?? exchange;
    assert.deepEqual(Uint8Array.from(payload), bodyOf(number));
  }

  run(): void {
    for (const node of this.nodes.values()) this.#schedule(node, 0);
    for (let nowMs = 0; nowMs < END_MS; nowMs += STEP_MS) {
      for (let next = this.link.takeArrived(nowMs); next !== undefined; next = this.link.takeArrived(nowMs)) {
        const node = this.nodes.get(next.to);
        node?.receive(next, nowMs);
        if (node !== undefined) this.#schedule(node, nowMs);
      }
      const due = this.#agenda.get(nowMs) ?? [];
      this.#agenda.delete(nowMs);
      for (const node of due) {
        node.run(nowMs);
        this.#schedule(node, nowMs + STEP_MS);
      }
    }
  }

  /** Lets the node run at the first step at which something of it is due; to run for nothing does no harm. */
  #schedule(node: Node, fromMs: number): void {
    if (node.dueMs >= END_MS) return;
    const stepMs = Math.max(fromMs, Math.ceil(node.dueMs / STEP_MS) * STEP_MS);
    const nodes = this.#agenda.get(stepMs) ?? new Set();
    this.#agenda.set(stepMs, nodes.add(node));
  }

  #addNode(address: PeerKey): Node {
    const node = new Node(this, address);
    this.nodes.set(address, node);
    return node;
  }

  #planAction(device: Node): void {
    const atMs = this.random.below(ACTIVE_MS);
    const kind = this.random.below(3);
    if (kind === 0) this.request(device, SERVER, atMs);
    else if (kind === 1) this.request(this.server, device.address, atMs);
    else {
      const exchange = this.#exchange++;
      const [token, payload] = [this.random.bytes(8), bodyOf(exchange)];
      const confirmable = this.random.chance(0.8);
      const to = { peer: SERVER, token, code: CODE.CONTENT, options: [], payload, confirmable };
      device.plan({ type: "notify", exchange, ...to }, atMs);
    }
  }
}

const seeds = process.env.FERRY_SEED === undefined ? [1] : [Number(process.env.FERRY_SEED)];

describe("a thousand devices on a bad network", () => {
  it.each(seeds)(
    "end every exchange once, deliver no CON request twice, and leave nothing behind (FERRY_SEED=%d)",
    (seed) => {
      const simulation = new Simulation(seed);
      simulation.run();

      const outcomes: Record<string, number> = {};
      for (const { address, outcomes: ended, seen, stack } of simulation.nodes.values()) {
        for (const [number, times] of seen) assert(times === 1, `${address} saw request ${number} ${times} times`);
        for (const [exchange, list] of ended) {
          const outcome = list.join() || "none";
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
          assert(list.length <= 1, `${address}: exchange ${exchange} ended as ${outcome}`);
        }
        assert.deepEqual(stack.usage, { peers: 0, exchanges: 0, pending: 0, remembered: 0, bodyBytes: 0 }, address);
        assert.equal(stack.deadlineMs, undefined, address);
      }
      // Nearly all get through; a NON notification ends without an outcome.
      expect(outcomes.response).toBeGreaterThan(DEVICES * ACTIONS_PER_DEVICE * 0.5);
      expect(outcomes.delivered).toBeGreaterThan(DEVICES);
    },
  );
});
