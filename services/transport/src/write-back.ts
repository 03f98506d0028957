import { setTimeout as sleep } from "node:timers/promises";
import { type RestoreOutcome, StateUnavailableError } from "@ferry/state";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";

/** Devices that are written back at a time, and the pause between two such batches, ms: 1,000 a second, so that a Redis that just came back is not held up. */
const BATCH = 100;
const PAUSE_MS = 100;

/**
 * Writes the devices that this node owns back to a store that was emptied or rolled back: they need not register anew.
 *
 * A device that the store gave to another node meanwhile, or knows to have ended, is no longer this node's. Goes on when the store goes away in between, until `signal` aborts.
 */
export async function writeBack(
  { ownership, devices, clock, stateEpisode, metrics }: WriteBackPorts,
  signal: AbortSignal,
): Promise<void> {
  const left = [...ownership.devices()];
  while (left.length > 0 && !signal.aborted) {
    const batch = left.slice(-BATCH).filter((device) => ownership.has(device));
    try {
      await Promise.all(
        batch.map(async (device) => {
          const { registration, owner } = device;
          const observations = [...device.observations.values()].map(({ observation }) => observation);
          const outcome = await devices.restore({ registration, observations, owner, nowMs: clock.wallMs() });
          metrics.writtenBack.with({ outcome: outcome.type }).inc();
          if (isElsewhere(device, outcome)) ownership.drop(device);
        }),
      );
      left.splice(-BATCH);
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      stateEpisode.failed(error); // The batch is written once more: to restore twice does no harm.
    }
    // Rejects with an AbortError, and with nothing else, when the signal aborts.
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
  }
}

/** What writing back works with. */
export type WriteBackPorts = Pick<TransportPorts, "ownership" | "devices" | "clock" | "stateEpisode" | "metrics">;

function isElsewhere({ owner }: OwnedDevice, { state }: RestoreOutcome): boolean {
  return state === undefined || state.owner.epoch !== owner.epoch || state.owner.bootId !== owner.bootId;
}
