import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { MAX_SEQUENCE } from "./record.ts";
import { NOTHING_RECEIVED, REPLAY_WINDOW_RECORDS, ReplayWindow } from "./replay-window.ts";

function windowWith(...sequences: readonly number[]): ReplayWindow {
  const window = ReplayWindow.from(NOTHING_RECEIVED);
  for (const sequence of sequences) window.accept(sequence);
  return window;
}

describe("a replay window (RFC 6347 §4.1.2.6)", () => {
  it("takes every record once", () => {
    const window = windowWith(5);
    expect(window.isNew(5)).toBe(false);
    expect(window.isNew(4)).toBe(true);
    expect(window.isNew(6)).toBe(true);
  });

  it("is not moved by asking: a forged record must leave no trace", () => {
    const window = windowWith(5);
    window.isNew(1000);
    expect(window.isNew(6)).toBe(true);
    expect(window.newest).toBe(5);
  });

  it("takes the first record of an epoch, which has the number 0", () => {
    const window = windowWith();
    expect(window.isNew(0)).toBe(true);
    expect(window.accept(0)).toBe(true);
    expect(window.isNew(0)).toBe(false);
  });

  it("tells of a record whether it is the newest", () => {
    const window = windowWith(5);
    expect([window.accept(9), window.accept(7), window.accept(9), window.accept(10)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it("refuses what is 64 or more behind, since it cannot tell", () => {
    const window = windowWith(100);
    expect(window.isNew(100 - 63)).toBe(true);
    expect(window.isNew(100 - 64)).toBe(false);
    window.accept(100 - 64);
    expect(window.mark).toEqual(windowWith(100).mark);
  });

  it("is cleared by a jump of 64 or more", () => {
    const window = windowWith(...Array.from({ length: 64 }, (_, sequence) => sequence));
    window.accept(63 + 64);
    expect(window.mark).toEqual({ newest: 127, window: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1) });
  });

  it("keeps its bits across the halves of its 64 bits and of a sequence number", () => {
    // A number of 48 bits has a lower half that wraps here.
    for (const base of [0, 2 ** 31 - 40, 2 ** 32 - 40, 2 ** 33 - 1, MAX_SEQUENCE - 200]) {
      for (let jump = 1; jump <= 70; jump++) {
        const window = windowWith(base, base + 31, base + 32, base + 33);
        window.accept(base + 33 + jump);
        for (let sequence = Math.max(base, base + 33 + jump - 63); sequence <= base + 33; sequence++) {
          const wasReceived = [0, 31, 32, 33].includes(sequence - base);
          expect([base, jump, sequence, window.isNew(sequence)]).toEqual([base, jump, sequence, !wasReceived]);
        }
      }
    }
  });

  it("does not take a number for another one that is equal in its lower 32 bits", () => {
    const window = windowWith(2 ** 32 + 5);
    expect(window.isNew(5)).toBe(false);
    expect(window.isNew(2 ** 33 + 5)).toBe(true);
    expect(windowWith(5).isNew(2 ** 32 + 5)).toBe(true);
  });

  it("goes on from its mark on another node", () => {
    const window = windowWith(10, 12, 50, 2 ** 40, 2 ** 40 - 33);
    const copy = ReplayWindow.from(window.mark);
    expect(copy.mark).toEqual(window.mark);
    for (let age = 0; age < 70; age++) expect(copy.isNew(2 ** 40 - age)).toBe(window.isNew(2 ** 40 - age));
  });

  it("has a mark that stays as it was", () => {
    const window = windowWith(1);
    const { mark } = window;
    window.accept(2);
    expect(mark).toEqual({ newest: 1, window: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1) });
    expect(NOTHING_RECEIVED).toEqual({ newest: -1, window: new Uint8Array(8) });
  });

  it("reads a mark that lies anywhere in a larger buffer", () => {
    const bytes = Uint8Array.of(9, 9, 9, 0x80, 0, 0, 0, 0, 0, 0, 1);
    const window = ReplayWindow.from({ newest: 100, window: bytes.subarray(3) });
    expect([window.isNew(100), window.isNew(99), window.isNew(37)]).toEqual([false, true, false]);
  });

  it("agrees with a set of all that was received, whatever comes in whatever order", () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: -80, max: 100 }), fc.boolean()), { maxLength: 200, size: "max" });
    fc.assert(
      fc.property(fc.constantFrom(0, 2 ** 31 - 50, 2 ** 32 - 50, MAX_SEQUENCE - 30_000), steps, (start, moves) => {
        const window = windowWith();
        const received = new Set<number>();
        let newest = -1;
        for (const [move, isAuthentic] of moves) {
          const sequence = Math.max(0, (newest < 0 ? start : newest) + move);
          const isNew = sequence > newest - REPLAY_WINDOW_RECORDS && !received.has(sequence);
          expect(window.isNew(sequence)).toBe(isNew);
          if (!isNew || !isAuthentic) continue;
          expect(window.accept(sequence)).toBe(sequence > newest);
          received.add(sequence);
          newest = Math.max(newest, sequence);
          expect(window.newest).toBe(newest);
        }
      }),
    );
  });
});
