import { type PowerOverride, ProfileError, parsePowerOverride, toPowerForm } from "@ferry/profile";
import type { lwm2m } from "@ferry/proto";
import { checkBootstrapKeys } from "./check-bootstrap-keys.ts";
import {
  type BootstrapKeys,
  type DeviceCredential,
  type DeviceDeclaration,
  isSecure,
  patternPrefix,
} from "./device-declaration.ts";
import { DEFAULT_TENANT } from "./document.ts";
import { ProvisioningError } from "./errors.ts";
import { checkEndpoint, checkProfileName, checkText } from "./names.ts";
import { parseBootstrapKeys } from "./parse-bootstrap-keys.ts";
import { parseCredential } from "./parse-credential.ts";

const MAX_CREDENTIALS = 8;
const MAX_LABELS = 32;
const MAX_LABEL_BYTES = 255;

/** Checks a device or a pattern. @throws {ProvisioningError} */
export function parseDevice(tenant: string, device: lwm2m.v1.Device.$Properties): DeviceDeclaration {
  const endpoint = device.endpoint ?? "";
  checkEndpoint(endpoint);
  checkProfileName("profile", device.profile ?? "");
  const bootstrap = device.bootstrap ? parseBootstrapKeys(device.bootstrap) : undefined;
  const declaration: DeviceDeclaration = {
    tenant,
    endpoint,
    profile: device.profile ?? "",
    credentials: parseCredentials(device.credentials ?? [], bootstrap),
    allowUnauthenticatedFleet: device.allowUnauthenticatedFleet ?? false,
    labels: parseLabels(device.labels ?? {}),
    power: device.power ? parsePower(toPowerForm(device.power)) : undefined,
    bootstrap,
  };
  checkTrusted(declaration);
  if (patternPrefix(endpoint) === undefined) checkDevice(declaration);
  else checkPattern(declaration);
  checkBootstrapKeys(declaration);
  return declaration;
}

/** Parses `power` of a document. @throws {ProvisioningError} */
export function parsePower(form: unknown): PowerOverride {
  try {
    return parsePowerOverride(form, "power");
  } catch (error) {
    if (error instanceof ProfileError) throw new ProvisioningError(error.field, error.reason, { cause: error });
    throw error;
  }
}

/** The CAs that the deployment trusts are those of one tenant: a name in a certificate never says whose it is. */
function checkTrusted({ tenant, credentials }: DeviceDeclaration): void {
  const trusted = credentials.findIndex((one) => one.type === "x509" && !one.certificate && !one.ca);
  if (trusted < 0 || tenant === DEFAULT_TENANT) return;
  throw new ProvisioningError(
    `credentials[${trusted}].x509`,
    `needs a certificate or a ca: the CAs of the trust files are those of the tenant "${DEFAULT_TENANT}"`,
  );
}

function checkDevice({ credentials, allowUnauthenticatedFleet }: DeviceDeclaration): void {
  if (allowUnauthenticatedFleet) {
    throw new ProvisioningError("allowUnauthenticatedFleet", "is for patterns: the endpoint does not end with *");
  }
  const noSec = credentials.findIndex(({ type }) => type === "noSec");
  if (noSec >= 0 && isSecure(credentials)) {
    throw new ProvisioningError(
      `credentials[${noSec}].noSec`,
      "an endpoint with a secure credential is never served in the clear: take one of them out",
    );
  }
}

function checkPattern({ credentials, allowUnauthenticatedFleet, bootstrap }: DeviceDeclaration): void {
  for (const [index, credential] of credentials.entries()) {
    const field = `credentials[${index}].${credential.type}`;
    if (credential.type === "noSec") {
      if (!allowUnauthenticatedFleet) {
        throw new ProvisioningError(
          field,
          "any device that knows a matching name would be served: say allowUnauthenticatedFleet: true if that is meant",
        );
      }
      if (isSecure(credentials)) {
        throw new ProvisioningError(
          field,
          "a fleet with a secure credential is never served in the clear: take one of them out",
        );
      }
    } else if (credential.type !== "x509" || credential.certificate !== undefined) {
      throw new ProvisioningError(field, "belongs to one device: a pattern takes noSec, x509 with a ca, or x509: {}");
    }
  }
  const isOpen = bootstrap?.bootstrapServer?.type === "noSec";
  if (isOpen && !allowUnauthenticatedFleet) {
    throw new ProvisioningError(
      "bootstrap.bootstrapServer.noSec",
      "any device that knows a matching name would be given keys: say allowUnauthenticatedFleet: true if that is meant",
    );
  }
  if (allowUnauthenticatedFleet && !isOpen && !credentials.some(({ type }) => type === "noSec")) {
    throw new ProvisioningError("allowUnauthenticatedFleet", "has no credential to allow: add noSec, or take it out");
  }
}

function parseCredentials(
  credentials: readonly lwm2m.v1.Credential.$Properties[],
  bootstrap: BootstrapKeys | undefined,
): readonly DeviceCredential[] {
  // Such a device is known to the bootstrap server, which gives it its first credential.
  const isGivenOne = bootstrap?.bootstrapServer !== undefined && bootstrap.server?.type === "generatePsk";
  if (credentials.length === 0 && !isGivenOne) {
    throw new ProvisioningError(
      "credentials",
      "is empty: without one the device cannot prove who it is; `- noSec: true` serves it in the clear",
    );
  }
  if (credentials.length > MAX_CREDENTIALS) {
    throw new ProvisioningError(
      "credentials",
      `has ${credentials.length} entries, at most ${MAX_CREDENTIALS} are possible`,
    );
  }
  return credentials.map((credential, index) => parseCredential(credential, `credentials[${index}]`));
}

function parseLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(labels);
  if (entries.length > MAX_LABELS) {
    throw new ProvisioningError("labels", `has ${entries.length} entries, at most ${MAX_LABELS} are possible`);
  }
  for (const [name, value] of entries) {
    checkText(`labels.${name.slice(0, MAX_LABEL_BYTES)}`, name, MAX_LABEL_BYTES);
    if (value !== "") checkText(`labels.${name}`, value, MAX_LABEL_BYTES);
  }
  return { ...labels };
}
