import type { DeviceStore } from "@ferry/state";

/** How long after the store was found emptied or rolled back its "unknown" proves nothing: devices have to register anew first, ms. */
const DOUBT_MS = 600_000;
/** How old an answer of the store may be, ms. */
const FRESH_MS = 1_000;

/**
 * Tells whether the store's memory can be trusted: an emptied or rolled-back Redis knows none of the devices that live.
 *
 * While it is in doubt no notification is answered with RST, for that would end an observation that nobody makes anew.
 */
export class StoreWatch {
  readonly #devices: DeviceStore;
  readonly #monotonicMs: () => number;
  readonly #onLost: () => void;
  #incarnationId: string;
  #doubtUntilMs = Number.NEGATIVE_INFINITY;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  private constructor(devices: DeviceStore, incarnationId: string, monotonicMs: () => number, onLost: () => void) {
    this.#devices = devices;
    this.#incarnationId = incarnationId;
    this.#monotonicMs = monotonicMs;
    this.#onLost = onLost;
  }

  /** Remembers the store as it is now. `onLost` is told each time that it was emptied or rolled back. @throws {StateUnavailableError} */
  static async begin(devices: DeviceStore, monotonicMs: () => number, onLost: () => void): Promise<StoreWatch> {
    return new StoreWatch(devices, (await devices.incarnation()).id, monotonicMs, onLost);
  }

  /** Asks the store, at most once a second: anybody can send what it does not know. @throws {StateUnavailableError} */
  async inDoubt(): Promise<boolean> {
    if (this.#monotonicMs() - this.#askedAtMs >= FRESH_MS) await this.#ask();
    return this.#monotonicMs() < this.#doubtUntilMs;
  }

  async #ask(): Promise<void> {
    this.#askedAtMs = this.#monotonicMs();
    const { id } = await this.#devices.incarnation();
    const nowMs = this.#monotonicMs();
    if (id !== this.#incarnationId) {
      this.#incarnationId = id;
      this.#doubtUntilMs = nowMs + DOUBT_MS;
      this.#onLost();
    }
  }
}
