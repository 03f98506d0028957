import { lwm2m } from "@ferry/proto";
import type { Owner, Registration, RegistrationChange } from "./device-store.ts";
import { namedEventId } from "./event-id.ts";

/** What befell a registration: what the outbox holds until Kafka has it. */
export interface LifecycleChange {
  readonly event: "registered" | "updated" | "deregistered" | "expired";
  /** The registration after the event. */
  readonly registration: Registration;
  readonly owner: Owner;
  /** When it was decided, ms since 1970. */
  readonly atMs: number;
  readonly reason?: string;
  readonly replacedRegistrationId?: string;
  /** Of an Update. */
  readonly changes?: readonly RegistrationChange[];
}

const CHANGED_BY: Readonly<Record<RegistrationChange, keyof Registration>> = {
  lifetime: "lifetimeS",
  binding: "bindingMode",
  sms: "smsNumber",
  objects: "objectLinks",
  peer: "peer",
};

/** What is different between a registration before and after an Update. */
export function registrationChanges(before: Registration, after: Registration): RegistrationChange[] {
  const all = Object.keys(CHANGED_BY) as RegistrationChange[];
  return all.filter((change) => before[CHANGED_BY[change]] !== after[CHANGED_BY[change]]);
}

/** Why a registration ended that nobody ended. */
export const EXPIRED_REASON = "lifetime lapsed";

const { LifecycleEvent } = lwm2m.v1;

const EVENTS = {
  registered: LifecycleEvent.LIFECYCLE_EVENT_REGISTERED,
  updated: LifecycleEvent.LIFECYCLE_EVENT_UPDATED,
  deregistered: LifecycleEvent.LIFECYCLE_EVENT_DEREGISTERED,
  expired: LifecycleEvent.LIFECYCLE_EVENT_EXPIRED,
} as const;

/**
 * The record of a change for lwm2m.lifecycle.v1.
 *
 * The node that made the change and the sweeper that finds it in the outbox both build it here, so that both copies have one event id.
 */
export function lifecycleRecord(change: LifecycleChange): lwm2m.v1.LifecycleRecord.$Properties {
  const { event, registration, owner, atMs, reason, replacedRegistrationId, changes } = change;
  const { tenant, endpoint, registrationId, updatedAtMs } = registration;
  return {
    context: {
      eventId: namedEventId("lifecycle", event, tenant, endpoint, registrationId, updatedAtMs),
      tenant,
      endpoint,
      registrationId,
      ownerEpoch: owner.epoch,
      bootId: owner.bootId,
      ingestTimeMs: atMs,
    },
    event: EVENTS[event],
    registration,
    ...(reason === undefined ? {} : { reason }),
    ...(replacedRegistrationId === undefined ? {} : { replacedRegistrationId }),
    ...(changes === undefined ? {} : { changes: [...changes] }),
  };
}
