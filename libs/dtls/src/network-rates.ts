import { oldestBeyond } from "./oldest-beyond.ts";
import { Rate, type RateOptions } from "./rate.ts";

/** Networks whose rate is remembered; beyond it the one that was asked for longest ago begins anew. */
const MAX_NETWORKS = 4_096;

/** A rate for each network, so that one of them cannot use up what all share. */
export class NetworkRates {
  readonly #options: RateOptions;
  readonly #rates = new Map<string, Rate>();

  constructor(options: RateOptions) {
    this.#options = options;
  }

  /** Whether once more is fine for this network; if so, it counts. */
  take(network: string, nowMs: number): boolean {
    const rate = this.#rates.get(network) ?? new Rate(this.#options);
    this.#rates.delete(network);
    this.#rates.set(network, rate);
    for (const oldest of oldestBeyond(this.#rates, MAX_NETWORKS)) this.#rates.delete(oldest);
    return rate.take(nowMs);
  }
}
