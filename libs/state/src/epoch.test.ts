import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { epochSlot, nextEpoch } from "./epoch.ts";

const slot = fc.integer({ min: 0, max: 255 });
/** Until the year 3084. */
const ms = fc.integer({ min: 0, max: 2 ** 45 - 2 });

it("An epoch is (ms since 1970 << 8) | slot", () => {
  expect(nextEpoch(0, 63, 1_800_000_000_000)).toBe(1_800_000_000_000 * 256 + 63);
});

it("An epoch lies beyond the stored one, not before the clock, and names its slot", () => {
  fc.assert(
    fc.property(ms, slot, slot, ms, (storedMs, storedSlot, by, nowMs) => {
      const stored = storedMs * 256 + storedSlot;
      const epoch = nextEpoch(stored, by, nowMs);
      expect(epoch).toBeGreaterThan(stored);
      expect(epoch).toBeGreaterThanOrEqual(nowMs * 256);
      expect(epochSlot(epoch)).toBe(by);
      expect(Number.isSafeInteger(epoch)).toBe(true);
    }),
  );
});

it("Epochs of two slots are never equal", () => {
  fc.assert(
    fc.property(ms, ms, slot, slot, (nowMs, otherMs, a, b) => {
      fc.pre(a !== b);
      expect(nextEpoch(0, a, nowMs)).not.toBe(nextEpoch(0, b, otherMs));
    }),
  );
});
