import { handleTable, type IncomingRecord } from "@ferry/bus";
import { TOPICS } from "@ferry/proto";
import { storeValue } from "./desire-values.ts";
import { isOutage } from "./outage.ts";
import type { RouterPorts } from "./ports.ts";
import type { Restoring } from "./restore-lost-store.ts";

const OUTCOMES = {
  stored: "restored",
  withdrawn: "ended",
  older: "known",
  full: "damaged",
  invalid: "damaged",
} as const;

/**
 * Reads the desired values back into the store: of each key the latest, unless it was withdrawn. Nobody knows which of them the devices have already:
 * each is written once more, which changes nothing at a device that has it.
 */
export async function restoreValues({ ports, pace, signal }: Restoring): Promise<void> {
  const restore = async (record: IncomingRecord): Promise<void> => {
    await pace.step(signal);
    ports.metrics.restored.with({ what: "value", outcome: await restoreOne(record, ports) }).inc();
  };
  await handleTable(ports.bus, ports.settings.topicPrefix + TOPICS.attributeUpdate.name, restore, signal);
}

/** One value that the store does not take must not keep the router from answering at all. */
async function restoreOne(
  record: IncomingRecord,
  ports: RouterPorts,
): Promise<(typeof OUTCOMES)[keyof typeof OUTCOMES]> {
  try {
    return OUTCOMES[(await storeValue(record, ports)).outcome]; // What cannot be used is a dead letter already.
  } catch (error) {
    if (isOutage(error)) throw error;
    const { topic, partition, offset } = record;
    ports.logger.error(
      { err: error, topic, partition, offset },
      "a desired value cannot be restored, and is passed over",
    );
    return "damaged";
  }
}
