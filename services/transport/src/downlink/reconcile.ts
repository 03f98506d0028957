import { type Operation, operationPaths } from "@ferry/lwm2m";
import {
  attributeChanges,
  type DesiredAttributes,
  groupName,
  isOffered,
  joinAttributes,
  observeOf,
} from "@ferry/profile";
import { type Observation, type Registration, StateUnavailableError, shardOf } from "@ferry/state";
import { tellFallbacks } from "../fallbacks.ts";
import { publishState } from "../lifecycle.ts";
import { type Attempts, attributesName, type HeldObservation, type OwnedDevice, type Task } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { isReachable } from "../reachability.ts";
import type { DesiredObservation, Serving } from "../serving.ts";
import { attempt, enqueue, isDue, putOff } from "./attempt.ts";
import type { Verdict } from "./fault-rules.ts";
import { newObservations } from "./new-observations.ts";
import { PRIORITY } from "./work-queue.ts";

/** A registration so young may have been taken over before its first owner had asked for all that the profile wants. */
const SETTLED_AFTER_MS = 60_000;

/**
 * Asks a device that registered for all that its profile wants: Write-Attributes, so that they hold for the first notification; then observations; then reads of what is not observed.
 *
 * `before`: a registration under which the device may have been given attributes by an earlier profile, or an earlier version of this one. Those that are not wanted any more are cleared.
 */
export function setUp(device: OwnedDevice, ports: TransportPorts, before?: Registration): void {
  const { serving } = device;
  for (const held of device.observations.values()) held.confirmed = false;
  const given = before === undefined ? [] : [ports.servings.of(before).attributes, ...ports.servings.earlier(before)];
  device.toDo = tasksOf([...writeAttributes([[], ...given], serving), ...serving.writes, ...serving.reads]);
  device.expectSilence();
  tellFallbacks(device, ports);
  reconcile(device, ports);
}

/** Goes on with a device that was another node's. `notified`: it was heard by a notification, so it holds what it observed. */
export function resume(device: OwnedDevice, notified: boolean, ports: TransportPorts): void {
  const { registration, serving } = device;
  // Its profile may have changed while nobody owned it, or who owned it may not have come to the end of what followed.
  device.followed = false;
  if (ports.clock.wallMs() - registration.registeredAtMs < SETTLED_AFTER_MS) setUp(device, ports, registration);
  else {
    device.toDo = tasksOf(writeAttributes(ports.servings.earlier(registration), serving));
    if (!notified) for (const held of device.observations.values()) held.confirmed = false;
    reconcile(device, ports);
  }
}

/** Serves a device by what its profile, models and object list are now; what differs from before is still to be done. */
export function serveAnew(device: OwnedDevice, ports: TransportPorts): void {
  const before = device.serving;
  const after = ports.servings.of(device.registration);
  if (after === before) return;
  device.serving = after;
  ports.sleepers.watch(device);
  const refused: ReadonlySet<string> = device.refused ?? new Set(); // It may do it now.
  device.refused = undefined;
  device.forgetRefusedValues();
  const pending = [...(device.toDo?.values() ?? [])].map(({ operation }) => operation);
  const isOpen = (operation: Operation): boolean => {
    const name = taskName(operation);
    return refused.has(name) || device.toDo?.has(name) === true;
  };
  const unsettled = [
    ...before.attributes.filter(({ path }) => refused.has(attributesName(path))),
    ...pending.filter((operation) => operation.type === "writeAttributes"),
  ];
  const written = new Set(before.writes.map((operation) => JSON.stringify(operation)));
  device.toDo = tasksOf([
    ...writeAttributes([before.attributes], after, unsettled),
    ...after.writes.filter((operation) => isOpen(operation) || !written.has(JSON.stringify(operation))),
    ...pending.filter(isRead),
    ...after.reads.filter((operation) => refused.has(taskName(operation))),
    ...ports.servings.change(before, after).reads,
  ]);
  const wanted = after.observations;
  const same =
    wanted.size === before.observations.size && [...wanted.keys()].every((name) => before.observations.has(name));
  if (!same || [...refused].some((name) => wanted.has(name))) device.followed = false;
  device.expectSilence();
  tellFallbacks(device, ports);
}

