import { deviceKey } from "@ferry/proto";
import type { DeviceRef } from "@ferry/state";

/** Why a session is given up from outside. */
export type GivenUp = "replaced" | "stopped";

/** A session that runs: it ends when its signal aborts, with a {@link GivenUp} as the reason. */
interface Running {
  readonly stopping: AbortController;
  readonly ended: Promise<void>;
  /** Address that has answered a request of it; undefined: nobody has, or who it is has been proven otherwise. */
  holder?: string;
}

/** The sessions that run: one of a device, and no more than a number. */
export class Sessions {
  readonly #max: number;
  readonly #running = new Map<string, Running>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Whether the device may begin one. */
  hasRoom(device: DeviceRef): boolean {
    return this.#running.size < this.#max || this.#running.has(keyOf(device));
  }

  /** Whether another address than this one holds the device's session: in the clear only it may begin another. */
  isHeldAgainst(device: DeviceRef, address: string): boolean {
    const holder = this.#running.get(keyOf(device))?.holder;
    return holder !== undefined && holder !== address;
  }

  /** Runs a session of a device, after the one before has ended, which is given up. Resolves when it has ended. `hold` says which address it belongs to. */
  async run(
    device: DeviceRef,
    session: (signal: AbortSignal, hold: (address: string) => void) => Promise<void>,
  ): Promise<void> {
    const key = keyOf(device);
    const stopping = new AbortController();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const before = this.#running.get(key);
    const own: Running = { stopping, ended };
    this.#running.set(key, own);
    before?.stopping.abort("replaced" satisfies GivenUp);
    await before?.ended;
    try {
      await session(stopping.signal, (address) => {
        own.holder = address;
      });
    } finally {
      end();
      if (this.#running.get(key) === own) this.#running.delete(key);
    }
  }

  /** Waits until none runs, or `signal` aborts. */
  async drained(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    while (this.#running.size > 0 && !signal.aborted)
      await Promise.race([aborted, Promise.all([...this.#running.values()].map(({ ended }) => ended))]);
  }

  /** Gives all up; resolves when they have ended. */
  async stop(): Promise<void> {
    const running = [...this.#running.values()];
    for (const { stopping } of running) stopping.abort("stopped" satisfies GivenUp);
    await Promise.all(running.map(({ ended }) => ended));
  }
}

function keyOf({ tenant, endpoint }: DeviceRef): string {
  return deviceKey(tenant, endpoint);
}
