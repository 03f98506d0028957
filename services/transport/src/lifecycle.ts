import { lwm2m } from "@ferry/proto";
import { type LifecycleChange, lifecycleRecord, type OutboxEntry, toWireRegistration } from "@ferry/state";
import type { TransportPorts } from "./ports.ts";

/**
 * Publishes what befell a registration and, where it changes, the device's state; then tells the outbox that Kafka has it.
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
  const { registration, event } = change;
  const record = lifecycleRecord(change);
  const published = [ports.records.storedLifecycle(record, registration)];
  if (changesState) {
    const ended = event === "deregistered" || event === "expired";
    const state = ended
      ? undefined
      : { context: record.context ?? null, registration: toWireRegistration(registration) };
    published.push(ports.records.deviceState(registration, state));
  }
  void Promise.all(published).then(() => ports.outbox.settle(shard, outboxId), ports.unpublished);
}

/**
 * Publishes an outbox entry whose writer could not; resolves once Kafka has it.
 *
 * The device's state goes with it as the store has it now: later events may be on Kafka already, and an older state must not follow them.
 */
export async function publishStored(entry: OutboxEntry, { records, devices }: TransportPorts): Promise<void> {
  if (entry.kind === "response") return records.response(entry.device, entry.value, entry.contentType);
  const record = lwm2m.v1.LifecycleRecord.decode(entry.value);
  const now = await devices.get(entry.device);
  const state =
    now === undefined
      ? undefined
      : { context: record.context ?? null, registration: toWireRegistration(now.registration) };
  await Promise.all([records.storedLifecycle(record, entry.device), records.deviceState(entry.device, state)]);
}
