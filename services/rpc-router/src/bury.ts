import { deadLetter, type IncomingRecord, RecordTooLargeError } from "@ferry/bus";
import type { RouterPorts } from "./ports.ts";

/** Publishes a record that cannot be used as a dead letter. One that has no room for the reason beside it goes without its value: its coordinates are in the headers. */
export async function bury(
  record: IncomingRecord,
  reason: string,
  { sender, settings, clock }: RouterPorts,
): Promise<void> {
  const letter = deadLetter(record, reason, "rpc-router", { topicPrefix: settings.topicPrefix, nowMs: clock() });
  try {
    await sender.publish(letter);
  } catch (error) {
    if (!(error instanceof RecordTooLargeError)) throw error;
    await sender.publish({ ...letter, value: null });
  }
}
