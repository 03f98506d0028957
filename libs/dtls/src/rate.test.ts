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
