import { setTimeout as sleep } from "node:timers/promises";
import type { EncodedAnswer } from "./finish-request.ts";
import { nameOf, type RequestRef } from "./rpc-request.ts";

/** Answers that are held at most, and their bytes; a device answers few of its requests while Redis is away, for none can be fetched. */
const MAX_HELD = 10_000;
const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** Answers that the store is told at a time, and the pause when it cannot be reached, ms. */
const BATCH = 100;
const RETRY_MS = 250;

/** Answers that are decided and that the store could not be told: it is told when it is back, with the requests that it may have lost. Until then this node does not send those again. */
export class HeldAnswers {
  readonly #finish: (final: EncodedAnswer) => Promise<boolean>;
  readonly #held = new Map<string, EncodedAnswer>();
  #bytes = 0;
  readonly #stopped = new AbortController();
  #telling = false;

  /** `finish` tells the store; false when it is to be told later. */
  constructor(finish: (final: EncodedAnswer) => Promise<boolean>) {
    this.#finish = finish;
  }

  get size(): number {
    return this.#held.size;
  }

  has(request: RequestRef): boolean {
    return this.#held.has(nameOf(request));
  }

  /** False when too many are held already: the request is open, as if it had not been answered. */
  hold(final: EncodedAnswer): boolean {
    if (this.has(final.request)) return true; // The first decides.
    if (this.#held.size >= MAX_HELD || this.#bytes + final.response.length > MAX_HELD_BYTES) return false;
    this.#held.set(nameOf(final.request), final);
    this.#bytes += final.response.length;
    if (!this.#telling) void this.#tell();
    return true;
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #tell(): Promise<void> {
    const { signal } = this.#stopped;
    this.#telling = true;
    while (this.#held.size > 0 && !signal.aborted) {
      // Rejects with an AbortError, and with nothing else, when the signal aborts.
      await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => {});
      let told = !signal.aborted;
      while (told && this.#held.size > 0) told = await this.#tellSome();
    }
    this.#telling = false;
  }

  /** False when the store is still away, or not restored. */
  async #tellSome(): Promise<boolean> {
    const some = [...this.#held].slice(0, BATCH);
    const told = await Promise.all(
      some.map(async ([name, final]) => {
        const isTold = await this.#finish(final);
        if (isTold && this.#held.delete(name)) this.#bytes -= final.response.length;
        return isTold;
      }),
    );
    return told.every(Boolean);
  }
}
