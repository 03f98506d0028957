import type { IncomingRecord } from "@ferry/bus";
import { monotonicMs } from "@ferry/runtime";
import { isOutage } from "./outage.ts";
import { Pace } from "./pace.ts";
import type { RouterPorts } from "./ports.ts";

/** After so many records it is asked once more whether the store still needs them. */
const CONFIRM_EVERY = 100;

/** What became of a record that was to restore the store. */
export type Restored = "restored" | "known" | "ended" | "damaged";

/** Which record it is, for the log. */
export type Source = Pick<IncomingRecord, "topic" | "partition" | "offset" | "key">;

/** What one life of the store is restored with. */
export interface RestoringOptions {
  /** Id of that life. */
  readonly incarnation: string;
  /** Records that are put back a second, at most. */
  readonly perSecond: number;
  /** Aborts when the router stops. */
  readonly signal: AbortSignal;
}

/** One life of the store that is being restored: puts back record after record, as long as it is that life and nobody else has restored it. */
export class Restoring {
  readonly ports: RouterPorts;
  /** Aborts when the router stops, and when restoring is over. */
  readonly signal: AbortSignal;
  /** Id of that life. */
  readonly incarnation: string;
  readonly #pace: Pace;
  readonly #over = new AbortController();
  #isNeedless = false;
  /** The store could not be asked, or knew less than it should: it may have been lost once more. */
  #isDoubtful = false;
  #records = 0;
  #changes = 0;

  constructor(ports: RouterPorts, { incarnation, perSecond, signal }: RestoringOptions) {
    this.ports = ports;
    this.incarnation = incarnation;
    this.#pace = new Pace(perSecond, monotonicMs);
    this.signal = AbortSignal.any([signal, this.#over.signal]);
  }

  /** It ended early: another router has restored the store, or it was lost once more. */
  get isNeedless(): boolean {
    return this.#isNeedless;
  }

  /** Records that the store had not, or that were ended. */
  get changes(): number {
    return this.#changes;
  }

  /** Gives up what is still under way. */
  stop(): void {
    this.#over.abort();
  }

  /**
   * Makes sure that the store is still the one that is restored: what its next life does not have yet is not gone.
   *
   * @throws {DOMException} AbortError: it is not, or need not be restored any more
   * @throws {StateUnavailableError}
   */
  async confirm(): Promise<void> {
    const { id, restored } = await this.ports.devices.incarnation();
    if (restored || id !== this.incarnation) {
      this.#isNeedless = true;
      this.stop();
    }
    this.signal.throwIfAborted();
  }

  /**
   * Puts back one record, when its turn comes. One that cannot be is passed over: it must not keep the router from answering at all.
   *
   * @throws {StateUnavailableError | BusUnavailableError} it may be repeated
   * @throws {DOMException} AbortError: restoring is over
   */
  async put(what: "device" | "request" | "value", source: Source, restore: () => Promise<Restored>): Promise<void> {
    if (this.#isDoubtful || (this.#records > 0 && this.#records % CONFIRM_EVERY === 0)) await this.confirm();
    this.#isDoubtful = false;
    this.#records += 1;
    await this.#pace.step(this.signal);
    const outcome = await this.#tryPut(what, source, restore);
    if (outcome === "restored" || outcome === "ended") this.#changes += 1;
    this.ports.metrics.restored.with({ what, outcome }).inc();
  }

  async #tryPut(
    what: string,
    { topic, partition, offset, key }: Source,
    restore: () => Promise<Restored>,
  ): Promise<Restored> {
    let err: unknown;
    try {
      const outcome = await restore();
      if (outcome !== "damaged") return outcome;
    } catch (error) {
      this.#isDoubtful = isOutage(error);
      if (this.#isDoubtful || this.signal.aborted) throw error;
      err = error;
    }
    this.ports.logger.error({ err, topic, partition, offset, key }, `the record of a ${what} is passed over`);
    return "damaged";
  }
}
