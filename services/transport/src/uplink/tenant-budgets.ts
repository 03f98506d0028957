import type { RateLimit } from "@ferry/profile";
import { type BucketState, type BudgetStore, StateUnavailableError, takeToken } from "@ferry/state";

/** Part of the smallest bucket that all nodes together may hold in chunks: what a budget may be off by. */
const CHUNKS_OF = 10;
/** How soon Redis is asked again when it is away, or answered that a budget is used up, ms. */
const RETRY_MS = 1_000;
const MIN_RETRY_MS = 50;

/** What the node holds of one tenant's budget. */
interface Held {
  /** Tokens that the store granted and that are not spent; below zero when more were spent meanwhile than it granted. */
  tokens: number;
  /** Tokens spent by the node's fair share, which the store does not know of yet. */
  debt: number;
  readonly share: BucketState;
  /** The store said that there is no more. */
  usedUp: boolean;
  /** When the store is asked again at the earliest, monotonic ms. */
  askAgainAtMs: number;
  asking: boolean;
}

/**
 * Token buckets of tenants over all nodes.
 *
 * Each node takes tokens from the store in chunks, ahead of its need, so that no datagram waits for it. While the store has not answered, or is away,
 * the node goes on by its fair share, the limit divided by the number of live nodes; what it spent so is paid with the next chunk.
 */
export class TenantBudgets {
  readonly #budgets: BudgetStore;
  readonly #buckets: RateLimit;
  readonly #countNodes: () => Promise<number | undefined>;
  readonly #monotonicMs: () => number;
  readonly #onUnavailable: (error: StateUnavailableError) => void;
  readonly #held = new Map<string, Held>();
  #chunk = 1;
  #fairShare: RateLimit;

  constructor(parts: {
    readonly budgets: BudgetStore;
    /** What all devices of one tenant may send; empty: everything. */
    readonly buckets: RateLimit;
    /** Live nodes; undefined while they are not known. */
    readonly countNodes: () => Promise<number | undefined>;
    readonly monotonicMs: () => number;
    readonly onUnavailable: (error: StateUnavailableError) => void;
  }) {
    this.#budgets = parts.budgets;
    this.#buckets = parts.buckets;
    this.#countNodes = parts.countNodes;
    this.#monotonicMs = parts.monotonicMs;
    this.#onUnavailable = parts.onUnavailable;
    this.#fairShare = parts.buckets;
    this.#divide(1);
  }

  /** Takes a token of a tenant; 0 when it was there, else how long until it is worth trying again, ms. */
  take(tenant: string, nowMs: number): number {
    if (this.#buckets.length === 0) return 0;
    const held = this.#heldOf(tenant);
    if (held.tokens < this.#chunk / 2 && !held.asking && nowMs >= held.askAgainAtMs) void this.#ask(tenant, held);
    if (held.tokens >= 1) {
      held.tokens -= 1;
      return 0;
    }
    if (held.usedUp) return Math.max(held.askAgainAtMs - nowMs, MIN_RETRY_MS);
    const waitMs = takeToken(this.#fairShare, held.share, nowMs);
    if (waitMs === 0) held.debt += 1;
    return waitMs;
  }

  async #ask(name: string, held: Held): Promise<void> {
    held.asking = true;
    try {
      const nodes = await this.#countNodes();
      if (nodes !== undefined) this.#divide(nodes);
      const owed = held.debt;
      const { granted, retryAfterMs } = await this.#budgets.take({
        name,
        buckets: this.#buckets,
        wanted: this.#chunk + owed + Math.max(0, -held.tokens),
      });
      held.debt -= owed;
      held.tokens += granted - owed;
      held.usedUp = held.tokens < 1;
      held.askAgainAtMs = held.usedUp ? this.#monotonicMs() + Math.max(retryAfterMs, MIN_RETRY_MS) : 0;
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      this.#onUnavailable(error);
      held.debt = 0; // The fair share is all that holds now.
      held.usedUp = false;
      held.askAgainAtMs = this.#monotonicMs() + RETRY_MS;
    } finally {
      held.asking = false;
    }
  }

  #heldOf(tenant: string): Held {
    let held = this.#held.get(tenant);
    if (held === undefined) {
      held = { tokens: 0, debt: 0, share: [], usedUp: false, askAgainAtMs: 0, asking: false };
      this.#held.set(tenant, held);
    }
    return held;
  }

  #divide(nodes: number): void {
    const divisor = Math.max(1, nodes);
    const smallest = Math.min(...this.#buckets.map(({ capacity }) => capacity));
    this.#chunk = Math.max(1, Math.floor(smallest / (CHUNKS_OF * divisor)));
    this.#fairShare = this.#buckets.map(({ capacity, periodMs }) => ({
      capacity: Math.max(1, Math.floor(capacity / divisor)),
      periodMs,
    }));
  }
}
