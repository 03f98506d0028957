import { formatRateLimit, type TransportLogLevel } from "@ferry/profile";
import { lwm2m } from "@ferry/proto";
import { fullBuckets, takeToken } from "@ferry/state";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";
import { nextHead } from "./record-writer.ts";

/** Key under which the lines are published. */
export const TRANSPORT_LOG_KEY = "transportLog";
/** Longest line, characters. */
const MAX_LENGTH = 1024;

/**
 * Publishes a line of the device's communication log. It counts as nobody's activity, and nobody waits for it.
 *
 * `level` is the least talkative log that has the line: `summary` for registrations, sleep and failures, `full` for each request and answer.
 * A device has so many lines a minute; the next line that passes is preceded by one that says how many did not.
 */
export function logLine(
  device: OwnedDevice,
  line: string,
  ports: TransportPorts,
  level: Exclude<TransportLogLevel, "off"> = "summary",
): void {
  const wanted = wantedLevel(device, ports);
  if (wanted === "off" || (wanted === "summary" && level === "full")) return;
  if (!mayPass(device, ports)) {
    device.linesLeftOut += 1;
    ports.metrics.logLinesLeftOut.inc();
    return;
  }
  if (device.linesLeftOut > 0) publishLine(device, leftOutLine(device, ports), ports);
  device.linesLeftOut = 0;
  publishLine(device, line, ports);
}

function wantedLevel({ serving }: OwnedDevice, { settings }: TransportPorts): TransportLogLevel {
  return serving.profile.transportLog ?? settings.transportLog;
}

function mayPass(device: OwnedDevice, { values, settings, clock }: TransportPorts): boolean {
  if (values.pressure !== "normal") return false;
  if (settings.logLines.length === 0) return true;
  device.logLines ??= fullBuckets(settings.logLines);
  return takeToken(settings.logLines, device.logLines, clock.monotonicMs()) === 0;
}

function leftOutLine({ linesLeftOut }: OwnedDevice, { settings }: TransportPorts): string {
  return `warn: ${linesLeftOut} lines of this log were left out: at most ${formatRateLimit(settings.logLines)} are told, and none while Kafka does not keep up`;
}

function publishLine(device: OwnedDevice, line: string, ports: TransportPorts): void {
  const nowMs = ports.clock.wallMs();
  // A time series has one value a ms: of two lines at one the first would be lost.
  const timeMs = Math.max(nowMs, device.lastLineMs + 1);
  device.lastLineMs = timeMs;
  const text = line.replace(/[<>]/g, "").slice(0, MAX_LENGTH);
  const value = { type: "STRING", value: text } as const;
  const samples = [{ key: TRANSPORT_LOG_KEY, path: "", value, timeMs, deviceTime: false, unit: "", partial: false }];
  const record = { samples, source: lwm2m.v1.ValueSource.VALUE_SOURCE_LOG, stale: false };
  // Lines happen once, on one node: a random id names them well enough.
  void ports.records.telemetry(nextHead(device, ports.random(16), nowMs), record).catch(ports.unpublished);
}

/** The line of a Register. */
export function logRegistered(device: OwnedDevice, ports: TransportPorts): void {
  if (wantedLevel(device, ports) === "off") return;
  const { endpoint, registrationId, lwm2mVersion, queueMode, bindingMode } = device.registration;
  logLine(
    device,
    `info: Endpoint [${endpoint}] Client registered with registration id: [${registrationId}] LwM2mVersion: [${lwm2mVersion}], ` +
      `SupportedObjectIdVer [{${device.serving.objectVersions}}] QueueMode [${queueMode}], BindingMode [${bindingMode}]\n`,
    ports,
  );
}
