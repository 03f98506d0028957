import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "@jest/globals";
import fc from "fast-check";
import type { OutgoingRecord } from "./bus.ts";
import { BusOverflowError, BusUnavailableError, RecordTooLargeError } from "./errors.ts";
import { DEFAULT_SENDER_LIMITS, type Flight, type SenderLimits, SingleFlightSender } from "./single-flight-sender.ts";

/** A flight that lands when the test says so. */
class TestFlight implements Flight {
  readonly flights: { numbers: number[]; land: (error?: Error, refused?: Map<string, Error>) => void }[] = [];
  inTheAir = 0;
  mostInTheAir = 0;

  deliver(recordsByTopic: ReadonlyMap<string, readonly OutgoingRecord[]>): Promise<ReadonlyMap<string, Error>> {
    this.inTheAir += 1;
    this.mostInTheAir = Math.max(this.mostInTheAir, this.inTheAir);
    const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<string, Error>>();
    const numbers = [...recordsByTopic.values()].flat().map(numberOf);
    const land = (error?: Error, refused: Map<string, Error> = new Map()) => {
      this.inTheAir -= 1;
      if (error === undefined) resolve(refused);
      else reject(error);
    };
    this.flights.push({ numbers, land });
    return promise;
  }

  async stop(): Promise<void> {}
}

function make(limits: Partial<SenderLimits> = {}): { flight: TestFlight; sender: SingleFlightSender } {
  const flight = new TestFlight();
  return { flight, sender: new SingleFlightSender(flight, { ...DEFAULT_SENDER_LIMITS, lingerMs: 0, ...limits }) };
}

function record(number: number, topic = "t"): OutgoingRecord {
  return { topic, key: "k", value: Buffer.from(String(number)) };
}

function numberOf({ value }: OutgoingRecord): number {
  return Number(Buffer.from(value ?? []).toString());
}

it("sends what is published in one turn as one batch, and gathers while it flies", async () => {
  const { flight, sender } = make();
  const first = Promise.all([sender.publish(record(1)), sender.publish(record(2))]);
  await sleep(1);
  void sender.publish(record(3));
  const last = sender.publish(record(4));
  await sleep(1);
  expect(flight.flights.map(({ numbers }) => numbers)).toEqual([[1, 2]]);
  flight.flights[0]?.land();
  await first;
  await sleep(1);
  expect(flight.flights.map(({ numbers }) => numbers)).toEqual([
    [1, 2],
    [3, 4],
  ]);
  flight.flights[1]?.land();
  await last;
});

it("gathers for the linger time, unless the batch is full before", async () => {
  const { flight, sender } = make({ lingerMs: 40, maxBatchRecords: 3 });
  for (const number of [1, 2]) void sender.publish(record(number));
  await sleep(5);
  expect(flight.flights).toHaveLength(0);
  void sender.publish(record(3));
  await sleep(1);
  expect(flight.flights.map(({ numbers }) => numbers)).toEqual([[1, 2, 3]]);
  flight.flights[0]?.land();
  void sender.publish(record(4));
  await sleep(5);
  expect(flight.flights).toHaveLength(1);
  await sleep(60);
  expect(flight.flights.map(({ numbers }) => numbers)).toEqual([[1, 2, 3], [4]]);
});

it("gives the records of one topic in a batch one promise", () => {
  const { sender } = make();
  expect(sender.publish(record(1))).toBe(sender.publish(record(2)));
  expect(sender.publish(record(3))).not.toBe(sender.publish(record(4, "other")));
});

it("rejects only the topics that the bus refused", async () => {
  const { flight, sender } = make();
  const bad = sender.publish(record(1, "bad"));
  const good = sender.publish(record(2, "good"));
  await sleep(1);
  flight.flights[0]?.land(undefined, new Map([["bad", new BusUnavailableError("topic bad does not exist")]]));
  await expect(bad).rejects.toThrow("topic bad does not exist");
  await good;
});

