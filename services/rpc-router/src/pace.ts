import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "@ferry/runtime";

/** Waits shorter than this are let run up, ms: timers are no finer. */
const SHORTEST_MS = 5;

/** Lets so many steps begin in a second, evenly, whoever takes them. */
export class Pace {
  readonly #stepMs: number;
  readonly #clock: Clock;
  #nextMs = 0;

  constructor(perSecond: number, clock: Clock) {
    this.#stepMs = 1000 / perSecond;
    this.#clock = clock;
  }

  /** Resolves when the next step may begin. @throws {DOMException} AbortError, when `signal` aborts */
  async step(signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock();
    const waitMs = this.#nextMs - nowMs;
    this.#nextMs = Math.max(this.#nextMs, nowMs) + this.#stepMs;
    if (waitMs >= SHORTEST_MS) await sleep(waitMs, undefined, { signal });
  }
}
