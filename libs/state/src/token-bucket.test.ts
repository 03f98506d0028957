import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { type BucketState, freeTokens, fullBuckets, takeTokens, tokenWaitMs } from "./token-bucket.ts";

describe("token buckets", () => {
  const BUCKETS = [
    { capacity: 3, periodMs: 1000 },
    { capacity: 5, periodMs: 10_000 },
  ];
  /** Takes a token if there is one. */
  function takeOne(state: BucketState, nowMs: number, buckets = BUCKETS): boolean {
    if (tokenWaitMs(buckets, state, nowMs) > 0) return false;
    takeTokens(buckets, state, 1, nowMs);
    return true;
  }

  it("let through at once as many as the smallest holds, then as many as are refilled", () => {
    const state: BucketState = [];
    expect([1, 2, 3, 4].map(() => takeOne(state, 0))).toEqual([true, true, true, false]);
    expect(tokenWaitMs(BUCKETS, state, 0)).toBeCloseTo(1000 / 3);
    expect(takeOne(state, 334)).toBe(true);
    expect(takeOne(state, 334)).toBe(false);
    expect(takeOne(state, 700)).toBe(true);
    // The second is used up: it has a token every two seconds.
    expect(takeOne(state, 1999)).toBe(false);
    expect(takeOne(state, 2000)).toBe(true);
  });

  it("are full at first, each to its own size", () => {
    const state = fullBuckets(BUCKETS);
    expect(freeTokens(BUCKETS, state, 0)).toBe(3);
    takeTokens(BUCKETS, state, 1, 0);
    expect(freeTokens(BUCKETS, state, 0)).toBe(2);
    expect(freeTokens(BUCKETS.slice(1), state.slice(1), 0)).toBe(4);
  });

  it("take nothing when one of them has none", () => {
    const state: BucketState = [];
    for (let i = 0; i < 3; i++) takeOne(state, 0);
    const before = [...state];
    takeOne(state, 0);
    expect(state).toEqual(before);
  });

  it("let everything through when there are none", () => {
    expect(tokenWaitMs([], [], 0)).toBe(0);
    expect(freeTokens([], [], 0)).toBe(Number.POSITIVE_INFINITY);
  });

  it("hold what is put back, and never more than they can", () => {
    const state: BucketState = [];
    takeTokens(BUCKETS, state, 3, 0);
    takeTokens(BUCKETS, state, -1, 0);
    expect(freeTokens(BUCKETS, state, 0)).toBe(1);
    takeTokens(BUCKETS, state, -100, 0);
    expect(freeTokens(BUCKETS, state, 0)).toBe(3);
  });

  it("let through within any time no more than they hold and what is refilled meanwhile, and no less", () => {
    const bucket = fc.record({
      capacity: fc.integer({ min: 1, max: 50 }),
      periodMs: fc.integer({ min: 1, max: 60 }).map((seconds) => seconds * 1000),
    });
    const steps = fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(bucket, steps, fc.integer({ min: 0, max: 2 ** 41 }), (size, gaps, startMs) => {
        const state: BucketState = [];
        let nowMs = startMs;
        let taken = 0;
        for (const gap of gaps) {
          nowMs += gap;
          const free = freeTokens([size], state, nowMs);
          const passed = takeOne(state, nowMs, [size]);
          expect(passed).toBe(free >= 1);
          if (passed) taken += 1;
          const earned = size.capacity + ((nowMs - startMs) * size.capacity) / size.periodMs;
          expect(taken).toBeLessThanOrEqual(earned + 0.1);
        }
      }),
    );
  });
});
