import { formatPath, type Operation } from "@ferry/lwm2m";
import { groupName, type PathGroup } from "@ferry/profile";
import { findObservationConflict, formatRefusal, type ObservedPaths, REFUSALS } from "@ferry/rpc";
import { observationToken, shardOf } from "@ferry/state";
import type { HeldObservation, OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import type { Answer } from "./answer.ts";
import type { Performed } from "./perform.ts";
import { confirm, hold, withdraw } from "./reconcile.ts";

/** Observations of one device that were asked for by RPC: each takes room in its record in the store, and in the memory of most devices. */
export const MAX_RPC_OBSERVATIONS = 64;

/** An observation that a request is about: held before, or added for it. */
export interface Observed {
  readonly held: HeldObservation;
  readonly added: boolean;
}

/** An observation as the rules of RPC see it. One of a single path is a plain one, by whichever method it was asked for. */
export type Observable = ObservedPaths & { readonly held: HeldObservation };

/** What is observed of a device. */
export function observablesOf(device: OwnedDevice): readonly Observable[] {
  return Array.from(device.observations.values(), (held) => ({ held, ...toObserved(held.paths) }));
}

/** `paths` as an observation of them. */
export function toObserved(paths: PathGroup): ObservedPaths {
  return { paths, composite: paths.length > 1 };
}

/** The paths that an operation observes; undefined when it observes nothing. */
export function observedBy(operation: Operation): ObservedPaths | undefined {
  if (operation.type === "observe") return { paths: [operation.path], composite: false };
  return operation.type === "observeComposite" ? { paths: operation.paths, composite: true } : undefined;
}

/**
 * Holds an observation before the device is asked for it, so that its first notification finds it. One that is there already is asked for under its own token.
 *
 * `stale`: the device registered anew meanwhile, or is another node's. `unavailable`: the store is away.
 */
export async function holdObservation(
  device: OwnedDevice,
  wanted: ObservedPaths,
  ports: TransportPorts,
): Promise<Observed | Answer | "stale" | "unavailable"> {
  const conflict = findObservationConflict(observablesOf(device), wanted);
  if (conflict !== undefined) return formatRefusal(conflict);
  const name = groupName(wanted.paths);
  const known = findHeld(device, name);
  if (known !== undefined) return { held: queued(known), added: false };
  if (countByRpc(device) >= MAX_RPC_OBSERVATIONS)
    return formatRefusal(REFUSALS.tooManyObservations(MAX_RPC_OBSERVATIONS));
  const token = observationToken(shardOf(device.tenant, device.endpoint), ports.random);
  const outcome = await hold(device, [{ token, paths: wanted.paths.map(formatPath), source: "rpc" }], ports);
  if (outcome !== "done") return outcome;
  const held = findHeld(device, name);
  return held === undefined ? "stale" : { held: queued(held), added: true };
}

/** The request itself makes it: nobody else has to. */
function queued(held: HeldObservation): HeldObservation {
  held.queued = true;
  return held;
}

/** The observation stays when the device holds it; one that was added by the request goes when it does not. */
export async function settleObservation(
  device: OwnedDevice,
  { held, added }: Observed,
  performed: Performed,
  ports: TransportPorts,
): Promise<void> {
  held.queued = false;
  const observing = performed.type === "answered" && performed.outcome.observing === true;
  if (observing) return confirm(held, ports.clock.monotonicMs());
  if (performed.type === "answered") held.confirmed = false;
  if (added) await withdraw(device, [held], ports);
}

function countByRpc({ observations }: OwnedDevice): number {
  let count = 0;
  for (const { observation } of observations.values()) if (observation.source === "rpc") count += 1;
  return count;
}

function findHeld(device: OwnedDevice, name: string): HeldObservation | undefined {
  for (const held of device.observations.values()) if (held.name === name) return held;
  return undefined;
}
