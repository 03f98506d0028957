/**
 * kafkajs 2.2.4 with four repairs, and the only place that loads it.
 *
 * 1. Its request queue keeps a timer of 1 ms running for each connection though nothing waits (tulios/kafkajs#1556, #1704): 3 % of a core when idle.
 * 2. It groups a batch by partition with a copy of the group for each record: quadratic.
 * 3. It encodes each record into a buffer of its own and copies that four times more: a third of what a record costs us.
 * 4. It takes the response to a Produce request through five modules, which it looks up each time, into an object with three big numbers for each partition.
 *
 * They replace functions of that very version; a test fails when the version changes.
 */
import { createRequire } from "node:module";
import { frameRequest } from "./frame-request.ts";
import { produceProtocol } from "./produce-protocol.ts";

const require = createRequire(import.meta.url);

interface RequestQueue {
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  throttledUntil: number;
  readonly pending: readonly unknown[];
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

interface Grouping<Message> {
  readonly topic: string;
  readonly partitionMetadata: readonly unknown[];
  readonly messages: readonly Message[];
  readonly partitioner: (choice: { topic: string; partitionMetadata: readonly unknown[]; message: Message }) => number;
}

const { prototype: requestQueue } = require("kafkajs/src/network/requestQueue") as { prototype: RequestQueue };
requestQueue.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
  const waitMs = Math.max(this.throttledUntil - Date.now(), 1);
  this.throttleCheckTimeoutId = setTimeout(() => {
    this.throttleCheckTimeoutId = null;
    this.checkPendingRequests();
  }, waitMs);
};

replaceModule("kafkajs/src/producer/groupMessagesPerPartition", groupByPartition);
const { createErrorFromCode } = require("kafkajs/src/protocol/error") as { createErrorFromCode(code: number): Error };
replaceModule("kafkajs/src/protocol/requests/produce", produceProtocol(createErrorFromCode));
replaceModule("kafkajs/src/protocol/request", frameRequest);

/** Replaces what a module is, before kafkajs is loaded as a whole: those who need the module take it when they are loaded. */
function replaceModule(name: string, exports: unknown): void {
  const path = require.resolve(name);
  require(path);
  (require.cache[path] as NodeJS.Module).exports = exports;
}

/** The messages of each partition, in their order. */
export function groupByPartition<Message>({
  topic,
  partitionMetadata,
  messages,
  partitioner,
}: Grouping<Message>): Record<number, Message[]> {
  const groups: Record<number, Message[]> = {};
  if (partitionMetadata.length === 0) return groups;
  for (const message of messages) {
    const partition = partitioner({ topic, partitionMetadata, message });
    const group = groups[partition];
    if (group === undefined) groups[partition] = [message];
    else group.push(message);
  }
  return groups;
}

/** kafkajs, repaired. */
export const kafkajs: typeof import("kafkajs") = require("kafkajs");
