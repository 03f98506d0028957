import { formatPath, type Operation } from "@ferry/lwm2m";
import { type Observation, observationToken, StateUnavailableError, shardOf } from "@ferry/state";
import type { HeldObservation, OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { perform } from "./perform.ts";
import { PRIORITY } from "./work-queue.ts";

/** A registration so young may have been taken over before its first owner had asked for all that the profile wants. */
const SETTLED_AFTER_MS = 60_000;
/** How often a read or Write-Attributes of the set-up is tried. */
const MAX_ATTEMPTS = 3;
const NOT_NOW = { type: "unreachable" } as const;
/** Observe answers that say the device will never hold it: nothing there, not readable, not allowed. The profile asks again with the next registration. */
const NEVER: ReadonlySet<number> = new Set([400, 401, 403, 404, 405]);

/** Asks a device that registered for all that its profile wants: attributes, observations, reads. */
export function setUp(device: OwnedDevice, ports: TransportPorts): void {
  for (const held of device.observations.values()) held.confirmed = false;
  device.toDo = new Map(
    device.serving.exchange.filter(({ type }) => type !== "observe").map((operation) => [operation, 0]),
  );
  reconcile(device, ports);
}

/** Goes on with a device that was another node's. `notified`: it was heard by a notification, so it holds what it observed. */
export function resume(device: OwnedDevice, notified: boolean, ports: TransportPorts): void {
  const ageMs = ports.clock.wallMs() - device.registration.registeredAtMs;
  // Its profile may have changed while nobody owned it.
  device.followed = false;
  if (ageMs < SETTLED_AFTER_MS) setUp(device, ports);
  else {
    if (!notified) for (const held of device.observations.values()) held.confirmed = false;
    reconcile(device, ports);
  }
}

/**
 * Desired minus actual: queues what the profile wants and the device is not known to have.
 *
 * Called whenever the device shows that it lives, so what failed, or was put off under pressure, is tried again.
 */
export function reconcile(device: OwnedDevice, ports: TransportPorts): void {
  if (!device.followed) void follow(device, ports);
  for (const operation of device.serving.exchange) {
    if (operation.type === "observe") queueObserves(device, formatPath(operation.path), ports);
    else queueOnce(device, operation, ports);
  }
  queueObserves(device, undefined, ports);
}

/** Whether there is something for `reconcile` to do. */
export function isUnsettled(device: OwnedDevice): boolean {
  if (!device.followed || device.toDo !== undefined) return true;
  for (const { confirmed } of device.observations.values()) if (!confirmed) return true;
  return false;
}

/** Queues an operation of the set-up that is still to be done. What cannot be done now stays to be done, a few times. */
function queueOnce(device: OwnedDevice, operation: Operation, ports: TransportPorts): void {
  const attempts = device.toDo?.get(operation);
  if (attempts === undefined || attempts >= MAX_ATTEMPTS) return;
  device.toDo?.set(operation, MAX_ATTEMPTS); // Until its turn, `reconcile` leaves it alone.
  const putOff = (made: number): void => void device.toDo?.set(operation, made);
  device.work.add(
    PRIORITY.setup,
    async () => {
      const { type } = canAsk(device, ports) ? await perform(device, operation, {}, ports) : NOT_NOW;
      if (type === "unreachable") putOff(attempts);
      else if (type === "failed" && attempts + 1 < MAX_ATTEMPTS) putOff(attempts + 1);
      else device.toDo?.delete(operation);
      if (device.toDo?.size === 0) device.toDo = undefined; // A device at rest keeps no map.
    },
    () => putOff(attempts),
  );
}

/** Queues the observations of a path, or all, that the device is not known to hold. */
function queueObserves(device: OwnedDevice, path: string | undefined, ports: TransportPorts): void {
  for (const held of device.observations.values()) {
    if (held.confirmed || held.making || (path !== undefined && held.observation.paths[0] !== path)) continue;
    held.making = true;
    const done = (): void => {
      held.making = false;
    };
    device.work.add(
      PRIORITY.setup,
      async () => {
        if (canAsk(device, ports)) await observe(device, held, ports);
        done();
      },
      done,
    );
  }
}

/** Own requests wait when Kafka does not keep up: what they would bring could not be published. */
function canAsk(device: OwnedDevice, ports: TransportPorts): boolean {
  return ports.ownership.has(device) && ports.values.pressure === "normal";
}

/** Makes one observation that Redis holds already; withdraws it there when the device says that it never will. */
async function observe(device: OwnedDevice, held: HeldObservation, ports: TransportPorts): Promise<void> {
  const { token } = held.observation;
  if (!device.observations.has(held.key)) return; // Withdrawn before its turn.
  const performed = await perform(device, { type: "observe", path: held.path }, { token }, ports);
  if (performed.type !== "answered") return;
  held.confirmed = performed.outcome.observing === true;
  if (NEVER.has(performed.outcome.code) || (performed.outcome.code === 205 && !held.confirmed)) {
    await withdraw(device, held, ports);
  }
}

/** Brings what Redis holds of the profile's observations to what the profile now wants; one run at a time, once more when something changed meanwhile. */
export async function follow(device: OwnedDevice, ports: TransportPorts): Promise<void> {
  if (device.following) return; // The run under way sees that it has to go on.
  device.following = true;
  device.followed = true;
  const wanted = new Map(device.serving.observations.map((observation) => [formatPath(observation.path), observation]));
  for (const held of [...device.observations.values()]) {
    if (held.observation.source !== "profile") continue;
    // What is not wanted is cancelled passively: the device's next notification is answered with RST.
    if (!wanted.delete(held.observation.paths[0] ?? "")) await withdraw(device, held, ports);
  }
  const shard = shardOf(device.tenant, device.endpoint);
  const add = [...wanted].map(
    ([path, { contentFormat }]): Observation => ({
      token: observationToken(shard, ports.random),
      paths: [path],
      source: "profile",
      contentFormat,
    }),
  );
  const held = add.length === 0 ? "held" : await hold(device, add, ports);
  device.following = false;
  const again = !device.followed;
  // Redis was away: it is tried again when the device is heard.
  if (held === "unavailable") device.followed = false;
  else if (again && ports.ownership.has(device)) await follow(device, ports);
  if (held === "held" && add.length > 0) reconcile(device, ports);
}

/** Stores observations that are about to be made, and holds them. Not when another node has the device by now, or Redis is away. */
export async function hold(
  device: OwnedDevice,
  add: readonly Observation[],
  ports: TransportPorts,
): Promise<"held" | "stale" | "unavailable"> {
  try {
    const outcome = await ports.devices.observe({ device, owner: device.owner, add, remove: [] });
    if (outcome.type === "stale" || !ports.ownership.has(device)) {
      ports.ownership.drop(device);
      return "stale";
    }
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    ports.stateEpisode.failed(error);
    return "unavailable";
  }
  for (const observation of add) {
    device.hold(observation).confirmed = false;
    ports.ownership.index(device, observation.token);
  }
  return "held";
}

/** Gives an observation up: its next notification is answered with RST. Left in Redis when that is away: it does no harm but to be asked for again after a take-over. */
export async function withdraw(device: OwnedDevice, held: HeldObservation, ports: TransportPorts): Promise<void> {
  const { token } = held.observation;
  ports.ownership.unobserve(device, token);
  try {
    const outcome = await ports.devices.observe({ device, owner: device.owner, add: [], remove: [token] });
    if (outcome.type === "stale") ports.ownership.drop(device);
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    ports.stateEpisode.failed(error);
  }
}