/**
 * Desired minus actual: queues what the profile wants and the device is not known to have, as far as its time has come; and desired values that failed.
 *
 * Called whenever the device shows that it lives, so what failed, or was put off under pressure, is tried again.
 */
export function reconcile(device: OwnedDevice, ports: TransportPorts): void {
  const readsFirst = device.serving.profile.afterConnect === "readThenObserve";
  if (!device.followed) void follow(device, ports);
  queueTasks(device, (operation) => readsFirst || !isRead(operation), ports);
  queueObserves(device, ports);
  queueTasks(device, isRead, ports);
  if (!isAnyDue(device.desired, ports.clock.monotonicMs())) return;
  device.valuesWait = true;
  ports.desired.serve(device);
}

/** Whether there is something for `reconcile` to do now. It runs for every notification, so it only looks. */
export function isUnsettled(device: OwnedDevice, nowMs: number): boolean {
  if (!device.followed && !device.following) return true;
  if (isAnyDue(device.toDo, nowMs) || isAnyDue(device.desired, nowMs)) return true;
  for (const held of device.observations.values())
    if (isMissing(device, held, nowMs) && isDue(held, nowMs)) return true;
  return false;
}

function isAnyDue(open: ReadonlyMap<string, Attempts> | undefined, nowMs: number): boolean {
  if (open !== undefined) for (const attempts of open.values()) if (isDue(attempts, nowMs)) return true;
  return false;
}

/** Whether the device is to be asked for something now, and would hear it. */
export function mayReconcile(device: OwnedDevice, { ownership, settings, clock }: TransportPorts): boolean {
  const nowMs = clock.monotonicMs();
  return ownership.has(device) && isUnsettled(device, nowMs) && isReachable(device, settings, nowMs);
}

/** Whether the device is not known to hold an observation: it was not made, or the device may have dropped it, for it was silent, or its notifications stayed without ACK, for too long. */
export function isMissing(
  device: OwnedDevice,
  { confirmed, heardAtMs, silentAfterMs }: HeldObservation,
  nowMs: number,
): boolean {
  return !confirmed || nowMs - heardAtMs > silentAfterMs || device.mayHaveDropped(nowMs);
}

function isRead({ type }: Operation): boolean {
  return type === "read" || type === "readComposite";
}

/** The Write-Attributes that bring a device to what its profile wants, whichever of `before` it has been given. */
function writeAttributes(
  before: readonly (readonly DesiredAttributes[])[],
  { attributes: wanted, supported }: Serving,
  unsettled?: readonly DesiredAttributes[],
): Operation[] {
  return joinAttributes(before.map((had) => attributeChanges(had, wanted, unsettled)))
    .filter(({ path }) => isOffered(path, supported))
    .map(({ path, attributes }): Operation => ({ type: "writeAttributes", path, attributes }));
}

/** Of several that have one name the last counts. */
function tasksOf(operations: readonly Operation[]): Map<string, Task> | undefined {
  if (operations.length === 0) return undefined;
  return new Map(
    operations.map((operation) => [taskName(operation), { operation, queued: false, failures: 0, retryAtMs: 0 }]),
  );
}

function taskName(operation: Operation): string {
  if (operation.type === "writeAttributes") return attributesName(operation.path);
  return `${operation.type} ${groupName(operationPaths(operation))}`;
}

