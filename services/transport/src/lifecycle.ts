import { lwm2m } from "@ferry/proto";
import { type LifecycleChange, lifecycleRecord } from "@ferry/state";
import type { TransportPorts } from "./ports.ts";

const { LifecycleEvent } = lwm2m.v1;

/** The device's state after an event. */
const STATE_AFTER: ReadonlyMap<lwm2m.v1.LifecycleEvent, "registration" | "tombstone"> = new Map([
  [LifecycleEvent.LIFECYCLE_EVENT_REGISTERED, "registration"],
  [LifecycleEvent.LIFECYCLE_EVENT_UPDATED, "registration"],
  [LifecycleEvent.LIFECYCLE_EVENT_DEREGISTERED, "tombstone"],
  [LifecycleEvent.LIFECYCLE_EVENT_EXPIRED, "tombstone"],
]);

/**
 * Publishes what befell a registration, then tells the outbox that Kafka has it.
 *
 * Nobody waits for it: Register and Update need Redis, not Kafka. What fails here is published by the sweeper.
 * An Update that only prolongs leaves the state as it is: a restore gives every device a fresh lifetime anyway.
 */
export function publishChange(
  change: LifecycleChange,
  shard: number,
  outboxId: string,
  ports: TransportPorts,
  changesState: boolean = change.event !== "updated",
): void {
  void publishLifecycle(lifecycleRecord(change), ports, changesState).then(
    () => ports.outbox.settle(shard, outboxId),
    ports.unpublished,
  );
}

/** Publishes a lifecycle record and, where it changes, the device's state after it. Resolves once Kafka has both. */
export async function publishLifecycle(
  record: lwm2m.v1.LifecycleRecord.$Properties,
  { records }: TransportPorts,
  changesState: boolean = record.event !== LifecycleEvent.LIFECYCLE_EVENT_UPDATED,
): Promise<void> {
  const { context, registration, event } = record;
  const device = { tenant: context?.tenant ?? "", endpoint: context?.endpoint ?? "" };
  const published = records.storedLifecycle(record, device);
  const after = event === undefined || event === null ? undefined : STATE_AFTER.get(event);
  if (after === undefined || !changesState) return published;
  const state = after === "tombstone" ? undefined : { context: context ?? null, registration: registration ?? null };
  await Promise.all([published, records.deviceState(device, state)]);
}
