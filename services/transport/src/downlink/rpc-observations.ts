import { formatPath, type LwM2mPath, pathsOverlap } from "@ferry/lwm2m";
import { formatRefusal, REFUSALS, type Refusal } from "@ferry/rpc";
import { observationToken, shardOf } from "@ferry/state";
import type { HeldObservation, OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { type Answer, answer, MOVED } from "./answer.ts";
import type { Performed } from "./perform.ts";
import { hold, withdraw } from "./reconcile.ts";

/** An observation that a request is about: held before, or added for it. */
export interface Observed {
  readonly held: HeldObservation;
  readonly added: boolean;
}

/** Holds an observation before the device is asked for it, so that its first notification finds it. One that is there already is asked for under its own token. */
export async function holdObservation(
  device: OwnedDevice,
  path: LwM2mPath,
  ports: TransportPorts,
): Promise<Observed | Answer> {
  const conflict = findConflict(device, path);
  if (conflict !== undefined) return formatRefusal(conflict);
  const known = findHeld(device, path);
  if (known !== undefined) return { held: known, added: false };
  const token = observationToken(shardOf(device.tenant, device.endpoint), ports.random);
  const outcome = await hold(device, [{ token, paths: [formatPath(path)], source: "rpc" }], ports);
  const held = findHeld(device, path);
  if (outcome === "held" && held !== undefined) return { held, added: true };
  return answer("UNREACHABLE", outcome === "unavailable" ? "Redis cannot be reached" : MOVED);
}

/** The observation stays when the device holds it; one that was added by the request goes when it does not. */
export async function settleObservation(
  device: OwnedDevice,
  { held, added }: Observed,
  performed: Performed,
  ports: TransportPorts,
): Promise<void> {
  if (performed.type === "answered") held.confirmed = performed.outcome.observing === true;
  const refused = performed.type === "answered" && !held.confirmed;
  if (added && (refused || performed.type !== "answered")) await withdraw(device, held, ports);
}

function findHeld(device: OwnedDevice, path: LwM2mPath): HeldObservation | undefined {
  const text = formatPath(path);
  return [...device.observations.values()].find(({ observation }) => observation.paths[0] === text);
}

/** An observation above or below `path`: the device would report the same values twice. The same path again is no conflict. */
function findConflict(device: OwnedDevice, path: LwM2mPath): Refusal | undefined {
  for (const held of device.observations.values()) {
    const overlaps = held.path.length !== path.length && pathsOverlap(held.path, path);
    if (overlaps) return REFUSALS.observationConflict(formatPath(path), formatPath(held.path));
  }
  return undefined;
}
