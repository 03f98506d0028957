import { setTimeout as sleep } from "node:timers/promises";
import type { TransportPorts } from "../ports.ts";
import type { Answer } from "./answer.ts";
import { finishRequest } from "./finish-request.ts";
import { nameOf, type RequestRef } from "./rpc-request.ts";

/** Answers that are held at most; a device answers few of its requests while Redis is away, for none can be fetched. */
const MAX_HELD = 10_000;
/** Answers that the store is told at a time, and the pause when it cannot be reached, ms. */
const BATCH = 100;
const RETRY_MS = 250;

/** Answers that are decided and that the store could not be told: it is told when it is back, and until then nobody sends their requests again. */
export class HeldAnswers {
  readonly #ports: TransportPorts;
  readonly #held = new Map<string, { readonly request: RequestRef; readonly given: Answer }>();
  readonly #stopped = new AbortController();
  #telling = false;

  constructor(ports: TransportPorts) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#held.size;
  }

  has(request: RequestRef): boolean {
    return this.#held.has(nameOf(request));
  }

  /** False when too many are held already: the request is open, as if it had not been answered. */
  hold(request: RequestRef, given: Answer): boolean {
    if (this.#held.size >= MAX_HELD) return false;
    this.#held.set(nameOf(request), { request, given });
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

  /** False when the store is still away. */
  async #tellSome(): Promise<boolean> {
    const some = [...this.#held].slice(0, BATCH);
    const told = await Promise.all(
      some.map(async ([name, { request, given }]) => {
        const isTold = await finishRequest(request, given, this.#ports);
        if (isTold) this.#held.delete(name);
        return isTold;
      }),
    );
    return told.every(Boolean);
  }
}
