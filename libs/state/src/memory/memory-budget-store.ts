import type { BudgetGrant, BudgetRequest, BudgetStore } from "../budget.ts";
import { type BucketState, freeTokens, takeTokens, tokenWaitMs } from "../token-bucket.ts";

/** Keeps budgets in the process. */
export class MemoryBudgetStore implements BudgetStore {
  readonly #now: () => number;
  readonly #states = new Map<string, BucketState>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async take({ name, buckets, wanted }: BudgetRequest): Promise<BudgetGrant> {
    const nowMs = this.#now();
    const state = this.#states.get(name) ?? [];
    const granted = Math.min(wanted, freeTokens(buckets, state, nowMs));
    if (granted === 0) return { granted, retryAfterMs: Math.ceil(tokenWaitMs(buckets, state, nowMs)) };
    takeTokens(buckets, state, granted, nowMs);
    this.#states.set(name, state);
    return { granted, retryAfterMs: 0 };
  }
}
