import { setImmediate as turn } from "node:timers/promises";
import { formatPath } from "@ferry/lwm2m";
import type { CatalogueChange } from "@ferry/provisioning";
import { type Observation, observationToken, StateUnavailableError, shardOf } from "@ferry/state";
import { reconcile, removeObservation } from "./downlink/set-up.ts";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";

/** Devices that are looked at before the event loop gets its turn. */
const BATCH = 100;

/** A profile or model changed: the devices that it serves follow without registering anew. Observations become what the profile now wants; key names hold from the next value on. */
export async function followChange(change: CatalogueChange, ports: TransportPorts): Promise<void> {
  if (change.kind !== "profile" && change.kind !== "model") return;
  ports.servings.clear();
  let looked = 0;
  for (const device of [...ports.ownership.devices()]) {
    const { tenant, profile } = device.registration;
    const concerned = change.kind === "model" || (change.tenant === tenant && change.id === profile);
    if (concerned && ports.ownership.has(device)) await follow(device, ports);
    if (++looked % BATCH === 0) await turn();
  }
}

async function follow(device: OwnedDevice, ports: TransportPorts): Promise<void> {
  device.serving = ports.servings.of(device.registration);
  const wanted = new Map(device.serving.observations.map((observation) => [formatPath(observation.path), observation]));
  for (const held of [...device.observations.values()]) {
    if (held.observation.source !== "profile") continue;
    if (wanted.delete(held.observation.paths[0] ?? "")) continue;
    // Passive: the device's next notification is answered with RST.
    ports.ownership.unobserve(device, held.observation.token);
    await removeObservation(device, held, ports);
  }
  if (wanted.size === 0) return;
  const shard = shardOf(device.tenant, device.endpoint);
  const add = [...wanted].map(
    ([path, { contentFormat }]): Observation => ({
      token: observationToken(shard, ports.random),
      paths: [path],
      source: "profile",
      contentFormat,
    }),
  );
  await hold(device, add, ports);
  reconcile(device, ports);
}

/** Stores observations that are about to be made and holds them; false when the device is not ours any more or Redis is away. */
export async function hold(device: OwnedDevice, add: readonly Observation[], ports: TransportPorts): Promise<boolean> {
  try {
    const outcome = await ports.devices.observe({ device, owner: device.owner, add, remove: [] });
    if (outcome.type === "stale") {
      ports.ownership.drop(device);
      return false;
    }
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    ports.stateEpisode.failed(error);
    return false;
  }
  for (const observation of add) {
    device.hold(observation).confirmed = false;
    ports.ownership.index(device, observation.token);
  }
  return true;
}
