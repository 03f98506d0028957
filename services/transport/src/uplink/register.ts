import { hash } from "node:crypto";
import { CODE } from "@ferry/coap";
import { MISSING_ENDPOINT, type Register } from "@ferry/lwm2m";
import { type Admission, DEFAULT_TENANT } from "@ferry/provisioning";
import { type DeviceRef, type DeviceState, makeRegistrationId, type Sender, shardOf } from "@ferry/state";
import { logRegistered } from "../communication-log.ts";
import { newObservations } from "../downlink/new-observations.ts";
import { setUp } from "../downlink/reconcile.ts";
import { publishChange, publishRefused } from "../lifecycle.ts";
import type { TransportPorts } from "../ports.ts";
import { dropReplaced } from "../secure/drop-replaced.ts";
import { serveWaiting } from "../sleepers.ts";
import { provenDevice, type Source } from "../source.ts";
import { adopt, forgetElsewhere } from "../take-over.ts";
import { created, refuse, tooManyRequests, tryLater, type UplinkResponse } from "./response.ts";
import type { UplinkRequest } from "./uplink-request.ts";

/**
 * Register: a device announces itself (OMA LwM2M Core 1.1.1 §6.2.1).
 *
 * Answers 2.01 Created with its Location once Redis holds the registration, the same to a repeat on any node;
 * 4.29 beyond a rate limit; 5.03 while an emptied store has no provisioning; 4.03 when nobody provisioned the device. In the clear the endpoint name is all
 * that says who it is, and 4.00 answers when that is missing; with DTLS it is the credential's, and 4.03 answers another one.
 */
export async function register(
  request: UplinkRequest,
  uplink: Register,
  ports: TransportPorts,
): Promise<UplinkResponse> {
  const { source } = request;
  const proven = provenDevice(source.sender);
  const endpoint = proven?.endpoint ?? uplink.endpoint;
  if (endpoint === undefined) return refuse(MISSING_ENDPOINT.code, MISSING_ENDPOINT.diagnostic);

  // Counted first where the tenant is known: what is refused is told of, too.
  const provenWaitMs = proven === undefined ? 0 : admitRegister(proven, ports);
  if (provenWaitMs > 0) return tooManyRequests(provenWaitMs);
  if (proven !== undefined && uplink.endpoint !== undefined && uplink.endpoint !== endpoint)
    return refused(proven, anotherName(endpoint, uplink.endpoint), ports);

  const admission = await admit(endpoint, source.sender, ports);
  if (admission.type === "refused") {
    // An emptied store has no provisioning until that is restored.
    return (await ports.storeWatch.isRestored())
      ? refused(proven ?? { tenant: DEFAULT_TENANT, endpoint }, admission.reason, ports)
      : tryLater(ports.random);
  }
  const { tenant, profileName: profile, declaration } = admission;
  const waitMs = proven === undefined ? admitRegister({ tenant, endpoint }, ports) : 0;
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
    securityMode: source.sender.securityMode,
    peer: source.address,
    additionalParameters: uplink.additionalParameters,
  } as const;
  const serving = ports.servings.of(registration);
  // Stored with the registration, so that the first notification finds them on any node.
  const observations = newObservations(shard, serving.observations.values(), ports.random);
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
    return { code: CODE.CREATED, options: location, afterwards: () => takeOverRepeated(state, source, ports) };
  }

  ports.metrics.registrations.with({ outcome: "registered" }).inc();
  const device = adopt(state, source, ports);
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
      dropReplaced(device.registration, admission.generated, source, ports);
      logRegistered(device, ports);
      serveWaiting(device, ports);
      setUp(device, ports, outcome.replaced?.registration);
    },
  };
}

function admit(endpoint: string, sender: Sender, { catalogue }: TransportPorts): Promise<Admission> {
  return sender.securityMode === "NO_SEC"
    ? catalogue.admit(endpoint)
    : catalogue.admitProven({ ...sender.device, securityMode: sender.securityMode });
}

/** How long a Register of the device must wait, ms. */
function admitRegister({ tenant, endpoint }: DeviceRef, { limits, clock, ownership }: TransportPorts): number {
  const nowMs = clock.monotonicMs();
  const known = ownership.byDevice(tenant, endpoint);
  return known === undefined ? limits.admitTenant(tenant, nowMs) : limits.admit(known, nowMs);
}

/** The node that took the first copy may be dead, or out of the device's reach: who heard the last copy serves the device. */
function takeOverRepeated({ registration, owner }: DeviceState, source: Source, ports: TransportPorts): void {
  const { registrationId } = registration;
  if (owner.bootId === ports.node.bootId) return;
  void ports.takeOver.claim({ type: "registrationId", registrationId }, source);
}

/** The endpoint that a Register names is the sender's own word: as many of its characters are repeated. */
const MAX_NAME_CHARACTERS = 128;

function anotherName(endpoint: string, named: string): string {
  return `the credential is of "${endpoint}", and the device registers as "${named.slice(0, MAX_NAME_CHARACTERS)}": register under the credential's name, or under none`;
}

function refused(device: DeviceRef, reason: string, ports: TransportPorts): UplinkResponse {
  ports.metrics.registrations.with({ outcome: "refused" }).inc();
  publishRefused(device, reason, ports);
  return refuse(CODE.FORBIDDEN, reason);
}

/** Names a datagram: its source, Message ID and Token. */
function datagramDigest({ peer, messageId, token }: UplinkRequest): string {
  return hash("sha256", `${peer}\n${messageId}\n${Buffer.from(token).toString("hex")}`, "base64url").slice(0, 22);
}
