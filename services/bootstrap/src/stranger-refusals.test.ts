import { describe, expect, it } from "@jest/globals";
import { MAX_STRANGERS, STRANGER_MEMORY_MS, STRANGERS_LIMIT, StrangerRefusals } from "./stranger-refusals.ts";

const device = (n: number) => ({ tenant: "default", endpoint: `meter-${n}` });

describe("refusals of senders who proved nothing", () => {
  it("are news once for each name in a while", () => {
    let nowMs = 0;
    const refusals = new StrangerRefusals(() => nowMs);
    expect([device(1), device(1), device(2)].map((one) => refusals.isNews(one))).toEqual([true, false, true]);
    nowMs = STRANGER_MEMORY_MS;
    expect(refusals.isNews(device(1))).toBe(true);
  });

  it("are told only so often, whatever names are invented", () => {
    const refusals = new StrangerRefusals(() => 0);
    const told = Array.from({ length: 1_000 }, (_, n) => refusals.isNews(device(n)));
    expect(told.filter(Boolean)).toHaveLength(STRANGERS_LIMIT[0]?.capacity ?? 0);
  });

  it("are remembered in bounded memory: the oldest is forgotten first", () => {
    let nowMs = 0;
    const refusals = new StrangerRefusals(() => nowMs);
    for (let n = 0; n <= MAX_STRANGERS; n++, nowMs += 100) refusals.isNews(device(n));
    expect(refusals.isNews(device(MAX_STRANGERS))).toBe(false);
    expect(refusals.isNews(device(0))).toBe(true);
  });
});
