import { randomUUID } from "node:crypto";
import type { Sender } from "@ferry/bus";
import { CONTENT_TYPE, CONTENT_TYPE_HEADER, deviceKey, TOPICS } from "@ferry/proto";
import { readKafkaRecords } from "@ferry/testing";
import type { Device } from "./device.ts";
import type { Recording, System } from "./system.ts";

/** What is asked of a device: `/3/0/4` is executed, or `/3/0/9` read. */
export type Method = "Execute" | "Read";

/** A request, and the device that counts what comes of it. */
export interface Asked {
  readonly requestId: string;
  /** Undefined for one that is not there. */
  readonly device: Device | undefined;
  /** Resolves with the first final answer. @throws {ProcessStartError} none came in time */
  readonly answered: Promise<unknown>;
  /** What went wrong on the way, in words. */
  readonly problems: string[];
}

/** What came of several requests: each value that was seen, with the number of requests for which it was. */
export interface RpcCounts {
  readonly runs: number;
  readonly problems: readonly string[];
  /** Different final answers to one request. */
  readonly answers: Readonly<Record<string, number>>;
  /** Records that carry them: what was decided may be published once more, byte by byte the same. */
  readonly records: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<string, number>>;
  /** Executes, counted by the device. */
  readonly executed: Readonly<Record<string, number>>;
}

/**
 * How long an answer is waited for. What a dead node had decided is published by who sweeps its shard: 30 s of its lease, 15 s that an entry is left to its node, and 80 s until a node
 * that stays comes by a shard of those that do not.
 */
const ANSWER_MS = 150_000;
/** Requests expire after all that: no answer comes of the deadline. */
const EXPIRY_MS = 160_000;

/** Asks as an application does, through Kafka, and keeps the books. */
export class RpcLedger {
  readonly #system: System;
  readonly #answers: Recording;
  readonly #sender: Sender;

  static async open(system: System): Promise<RpcLedger> {
    return new RpcLedger(system, await system.follow("rpcResponse"));
  }

  private constructor(system: System, answers: Recording) {
    this.#system = system;
    this.#answers = answers;
    this.#sender = system.bus.sender({ name: "ledger", lingerMs: 0 });
  }

  async ask(endpoint: string, method: Method, device: Device | undefined): Promise<Asked> {
    const requestId = randomUUID();
    const params = { id: method === "Execute" ? "/3/0/4" : "/3/0/9" };
    const expiresAtMs = Date.now() + EXPIRY_MS;
    await this.#sender.publish({
      topic: this.#system.topicPrefix + TOPICS.rpcRequest.name,
      key: deviceKey("default", endpoint),
      value: Buffer.from(JSON.stringify({ requestId, tenant: "default", endpoint, method, params, expiresAtMs })),
      headers: { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.json },
    });
    const answered = this.#answers.waitFor(({ value }) => value.requestId === requestId, ANSWER_MS);
    answered.catch(() => {}); // Whoever awaits it is told; the count shows it anyway.
    return { requestId, device, answered, problems: [] };
  }

  /** By what Kafka's own client finds in the topic of answers from its beginning, and what the devices counted. */
  async count<Row>(asked: ReadonlyMap<Row, readonly Asked[]>): Promise<ReadonlyMap<Row, RpcCounts>> {
    const { kafka, topicPrefix } = this.#system;
    const answers = new Map<string, string[]>();
    for (const { value } of await readKafkaRecords(kafka.bootstrapServers, [topicPrefix + TOPICS.rpcResponse.name])) {
      const text = Buffer.from(value ?? []).toString();
      const { requestId } = JSON.parse(text) as { readonly requestId: string };
      answers.set(requestId, [...(answers.get(requestId) ?? []), text]);
    }
    return new Map([...asked].map(([row, requests]) => [row, countsOf(requests, answers)]));
  }
}

function countsOf(requests: readonly Asked[], answers: ReadonlyMap<string, readonly string[]>): RpcCounts {
  const found = requests.map(({ requestId }) => answers.get(requestId) ?? []);
  return {
    runs: requests.length,
    problems: requests.flatMap(({ problems }) => problems),
    answers: tally(found.map((texts) => new Set(texts).size)),
    records: tally(found.map((texts) => texts.length)),
    statuses: tally(found.flatMap((texts) => [...new Set(texts)].map(statusOf))),
    executed: tally(requests.map(({ device }) => device?.of("executed").length ?? 0)),
  };
}

function statusOf(answer: string): string {
  return (JSON.parse(answer) as { readonly status: string }).status;
}

function tally(values: readonly (string | number)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
