import type { IncomingRecord } from "@ferry/bus";
import { CONTENT_TYPE_HEADER, parseAttributeUpdate } from "@ferry/proto";
import type { DeviceRef } from "@ferry/state";
import { bury } from "./bury.ts";
import { inOneLife } from "./one-life.ts";
import { isOutage } from "./outage.ts";
import type { RouterPorts } from "./ports.ts";
import { isProvisioned } from "./provisioned.ts";
import { tellWorkWaits } from "./work-waits.ts";

/**
 * Takes one record of lwm2m.attribute.update.v1: it resolves once the value is stored for its device and the device's node is told, and may be repeated.
 *
 * The newest record of a key counts, by offset, or by time where the topic was made anew; the records of a key lie in one partition. What cannot be used becomes a dead letter.
 * It rejects in an outage only.
 */
export async function desireValue(record: IncomingRecord, ports: RouterPorts): Promise<void> {
  const { metrics, logger } = ports;
  try {
    const { outcome, reason } = await inOneLife(() => storeValue(record, ports), ports);
    if (reason !== undefined) await bury(record, reason, ports);
    metrics.desiredValues.with({ outcome }).inc();
  } catch (error) {
    if (isOutage(error)) throw error;
    const { topic, partition, offset } = record;
    logger.error({ err: error, topic, partition, offset }, "a desired value could not be stored");
    await bury(record, `it could not be stored: ${error}`, ports);
    metrics.desiredValues.with({ outcome: "failed" }).inc();
  }
}

/** What became of a record; `reason` says why it cannot be used. */
export interface StoredValue {
  readonly outcome: "stored" | "withdrawn" | "older" | "full" | "undeclared" | "invalid";
  readonly reason?: string;
}

/** Stores what a record desires and tells the device's node. @throws {StateUnavailableError | BusUnavailableError} it may be repeated */
export async function storeValue(record: IncomingRecord, ports: RouterPorts): Promise<StoredValue> {
  const { devices, clock } = ports;
  const parsed = parseAttributeUpdate(record.value, record.headers[CONTENT_TYPE_HEADER], record.key);
  if (parsed.type === "invalid") {
    return { outcome: "invalid", reason: `${parsed.field} ${parsed.reason}`.trimStart() };
  }

  const { tenant, endpoint, key, value } = parsed;
  const device = { tenant, endpoint };
  if (value !== undefined && !(await isKnown(device, ports))) {
    const reason = `endpoint ${endpoint} is neither registered nor provisioned: declare the device first`;
    return { outcome: "undeclared", reason };
  }
  const outcome = await devices.desire({
    device,
    key,
    value,
    version: Number(record.offset),
    writtenMs: record.timestampMs,
    nowMs: clock(),
  });
  if (outcome.type === "full") {
    return { outcome: "full", reason: `too many desired values wait for ${endpoint}: withdraw some by tombstones` };
  }
  const { state } = outcome;
  if (state !== undefined && state.waiting.values > 0) await tellWorkWaits(device, state, ports);
  if (outcome.type === "older") return { outcome: "older" };
  return { outcome: value === undefined ? "withdrawn" : "stored" };
}

/** Values of devices that nobody has heard of would fill the store. */
async function isKnown(device: DeviceRef, ports: RouterPorts): Promise<boolean> {
  return (await ports.devices.get(device)) !== undefined || isProvisioned(device, ports);
}
