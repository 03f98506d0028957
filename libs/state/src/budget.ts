import type { RateLimit } from "@ferry/profile";

/** What came of asking a budget for tokens. */
export interface BudgetGrant {
  /** Tokens that were got, at most as many as were wanted. */
  readonly granted: number;
  /** When nothing was granted: how long until there is a token, ms. */
  readonly retryAfterMs: number;
}

/** Up to `wanted` tokens (at least 1) out of the buckets of a name. */
export interface BudgetRequest {
  readonly name: string;
  readonly buckets: RateLimit;
  readonly wanted: number;
}

/**
 * Token buckets that all nodes share, one set for each name: a node takes a chunk now and then, off the path of its datagrams.
 *
 * Time is the store's own. A budget that nobody asks for is full, and forgotten.
 */
export interface BudgetStore {
  /**
   * Takes up to `wanted` tokens (at least 1) out of the buckets of a name.
   *
   * Rejects with `StateUnavailableError` when the store cannot be reached in time; tokens may then have been taken.
   */
  take(request: BudgetRequest): Promise<BudgetGrant>;
}
