import { setTimeout as delay } from "node:timers/promises";
import { type CatalogueChange, patternPrefix, SealingError } from "@ferry/provisioning";
import { type DeviceRef, StateUnavailableError } from "@ferry/state";
import type { TransportPorts } from "../ports.ts";

/** How often it is asked how far the store has come, ms. */
const POLL_MS = 200;

/**
 * Ends the association of a device, unless it was made with what is in force now. One whose key cannot be opened here stays: the listener tells of that, and
 * it is looked at again when the device comes to a node.
 */
export async function recheckDevice(
  device: DeviceRef,
  { dtls, logger }: Pick<TransportPorts, "dtls" | "logger">,
): Promise<void> {
  try {
    await dtls?.recheck(device);
  } catch (error) {
    if (!(error instanceof SealingError)) throw error;
    logger.warn({ ...device, reason: error.message }, "Whether a DTLS association may go on cannot be told");
  }
}

/** What is to be looked at again, and from which offset of the topic on the store tells the truth about it. */
interface Due {
  readonly offset: number;
  readonly recheck: () => Promise<void>;
}

/** Changes of devices without an association here that are remembered one by one; of more of them all associations are looked at. */
const MAX_DUE_DEVICES = 65_536;

/** What is looked at, by whose word, and what is told of it. */
export type RecheckPorts = Pick<TransportPorts, "catalogue" | "provisioning" | "dtls" | "stateEpisode" | "logger">;

/**
 * A device, or the credential that was generated for it, changed: its association ends here unless it was made with what is in force now; of a pattern those
 * of its tenant that showed a certificate are looked at. An equal declaration once more ends nothing.
 *
 * The topic is ahead of the store, which says what is in force: it is waited for. Until then a device without an association here may make one, or bring one,
 * with what the store still has: it is looked at just so. Returns how to stop.
 */
export function recheckCredentials(ports: RecheckPorts, maxDueDevices: number = MAX_DUE_DEVICES): () => void {
  const rechecks = new Rechecks(ports, maxDueDevices);
  const leave = ports.catalogue.onChange((change) => rechecks.note(change));
  return () => {
    leave();
    rechecks.stop();
  };
}

const ALL = "";

/** At most one for each association here, for each tenant, for each of some devices more, and for all. */
class Rechecks {
  readonly #ports: RecheckPorts;
  readonly #maxDueDevices: number;
  readonly #due = new Map<string, Due>();
  readonly #stopped = new AbortController();
  #isRunning = false;

  constructor(ports: RecheckPorts, maxDueDevices: number) {
    this.#ports = ports;
    this.#maxDueDevices = maxDueDevices;
  }

  note({ kind, tenant, id, offset = 0 }: CatalogueChange): void {
    const { dtls } = this.#ports;
    if (dtls === undefined || (kind !== "device" && kind !== "credential")) return;
    const device = { tenant, endpoint: id };
    const name = `${tenant}/${id}`;
    if (patternPrefix(id) !== undefined)
      this.#due.set(tenant, { offset, recheck: () => dtls.recheckCertificates(tenant) });
    else if (this.#due.has(name) || this.#due.size < this.#maxDueDevices || dtls.byDevice(device) !== undefined)
      this.#due.set(name, { offset, recheck: () => recheckDevice(device, this.#ports) });
    else this.#due.set(ALL, { offset, recheck: () => dtls.recheckAll() });
    if (!this.#isRunning) void this.#run();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    const { provisioning, stateEpisode } = this.#ports;
    this.#isRunning = true;
    while (this.#due.size > 0 && !this.#stopped.signal.aborted) {
      try {
        const position = (await provisioning.position()) ?? -1;
        for (const [name, due] of this.#due) {
          if (due.offset > position) continue;
          await due.recheck();
          if (this.#due.get(name) === due) this.#due.delete(name);
        }
      } catch (error) {
        if (!(error instanceof StateUnavailableError)) throw error;
        stateEpisode.failed(error);
      }
      // Rejects with an AbortError, and with nothing else, when the signal aborts.
      await delay(POLL_MS, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => {});
    }
    this.#isRunning = false;
  }
}
