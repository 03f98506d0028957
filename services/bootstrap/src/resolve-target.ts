import { CODE } from "@ferry/coap";
import { MISSING_ENDPOINT } from "@ferry/lwm2m";
import {
  type Admission,
  bootstrapKeysOf,
  DEFAULT_TENANT,
  type DeviceCredential,
  type DeviceDeclaration,
  generatedCredentials,
} from "@ferry/provisioning";
import { type DeviceRef, type Sender, StateUnavailableError } from "@ferry/state";
import { deviceKeys } from "./device-keys.ts";
import type { RequestRefusal } from "./metrics.ts";
import type { BootstrapTarget } from "./plan.ts";
import type { BootstrapPorts } from "./ports.ts";
import { bootstrapTarget, type TargetOutcome } from "./target.ts";

/** Who asks and what it is to get, or why it is refused. */
export type Resolved =
  | {
      readonly type: "target";
      readonly device: DeviceRef;
      readonly target: BootstrapTarget;
      /** What the device declares, where a key is to be made for its servers first: until then the target has an empty one. */
      readonly generating: DeviceDeclaration | undefined;
    }
  | Refused;

/** A request that begins nothing. */
export interface Refused {
  readonly type: "refused";
  readonly outcome: RequestRefusal;
  /** CoAP code of the answer. */
  readonly code: number;
  /** One sentence, for the answer and for the event. */
  readonly reason: string;
  /** Who asked, as far as it said or proved that; undefined when nobody is to be told. */
  readonly device: DeviceRef | undefined;
}

/** The endpoint that a request names is the sender's own word: as many of its characters are repeated. */
const MAX_NAME_CHARACTERS = 128;

type Admitted = Extract<Admission, { type: "admitted" }>;

/**
 * Who is it, and what is it to get? In the clear the endpoint name is all that says who it is; with DTLS it is the credential's, and 4.03 answers another one.
 * Who is not provisioned, and whose profile and keys do not fit together, is answered 4.00 (OMA LwM2M Core 1.1.1 §6.1.7.1).
 *
 * @throws {StateUnavailableError} the store is away, or was emptied and has no provisioning yet
 * @throws {SealingError} none of our keys opens the device's: nobody else's fault
 */
export async function resolveTarget(
  named: string | undefined,
  sender: Sender,
  ports: Pick<BootstrapPorts, "catalogue" | "provisioning" | "sealingKeys">,
): Promise<Resolved> {
  const proven = sender.securityMode === "NO_SEC" ? undefined : sender.device;
  const endpoint = proven?.endpoint ?? named;
  if (endpoint === undefined)
    return refused("malformed", MISSING_ENDPOINT.code, MISSING_ENDPOINT.diagnostic, undefined);
  if (proven !== undefined && named !== undefined && named !== proven.endpoint)
    return refused("anotherIdentity", CODE.FORBIDDEN, anotherName(proven.endpoint, named), proven);

  const admission = await admit(endpoint, sender, ports);
  if (admission.type === "refused") {
    if ((await ports.provisioning.position()) === undefined)
      throw new StateUnavailableError("Redis was emptied: what is provisioned is not in it again yet");
    const device = proven ?? { tenant: DEFAULT_TENANT, endpoint };
    return refused("unknownDevice", CODE.BAD_REQUEST, admission.reason, device);
  }
  const { tenant } = admission;
  const device = { tenant, endpoint };
  const { declaration } = admission;
  const generated = generatedCredentials(await ports.provisioning.get("credential", tenant, endpoint));
  const outcome = targetOf(device, admission, generated, ports);
  if (outcome.type === "refused") return refused("noConfiguration", CODE.BAD_REQUEST, outcome.reason, device);
  const { target } = outcome;
  // Where no server takes a pre-shared key, none is made.
  const isGenerating =
    bootstrapKeysOf(declaration, generated).server?.type === "generatePsk" &&
    target.servers.some(({ keys }) => keys.type === "psk");
  return { type: "target", device, target, generating: isGenerating ? declaration : undefined };
}

function admit(endpoint: string, sender: Sender, { catalogue }: Pick<BootstrapPorts, "catalogue">): Promise<Admission> {
  return sender.securityMode === "NO_SEC"
    ? catalogue.admitBootstrap(endpoint)
    : catalogue.admitProven({ ...sender.device, securityMode: sender.securityMode }, "bootstrap");
}

function targetOf(
  device: DeviceRef,
  { declaration, profile, profileName }: Admitted,
  generated: readonly DeviceCredential[] | undefined,
  { catalogue, sealingKeys }: Pick<BootstrapPorts, "catalogue" | "sealingKeys">,
): TargetOutcome {
  const { tenant, endpoint } = device;
  return bootstrapTarget({
    endpoint,
    profileName,
    bootstrap: profile.bootstrap,
    keys: deviceKeys({ device, declaration, generated, sealingKeys }),
    modelsOf: (objectId) => catalogue.models.versionsOf(tenant, objectId),
  });
}

function refused(outcome: RequestRefusal, code: number, reason: string, device: DeviceRef | undefined): Refused {
  return { type: "refused", outcome, code, reason, device };
}

function anotherName(endpoint: string, named: string): string {
  return `the credential is of "${endpoint}", and the device asks as "${named.slice(0, MAX_NAME_CHARACTERS)}": ask under the credential's name, or under none`;
}
