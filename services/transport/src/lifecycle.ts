import { type LifecycleChange, lifecycleRecord, namedEventId, toWireRegistration } from "@ferry/state";
import type { TransportPorts } from "./ports.ts";

/**
 * Publishes what befell a registration, and the device's state with it; then tells the outbox that Kafka has it.
 *
 * Nobody waits for it: Register and Update need Redis, not Kafka. What fails here is published by the sweeper.
 */
export function publishChange(change: LifecycleChange, shard: number, outboxId: string, ports: TransportPorts): void {
  void publish(change, ports).then(() => ports.outbox.settle(shard, outboxId), ports.unpublished);
}

/** Publishes a change and resolves once Kafka has it. */
export async function publish(change: LifecycleChange, ports: TransportPorts): Promise<void> {
  const { registration, owner, event, atMs } = change;
  const published = ports.records.storedLifecycle(lifecycleRecord(change), registration);
  // An Update that only prolongs changes nothing that a restore needs: it gives every device a fresh lifetime anyway.
  if (event === "updated") return published;
  const head = {
    tenant: registration.tenant,
    endpoint: registration.endpoint,
    registrationId: registration.registrationId,
    ownerEpoch: owner.epoch,
    sequence: 0,
    eventId: namedEventId("device-state", event, registration.registrationId, registration.updatedAtMs),
    ingestTimeMs: atMs,
  };
  const ended = event === "deregistered" || event === "expired";
  const state = ports.records.deviceState(head, ended ? undefined : toWireRegistration(registration));
  await Promise.all([published, state]);
}
