import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { SHARDS, shardOf } from "./shard.ts";

it("A device's shard is the first 12 bits of SHA-256 over tenant/endpoint", () => {
  // printf 'default/meter-1' | sha256sum: the format is stored in tokens, registration ids and keys, so it must not change.
  expect(shardOf("default", "meter-1")).toBe(0x881);
});

it("Every device has a shard from 0 to 4095, and devices spread over them", () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ unit: "grapheme" }), (tenant, endpoint) => {
      const shard = shardOf(tenant, endpoint);
      expect(Number.isInteger(shard) && shard >= 0 && shard < SHARDS).toBe(true);
    }),
  );
  const used = new Set(Array.from({ length: 20_000 }, (_, i) => shardOf("default", `meter-${i}`)));
  expect(used.size).toBeGreaterThan(SHARDS * 0.98);
});
