import { deadLetter, type IncomingRecord, type OutgoingRecord, RecordTooLargeError } from "@ferry/bus";
import type { RouterPorts } from "./ports.ts";

/**
 * Publishes a record that cannot be used as a dead letter. One that has no room for the reason beside it goes without its value, and if need be without its key
 * and its own headers: its coordinates are in the headers.
 */
export async function bury(
  record: IncomingRecord,
  reason: string,
  { sender, settings, clock }: RouterPorts,
): Promise<void> {
  const options = { topicPrefix: settings.topicPrefix, nowMs: clock() };
  const letterOf = (part: IncomingRecord): OutgoingRecord => deadLetter(part, reason, "rpc-router", options);
  const withoutValue = { ...record, value: null };
  const smallest = { ...withoutValue, key: null, headers: {} };
  for (const part of [record, withoutValue, smallest]) {
    try {
      return await sender.publish(letterOf(part));
    } catch (error) {
      if (!(error instanceof RecordTooLargeError) || part === smallest) throw error;
    }
  }
}
