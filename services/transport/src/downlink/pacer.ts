/** What a `Pacer` is told. */
export interface PacerParts<Item> {
  /** How many may go each second. */
  readonly perSecond: number;
  /** Monotonic, ms. */
  readonly clock: () => number;
  readonly later: (ms: number, then: () => void) => void;
  /** Whether there is something to do for an item now; one without is passed over. */
  readonly isDue: (item: Item) => boolean;
  readonly run: (item: Item) => void;
}

/** How long those who wait do so at least, ms. */
const TICK_MS = 20;

/**
 * Lets items go at a bounded pace, first come first served: a change that concerns the whole fleet must not become a burst.
 *
 * Where nobody waits, an item goes at once. It holds no item twice, so it is bounded by their number.
 */
export class Pacer<Item> {
  readonly #parts: PacerParts<Item>;
  readonly #waiting = new Set<Item>();
  #allowed: number;
  #countedAtMs: number;
  #ticking = false;

  constructor(parts: PacerParts<Item>) {
    this.#parts = parts;
    this.#allowed = parts.perSecond;
    this.#countedAtMs = parts.clock();
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Lets an item go as soon as its turn comes. */
  soon(item: Item): void {
    this.#waiting.add(item);
    if (!this.#ticking) this.#letGo();
  }

  /** The same, after a while. */
  later(item: Item, ms: number): void {
    this.#parts.later(ms, () => this.soon(item));
  }

  #letGo(): void {
    const { isDue, run } = this.#parts;
    for (const item of this.#waiting) {
      if (!isDue(item)) {
        this.#waiting.delete(item);
        continue;
      }
      if (!this.#take()) {
        this.#tick();
        return;
      }
      this.#waiting.delete(item);
      run(item);
    }
  }

  #tick(): void {
    this.#ticking = true;
    this.#parts.later(TICK_MS, () => {
      this.#ticking = false;
      this.#letGo();
    });
  }

  #take(): boolean {
    const { perSecond, clock } = this.#parts;
    const nowMs = clock();
    this.#allowed = Math.min(perSecond, this.#allowed + ((nowMs - this.#countedAtMs) / 1000) * perSecond);
    this.#countedAtMs = nowMs;
    if (this.#allowed < 1) return false;
    this.#allowed -= 1;
    return true;
  }
}
