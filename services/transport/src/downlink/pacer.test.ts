import { describe, expect, it } from "@jest/globals";
import { Pacer } from "./pacer.ts";

/** A pacer on a clock that the test moves. */
function start(perSecond: number, isDue: (item: number) => boolean = () => true) {
  let nowMs = 0;
  let timers: { readonly atMs: number; readonly then: () => void }[] = [];
  const ran: number[] = [];
  const pacer = new Pacer<number>({
    perSecond,
    clock: () => nowMs,
    later: (ms, then) => void timers.push({ atMs: nowMs + ms, then }),
    isDue,
    run: (item) => void ran.push(item),
  });
  const pass = (ms: number): void => {
    for (const endMs = nowMs + ms; nowMs < endMs; ) {
      nowMs += 1;
      const due = timers.filter(({ atMs }) => atMs <= nowMs);
      timers = timers.filter(({ atMs }) => atMs > nowMs);
      for (const { then } of due) then();
    }
  };
  return { pacer, ran, pass };
}

describe("a pace", () => {
  it("lets an item go at once where nobody waits", () => {
    const { pacer, ran } = start(10);
    pacer.soon(1);
    expect(ran).toEqual([1]);
  });

  it("lets no more go than so many a second, a fleet of 10,000 too, first come first served", () => {
    const { pacer, ran, pass } = start(250);
    for (let item = 0; item < 10_000; item++) pacer.soon(item);
    expect(ran).toHaveLength(250);
    expect(pacer.waiting).toBe(9_750);
    pass(1_000);
    expect(ran.length).toBeGreaterThan(450);
    expect(ran.length).toBeLessThanOrEqual(500);
    pass(39_000);
    expect(ran).toEqual(Array.from({ length: 10_000 }, (_, item) => item));
    expect(pacer.waiting).toBe(0);
  });

  it("holds no item twice, and passes over one that is not due any more without counting it", () => {
    const done = new Set([1, 2, 3]);
    const { pacer, ran, pass } = start(1, (item) => !done.has(item));
    for (const item of [0, 1, 2, 3, 4, 4, 4]) pacer.soon(item);
    pass(1_100);
    expect(ran).toEqual([0, 4]);
  });

  it("lets an item go after a while", () => {
    const { pacer, ran, pass } = start(10);
    pacer.later(1, 500);
    pass(499);
    expect(ran).toEqual([]);
    pass(1);
    expect(ran).toEqual([1]);
  });
});
