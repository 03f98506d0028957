import { handleTable, type IncomingRecord, type TableIndex } from "@ferry/bus";
import { TOPICS } from "@ferry/proto";
import { storeValue } from "./desire-values.ts";
import type { Restoring } from "./restoring.ts";

/** No second dead letter: there was one when the record came, unless its device was deleted since. */
const OUTCOMES = {
  stored: "restored",
  withdrawn: "ended",
  older: "known",
  full: "damaged",
  undeclared: "ended",
  invalid: "damaged",
} as const;

/**
 * Reads the desired values back into the store: of each key the latest, unless it was withdrawn. Nobody knows which of them the devices have already:
 * each is written once more, over what the device has by now.
 */
export async function restoreValues(values: TableIndex, restoring: Restoring): Promise<void> {
  const { ports, signal } = restoring;
  const restore = (record: IncomingRecord): Promise<void> =>
    restoring.put("value", record, async () => OUTCOMES[(await storeValue(record, ports)).outcome]);
  await handleTable(ports.bus, ports.settings.topicPrefix + TOPICS.attributeUpdate.name, values, restore, signal);
}
