import type { RateLimit } from "@ferry/profile";
import { putNewest } from "@ferry/runtime";
import { type BucketState, takeToken, takeTokens } from "@ferry/state";

/** What was looked up in vain, at most; the oldest is forgotten first. */
export const MAX_REMEMBERED = 65_536;
/** How long a look-up in vain is remembered: a device may come back before that only if the store was written back, ms. */
export const REMEMBER_MS = 5_000;

/** Whether the store is asked: a guess costs whoever guesses nothing, so it must cost us little. */
export class LookupGuard {
  readonly #limit: RateLimit;
  readonly #monotonicMs: () => number;
  readonly #bucket: BucketState = [];
  /** Until when there is nothing. */
  readonly #nothing = new Map<string, number>();

  constructor(limit: RateLimit, monotonicMs: () => number) {
    this.#limit = limit;
    this.#monotonicMs = monotonicMs;
  }

  /** What is to be done about a look-up: `ask` takes a token. */
  admit(name: string): "ask" | "spared" | "limited" {
    const nowMs = this.#monotonicMs();
    if ((this.#nothing.get(name) ?? 0) > nowMs) return "spared";
    return takeToken(this.#limit, this.#bucket, nowMs) === 0 ? "ask" : "limited";
  }

  /** A record proved to be of what was found: its device has its look-up for nothing, whatever strangers guess. That something was found proves nothing yet. */
  proven(): void {
    takeTokens(this.#limit, this.#bucket, -1, this.#monotonicMs());
  }

  /** There is nothing of this name. */
  remember(name: string): void {
    putNewest(this.#nothing, name, this.#monotonicMs() + REMEMBER_MS, MAX_REMEMBERED);
  }
}
