import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { MemoryPartition } from "./memory-topic.ts";

function fill(partition: MemoryPartition, keys: readonly string[]): void {
  for (const key of keys) partition.append(0, { topic: "t", key, value: Buffer.from("v") }, 0);
}

function offsetsFrom(partition: MemoryPartition, start: number): number[] {
  const offsets: number[] = [];
  for (let next = partition.next(start); next !== undefined; next = partition.next(next.offset + 1))
    offsets.push(next.offset);
  return offsets;
}

it("keeps its newest records when there are more than it may keep", () => {
  const partition = new MemoryPartition(false, 100);
  fill(partition, Array(1_000).fill("k"));
  expect(partition.end).toBe(1_000);
  expect(partition.start).toBeGreaterThanOrEqual(890);
  expect(partition.next(0)?.offset).toBe(partition.start);
});

it("compacts to the latest record of each key, below the slowest reader, and keeps the offsets", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 50 }),
      fc.nat(50),
      fc.nat(50),
      (keys, before, from) => {
        const partition = new MemoryPartition(true, 100);
        fill(partition, keys);
        partition.compact(before);
        const kept = keys.flatMap((key, offset) =>
          offset >= before || keys.lastIndexOf(key) === offset ? [offset] : [],
        );
        expect(offsetsFrom(partition, from)).toEqual(kept.filter((offset) => offset >= from));
        expect(partition.end).toBe(keys.length);
      },
    ),
  );
});

it("drops tombstones when it compacts", () => {
  const partition = new MemoryPartition(true, 100);
  fill(partition, ["a", "b"]);
  partition.append(0, { topic: "t", key: "a", value: null }, 0);
  partition.compact(partition.end);
  expect(offsetsFrom(partition, 0)).toEqual([1]);
});
