import { expect, it } from "@jest/globals";
import { Rate } from "./rate.ts";

it("allows a burst, and then as many as the rate says", () => {
  const rate = new Rate({ perSecond: 10, burst: 3 });
  expect([0, 0, 0, 0].map((nowMs) => rate.take(nowMs))).toEqual([true, true, true, false]);
  expect([99, 100, 150].map((nowMs) => rate.take(nowMs))).toEqual([false, true, false]);
});

it("saves no more than a burst", () => {
  const rate = new Rate({ perSecond: 10, burst: 2 });
  expect([10_000, 10_000, 10_000].map((nowMs) => rate.take(nowMs))).toEqual([true, true, false]);
});

it("leaves as many as it is told", () => {
  const rate = new Rate({ perSecond: 10, burst: 3 });
  expect([1, 1, 1].map((left) => rate.take(0, left))).toEqual([true, true, false]);
  expect([rate.take(0), rate.take(100, 1), rate.take(100), rate.take(200, 0)]).toEqual([true, false, true, true]);
});
