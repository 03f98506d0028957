import type { PowerOverride } from "@ferry/profile";
import { type lwm2m, toSafeNumber } from "@ferry/proto";
import type { Observation, Registration } from "./device-store.ts";
import type { Token } from "./token.ts";

/** The registration that a message holds; absent fields read as empty. */
export function fromWireRegistration(message: lwm2m.v1.Registration.$Properties): Registration {
  const additionalParameters = message.additionalParameters ?? {};
  const power = powerOverride(message.power);
  return {
    tenant: message.tenant ?? "",
    endpoint: message.endpoint ?? "",
    registrationId: message.registrationId ?? "",
    generation: toSafeNumber(message.generation),
    lifetimeS: message.lifetimeS ?? 0,
    lwm2mVersion: message.lwm2mVersion ?? "",
    bindingMode: message.bindingMode ?? "",
    queueMode: message.queueMode ?? false,
    ...(message.smsNumber ? { smsNumber: message.smsNumber } : {}),
    objectLinks: message.objectLinks ?? "",
    profile: message.profile ?? "",
    securityMode: securityMode(message.securityMode),
    peer: message.peer ?? "",
    registeredAtMs: toSafeNumber(message.registeredAtMs),
    updatedAtMs: toSafeNumber(message.updatedAtMs),
    expiresAtMs: toSafeNumber(message.expiresAtMs),
    ...(Object.keys(additionalParameters).length > 0 ? { additionalParameters } : {}),
    ...(power === undefined ? {} : { power }),
  };
}

/** A mode that is not known counts as none: the profile holds. */
function powerOverride(message: lwm2m.v1.PowerOverride.$Properties | null | undefined): PowerOverride | undefined {
  const mode = POWER_MODES.find((known) => known === message?.mode);
  if (!message || mode === undefined) return undefined;
  const { psmActivityTimerMs, edrxCycleMs, pagingTransmissionWindowMs, queueModeAwakeTimeMs } = message;
  return {
    mode,
    ...(psmActivityTimerMs ? { psmActivityTimerMs } : {}),
    ...(edrxCycleMs ? { edrxCycleMs } : {}),
    ...(pagingTransmissionWindowMs ? { pagingTransmissionWindowMs } : {}),
    ...(queueModeAwakeTimeMs ? { queueModeAwakeTimeMs } : {}),
  };
}

const POWER_MODES = ["DRX", "PSM", "E_DRX"] as const;

/** An observation as Kafka has it. */
export function toWireObservation(observation: Observation): lwm2m.v1.StoredObservation.$Properties {
  const { token, paths, source, contentFormat } = observation;
  return {
    token,
    paths: [...paths],
    byRpc: source === "rpc",
    cancelled: source === "cancelled",
    ...(contentFormat === undefined ? {} : { contentFormat }),
  };
}

/** The observation that a message holds. */
export function fromWireObservation(message: lwm2m.v1.StoredObservation.$Properties): Observation {
  const { token, paths, byRpc, cancelled, contentFormat } = message;
  return {
    token: (token ?? new Uint8Array()) as Token, // Written by us; what is no token finds nothing.
    paths: paths ?? [],
    source: cancelled ? "cancelled" : byRpc ? "rpc" : "profile",
    ...(contentFormat == null ? {} : { contentFormat }),
  };
}

/** An unknown mode counts as the weakest one. */
function securityMode(text: string | null | undefined): Registration["securityMode"] {
  return text === "PSK" || text === "RPK" || text === "X509" ? text : "NO_SEC";
}

/**
 * Whether a device uses queue mode after its binding mode changed: up to LwM2M 1.0 the binding says so (`UQ`),
 * from 1.1 on Register's `Q` does, and Update cannot change it (OMA LwM2M Core 1.1.1 §6.2.2).
 */
export function queueModeAfter(
  registration: Pick<Registration, "lwm2mVersion" | "queueMode">,
  bindingMode: string,
): boolean {
  return registration.lwm2mVersion === "1.0" ? bindingMode.includes("Q") : registration.queueMode;
}
