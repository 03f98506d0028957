import { handleTable, type IncomingRecord } from "@ferry/bus";
import { TOPICS } from "@ferry/proto";
import { storeValue } from "./desire-values.ts";
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
    const { outcome } = await storeValue(record, ports); // What cannot be used is a dead letter already.
    ports.metrics.restored.with({ what: "value", outcome: OUTCOMES[outcome] }).inc();
  };
  await handleTable(ports.bus, ports.settings.topicPrefix + TOPICS.attributeUpdate.name, restore, signal);
}
