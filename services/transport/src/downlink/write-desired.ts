import { setImmediate as turn } from "node:timers/promises";
import type { Operation } from "@ferry/lwm2m";
import { lwm2m } from "@ferry/proto";
import { buildOperation, formatOutcome } from "@ferry/rpc";
import { type DesiredValue, StateUnavailableError } from "@ferry/state";
import { logLine } from "../communication-log.ts";
import { type DesiredAttempts, type OwnedDevice, untried } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { isReachable } from "../reachability.ts";
import { nextHead } from "../record-writer.ts";
import { attempt, enqueue, isDue, putOff } from "./attempt.ts";
import type { Performed } from "./perform.ts";
import { PRIORITY } from "./work-queue.ts";

/**
 * Writes what is desired of devices and waits in the store: by the profile's key to a Write in the device's queue, until it answers 2.04.
 *
 * What follows when it does not is what follows for what its profile wants, see `verdictOn`: none holds up the others. One that the device refuses,
 * or its profile does not know, is tried again when the device wakes or registers, or is served by another profile.
 */
export class DesiredWriter {
  readonly #ports: TransportPorts;

  constructor(ports: TransportPorts) {
    this.#ports = ports;
  }

  /** Fetches what waits for the device, when it can be reached, and queues what may be tried now. Costs nothing where nothing waits. */
  serve(device: OwnedDevice): void {
    const { settings, clock } = this.#ports;
    if (!device.valuesWait || device.fetchingValues || !isReachable(device, settings, clock.monotonicMs())) return;
    device.fetchingValues = true;
    device.work.add(PRIORITY.write, () => fetch(device, this.#ports));
  }
}

async function fetch(device: OwnedDevice, ports: TransportPorts): Promise<void> {
  await turn(); // The answer to the message by which the device was heard goes first.
  device.fetchingValues = false;
  device.valuesWait = false; // What is desired from here on is told anew.
  try {
    const open = await ports.devices.desiredValues(device);
    if (!ports.ownership.has(device)) return;
    const known = device.desired;
    device.desired = open.length === 0 ? undefined : new Map();
    for (const desired of open) {
      const before = known?.get(desired.key);
      const isSame = before?.version === desired.version && before.writtenMs === desired.writtenMs;
      const attempts = isSame ? before : untried(desired);
      device.desired?.set(desired.key, attempts);
      if (isDue(attempts, ports.clock.monotonicMs())) queue(device, desired, attempts, ports);
    }
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    ports.stateEpisode.failed(error);
    device.valuesWait = true;
    ports.fetchAgain.add(device);
  }
}

function queue(device: OwnedDevice, desired: DesiredValue, attempts: DesiredAttempts, ports: TransportPorts): void {
  enqueue(device, attempts, PRIORITY.write, async () => {
    const isCurrent = (): boolean => device.desired?.get(desired.key) === attempts; // Else another has taken its place.
    if (!isCurrent() || !ports.ownership.has(device)) return;
    const outcome = await write(device, desired, attempts, ports);
    ports.metrics.desiredWrites.with({ outcome }).inc();
    if (outcome !== "written" || !isCurrent()) return;
    device.desired?.delete(desired.key);
    if (device.desired?.size === 0) device.desired = undefined; // A device at rest keeps no map.
  });
}

async function write(
  device: OwnedDevice,
  desired: DesiredValue,
  attempts: DesiredAttempts,
  ports: TransportPorts,
): Promise<"written" | "refused" | "later"> {
  const { key, value } = desired;
  const params = `{"key":${JSON.stringify(key)},"value":${value}}`;
  const built = buildOperation("WriteReplace", params, device.serving);
  if (built.type !== "operation") {
    tell(device, attempts, { key, reason: built.type === "refused" ? built.error : "it is no value to write" }, ports);
    return refused(attempts);
  }
  const options = built.format === undefined ? {} : { format: built.format };
  const { performed, verdict } = await attempt(device, built.operation, options, ports);
  const fault = faultOf(built.operation, performed);
  if (fault !== undefined) tell(device, attempts, { key, path: built.id, reason: fault }, ports);
  switch (verdict) {
    case "done":
      return await fulfil(device, desired, attempts, ports);
    case "refused":
      return refused(attempts);
    case "failed":
    case "unheard":
      putOff(device, attempts, verdict, ports);
      return "later";
    case "unsent":
      device.valuesWait = true; // Until it is heard again.
      return "later";
  }
}

function refused(attempts: DesiredAttempts): "refused" {
  attempts.retryAtMs = Number.POSITIVE_INFINITY;
  return "refused";
}

/** The device has the value. It is written once more when Redis is away and cannot take that in. */
async function fulfil(
  device: OwnedDevice,
  desired: DesiredValue,
  attempts: DesiredAttempts,
  ports: TransportPorts,
): Promise<"written" | "later"> {
  try {
    await ports.devices.fulfil({ ...desired, device, nowMs: ports.clock.wallMs() });
    return "written";
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    ports.stateEpisode.failed(error);
    putOff(device, attempts, "failed", ports);
    return "later";
  }
}

/** What the device has against a value; undefined when it took it, or did not answer. */
function faultOf(operation: Operation, performed: Performed): string | undefined {
  if (performed.type === "invalid") return performed.error.message;
  if (performed.type !== "answered" || performed.outcome.code < 300) return undefined;
  const { result, error = "" } = formatOutcome(operation, performed.outcome, PLAIN);
  return `${result} ${error}`.trimEnd();
}

/** No time is in the answer to a Write. */
const PLAIN = { formatTime: String, compat: "seed" } as const;

/** Tells of a value that the device, or its profile, does not take: once, however often it is tried. */
function tell(
  device: OwnedDevice,
  attempts: DesiredAttempts,
  { key, path = "", reason }: { readonly key: string; readonly path?: string; readonly reason: string },
  ports: TransportPorts,
): void {
  if (attempts.told === reason) return;
  attempts.told = reason;
  const { records, random, clock, unpublished } = ports;
  logLine(device, `error: Failed update resource onAttributesUpdate ${key}: ${reason}`, ports);
  const event = lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_WRITE_FAILED;
  const head = nextHead(device, random(16), clock.wallMs());
  void records.lifecycle(head, { event, key, path, reason }).catch(unpublished);
}
