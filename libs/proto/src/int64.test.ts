import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { lwm2m } from "../generated/lwm2m.js";
import { fromWireInt64, toSafeNumber, toWireInt64 } from "./int64.ts";

const { Value } = lwm2m.v1;

function throughTheWire(member: "int64" | "uint64" | "timeMs", value: number | bigint): number | bigint {
  const bytes = Value.encode({ [member]: toWireInt64(value, member === "uint64") }).finish();
  return fromWireInt64(Value.decode(bytes)[member]);
}

it.each([
  ["int64", -(2n ** 63n)],
  ["int64", 2n ** 63n - 1n],
  ["int64", -1],
  ["int64", 0],
  ["uint64", 2n ** 64n - 1n],
  ["uint64", 2n ** 53n],
  ["uint64", 2 ** 53 - 1],
  ["timeMs", -62_135_596_800_000],
] as const)("carries %s %s exactly", (member, value) => {
  expect(throughTheWire(member, value)).toBe(value);
});

it("carries every signed 64-bit integer exactly", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      expect(BigInt(throughTheWire("int64", value))).toBe(value);
    }),
    { numRuns: 300 },
  );
});

it("carries every unsigned 64-bit integer exactly", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      expect(BigInt(throughTheWire("uint64", value))).toBe(value);
    }),
    { numRuns: 300 },
  );
});

it("gives a number wherever a number is exact, else a bigint", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const safe = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
      expect(typeof throughTheWire("int64", value)).toBe(safe ? "number" : "bigint");
    }),
    { numRuns: 300 },
  );
});

it("reads an absent field as 0", () => {
  expect([fromWireInt64(undefined), fromWireInt64(null), toSafeNumber(undefined)]).toEqual([0, 0, 0]);
});

it("reads times and epochs as numbers", () => {
  expect(
    toSafeNumber(
      lwm2m.v1.RecordContext.decode(lwm2m.v1.RecordContext.encode({ ingestTimeMs: 1_795_000_000_123 }).finish())
        .ingestTimeMs,
    ),
  ).toBe(1_795_000_000_123);
});
