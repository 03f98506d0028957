import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { formatRateLimit, parseRateLimit } from "./rate-limit.ts";

describe("a rate limit", () => {
  it.each([
    ["10:1", [{ capacity: 10, periodMs: 1000 }]],
    [
      "10:1, 300:60",
      [
        { capacity: 10, periodMs: 1000 },
        { capacity: 300, periodMs: 60_000 },
      ],
    ],
    ["", []],
  ])("is read from capacity:seconds[,capacity:seconds]: %p", (text, limit) => {
    expect(parseRateLimit(text)).toEqual(limit);
  });

  it.each([
    "10",
    "0:1",
    "1:0",
    "-1:1",
    "1.5:1",
    "1:1,",
    ",",
    "a:b",
    "1:1:1",
    "99999999999:1",
    "1:9999999",
    `${"1:1,".repeat(8)}1:1`,
  ])("is not %p", (text) => {
    expect(parseRateLimit(text)).toBeUndefined();
  });

  it("is written as it is read", () => {
    const bucket = fc.record({
      capacity: fc.integer({ min: 1, max: 1e9 }),
      periodMs: fc.integer({ min: 1, max: 2_678_400 }).map((seconds) => seconds * 1000),
    });
    fc.assert(
      fc.property(fc.array(bucket, { maxLength: 8 }), (limit) => {
        expect(parseRateLimit(formatRateLimit(limit))).toEqual(limit);
      }),
    );
  });
});
