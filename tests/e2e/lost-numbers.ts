import { lwm2m } from "@ferry/proto";
import { readKafkaRecords } from "@ferry/testing";
import type { NumberingDevices } from "./numbering-devices.ts";
import type { System } from "./system.ts";

/** What a Java consumer finds wrong in what devices were told to be safe: numbers that were acknowledged and are lost, or have two event ids. */
export async function findLostNumbers(
  { kafka, topicPrefix }: System,
  fleets: readonly NumberingDevices[],
): Promise<{
  readonly violations: readonly string[] /** Registered events, each counted once. */;
  readonly registered: number;
}> {
  const [telemetry, lifecycle] = [`${topicPrefix}lwm2m.telemetry.v1`, `${topicPrefix}lwm2m.lifecycle.v1`];
  const violations: string[] = [];
  const found = new Map<string, Map<number, string>>();
  const registered = new Set<string>();
  for (const { topic, value } of await readKafkaRecords(kafka.bootstrapServers, [telemetry, lifecycle])) {
    if (value === null) continue;
    if (topic === lifecycle) {
      const { context, event } = lwm2m.v1.LifecycleRecord.decode(value);
      if (event === lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_REGISTERED) registered.add(toHex(context?.eventId));
      continue;
    }
    const { context, samples, source } = lwm2m.v1.TelemetryRecord.decode(value);
    if (source !== lwm2m.v1.ValueSource.VALUE_SOURCE_NOTIFY) continue;
    const endpoint = context?.endpoint ?? "";
    const numbers = found.get(endpoint) ?? new Map<number, string>();
    found.set(endpoint, numbers);
    for (const { value: sample } of samples) {
      const number = sample?.double ?? 0;
      const eventId = toHex(context?.eventId);
      if ((numbers.get(number) ?? eventId) !== eventId)
        violations.push(`${endpoint}: number ${number} has two event ids`);
      numbers.set(number, eventId);
    }
  }
  for (const fleet of fleets) {
    for (const endpoint of fleet.endpoints) {
      for (const number of fleet.acknowledged(endpoint)) {
        if (found.get(endpoint)?.has(number) !== true) {
          violations.push(`${endpoint}: number ${number} was acknowledged and is lost`);
        }
      }
    }
  }
  return { violations, registered: registered.size };
}

function toHex(bytes: Uint8Array | null | undefined): string {
  return Buffer.from(bytes ?? []).toString("hex");
}