/** Queues what is to be done once and whose time has come. */
function queueTasks(device: OwnedDevice, isMeant: (operation: Operation) => boolean, ports: TransportPorts): void {
  const nowMs = ports.clock.monotonicMs();
  for (const [name, task] of device.toDo ?? []) {
    if (!isMeant(task.operation) || !isDue(task, nowMs)) continue;
    enqueue(device, task, PRIORITY.setup, async () => {
      const isCurrent = (): boolean => device.toDo?.get(name) === task; // Else another has taken its place.
      if (!isCurrent() || !canAsk(device, ports)) return;
      const { verdict } = await attempt(device, task.operation, {}, ports);
      if (isCurrent()) settleTask(device, name, task, verdict, ports);
    });
  }
}

function settleTask(device: OwnedDevice, name: string, task: Task, verdict: Verdict, ports: TransportPorts): void {
  if (verdict === "unsent") return;
  if (verdict === "failed" || verdict === "unheard") {
    putOff(device, task, verdict, ports);
    return;
  }
  if (verdict === "refused") device.refuse(name);
  device.toDo?.delete(name);
  if (device.toDo?.size === 0) device.toDo = undefined; // A device at rest keeps no map.
  if (task.operation.type === "writeAttributes") device.expectSilence();
}

/** Queues the observations that the device is not known to hold and whose time has come. */
function queueObserves(device: OwnedDevice, ports: TransportPorts): void {
  const nowMs = ports.clock.monotonicMs();
  device.doubtObservations(nowMs);
  for (const held of device.observations.values()) {
    if (!isMissing(device, held, nowMs) || !isDue(held, nowMs)) continue;
    held.confirmed = false;
    enqueue(device, held, PRIORITY.setup, () => observe(device, held, ports));
  }
}

/** Own requests wait when Kafka does not keep up: what they would bring could not be published. */
function canAsk(device: OwnedDevice, ports: TransportPorts): boolean {
  return ports.ownership.has(device) && ports.values.pressure === "normal";
}

/** Makes one observation that Redis holds already; withdraws it there when the device says that it never will. */
async function observe(device: OwnedDevice, held: HeldObservation, ports: TransportPorts): Promise<void> {
  const { token, source } = held.observation;
  if (!canAsk(device, ports) || !device.observations.has(held.key)) return; // The latter: withdrawn before its turn.
  const { verdict } = await attempt(device, observeOf(held.paths), { token }, ports);
  if (!device.observations.has(held.key)) return;
  switch (verdict) {
    case "done":
      return confirm(held, ports.clock.monotonicMs());
    case "refused":
      if (source === "profile") device.refuse(held.name);
      return withdraw(device, [held], ports);
    case "failed":
    case "unheard":
      return putOff(device, held, verdict, ports);
    case "unsent":
      return;
  }
}

/** The device showed that it holds an observation. */
export function confirm(held: HeldObservation, nowMs: number): void {
  held.confirmed = true;
  held.failures = 0;
  held.retryAtMs = 0;
  held.heardAtMs = nowMs;
}

/** Brings what Redis holds of the profile's observations to what the profile now wants; one run at a time, once more when something changed meanwhile. */
export async function follow(device: OwnedDevice, ports: TransportPorts): Promise<void> {
  if (device.following) return; // The run under way sees that it has to go on.
  device.following = true;
  device.followed = true;
  const { wanted, unwanted } = difference(device, device.serving);
  // What is not wanted is cancelled passively: the device's next notification is answered with RST.
  const outcome =
    wanted.length + unwanted.length === 0
      ? "done"
      : await exchange(
          device,
          newObservations(shardOf(device.tenant, device.endpoint), wanted, ports.random),
          unwanted,
          ports,
        );
  device.following = false;
  // Redis was away: it is tried again when the device is heard.
  if (outcome === "unavailable") device.followed = false;
  else if (!device.followed && ports.ownership.has(device)) return follow(device, ports);
  if (outcome === "done" && wanted.length > 0) reconcile(device, ports);
}

