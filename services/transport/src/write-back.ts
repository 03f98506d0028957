import { setTimeout as sleep } from "node:timers/promises";
import { type RestoreOutcome, StateUnavailableError } from "@ferry/state";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";
import { recheckDevice } from "./secure/recheck-credentials.ts";

/** What writing back works with. */
export interface WriteBackPorts
  extends Pick<
    TransportPorts,
    "ownership" | "devices" | "clock" | "stateEpisode" | "metrics" | "storeWatch" | "catalogue" | "dtls" | "logger"
  > {
  /** Carries out what waits for a device. */
  readonly serveWaiting: (device: OwnedDevice) => void;
}

/** Devices that are written back, or looked up, at a time, and the pause between two such batches, ms: 1,000 a second, so that a Redis that just came back is not held up. */
const BATCH = 100;
const PAUSE_MS = 100;
/** How often it is asked whether the router has restored the rest, ms. */
const RESTORED_POLL_MS = 1_000;

/**
 * Writes the devices that this node owns back to a store that was emptied or rolled back: they need not register anew. Ends, once provisioning is there
 * again, the registrations of those that it does not admit any more: nobody found them to end when that was published.
 *
 * A device that the store gave to another node meanwhile, or knows to have ended, is no longer this node's. Goes on when the store goes away in between, until `signal` aborts.
 */
export async function writeBack(ports: WriteBackPorts, signal: AbortSignal): Promise<void> {
  await eachOwned((device) => giveBack(device, ports), ports, signal);
  const life = await untilRestored(ports, signal);
  if (life !== undefined) await eachOwned((device) => settle(device, life, ports), ports, signal);
}

async function giveBack(device: OwnedDevice, ports: WriteBackPorts): Promise<void> {
  const { devices, clock, metrics, ownership, dtls } = ports;
  const { registration, owner } = device;
  const observations = device.storedObservations();
  const outcome = await devices.restore({ registration, observations, owner, nowMs: clock.wallMs() });
  metrics.writtenBack.with({ outcome: outcome.type }).inc();
  const { state } = outcome;
  if (state === undefined || isElsewhere(device, state)) {
    ownership.drop(device);
    return;
  }
  if (registration.securityMode !== "NO_SEC") await dtls?.writeBack(device);
  // What waits for the device may have been restored before it: it is served when all is.
  device.revalidated(state, clock.monotonicMs());
}

function isElsewhere({ owner }: OwnedDevice, state: NonNullable<RestoreOutcome["state"]>): boolean {
  return state.owner.epoch !== owner.epoch || state.owner.bootId !== owner.bootId;
}

/** The life of the store that the router has restored, provisioning included; undefined when `signal` aborts before. */
async function untilRestored(
  { storeWatch, stateEpisode }: WriteBackPorts,
  signal: AbortSignal,
): Promise<string | undefined> {
  while (!signal.aborted) {
    try {
      const life = await storeWatch.restoredLife();
      if (life !== undefined) return life;
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      stateEpisode.failed(error);
    }
    await pause(RESTORED_POLL_MS, signal);
  }
  return undefined;
}

const WITHDRAWN = "the device was deleted, or its credential withdrawn";

/** Ends the registration of a device that may no longer have one in this life of the store; of the others what waits is carried out. The sweeper tells of the end. */
async function settle(device: OwnedDevice, life: string, ports: WriteBackPorts): Promise<void> {
  const { devices, clock, ownership, serveWaiting, storeWatch } = ports;
  const { tenant, endpoint } = device;
  if (!(await isAdmitted(device, ports))) {
    // Emptied once more, the store admits nobody: what is written back to its next life is settled then.
    if ((await storeWatch.restoredLife()) !== life) return;
    await devices.remove({ device: { tenant, endpoint }, reason: WITHDRAWN, nowMs: clock.wallMs() });
    ownership.drop(device);
  }
  if (device.registration.securityMode !== "NO_SEC") await recheckDevice({ tenant, endpoint }, ports);
  if (ownership.has(device)) serveWaiting(device);
}

/** Whether the device might register now, as it did. */
async function isAdmitted({ registration }: OwnedDevice, { catalogue }: WriteBackPorts): Promise<boolean> {
  const { tenant, endpoint, securityMode } = registration;
  const admission =
    securityMode === "NO_SEC"
      ? await catalogue.admit(endpoint)
      : await catalogue.admitProven({ tenant, endpoint, securityMode });
  return admission.type === "admitted" && admission.tenant === tenant;
}

/** Does a step for each device of this node, paced; a batch that the store was away for is done once more: no step harms when it is repeated. */
async function eachOwned(
  step: (device: OwnedDevice) => Promise<void>,
  { ownership, stateEpisode }: WriteBackPorts,
  signal: AbortSignal,
): Promise<void> {
  const left = [...ownership.devices()];
  while (left.length > 0 && !signal.aborted) {
    try {
      await Promise.all(
        left
          .slice(-BATCH)
          .filter((device) => ownership.has(device))
          .map(step),
      );
      left.splice(-BATCH);
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      stateEpisode.failed(error);
    }
    await pause(PAUSE_MS, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Rejects with an AbortError, and with nothing else, when the signal aborts.
  await sleep(ms, undefined, { signal }).catch(() => {});
}
