import type { IncomingRecord } from "@ferry/bus";
import { CONTENT_TYPE_HEADER, parseAttributeUpdate } from "@ferry/proto";
import { bury } from "./bury.ts";
import { isOutage } from "./outage.ts";
import type { RouterPorts } from "./ports.ts";
import { publishCommand } from "./route-requests.ts";

/** How long a node may take to obey; what it misses it learns when the device is next confirmed or comes to another node. */
const COMMAND_DEADLINE_MS = 60_000;

/**
 * Takes one record of lwm2m.attribute.update.v1: it resolves once the value is stored for its device and the device's node is told, and may be repeated.
 *
 * The newest record of a key counts, by offset, or by time where the topic was made anew; the records of a key lie in one partition. What cannot be used becomes a dead letter.
 * It rejects in an outage only.
 */
export async function desireValue(record: IncomingRecord, ports: RouterPorts): Promise<void> {
  const { metrics, logger } = ports;
  try {
    metrics.desiredValues.with({ outcome: await desire(record, ports) }).inc();
  } catch (error) {
    if (isOutage(error)) throw error;
    const { topic, partition, offset } = record;
    logger.error({ err: error, topic, partition, offset }, "a desired value could not be stored");
    await bury(record, `it could not be stored: ${error}`, ports);
    metrics.desiredValues.with({ outcome: "failed" }).inc();
  }
}

type Outcome = "stored" | "withdrawn" | "older" | "full" | "invalid";

async function desire(record: IncomingRecord, ports: RouterPorts): Promise<Outcome> {
  const { devices, clock } = ports;
  const parsed = parseAttributeUpdate(record.value, record.headers[CONTENT_TYPE_HEADER], record.key);
  if (parsed.type === "invalid") {
    await bury(record, `${parsed.field} ${parsed.reason}`.trimStart(), ports);
    return "invalid";
  }

  const { tenant, endpoint, key, value } = parsed;
  const device = { tenant, endpoint };
  const outcome = await devices.desire({
    device,
    key,
    value,
    version: Number(record.offset),
    writtenMs: record.timestampMs,
    nowMs: clock(),
  });
  if (outcome.type === "full") {
    await bury(record, `too many desired values wait for ${endpoint}: withdraw some by tombstones`, ports);
    return "full";
  }
  const { state } = outcome;
  if (state !== undefined && state.owner.bootId !== "" && state.waiting.values > 0) {
    await publishCommand(state.owner.slot, device, ports, {
      bootId: state.owner.bootId,
      deadlineMs: clock() + COMMAND_DEADLINE_MS,
      ownerEpoch: state.owner.epoch,
      attempt: 1,
      workWaits: device,
    });
  }
  if (outcome.type === "older") return "older";
  return value === undefined ? "withdrawn" : "stored";
}
