import type { Operation } from "@ferry/lwm2m";
import { StateUnavailableError } from "@ferry/state";
import type { HeldObservation, OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { perform } from "./perform.ts";
import { PRIORITY } from "./work-queue.ts";

/** Observe answers that say the device will never hold it: nothing there, not readable, not allowed. The profile asks again with the next registration. */
const NEVER: ReadonlySet<number> = new Set([400, 401, 403, 404, 405]);

/** Asks a device that registered for all that its profile wants, one request at a time. */
export function setUp(device: OwnedDevice, ports: TransportPorts): void {
  for (const held of device.observations.values()) held.confirmed = false;
  for (const operation of device.serving.exchange) {
    if (operation.type === "observe") {
      const held = [...device.observations.values()].find(({ path }) => samePath(path, operation.path));
      if (held !== undefined) queueObserve(device, held, ports);
    } else queue(device, operation, ports);
  }
}

/** Makes anew what the device is not known to hold. Called whenever the device shows that it lives. */
export function reconcile(device: OwnedDevice, ports: TransportPorts): void {
  for (const held of device.observations.values()) if (!held.confirmed) queueObserve(device, held, ports);
}

function queue(device: OwnedDevice, operation: Operation, ports: TransportPorts): void {
  device.work.add(PRIORITY.setup, async () => {
    if (canAsk(device, ports)) await perform(device, operation, {}, ports);
  });
}

function queueObserve(device: OwnedDevice, held: HeldObservation, ports: TransportPorts): void {
  if (held.making) return;
  held.making = true;
  device.work.add(PRIORITY.setup, async () => {
    if (canAsk(device, ports)) await observe(device, held, ports);
    held.making = false;
  });
}

/** Own requests wait when Kafka does not keep up: what they would bring could not be published. `reconcile` repeats observations later. */
function canAsk(device: OwnedDevice, ports: TransportPorts): boolean {
  return ports.ownership.has(device) && ports.values.pressure === "normal";
}

/** Makes one observation that Redis holds already; withdraws it there when the device says that it never will. */
async function observe(device: OwnedDevice, held: HeldObservation, ports: TransportPorts): Promise<void> {
  const { token } = held.observation;
  const performed = await perform(device, { type: "observe", path: held.path }, { token }, ports);
  if (performed.type !== "answered") return;
  held.confirmed = performed.outcome.observing === true;
  if (NEVER.has(performed.outcome.code) || (performed.outcome.code === 205 && !held.confirmed)) {
    ports.ownership.unobserve(device, token);
    await removeObservation(device, held, ports);
  }
}

/** Removes an observation from Redis. Left there when Redis is away: it does no harm but to be asked for again after a take-over. */
export async function removeObservation(
  device: OwnedDevice,
  { observation }: HeldObservation,
  ports: TransportPorts,
): Promise<void> {
  try {
    await ports.devices.observe({ device, owner: device.owner, add: [], remove: [observation.token] });
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    ports.stateEpisode.failed(error);
  }
}

function samePath(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}
