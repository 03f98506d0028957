import { setTimeout as sleep } from "node:timers/promises";
import type { OwnedDevice } from "../owned-device.ts";
import type { Pacer } from "./pacer.ts";

/** The pause before what Redis could not tell is asked once more, ms. */
const RETRY_MS = 1_000;

/** Devices for which something waits that could not be fetched because Redis was away: all get their turn again after a pause, at the pacer's pace. */
export class FetchAgain {
  readonly #pacer: Pacer<OwnedDevice>;
  readonly #devices = new Set<OwnedDevice>();

  constructor(pacer: Pacer<OwnedDevice>) {
    this.#pacer = pacer;
  }

  add(device: OwnedDevice): void {
    this.#devices.add(device);
    if (this.#devices.size === 1) void this.#letGo();
  }

  async #letGo(): Promise<void> {
    await sleep(RETRY_MS, undefined, { ref: false });
    const devices = [...this.#devices];
    this.#devices.clear();
    for (const device of devices) this.#pacer.soon(device);
  }
}