/** What the profile wants and the device's owner does not hold, and the other way round. What an RPC observes need not be observed twice. */
function difference(
  device: OwnedDevice,
  { observations }: Serving,
): { wanted: readonly DesiredObservation[]; unwanted: readonly HeldObservation[] } {
  const wanted = new Map(observations);
  for (const name of [...(device.refused ?? []), ...(device.cancelled?.keys() ?? [])]) wanted.delete(name);
  const unwanted: HeldObservation[] = [];
  for (const held of device.observations.values()) {
    if (!wanted.delete(held.name) && held.observation.source === "profile") unwanted.push(held);
  }
  return { wanted: [...wanted.values()], unwanted };
}

/** Stores observations that are about to be made, and holds them. Not when another node has the device by now, or Redis is away. */
export function hold(
  device: OwnedDevice,
  add: readonly Observation[],
  ports: TransportPorts,
): Promise<"done" | "stale" | "unavailable"> {
  return exchange(device, add, [], ports);
}

/** Takes observations in and gives others up, in one step. */
async function exchange(
  device: OwnedDevice,
  add: readonly Observation[],
  remove: readonly HeldObservation[],
  ports: TransportPorts,
): Promise<"done" | "stale" | "unavailable"> {
  const outcome = await store(device, add, remove, ports);
  if (outcome !== "done") return outcome;
  for (const { observation } of remove) ports.ownership.unobserve(device, observation.token);
  for (const observation of add) {
    device.hold(observation, ports.clock.monotonicMs()).confirmed = false;
    ports.ownership.index(device, observation.token);
  }
  publishState(device, ports);
  return "done";
}

/** Adds observations to what the store has of the device, and removes others, in one step. */
async function store(
  device: OwnedDevice,
  add: readonly Observation[],
  remove: readonly HeldObservation[],
  ports: TransportPorts,
): Promise<"done" | "stale" | "unavailable"> {
  const tokens = remove.map(({ observation }) => observation.token);
  try {
    const outcome = await ports.devices.observe({ device, owner: device.owner, add, remove: tokens });
    if (outcome.type === "done" && ports.ownership.has(device)) return "done";
    ports.ownership.drop(device);
    return "stale";
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    ports.stateEpisode.failed(error);
    return "unavailable";
  }
}

/** Gives observations up: the next notification of each is answered with RST. Left in Redis when that is away: it does no harm but to be asked for again after a take-over. */
export async function withdraw(
  device: OwnedDevice,
  given: readonly HeldObservation[],
  ports: TransportPorts,
): Promise<void> {
  for (const { observation } of given) ports.ownership.unobserve(device, observation.token);
  await exchange(device, [], given, ports);
}

/**
 * Gives observations up because an RPC cancels them. Those of the profile stay in the store as cancelled, so that no owner makes them again before the device registers anew.
 *
 * `stale`: the device registered anew meanwhile, or is another node's. `unavailable`: the store is away, and they are held as before.
 */
export async function cancelObservations(
  device: OwnedDevice,
  given: readonly HeldObservation[],
  ports: TransportPorts,
): Promise<"done" | "stale" | "unavailable"> {
  const cancelled: Observation[] = [];
  for (const { observation } of given) {
    ports.ownership.unobserve(device, observation.token);
    if (observation.source === "profile") cancelled.push({ ...observation, source: "cancelled" });
  }
  for (const observation of cancelled) device.cancel(observation);
  const outcome = await store(device, cancelled, given, ports);
  if (outcome === "done") publishState(device, ports);
  if (outcome === "unavailable") for (const held of given) holdAgain(device, held, ports);
  return outcome;
}

/** What is to be given up is still in the store. Meanwhile the device may have been told by RST that nobody wants it. */
function holdAgain(device: OwnedDevice, held: HeldObservation, { ownership }: TransportPorts): void {
  device.observations.set(held.key, held);
  device.cancelled?.delete(held.name);
  held.confirmed = false;
  ownership.index(device, held.observation.token);
}
