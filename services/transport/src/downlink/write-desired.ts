import { setImmediate as turn } from "node:timers/promises";
import { lwm2m } from "@ferry/proto";
import { buildOperation, formatOutcome, type RpcOperation } from "@ferry/rpc";
import { type DesiredValue, StateUnavailableError } from "@ferry/state";
import { logLine } from "../communication-log.ts";
import type { OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { isReachable } from "../reachability.ts";
import { nextHead } from "../record-writer.ts";
import { type Performed, perform } from "./perform.ts";
import { PRIORITY } from "./work-queue.ts";

/**
 * Writes what is desired of devices and waits in the store: by the profile's key to a Write in the device's queue, until it answers 2.04.
 *
 * A device that cannot be reached, or does not answer, is tried again when it is heard; one that refuses, when it wakes or registers.
 */
export class DesiredWriter {
  readonly #ports: TransportPorts;

  constructor(ports: TransportPorts) {
    this.#ports = ports;
  }

  /** Writes what waits for the device, when it can be reached. Costs nothing where nothing waits. */
  serve(device: OwnedDevice): void {
    const { settings, clock } = this.#ports;
    if (!device.valuesWait || device.writing || !isReachable(device, settings, clock.monotonicMs())) return;
    device.writing = true;
    void writeAll(device, this.#ports).then((goOn) => {
      device.writing = false;
      if (goOn) this.serve(device); // What was told of meanwhile found the writer busy.
    });
  }
}

/** Writes one value after the other; false when it is no use to go on before the device is heard. */
async function writeAll(device: OwnedDevice, ports: TransportPorts): Promise<boolean> {
  await turn(); // The answer to the message by which the device was heard goes first.
  device.valuesWait = false; // What is desired from here on is told anew.
  device.valuesRefused = false;
  try {
    for (const desired of await ports.devices.desiredValues(device)) {
      if (!ports.ownership.has(device)) return false;
      const heardMs = device.lastUplinkMs;
      const written = await writeOne(device, desired, ports);
      if (written === "later") {
        device.valuesWait = true; // Until it is heard again, as it may have been meanwhile.
        return device.lastUplinkMs > heardMs;
      }
      if (written === "refused") device.valuesRefused = true;
    }
    return true;
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    ports.stateEpisode.failed(error);
    device.valuesWait = true;
    return false;
  }
}

async function writeOne(
  device: OwnedDevice,
  { key, value, version }: DesiredValue,
  ports: TransportPorts,
): Promise<"written" | "refused" | "later"> {
  const params = `{"key":${JSON.stringify(key)},"value":${value}}`;
  const built = buildOperation("WriteReplace", params, device.serving);
  if (built.type !== "operation") {
    return refuse(device, { key, reason: built.type === "refused" ? built.error : "it is no value to write" }, ports);
  }
  const performed = await queued(device, built, ports);
  switch (performed.type) {
    case "answered": {
      const { code } = performed.outcome;
      if (code >= 300) {
        const { result, error = "" } = formatOutcome(built.operation, performed.outcome, PLAIN);
        return refuse(device, { key, path: built.id, reason: `${result} ${error}`.trimEnd() }, ports);
      }
      await ports.devices.fulfil({ device, key, version, nowMs: ports.clock.wallMs() });
      ports.metrics.desiredWrites.with({ outcome: "written" }).inc();
      return "written";
    }
    case "invalid":
      return refuse(device, { key, path: built.id, reason: performed.error.message }, ports);
    case "failed":
    case "unreachable":
      ports.metrics.desiredWrites.with({ outcome: "later" }).inc();
      return "later";
  }
}

/** No time is in the answer to a Write. */
const PLAIN = { formatTime: String, compat: "seed" } as const;

/** Carries a Write out when its turn comes in the device's queue. */
function queued(device: OwnedDevice, { operation, format }: RpcOperation, ports: TransportPorts): Promise<Performed> {
  const { promise, resolve } = Promise.withResolvers<Performed>();
  const options = format === undefined ? {} : { format };
  device.work.add(
    PRIORITY.write,
    async () => resolve(await perform(device, operation, options, ports)),
    () => resolve({ type: "unreachable" }),
  );
  return promise;
}

/** Tells of a value that the device, or its profile, does not take. */
function refuse(
  device: OwnedDevice,
  { key, path = "", reason }: { readonly key: string; readonly path?: string; readonly reason: string },
  ports: TransportPorts,
): "refused" {
  const { records, random, clock, metrics, unpublished } = ports;
  metrics.desiredWrites.with({ outcome: "refused" }).inc();
  logLine(device, `error: Failed update resource onAttributesUpdate ${key}: ${reason}`, ports);
  const event = lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_WRITE_FAILED;
  const head = nextHead(device, random(16), clock.wallMs());
  void records.lifecycle(head, { event, key, path, reason }).catch(unpublished);
  return "refused";
}
