/** Randomness that a seed decides, so that a run can be repeated; not for secrets. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to 1, without 1 (mulberry32). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  /** A whole number from 0 to `limit`, without `limit`. */
  readonly below = (limit: number): number => Math.floor(this.next() * limit);

  /** True in this share of calls. */
  readonly chance = (rate: number): boolean => this.next() < rate;

  readonly bytes = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => this.below(256));
}
