import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { BudgetStore } from "../budget.ts";

/** A store of budgets, and a way to let time pass. */
export interface BudgetStoreHarness {
  readonly budgets: BudgetStore;
  wipe(): Promise<void>;
  /** Returns when at least so much time has passed for the store. */
  elapse(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** Every promise of `BudgetStore`. */
export function describeBudgetStore(name: string, open: () => Promise<BudgetStoreHarness>): void {
  describe(name, () => {
    let harness: BudgetStoreHarness;
    let budgets: BudgetStore;
    beforeAll(async () => {
      harness = await open();
    });
    beforeEach(async () => {
      await harness.wipe();
      budgets = harness.budgets;
    });
    afterAll(() => harness?.stop());

    it("Grants what is wanted while it lasts, then the rest, then nothing but when to come again", async () => {
      const take = (wanted: number): ReturnType<BudgetStore["take"]> =>
        budgets.take({ name: "t", buckets: HOURLY, wanted });
      expect(await take(60)).toEqual({ granted: 60, retryAfterMs: 0 });
      expect(await take(60)).toEqual({ granted: 40, retryAfterMs: 0 });
      const { granted, retryAfterMs } = await take(1);
      expect(granted).toBe(0);
      expect(retryAfterMs).toBeGreaterThan(0);
      expect(retryAfterMs).toBeLessThanOrEqual(HOUR_MS / 100);
    });

    it("Grants among racing nodes no more than there is", async () => {
      const grants = await Promise.all(
        Array.from({ length: 50 }, () => budgets.take({ name: "t", buckets: HOURLY, wanted: 3 })),
      );
      expect(grants.reduce((sum, { granted }) => sum + granted, 0)).toBe(100);
    });

    it("Counts each name for itself, whatever characters it has", async () => {
      for (const other of ["t", "}x{", "ä/:*"]) {
        expect(await budgets.take({ name: other, buckets: HOURLY, wanted: 100 })).toMatchObject({ granted: 100 });
      }
    });

    it("Grants by the tightest of several buckets", async () => {
      const buckets = [...HOURLY, { capacity: 7, periodMs: HOUR_MS }];
      expect(await budgets.take({ name: "t", buckets, wanted: 100 })).toMatchObject({ granted: 7 });
      expect(await budgets.take({ name: "t", buckets, wanted: 1 })).toMatchObject({ granted: 0 });
    });

    it("Refills evenly", async () => {
      const buckets = [{ capacity: 1000, periodMs: 100_000 }];
      await budgets.take({ name: "t", buckets, wanted: 1000 });
      await harness.elapse(300);
      const { granted } = await budgets.take({ name: "t", buckets, wanted: 1000 });
      expect(granted).toBeGreaterThanOrEqual(3);
      expect(granted).toBeLessThan(1000); // However slow the machine is.
    });

    it("Grants everything where there is no limit", async () => {
      expect(await budgets.take({ name: "t", buckets: [], wanted: 1000 })).toEqual({ granted: 1000, retryAfterMs: 0 });
    });
  });
}

const HOUR_MS = 3_600_000;
/** Refilled so slowly that no test sees it. */
const HOURLY = [{ capacity: 100, periodMs: HOUR_MS }];
