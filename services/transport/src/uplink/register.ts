import { hash } from "node:crypto";
import { CODE, type PeerKey } from "@ferry/coap";
import { MISSING_ENDPOINT, type Register } from "@ferry/lwm2m";
import { lwm2m } from "@ferry/proto";
import { type DeviceState, makeRegistrationId, namedEventId, shardOf } from "@ferry/state";
import type { IncomingRequest } from "../coap-server.ts";
import { logRegistered } from "../communication-log.ts";
import { newObservations } from "../downlink/new-observations.ts";
import { setUp } from "../downlink/reconcile.ts";
import { publishChange } from "../lifecycle.ts";
import type { OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { serveWaiting } from "../sleepers.ts";
import { adopt, forgetElsewhere } from "../take-over.ts";
import { created, refuse, tooManyRequests, tryLater, type UplinkResponse } from "./response.ts";

/**
 * Register: a device announces itself (OMA LwM2M Core 1.1.1 §6.2.1).
 *
 * Answers 2.01 Created with its Location once Redis holds the registration, the same to a repeat on any node;
 * 4.29 beyond a rate limit; 5.03 while an emptied store has no provisioning; 4.00 without an endpoint name, 4.03 when nobody provisioned it: identity is the name here, because the datagram came in the clear.
 */
export async function register(
  request: IncomingRequest,
  uplink: Register,
  ports: TransportPorts,
): Promise<UplinkResponse> {
  const { endpoint } = uplink;
  if (endpoint === undefined) return refuse(MISSING_ENDPOINT.code, MISSING_ENDPOINT.diagnostic);

  const admission = await ports.catalogue.admit(endpoint);
  if (admission.type === "refused") {
    // An emptied store has no provisioning until that is restored.
    return (await ports.storeWatch.isRestored()) ? refused(endpoint, admission.reason, ports) : tryLater(ports.random);
  }
  const { tenant, profileName: profile, declaration } = admission;
  const waitMs = admitRegister(ports.ownership.byDevice(tenant, endpoint), tenant, ports);
  if (waitMs > 0) return tooManyRequests(waitMs);

  const shard = shardOf(tenant, endpoint);
  const nowMs = ports.clock.wallMs();
  const registration = {
    tenant,
    endpoint,
    registrationId: makeRegistrationId(shard, ports.random),
    lifetimeS: uplink.lifetimeS,
    lwm2mVersion: uplink.lwm2mVersion,
    // Up to LwM2M 1.0 the binding carries the queue mode, and an Update can change it.
    bindingMode: uplink.lwm2mVersion === "1.0" && uplink.queueMode ? `${uplink.bindingMode}Q` : uplink.bindingMode,
    queueMode: uplink.queueMode,
    ...(uplink.smsNumber === undefined ? {} : { smsNumber: uplink.smsNumber }),
    objectLinks: uplink.objectLinks,
    profile,
    ...(declaration.power === undefined ? {} : { power: declaration.power }),
    securityMode: "NO_SEC",
    peer: request.peer,
    additionalParameters: uplink.additionalParameters,
  } as const;
  const serving = ports.servings.of(registration);
  // Stored with the registration, so that the first notification finds them on any node.
  const observations = newObservations(registration, serving.observations.values(), ports.random);
  const outcome = await ports.devices.register({
    registration,
    digest: datagramDigest(request),
    observations,
    node: ports.node,
    nowMs,
  });
  const { state } = outcome;
  const location = created(state.registration.registrationId);
  if (outcome.type === "repeated") {
    ports.metrics.registrations.with({ outcome: "repeated" }).inc();
    return { code: CODE.CREATED, options: location, afterwards: () => takeOverRepeated(state, request.peer, ports) };
  }

  ports.metrics.registrations.with({ outcome: "registered" }).inc();
  const device = adopt(state, request.peer, ports);
  const replaced = outcome.replaced?.registration.registrationId;
  publishChange(
    {
      event: "registered",
      registration: state.registration,
      owner: state.owner,
      atMs: nowMs,
      ...(replaced === undefined ? {} : { replacedRegistrationId: replaced }),
    },
    state.observations,
    shard,
    outcome.outboxId,
    ports,
  );
  if (outcome.replaced !== undefined) forgetElsewhere(device, outcome.replaced.owner, ports);
  return {
    code: CODE.CREATED,
    options: location,
    afterwards: () => {
      logRegistered(device, ports);
      serveWaiting(device, ports);
      setUp(device, ports, outcome.replaced?.registration);
    },
  };
}

function admitRegister(known: OwnedDevice | undefined, tenant: string, { limits, clock }: TransportPorts): number {
  const nowMs = clock.monotonicMs();
  return known === undefined ? limits.admitTenant(tenant, nowMs) : limits.admit(known, nowMs);
}

/** The node that took the first copy may be dead, or out of the device's reach: who heard the last copy serves the device. */
function takeOverRepeated({ registration, owner }: DeviceState, peer: PeerKey, ports: TransportPorts): void {
  const { registrationId } = registration;
  if (owner.bootId === ports.node.bootId) return;
  void ports.takeOver.claim({ type: "registrationId", registrationId }, registrationId, peer);
}

function refused(endpoint: string, reason: string, ports: TransportPorts): UplinkResponse {
  ports.metrics.registrations.with({ outcome: "refused" }).inc();
  const ingestTimeMs = ports.clock.wallMs();
  const head = {
    tenant: "default",
    endpoint,
    registrationId: "",
    ownerEpoch: 0,
    sequence: 0,
    eventId: namedEventId("refused", ports.node.bootId, endpoint, ingestTimeMs),
    ingestTimeMs,
  };
  const record = { event: lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_REFUSED, reason };
  void ports.records.lifecycle(head, record).catch(ports.unpublished);
  return refuse(CODE.FORBIDDEN, reason);
}

/** Names a datagram: its source, Message ID and Token. */
function datagramDigest({ peer, messageId, token }: IncomingRequest): string {
  return hash("sha256", `${peer}\n${messageId}\n${Buffer.from(token).toString("hex")}`, "base64url").slice(0, 22);
}
