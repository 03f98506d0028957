/** How often something may be done. */
export interface RateOptions {
  readonly perSecond: number;
  /** How many at once. */
  readonly burst: number;
}

/** Says when something was done often enough: a token bucket, kept as the time at which it is full again (generic cell rate algorithm). */
export class Rate {
  readonly #intervalMs: number;
  readonly #slackMs: number;
  #fullAtMs = Number.NEGATIVE_INFINITY;

  constructor({ perSecond, burst }: RateOptions) {
    this.#intervalMs = 1000 / perSecond;
    this.#slackMs = this.#intervalMs * (burst - 1);
  }

  /** Whether once more is fine, and leaves so many for others; if so, it counts. */
  take(nowMs: number, left = 0): boolean {
    const fullAtMs = Math.max(this.#fullAtMs, nowMs);
    if (fullAtMs - nowMs > this.#slackMs - left * this.#intervalMs) return false;
    this.#fullAtMs = fullAtMs + this.#intervalMs;
    return true;
  }
}
