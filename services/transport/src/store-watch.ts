import type { DeviceStore, Incarnation } from "@ferry/state";

/** How long after the store was found emptied or rolled back its "unknown" proves nothing: what Kafka knew of its devices may be behind, ms. */
const DOUBT_MS = 600_000;

/**
 * Tells whether the store's memory can be trusted: an emptied or rolled-back Redis knows none of the devices that live, or not their last seconds.
 *
 * While it is in doubt no notification is answered with RST, for that would end an observation that nobody makes anew. Until it is restored it is not
 * believed that a registration is unknown either, nor that an open request was never sent.
 */
export class StoreWatch {
  readonly #devices: DeviceStore;
  readonly #monotonicMs: () => number;
  readonly #onLost: () => void;
  #incarnationId: string;
  #doubtUntilMs = Number.NEGATIVE_INFINITY;
  /** When the store was first found not restored, monotonic ms; undefined when it is. */
  #unrestoredSinceMs: number | undefined;

  private constructor(devices: DeviceStore, incarnationId: string, monotonicMs: () => number, onLost: () => void) {
    this.#devices = devices;
    this.#incarnationId = incarnationId;
    this.#monotonicMs = monotonicMs;
    this.#onLost = onLost;
  }

  /** Remembers the store as it is now. `onLost` is told each time that it was emptied or rolled back, and now when it is not restored. @throws {StateUnavailableError} */
  static async begin(devices: DeviceStore, monotonicMs: () => number, onLost: () => void): Promise<StoreWatch> {
    const { id, restored } = await devices.incarnation();
    if (!restored) onLost();
    return new StoreWatch(devices, id, monotonicMs, onLost);
  }

  /** Whether the store is not restored, or was emptied or rolled back in the last 10 minutes. @throws {StateUnavailableError} */
  async inDoubt(): Promise<boolean> {
    const { restored } = await this.#ask();
    return !restored || this.#monotonicMs() < this.#doubtUntilMs;
  }

  /** Whether the store has all that Kafka knows of its former life. @throws {StateUnavailableError} */
  async isRestored(): Promise<boolean> {
    return (await this.restoredLife()) !== undefined;
  }

  /** Whether the store has what Kafka knows of requests: what it has open was never sent. @throws {StateUnavailableError} */
  async areRequestsRestored(): Promise<boolean> {
    return (await this.#ask()).requestsRestored;
  }

  /** Which life of the store this is, once it has all that Kafka knows of the former one: the same before and after another question, it is whose answer that was. @throws {StateUnavailableError} */
  async restoredLife(): Promise<string | undefined> {
    const { id, restored } = await this.#ask();
    return restored ? id : undefined;
  }

  /** For how long the store has been known not to be restored, ms; undefined when it is. @throws {StateUnavailableError} */
  async unrestoredMs(): Promise<number | undefined> {
    await this.#ask();
    return this.#unrestoredSinceMs === undefined ? undefined : this.#monotonicMs() - this.#unrestoredSinceMs;
  }

  async #ask(): Promise<Incarnation> {
    const incarnation = await this.#devices.incarnation();
    if (incarnation.id !== this.#incarnationId) {
      this.#incarnationId = incarnation.id;
      this.#doubtUntilMs = this.#monotonicMs() + DOUBT_MS;
      this.#onLost();
    }
    if (incarnation.restored) this.#unrestoredSinceMs = undefined;
    else this.#unrestoredSinceMs ??= this.#monotonicMs();
    return incarnation;
  }
}
