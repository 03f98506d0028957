import type { Operation } from "@ferry/lwm2m";
import type { Attempts, OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { retryDelayMs, type Verdict, verdictOn } from "./fault-rules.ts";
import { type Performed, type PerformOptions, perform } from "./perform.ts";
import { PRIORITY, type Priority } from "./work-queue.ts";

/** Carries out what is wanted of a device without anybody waiting for it. When the device was heard while it did not reach it, because it slept or had left its address, it is asked again at once. */
export async function attempt(
  device: OwnedDevice,
  operation: Operation,
  options: PerformOptions,
  ports: TransportPorts,
): Promise<{ readonly performed: Performed; readonly verdict: Verdict }> {
  const heardMs = device.lastUplinkMs;
  let left = false;
  const onSent = (): void => {
    left = true;
  };
  const performed = await perform(device, operation, { ...options, onSent }, ports);
  const verdict = verdictOn(performed, left);
  if (verdict === "unsent" && device.lastUplinkMs > heardMs) ports.pacer.later(device, 0);
  return { performed, verdict };
}

/** Whether something may be tried now. */
export function isDue({ queued, retryAtMs }: Attempts, nowMs: number): boolean {
  return !queued && nowMs >= retryAtMs;
}

/** Gives something its turn in the device's queue. What failed before goes after all else: what a device never answers must not take the time of the rest at each of its wakes. */
export function enqueue(device: OwnedDevice, attempts: Attempts, priority: Priority, run: () => Promise<void>): void {
  attempts.queued = true;
  const done = (): void => {
    attempts.queued = false;
  };
  const task = async (): Promise<void> => {
    await run();
    done();
  };
  device.work.add(attempts.failures > 0 ? PRIORITY.again : priority, task, done);
}

/**
 * Puts off what failed; the device gets its turn again when the time has come, if it can be reached then, or when it is heard after.
 *
 * The first time that a device fell asleep over it says nothing of what was asked: that is asked again as soon as it wakes.
 */
export function putOff(
  device: OwnedDevice,
  attempts: Attempts,
  verdict: "failed" | "unheard",
  ports: TransportPorts,
): void {
  attempts.failures += 1;
  const atOnce = verdict === "unheard" && attempts.failures === 1;
  const delayMs = atOnce ? 0 : retryDelayMs(attempts.failures, ports.settings.reconcile, ports.random);
  attempts.retryAtMs = ports.clock.monotonicMs() + delayMs;
  ports.metrics.putOff.inc();
  ports.pacer.later(device, delayMs);
}
