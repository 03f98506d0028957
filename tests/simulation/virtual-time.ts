import timers from "node:timers/promises";
import { jest } from "@jest/globals";

const realImmediate = setImmediate;

/**
 * Time that goes on only when told, for code that uses timers and clocks: a day in seconds.
 *
 * Everything of one moment, its promises included, is done before time goes on. What waits for the world outside (sockets, files) is not waited for.
 */
export class VirtualTime {
  readonly #real = { setTimeout: timers.setTimeout, setImmediate: timers.setImmediate };

  /** Begins at `nowMs`, ms since 1970. */
  constructor(nowMs: number) {
    jest.useFakeTimers({ now: nowMs, doNotFake: ["nextTick", "queueMicrotask"] });
    // Jest replaces the timers of the global object only.
    Object.assign(timers, {
      setTimeout: (ms: number, value: unknown, { signal }: { signal?: AbortSignal } = {}) => {
        const { promise, resolve, reject } = Promise.withResolvers<unknown>();
        const timer = setTimeout(resolve, ms, value);
        const abort = () => {
          clearTimeout(timer);
          reject(signal?.reason);
        };
        if (signal?.aborted === true) abort();
        else signal?.addEventListener("abort", abort, { once: true });
        return promise.finally(() => signal?.removeEventListener("abort", abort));
      },
      setImmediate: (value: unknown) => new Promise((resolve) => setImmediate(resolve, value)),
    });
  }

  get nowMs(): number {
    return Date.now();
  }

  /** Lets time go on to `untilMs`, ms since 1970. */
  async goOn(untilMs: number): Promise<void> {
    let reached = false;
    setTimeout(() => {
      reached = true;
    }, untilMs - Date.now());
    while (!reached) await this.#step();
  }

  /** Lets time go on until a promise is settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    promise.then(settle, settle);
    while (!settled) await this.#step();
    return promise;
  }

  /** Does what is due next, and what follows from it in the same moment. */
  async #step(): Promise<void> {
    await new Promise((resolve) => realImmediate(resolve)); // After all promises that wait for nothing else.
    jest.advanceTimersToNextTimer();
  }

  /** Gives the time back. */
  end(): void {
    Object.assign(timers, this.#real);
    jest.useRealTimers();
  }
}
