import { deviceKey } from "@ferry/proto";
import { type DeviceRecords, SharedQuestion, type StoredRecord } from "@ferry/state";
import type { FleetStore } from "./fleet.ts";

/**
 * The store, for devices that come at one moment: its position, and the record of a pattern, are the same for all of them, and asked for once. Nobody gets the answer to a
 * question that was put before he asked.
 *
 * What is held is the questions under way, at most one about each pattern.
 */
export class SharedFleetStore implements FleetStore {
  readonly #store: FleetStore;
  readonly #position = new SharedQuestion(() => this.#store.position());
  /** By `tenant/pattern`. */
  readonly #patterns = new SharedQuestion((key: string) => {
    const slash = key.indexOf("/"); // A tenant holds none.
    return this.#store.get("device", key.slice(0, slash), key.slice(slash + 1));
  });

  constructor(store: FleetStore) {
    this.#store = store;
  }

  position(): Promise<number | undefined> {
    return this.#position.ask();
  }

  get(_kind: "device", tenant: string, pattern: string): Promise<StoredRecord | undefined> {
    return this.#patterns.ask(deviceKey(tenant, pattern));
  }

  deviceRecords(tenant: string, endpoint: string): Promise<DeviceRecords> {
    return this.#store.deviceRecords(tenant, endpoint);
  }
}
