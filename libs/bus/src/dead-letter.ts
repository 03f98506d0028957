import { TOPICS } from "@ferry/proto";
import type { IncomingRecord, OutgoingRecord } from "./bus.ts";

/** Where a dead letter goes and who says so. */
export interface DeadLetterOptions {
  /** Put in front of the topic's name, as for every other topic; empty by default. */
  readonly topicPrefix?: string;
  /** Now, ms since 1970. */
  readonly nowMs: number;
}

/**
 * The dead letter of a record that cannot be used: its key and value as they were, its coordinates and the reason in headers
 * (`proto/lwm2m/v1/dead-letter.proto`). The record's own headers are kept.
 */
export function deadLetter(
  record: IncomingRecord,
  reason: string,
  service: string,
  { topicPrefix = "", nowMs }: DeadLetterOptions,
): OutgoingRecord {
  return {
    topic: topicPrefix + TOPICS.deadLetter.name,
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      "dlq-reason": reason,
      "dlq-topic": record.topic,
      "dlq-partition": String(record.partition),
      "dlq-offset": String(record.offset),
      "dlq-service": service,
      "dlq-time-ms": String(nowMs),
    },
  };
}
