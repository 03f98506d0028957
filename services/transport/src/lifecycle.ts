import { decodeMessage, lwm2m, TOPICS } from "@ferry/proto";
import {
  type DeviceRef,
  type LifecycleChange,
  lifecycleRecord,
  namedEventId,
  type Observation,
  type OutboxEntry,
  type Registration,
  toWireObservation,
} from "@ferry/state";
import { publishFinal } from "./downlink/finish-request.ts";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";

/**
 * Publishes what befell a registration and, where it changes, the device's state; then tells the outbox that Kafka has it.
 *
 * Nobody waits for it: Register and Update need Redis, not Kafka. What fails here is published by the sweeper.
 * An Update that only prolongs, or comes from another address, leaves the state as it is: a restore gives every device a fresh lifetime anyway,
 * and its next datagram says where it is.
 */
export function publishChange(
  change: LifecycleChange,
  observations: readonly Observation[],
  shard: number,
  outboxId: string,
  ports: TransportPorts,
): void {
  const { registration, event, changes } = change;
  const record = lifecycleRecord(change);
  const published = [ports.records.storedLifecycle(record, registration)];
  if (event !== "updated" || changes?.some((changed) => changed !== "peer")) {
    const ended = event === "deregistered" || event === "expired";
    const state = ended ? undefined : stateRecord(record.context ?? null, registration, observations, ports);
    published.push(ports.records.deviceState(registration, state));
  }
  void Promise.all(published).then(() => ports.outbox.settle(shard, outboxId), ports.unpublished);
}

/** Publishes the state of an owned device whose observations have changed, so that a lost Redis can be rebuilt with them. Nobody waits for it. */
export function publishState(device: OwnedDevice, ports: TransportPorts): void {
  // After its end nothing must follow the tombstone.
  if (!ports.ownership.has(device)) return;
  const { registration, owner } = device;
  const { tenant, endpoint, registrationId } = registration;
  const context = {
    eventId: ports.random(16),
    tenant,
    endpoint,
    registrationId,
    ownerEpoch: owner.epoch,
    sequence: device.nextSequence(),
    bootId: owner.bootId,
    ingestTimeMs: ports.clock.wallMs(),
  };
  const state = stateRecord(context, registration, device.storedObservations(), ports);
  void ports.records.deviceState(registration, state).catch(ports.unpublished);
}

/**
 * Publishes an outbox entry whose writer could not; resolves once Kafka has it.
 *
 * The device's state goes with it as the store has it now: later events may be on Kafka already, and an older state must not follow them.
 */
export async function publishStored(entry: OutboxEntry, ports: TransportPorts): Promise<void> {
  const { records, devices } = ports;
  if (entry.kind === "response") {
    const { device, value, contentType } = entry;
    const requestId = decodeMessage(TOPICS.rpcResponse.type, value, contentType)?.requestId ?? "";
    return publishFinal(device, requestId, value, contentType, records);
  }
  const record = lwm2m.v1.LifecycleRecord.decode(entry.value);
  const now = await devices.get(entry.device);
  const state =
    now === undefined ? undefined : stateRecord(record.context ?? null, now.registration, now.observations, ports);
  await Promise.all([records.storedLifecycle(record, entry.device), records.deviceState(entry.device, state)]);
}

function stateRecord(
  context: lwm2m.v1.RecordContext.$Properties | null,
  registration: Registration,
  observations: readonly Observation[],
  ports: TransportPorts,
): lwm2m.v1.DeviceStateRecord.$Properties {
  return {
    context,
    registration,
    observations: observations.map(toWireObservation),
    association: associationOf(registration, ports),
  };
}

/** The association of a device that is here; null for one without DTLS, or whose association is elsewhere. */
function associationOf(
  registration: Registration,
  { dtls }: TransportPorts,
): lwm2m.v1.DtlsAssociation.$Properties | null {
  const peer = registration.securityMode === "NO_SEC" ? undefined : dtls?.byDevice(registration);
  const known = peer === undefined ? undefined : dtls?.peer(peer);
  if (known === undefined) return null;
  const { suite, hasCid, createdAtMs } = known;
  return { suite, hasCid, createdAtMs };
}

/** Tells that a device may not register, or not connect. Nobody waits for it. */
export function publishRefused(device: DeviceRef, reason: string, ports: TransportPorts): void {
  const { tenant, endpoint } = device;
  const ingestTimeMs = ports.clock.wallMs();
  const head = {
    tenant,
    endpoint,
    registrationId: "",
    ownerEpoch: 0,
    sequence: 0,
    eventId: namedEventId("refused", ports.node.bootId, endpoint, ingestTimeMs),
    ingestTimeMs,
  };
  const record = { event: lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_REFUSED, reason };
  void ports.records.lifecycle(head, record).catch(ports.unpublished);
}
