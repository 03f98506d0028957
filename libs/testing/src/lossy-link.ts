import type { SeededRandom } from "./seeded-random.ts";

/** How badly a link treats datagrams. */
export interface LossyLinkOptions {
  /** Share of datagrams that get lost, 0 to 1. */
  readonly lossRate: number;
  /** Share of datagrams that arrive twice. */
  readonly duplicationRate: number;
  readonly minDelayMs: number;
  /** Delays are spread evenly up to this, which is what reorders. */
  readonly maxDelayMs: number;
}

/** A network that loses, repeats, delays and so reorders what it carries, as its randomness decides. */
export class LossyLink<Datagram> {
  readonly #options: LossyLinkOptions;
  readonly #random: SeededRandom;
  /** What is under way, the first to arrive last. */
  readonly #underWay: { readonly datagram: Datagram; readonly atMs: number }[] = [];

  constructor(options: LossyLinkOptions, random: SeededRandom) {
    this.#options = options;
    this.#random = random;
  }

  /** When the next datagram arrives. */
  get nextMs(): number | undefined {
    return this.#underWay.at(-1)?.atMs;
  }

  send(datagram: Datagram, nowMs: number): void {
    if (!this.#random.chance(this.#options.lossRate)) this.#carry(datagram, nowMs);
    if (this.#random.chance(this.#options.duplicationRate)) this.#carry(datagram, nowMs);
  }

  /** Takes out the next datagram that has arrived by now. */
  takeArrived(nowMs: number): Datagram | undefined {
    const next = this.#underWay.at(-1);
    if (next === undefined || next.atMs > nowMs) return undefined;
    this.#underWay.pop();
    return next.datagram;
  }

  #carry(datagram: Datagram, nowMs: number): void {
    const { minDelayMs, maxDelayMs } = this.#options;
    const atMs = nowMs + minDelayMs + this.#random.below(maxDelayMs - minDelayMs + 1);
    let [low, high] = [0, this.#underWay.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const arrival = this.#underWay[middle]?.atMs ?? 0;
      if (arrival > atMs) low = middle + 1;
      else high = middle;
    }
    this.#underWay.splice(low, 0, { datagram, atMs });
  }
}
