import { setImmediate as turn } from "node:timers/promises";
import type { CatalogueChange } from "@ferry/provisioning";
import { reconcile } from "./downlink/reconcile.ts";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";

/** Devices that are looked at before the event loop gets its turn. */
const BATCH = 100;

/**
 * A profile or model changed: the devices that it serves follow without registering anew.
 *
 * Observations become what the profile now wants, key names hold from the next value on, and attributes and reads of the new profile are asked for.
 */
export async function followChange(change: CatalogueChange, ports: TransportPorts): Promise<void> {
  if (change.kind !== "profile" && change.kind !== "model") return;
  ports.servings.clear();
  let looked = 0;
  for (const device of [...ports.ownership.devices()]) {
    const { tenant, profile } = device.registration;
    const concerned = change.kind === "model" || (change.tenant === tenant && change.id === profile);
    if (concerned && ports.ownership.has(device)) {
      serveAnew(device, ports);
      reconcile(device, ports);
    }
    if (++looked % BATCH === 0) await turn();
  }
}

/** Serves a device by what its profile, models and object list are now; what is wanted beyond before is still to be done. */
export function serveAnew(device: OwnedDevice, ports: TransportPorts): void {
  const before = new Set(device.serving.exchange.map((operation) => JSON.stringify(operation)));
  device.serving = ports.servings.of(device.registration);
  device.followed = false;
  ports.sleepers.watch(device);
  for (const operation of device.serving.exchange) {
    if (operation.type === "observe" || before.has(JSON.stringify(operation))) continue;
    device.toDo ??= new Map();
    device.toDo.set(operation, 0);
  }
}
