import { lwm2m } from "@ferry/proto";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";
import { nextHead } from "./record-writer.ts";

/** Key under which the lines are published. */
export const TRANSPORT_LOG_KEY = "transportLog";
/** Longest line, characters. */
const MAX_LENGTH = 1024;

/** Publishes a line of the device's communication log. It counts as nobody's activity, and nobody waits for it. */
export function logLine(device: OwnedDevice, line: string, ports: TransportPorts): void {
  if (ports.settings.transportLog === "off" || ports.values.pressure !== "normal") return;
  const timeMs = ports.clock.wallMs();
  const text = line.replace(/[<>]/g, "").slice(0, MAX_LENGTH);
  const samples = [{ key: TRANSPORT_LOG_KEY, value: { string: text }, timeMs }];
  const record = { samples, source: lwm2m.v1.ValueSource.VALUE_SOURCE_LOG };
  // Lines happen once, on one node: a random id names them well enough.
  void ports.records.telemetry(nextHead(device, ports.random(16), timeMs), record).catch(ports.unpublished);
}

/** The line of a Register. */
export function logRegistered(device: OwnedDevice, ports: TransportPorts): void {
  if (ports.settings.transportLog === "off") return;
  const { endpoint, registrationId, lwm2mVersion, queueMode, bindingMode } = device.registration;
  const versions = [...device.serving.supported.objects].map(([id, { version }]) => `${id}=${version}`).join(", ");
  logLine(
    device,
    `info: Endpoint [${endpoint}] Client registered with registration id: [${registrationId}] LwM2mVersion: [${lwm2mVersion}], ` +
      `SupportedObjectIdVer [{${versions}}] QueueMode [${queueMode}], BindingMode [${bindingMode}]\n`,
    ports,
  );
}
