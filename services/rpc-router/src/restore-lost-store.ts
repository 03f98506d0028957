import { indexTable, type TableIndex } from "@ferry/bus";
import { TOPICS } from "@ferry/proto";
import { monotonicMs } from "@ferry/runtime";
import type { Materialiser } from "./materialise-provisioning.ts";
import type { RouterPorts } from "./ports.ts";
import { restoreDevices } from "./restore-devices.ts";
import { restoreRequests } from "./restore-requests.ts";
import { restoreValues } from "./restore-values.ts";
import { Restoring } from "./restoring.ts";
import type { Accepted } from "./route-requests.ts";
import { tellWorkWaits } from "./work-waits.ts";

/** What a restorer needs of its router. */
export interface RestorerParts {
  readonly materialiser: Materialiser;
  /** Records that are put back a second, at most. */
  readonly perSecond: number;
  /** Told of each request that waits for its answer again. */
  readonly onOpen: (request: Accepted) => void;
  readonly signal: AbortSignal;
}

/**
 * Gives a store that was emptied, rolled back or replaced what Kafka knows of its former life, and then notes that in it, so that it is done once.
 *
 * The order matters: provisioning says which devices there still are, and what waits for a device should be there when the device is. The topics are read at
 * the same time, for Kafka takes seconds to begin. Every step may be repeated and done by several routers at once: what another has restored is known, and
 * who sees that another is done stops.
 */
export class StoreRestorer {
  readonly #ports: RouterPorts;
  readonly #parts: RestorerParts;

  constructor(ports: RouterPorts, parts: RestorerParts) {
    this.#ports = ports;
    this.#parts = parts;
  }

  /** Restores the store if it needs that. Call it now and then. @throws {StateUnavailableError | BusUnavailableError} the next call begins anew */
  async check(): Promise<void> {
    const { id, restored } = await this.#ports.devices.incarnation();
    if (restored) return;
    const { metrics, logger } = this.#ports;
    const { perSecond, signal } = this.#parts;
    const restoring = new Restoring(this.#ports, { incarnation: id, perSecond, signal });
    const startMs = monotonicMs();
    const isFirst = !(await this.#isAnythingKnown());
    logger[isFirst ? "debug" : "info"](
      { incarnation: id },
      "Redis is new, or was emptied or rolled back: it gets back what Kafka knows",
    );
    metrics.restoring.set(1);
    try {
      const done = isFirst ? await this.#begin(id) : await this.#restore(restoring);
      const seconds = (monotonicMs() - startMs) / 1000;
      if (done) metrics.restoreSeconds.observe(seconds);
      const { changes } = restoring;
      const level = isFirst ? "debug" : done && changes > 0 ? "warn" : "info";
      logger[level]({ incarnation: id, seconds, changes, done }, done ? "Redis is restored" : "restoring ended early");
    } finally {
      restoring.stop();
      metrics.restoring.set(0);
    }
  }

  /** Whether any device, request or desired value was ever on record: in a system that is new there is nothing to restore. */
  async #isAnythingKnown(): Promise<boolean> {
    const { bus, settings } = this.#ports;
    const topics = [TOPICS.rpcState, TOPICS.deviceState, TOPICS.attributeUpdate];
    const ends = await Promise.all(topics.map(({ name }) => bus.endOffsets(settings.topicPrefix + name)));
    return ends.flat().some((end) => end > 0);
  }

  /** The first life of a store. False when it is over already. */
  async #begin(incarnation: string): Promise<boolean> {
    await this.#parts.materialiser.rebuild();
    return this.#ports.devices.markRestored(incarnation);
  }

  /** False when it became needless on the way: another router has done it, or the store was lost once more. */
  async #restore(restoring: Restoring): Promise<boolean> {
    const { materialiser } = this.#parts;
    const index = ({ name }: { readonly name: string }): Promise<TableIndex> =>
      indexTable(this.#ports.bus, this.#ports.settings.topicPrefix + name, restoring.signal);
    try {
      const [devices, values] = await Promise.all([
        index(TOPICS.deviceState),
        index(TOPICS.attributeUpdate),
        materialiser.rebuild(),
        this.#restoreRequests(restoring),
      ]);
      await restoreDevices(devices, restoring);
      await restoreValues(values, restoring);
      await restoring.confirm();
    } catch (error) {
      if (restoring.isNeedless) return false;
      throw error;
    }
    return this.#ports.devices.markRestored(restoring.incarnation);
  }

  /** From then on requests are routed to the devices that are known: their owners write them back themselves. */
  async #restoreRequests(restoring: Restoring): Promise<void> {
    const haveWork = await restoreRequests(this.#parts.onOpen, restoring);
    await restoring.confirm();
    await this.#ports.devices.markRestored(restoring.incarnation, "requests");
    // Before the mark a node would not fetch.
    for (const state of haveWork) await tellWorkWaits(state.registration, state, this.#ports);
  }
}
