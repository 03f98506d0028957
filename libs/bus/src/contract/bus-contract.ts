import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Bus, IncomingRecord, OutgoingRecord, StartAt, TopicLayout } from "../bus.ts";
import { BusOverflowError, BusUnavailableError, RecordTooLargeError } from "../errors.ts";
import { partitionOf } from "../murmur2.ts";
import { handleTable, indexTable, readTable } from "../read-table.ts";

/** What the contract asks of a bus that it is given. */
export interface ContractBusOptions {
  /** Records that a sender buffers before it overflows. */
  readonly maxBufferedRecords?: number;
  /** How long `stop` waits for the records in hand. */
  readonly stopTimeoutMs?: number;
}

/** The bus under test: every `connect` is another client of the same records. */
export interface BusHarness {
  connect(options?: ContractBusOptions): Bus;
  stop(): Promise<void>;
}

const PATIENCE_MS = 15_000;

/** What every bus must do, whatever client stands behind the port. Topics get random names, so that a shared broker serves. */
export function describeBusContract(name: string, start: () => Promise<BusHarness>): void {
  describe(`the bus contract on ${name}`, () => {
    let harness: BusHarness;
    let bus: Bus;

    beforeAll(async () => {
      harness = await start();
      bus = harness.connect();
    }, 60_000);

    afterAll(async () => {
      await bus?.stop();
      await harness?.stop();
    }, 60_000);

    const newTopic = async (layout: Partial<TopicLayout> = {}): Promise<string> => {
      const topic = {
        name: `t-${randomUUID()}`,
        partitions: 1,
        partitionsFixed: true,
        cleanup: "delete",
        ...layout,
      } as const;
      expect(await bus.ensureTopics([topic], "create")).toEqual([]);
      return topic.name;
    };
    const sender = (lingerMs = 0) => bus.sender({ name: `s-${randomUUID()}`, lingerMs });
    const read = (topic: string, from: StartAt = "earliest") => {
      const records: IncomingRecord[] = [];
      let caughtUp = false;
      const running = bus.subscribe({
        type: "reader",
        topic,
        from,
        handle: (record) => void records.push(record),
        onCaughtUp: () => {
          caughtUp = true;
        },
      });
      return { running, records, isCaughtUp: () => caughtUp };
    };
    const join = (groupId: string, topics: readonly string[], onBus: Bus = bus) => {
      const records: IncomingRecord[] = [];
      const handle = async (record: IncomingRecord) => void records.push(record);
      return { running: onBus.subscribe({ type: "group", groupId, topics, handle }), records };
    };

    it("forgets a subscription that was stopped", async () => {
      const topic = await newTopic();
      const stopped = await (async () => {
        const { running } = read(topic);
        await running.ready;
        await running.stop();
        return new WeakRef(running);
      })();
      await until(() => {
        collectGarbage();
        return stopped.deref() === undefined;
      });
    });

    describe("senders", () => {
      it("acknowledge a record once a reader can read it, with key, value, headers and a time", async () => {
        const topic = await newTopic();
        await sender().publish({ topic, key: "k", value: bytes("v"), headers: { one: "1", two: "zwei ü" } });
        expect(await bus.endOffsets(topic)).toEqual([1]);
        const { running, records } = read(topic);
        await until(() => records.length === 1);
        expect(records[0]).toMatchObject({
          topic,
          partition: 0,
          offset: 0,
          key: "k",
          headers: { one: "1", two: "zwei ü" },
        });
        expect(text(records[0])).toBe("v");
        expect(Math.abs(Date.now() - (records[0]?.timestampMs ?? 0))).toBeLessThan(60_000);
        await running.stop();
      });

      it("keep the order of a key and put it where murmur2 says", async () => {
        const topic = await newTopic({ partitions: 5 });
        const out = sender(5);
        const keys = ["default/a", "default/b", "default/ü", "x"];
        const sent = Array.from({ length: 400 }, (_, n) => ({
          topic,
          key: keys[n % 4] as string,
          value: bytes(String(n)),
        }));
        await Promise.all(sent.map((record) => out.publish(record)));
        const { running, records } = read(topic);
        await until(() => records.length === 400);
        for (const key of keys) {
          const own = records.filter((record) => record.key === key);
          expect(own.map(text)).toEqual(sent.filter((record) => record.key === key).map(text));
          expect(new Set(own.map(({ partition }) => partition))).toEqual(new Set([partitionOf(key, 5)]));
        }
        await running.stop();
      });

      it("put a record into the partition that it names", async () => {
        const topic = await newTopic({ partitions: 4 });
        await sender().publish({ topic, key: "k", value: bytes("v"), partition: 3 });
        expect(await bus.endOffsets(topic)).toEqual([0, 0, 0, 1]);
      });

      it("carry tombstones, records without a key and empty values", async () => {
        const topic = await newTopic();
        const out = sender();
        await out.publish({ topic, key: "gone", value: null });
        await out.publish({ topic, key: null, value: bytes("keyless") });
        await out.publish({ topic, key: "empty", value: bytes("") });
        const { running, records } = read(topic);
        await until(() => records.length === 3);
        expect(records.map(({ key, value }) => [key, value?.length ?? null])).toEqual([
          ["gone", null],
          [null, 7],
          ["empty", 0],
        ]);
        await running.stop();
      });

      it("spread records without a key over the partitions", async () => {
        const topic = await newTopic({ partitions: 3 });
        const out = sender();
        await Promise.all(Array.from({ length: 30 }, () => out.publish({ topic, key: null, value: bytes("v") })));
        for (const end of await bus.endOffsets(topic)) expect(end).toBeGreaterThan(0);
      });

      it("carry a record of nearly 1 MiB and refuse a larger one", async () => {
        const topic = await newTopic();
        const out = sender();
        await out.publish({ topic, key: "k", value: new Uint8Array(1024 * 1024 - 200).fill(7) });
        await expect(out.publish({ topic, key: "k", value: new Uint8Array(1024 * 1024 + 1) })).rejects.toThrow(
          RecordTooLargeError,
        );
        const { running, records } = read(topic);
        await until(() => records.length === 1);
        expect(records[0]?.value?.length).toBe(1024 * 1024 - 200);
        await running.stop();
      });

      it("say that the buffer is full, take nothing then, and go on when it has emptied", async () => {
        const small = harness.connect({ maxBufferedRecords: 10 });
        const topic = await newTopic();
        const out = small.sender({ name: "small", lingerMs: 20 });
        const outcomes = await Promise.allSettled(
          Array.from({ length: 15 }, (_, n) => out.publish({ topic, key: "k", value: bytes(String(n)) })),
        );
        const refused = outcomes.filter((outcome) => outcome.status === "rejected");
        expect(refused).toHaveLength(5);
        expect(refused.every(({ reason }) => reason instanceof BusOverflowError)).toBe(true);
        await out.publish({ topic, key: "k", value: bytes("after") });
        expect(await bus.endOffsets(topic)).toEqual([11]);
        await small.stop();
      });

      it("flush what is buffered", async () => {
        const topic = await newTopic();
        const out = sender(10_000);
        const published = out.publish({ topic, key: "k", value: bytes("v") });
        expect(out.bufferedRecords).toBe(1);
        expect(out.bufferedBytes).toBeGreaterThan(0);
        await out.flush(PATIENCE_MS);
        await published;
        expect([out.bufferedRecords, out.bufferedBytes, out.oldestAgeMs, out.pressure]).toEqual([0, 0, 0, "normal"]);
        expect(await bus.endOffsets(topic)).toEqual([1]);
      });

      it("refuse the records of a topic that does not exist, and only those", async () => {
        const topic = await newTopic();
        const out = sender(5);
        const missing = out.publish({ topic: `missing-${randomUUID()}`, key: "k", value: bytes("v") });
        const present = out.publish({ topic, key: "k", value: bytes("v") });
        await expect(missing).rejects.toThrow(BusUnavailableError);
        await present;
        await out.publish({ topic, key: "k", value: bytes("again") });
        expect((await bus.endOffsets(topic))[0]).toBeGreaterThanOrEqual(2);
      }, 60_000);

      it("are flushed when the bus stops, and then take nothing more", async () => {
        const other = harness.connect();
        const topic = await newTopic();
        const out = other.sender({ name: "last", lingerMs: 5_000 });
        const published = out.publish({ topic, key: "k", value: bytes("v") });
        await other.stop();
        await published;
        await expect(out.publish({ topic, key: "k", value: bytes("late") })).rejects.toThrow(BusUnavailableError);
        expect(await bus.endOffsets(topic)).toEqual([1]);
      });
    });

    describe("readers", () => {
      it("from earliest get every record and say when they have caught up", async () => {
        const topic = await newTopic({ partitions: 3 });
        const out = sender(5);
        await Promise.all(numbered(topic, 50).map((record) => out.publish(record)));
        const { running, records, isCaughtUp } = read(topic);
        await until(isCaughtUp);
        expect(
          records
            .map(text)
            .map(Number)
            .sort((a, b) => a - b),
        ).toEqual(Array.from({ length: 50 }, (_, n) => n));
        await out.publish({ topic, key: "k", value: bytes("live") });
        await until(() => records.length === 51);
        expect(running.healthy).toBe(true);
        await running.stop();
      });

      it("of an empty topic have caught up at once", async () => {
        const { running, isCaughtUp } = read(await newTopic({ partitions: 2 }));
        await running.ready;
        await until(isCaughtUp);
        await running.stop();
      });

      it("of an empty topic can be stopped by who is told that they have caught up", async () => {
        expect(await readTable(bus, await newTopic({ partitions: 2 }))).toEqual(new Map());
      });

      it("hand over the last record of each key, one that was refused once more, and no key that ends with a tombstone", async () => {
        const topic = await newTopic({ partitions: 2, cleanup: "compact" });
        const out = sender();
        for (const [key, value] of [
          ["a", "1"],
          ["b", "1"],
          ["a", "2"],
          ["c", "1"],
          ["b", null],
        ] as const) {
          await out.publish({ topic, key, value: value === null ? null : bytes(value) });
        }
        const handed: string[] = [];
        let refusals = 1;
        const index = await indexTable(bus, topic);
        await out.publish({ topic, key: "d", value: bytes("1") }); // Too late.
        await handleTable(bus, topic, index, async (record) => {
          if (refusals-- > 0) throw new BusUnavailableError("later");
          handed.push(`${record.key}=${text(record)}`);
        });
        expect(handed.sort()).toEqual(["a=2", "c=1"]);
        await expect(handleTable(bus, topic, index, async () => {}, AbortSignal.abort())).rejects.toThrow(/abort/i);
        await expect(indexTable(bus, topic, AbortSignal.abort())).rejects.toThrow(/abort/i);
        const giveUp = new AbortController();
        let calls = 0;
        const refuse = async (): Promise<void> => {
          calls++;
          giveUp.abort();
          throw new BusUnavailableError("never");
        };
        await expect(handleTable(bus, topic, index, refuse, giveUp.signal)).rejects.toThrow(/abort/i);
        expect(calls).toBe(1);
      });

      it("from latest get what is published after they are ready, and nothing older", async () => {
        const topic = await newTopic({ partitions: 2 });
        const out = sender();
        await Promise.all(numbered(topic, 10).map((record) => out.publish(record)));
        const { running, records, isCaughtUp } = read(topic, "latest");
        await running.ready;
        expect(isCaughtUp()).toBe(true);
        await Promise.all(numbered(topic, 20).map((record) => out.publish({ ...record, headers: { new: "yes" } })));
        await until(() => records.length === 20);
        expect(records.every(({ headers }) => headers.new === "yes")).toBe(true);
        await running.stop();
      });

      it("of some partitions get only those", async () => {
        const topic = await newTopic({ partitions: 4 });
        const out = sender();
        await Promise.all(
          [0, 1, 2, 3].map((partition) => out.publish({ topic, key: "k", value: bytes("v"), partition })),
        );
        const seen: number[] = [];
        let caughtUp = false;
        const running = bus.subscribe({
          type: "reader",
          topic,
          partitions: [1, 3],
          from: "earliest",
          handle: ({ partition }) => void seen.push(partition),
          onCaughtUp: () => {
            caughtUp = true;
          },
        });
        await until(() => caughtUp);
        expect(seen.sort()).toEqual([1, 3]);
        await running.stop();
      });

      it("of a compacted topic end with the latest value of each key", async () => {
        const topic = await newTopic({ cleanup: "compact" });
        const out = sender();
        for (const value of ["1", "2", "3"]) await out.publish({ topic, key: "a", value: bytes(value) });
        await out.publish({ topic, key: "b", value: bytes("1") });
        await out.publish({ topic, key: "b", value: null });
        const { running, records, isCaughtUp } = read(topic);
        await until(isCaughtUp);
        const latest = new Map(records.map(({ key, value }) => [key, value]));
        expect(latest.get("a") && Buffer.from(latest.get("a") ?? []).toString()).toBe("3");
        expect(latest.get("b") ?? null).toBeNull();
        await running.stop();
      });

      it("handle one record of a partition after another and try a rejected one again", async () => {
        const topic = await newTopic();
        const out = sender();
        await Promise.all(numbered(topic, 5).map((record) => out.publish(record)));
        const seen: string[] = [];
        let failures = 2;
        const running = bus.subscribe({
          type: "reader",
          topic,
          from: "earliest",
          handle: async (record) => {
            await sleep(1);
            if (text(record) === "1" && failures-- > 0) return Promise.reject(new BusUnavailableError("not yet"));
            seen.push(text(record));
          },
        });
        await until(() => seen.length === 5);
        expect(seen).toEqual(["0", "1", "2", "3", "4"]);
        await running.stop();
      });
    });

    describe("groups", () => {
      it("begin at the earliest record and commit what was handled", async () => {
        const topic = await newTopic({ partitions: 2 });
        const out = sender();
        await Promise.all(numbered(topic, 20).map((record) => out.publish(record)));
        const groupId = `g-${randomUUID()}`;
        const first = join(groupId, [topic]);
        await until(() => first.records.length === 20);
        await first.running.stop();
        const second = join(groupId, [topic]);
        await second.running.ready;
        await out.publish({ topic, key: "k", value: bytes("new") });
        await until(() => second.records.length > 0);
        expect(second.records.map(text)).toEqual(["new"]);
        await second.running.stop();
      });

      it("get a record again that no member finished, and what came after it", async () => {
        const topic = await newTopic();
        const out = sender();
        for (const record of numbered(topic, 4)) await out.publish({ ...record, key: "same" });
        const groupId = `g-${randomUUID()}`;
        const hasty = harness.connect({ stopTimeoutMs: 300 });
        const handled: string[] = [];
        const first = hasty.subscribe({
          type: "group",
          groupId,
          topics: [topic],
          handle: async (record) => {
            if (text(record) === "2") await new Promise(() => {});
            handled.push(text(record));
          },
        });
        await until(() => handled.length === 2);
        await first.stop();
        const second = join(groupId, [topic]);
        await until(() => second.records.length === 2);
        expect(second.records.map(text)).toEqual(["2", "3"]);
        await second.running.stop();
        await hasty.stop();
      });

      it("share the partitions among their members without losing a record", async () => {
        const topic = await newTopic({ partitions: 4 });
        const out = sender();
        const groupId = `g-${randomUUID()}`;
        const other = harness.connect();
        const first = join(groupId, [topic]);
        await first.running.ready;
        const second = join(groupId, [topic], other);
        await second.running.ready;
        await until(async () => {
          await Promise.all(
            [0, 1, 2, 3].map((partition) => out.publish({ topic, key: null, value: bytes("probe"), partition })),
          );
          return first.records.length > 0 && second.records.length > 0;
        });
        const total = (await bus.endOffsets(topic)).reduce((sum, end) => sum + end, 0);
        const seen = () =>
          new Set([...first.records, ...second.records].map((each) => `${each.partition}/${each.offset}`)).size;
        await until(() => seen() >= total);
        await first.running.stop();
        await other.stop();
      });

      it("handle the records of a key one after another, and other keys meanwhile", async () => {
        const topic = await newTopic();
        const out = sender(5);
        const keys = ["a", "b", "c"];
        const sent = Array.from({ length: 30 }, (_, n) => ({
          topic,
          key: keys[n % 3] as string,
          value: bytes(String(n)),
        }));
        await Promise.all(sent.map((record) => out.publish(record)));
        const { promise: released, resolve: release } = Promise.withResolvers<void>();
        const handled: string[] = [];
        const inHand = new Map<string | null, number>();
        let together = 0;
        const running = bus.subscribe({
          type: "group",
          groupId: `g-${randomUUID()}`,
          topics: [topic],
          handle: async (record) => {
            const more = (inHand.get(record.key) ?? 0) + 1;
            inHand.set(record.key, more);
            together = Math.max(together, more);
            if (record.key === "a") await released;
            else await sleep(1);
            handled.push(`${record.key}${text(record)}`);
            inHand.set(record.key, more - 1);
          },
        });
        await until(() => handled.length === 20);
        expect(handled.some((each) => each.startsWith("a"))).toBe(false);
        release();
        await until(() => handled.length === 30);
        expect(together).toBe(1);
        for (const key of keys) {
          expect(handled.filter((each) => each.startsWith(key))).toEqual(
            sent.filter((record) => record.key === key).map((record) => `${key}${text(record)}`),
          );
        }
        await running.stop();
      });

      it("try a rejected record again before the next one of its key", async () => {
        const topic = await newTopic();
        const out = sender();
        for (const record of numbered(topic, 3)) await out.publish({ ...record, key: "same" });
        const seen: string[] = [];
        let failures = 2;
        const running = bus.subscribe({
          type: "group",
          groupId: `g-${randomUUID()}`,
          topics: [topic],
          handle: async (record) => {
            seen.push(text(record));
            if (text(record) === "0" && failures-- > 0) throw new BusUnavailableError("not yet");
          },
        });
        await until(() => seen.length === 5);
        expect(seen).toEqual(["0", "0", "0", "1", "2"]);
        await running.stop();
      });

      it("take nothing while they are paused", async () => {
        const topic = await newTopic();
        const out = sender();
        const { running, records } = join(`g-${randomUUID()}`, [topic]);
        await running.ready;
        await out.publish({ topic, key: "k", value: bytes("before") });
        await until(() => records.length === 1);
        running.pause();
        await out.publish({ topic, key: "k", value: bytes("meanwhile") });
        await sleep(600);
        expect(records).toHaveLength(1);
        expect(running.healthy).toBe(true);
        running.resume();
        await until(() => records.length === 2);
        await running.stop();
      });

      it("handle more records than fit in hand", async () => {
        const topic = await newTopic({ partitions: 2 });
        const out = sender(5);
        await Promise.all(numbered(topic, 1_000).map((record) => out.publish(record)));
        let handled = 0;
        const running = bus.subscribe({
          type: "group",
          groupId: `g-${randomUUID()}`,
          topics: [topic],
          handle: async () => {
            await sleep(2);
            handled += 1;
          },
        });
        await until(() => handled === 1_000);
        await running.stop();
      });

      it("wait for a topic that does not exist, unhealthy, and read it once it does", async () => {
        const present = await newTopic();
        const late = `late-${randomUUID()}`;
        const { running, records } = join(`g-${randomUUID()}`, [late]);
        await sleep(300);
        expect(running.healthy).toBe(false);
        await bus.ensureTopics([{ name: late, partitions: 1, partitionsFixed: true, cleanup: "delete" }], "create");
        await sender().publish({ topic: late, key: "k", value: bytes("v") });
        await sender().publish({ topic: present, key: "k", value: bytes("v") });
        await until(() => records.length === 1);
        await running.stop();
      });
    });

    describe("topics", () => {
      it("are said to be missing, and are not created, by verify", async () => {
        const topic: TopicLayout = {
          name: `t-${randomUUID()}`,
          partitions: 3,
          partitionsFixed: true,
          cleanup: "compact",
        };
        const problems = await bus.ensureTopics([topic], "verify");
        expect(problems).toEqual([{ topic: topic.name, problem: expect.stringContaining("does not exist") }]);
        expect(await bus.ensureTopics([topic], "verify")).toHaveLength(1);
        expect(await bus.ensureTopics([topic], "create")).toEqual([]);
        expect(await bus.ensureTopics([topic], "verify")).toEqual([]);
      });

      it("with another number of partitions are a problem only where the number is fixed", async () => {
        const name = await newTopic({ partitions: 2 });
        const wanted: TopicLayout = { name, partitions: 3, partitionsFixed: true, cleanup: "delete" };
        expect(await bus.ensureTopics([wanted], "create")).toEqual([
          { topic: name, problem: expect.stringMatching(/has 2 partitions, but exactly 3/) },
        ]);
        expect(await bus.ensureTopics([{ ...wanted, partitionsFixed: false }], "create")).toEqual([]);
      });

      it("with another cleanup policy are a problem", async () => {
        const name = await newTopic({ cleanup: "delete" });
        const wanted: TopicLayout = { name, partitions: 1, partitionsFixed: true, cleanup: "compact" };
        expect(await bus.ensureTopics([wanted], "verify")).toEqual([
          { topic: name, problem: expect.stringContaining("cleanup.policy=delete, but compact") },
        ]);
      });

      it("that do not exist have no end offsets", async () => {
        await expect(bus.endOffsets(`missing-${randomUUID()}`)).rejects.toThrow(BusUnavailableError);
      });
    });
  });
}

function numbered(topic: string, count: number): OutgoingRecord[] {
  return Array.from({ length: count }, (_, n) => ({ topic, key: `key-${n}`, value: bytes(String(n)) }));
}

function bytes(value: string): Uint8Array {
  return Buffer.from(value);
}

function text(record: Pick<OutgoingRecord, "value"> | undefined): string {
  return Buffer.from(record?.value ?? []).toString();
}

/** V8's own collector, which is there for who asks. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    if (performance.now() > deadline) expect("nothing happened for 15 s").toBe("");
    await sleep(10);
  }
}
