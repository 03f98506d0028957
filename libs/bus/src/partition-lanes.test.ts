import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "@jest/globals";
import fc from "fast-check";
import type { IncomingRecord } from "./bus.ts";
import { BusUnavailableError } from "./errors.ts";
import { PartitionLanes } from "./partition-lanes.ts";

function record(offset: number, key: string | null = "k"): IncomingRecord {
  return { topic: "t", partition: 0, offset, key, value: null, headers: {}, timestampMs: 0 };
}

/** Lanes whose records are finished by the test, by their offsets. */
function make(limit = 64) {
  const inHand = new Map<number, () => void>();
  const started: number[] = [];
  const lanes = new PartitionLanes(
    {
      handle: ({ offset }) => {
        started.push(offset);
        return new Promise<void>((resolve) => inHand.set(offset, resolve));
      },
      laneOf: ({ key }) => key,
      limit,
      onHandled: () => {},
      onRejected: () => {},
    },
    0,
  );
  const finish = async (offset: number) => {
    inHand.get(offset)?.();
    inHand.delete(offset);
    await sleep(0);
  };
  return { lanes, started, inHand, finish };
}

it("commits only up to the lowest record that is not handled", async () => {
  const { lanes, finish } = make();
  for (const offset of [5, 6, 7]) lanes.take(record(offset, `key-${offset}`));
  expect(lanes.committable).toBe(5);
  await finish(6);
  expect(lanes.committable).toBe(5);
  await finish(5);
  expect(lanes.committable).toBe(7);
  await finish(7);
  expect(lanes.committable).toBe(8);
});

it("passes over a record that it took before: after a rebalance the broker gives it again", async () => {
  const { lanes, started } = make();
  lanes.take(record(3));
  lanes.take(record(3));
  lanes.take(record(2));
  expect(started).toEqual([3]);
  expect(lanes.inHand).toBe(1);
});

it("starts nothing more once it is abandoned, and leaves that uncommitted", async () => {
  const { lanes, started, finish } = make();
  lanes.take(record(0));
  lanes.take(record(1));
  lanes.abandon();
  await finish(0);
  expect(started).toEqual([0]);
  expect(lanes.committable).toBe(1);
});

it("ends its retries once it is abandoned", async () => {
  let tries = 0;
  let told = 0;
  const lanes = new PartitionLanes(
    {
      handle: async () => {
        tries += 1;
        throw new BusUnavailableError("no");
      },
      laneOf: () => null,
      limit: 1,
      onHandled: () => {},
      onRejected: () => {
        told += 1;
      },
    },
    0,
  );
  lanes.take(record(0));
  expect(lanes.hasRoom).toBe(false);
  await sleep(350);
  lanes.abandon();
  const atEnd = tries;
  await sleep(300);
  expect([told, atEnd >= 2, tries]).toEqual([1, true, atEnd]);
});

it("keeps the order of every key and never commits past an unhandled record, in whatever order records finish", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom("a", "b", "c", null), fc.nat()), { minLength: 1, maxLength: 40 }),
      async (plan) => {
        const { lanes, started, inHand, finish } = make();
        for (const [offset, [key]] of plan.entries()) lanes.take(record(offset, key));
        const finished = new Set<number>();
        for (const [, choice] of plan) {
          const open = [...inHand.keys()];
          const offset = open[choice % open.length] as number; // As long as records are left, one is open.
          finished.add(offset);
          await finish(offset);
          const lowest = plan.findIndex((_, each) => !finished.has(each));
          expect(lanes.committable).toBe(lowest === -1 ? plan.length : lowest);
        }
        for (const key of ["a", "b", "c", null]) {
          const own = started.filter((offset) => plan[offset]?.[0] === key);
          expect(own).toEqual(own.toSorted((one, other) => one - other));
        }
      },
    ),
    { numRuns: 100 },
  );
});
