import { setImmediate as turn } from "node:timers/promises";
import type { CatalogueChange } from "@ferry/provisioning";
import { isUnsettled, serveAnew } from "./downlink/reconcile.ts";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";

/** Devices that are looked at before the event loop gets its turn. */
const BATCH = 100;

/**
 * A profile or model changed: the devices that it serves follow without registering anew.
 *
 * Key names hold from the next value on. What the devices are to be asked follows paced: Write-Attributes, observations, and reads of what is newly published.
 */
export async function followChange(change: CatalogueChange, ports: TransportPorts): Promise<void> {
  if (change.kind !== "profile" && change.kind !== "model") return;
  if (change.replaced !== undefined)
    ports.servings.noteReplaced(change.tenant, change.id, change.replaced, ports.clock.wallMs());
  ports.servings.clear();
  let looked = 0;
  for (const device of [...ports.ownership.devices()]) {
    if (isConcerned(device, change) && ports.ownership.has(device)) {
      serveAnew(device, ports);
      if (isUnsettled(device, ports.clock.monotonicMs())) ports.pacer.soon(device);
    }
    if (++looked % BATCH === 0) await turn();
  }
}

/** A model concerns who registered its object, in whatever version: it may be the closest that there is. */
function isConcerned({ registration, serving }: OwnedDevice, { kind, tenant, id }: CatalogueChange): boolean {
  if (kind === "profile") return registration.tenant === tenant && registration.profile === id;
  return serving.supported.objects.has(Number.parseInt(id, 10));
}