it("rejects a batch that failed and goes on with the next", async () => {
  const { flight, sender } = make();
  const first = sender.publish(record(1));
  await sleep(1);
  const second = sender.publish(record(2));
  flight.flights[0]?.land(new BusUnavailableError("gone"));
  await expect(first).rejects.toThrow("gone");
  await sleep(1);
  flight.flights[1]?.land();
  await second;
  expect(sender.bufferedRecords).toBe(0);
});

it("tells callers when the delivery deadline passes, drops what has not flown, and keeps the one in the air counted", async () => {
  const { flight, sender } = make({ deliveryTimeoutMs: 30, maxBatchRecords: 1 });
  const flown = sender.publish(record(1));
  const waiting = sender.publish(record(2));
  await Promise.all([flown, waiting].map((each) => expect(each).rejects.toThrow("not accepted within 30 ms")));
  expect(sender.bufferedRecords).toBe(1);
  flight.flights[0]?.land();
  await sleep(1);
  expect(sender.bufferedRecords).toBe(0);
  expect(flight.flights).toHaveLength(1);
});

it("is degraded from half of its buffer, shedding from nine tenths, and refuses what does not fit", async () => {
  const { flight, sender } = make({ maxBufferedRecords: 10 });
  const levels = Array.from({ length: 10 }, (_, number) => {
    void sender.publish(record(number));
    return sender.pressure;
  });
  expect(levels).toEqual([...Array(4).fill("normal"), ...Array(4).fill("degraded"), "shedding", "shedding"]);
  await expect(sender.publish(record(11))).rejects.toThrow(BusOverflowError);
  await sleep(1);
  for (const each of flight.flights) each.land();
  await sleep(1);
  expect(sender.pressure).toBe("normal");
});

it("bounds the bytes that wait, keys and headers included", async () => {
  const { sender } = make({ maxBufferedBytes: 1_000 });
  void sender.publish({ topic: "t", key: "k".repeat(400), value: null, headers: { h: "x".repeat(400) } });
  await expect(sender.publish({ topic: "t", key: "k".repeat(200), value: null })).rejects.toThrow(BusOverflowError);
});

it("refuses a record that is too large, and only that", async () => {
  const { sender } = make({ maxRecordBytes: 200 });
  await expect(sender.publish({ topic: "t", key: null, value: new Uint8Array(201) })).rejects.toThrow(
    RecordTooLargeError,
  );
  void sender.publish({ topic: "t", key: null, value: new Uint8Array(100) });
  expect(sender.bufferedRecords).toBe(1);
});

it("flushes at once, and says what is left when the time is over", async () => {
  const { flight, sender } = make({ lingerMs: 10_000 });
  void sender.publish(record(1));
  const flushed = sender.flush(1_000);
  await sleep(1);
  flight.flights[0]?.land();
  await flushed;
  void sender.publish(record(2));
  await expect(sender.flush(20)).rejects.toThrow("1 records are not accepted after 20 ms");
});

it("gives up what waits when it is stopped", async () => {
  const { sender } = make({ lingerMs: 10_000 });
  const published = sender.publish(record(1));
  const rejected = expect(published).rejects.toThrow(BusUnavailableError);
  await sender.stop();
  await rejected;
});

it("never has two flights at once, loses nothing and keeps the order, whatever is published when", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.constant("publish"), fc.constant("land"), fc.constant("wait")), { maxLength: 60 }),
      fc.integer({ min: 1, max: 5 }),
      async (steps, maxBatchRecords) => {
        const { flight, sender } = make({ maxBatchRecords });
        let published = 0;
        let landed = 0;
        for (const step of steps) {
          if (step === "publish") void sender.publish(record(published++));
          else if (step === "wait") await Promise.resolve();
          else if (flight.inTheAir > 0) flight.flights[landed++]?.land();
        }
        while (sender.bufferedRecords > 0) {
          await Promise.resolve();
          if (flight.inTheAir > 0) flight.flights[landed++]?.land();
        }
        expect(flight.mostInTheAir).toBeLessThanOrEqual(1);
        expect(flight.flights.flatMap(({ numbers }) => numbers)).toEqual(
          Array.from({ length: published }, (_, n) => n),
        );
        expect(flight.flights.every(({ numbers }) => numbers.length <= maxBatchRecords)).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});
