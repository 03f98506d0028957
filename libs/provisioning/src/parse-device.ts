import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { type PowerOverride, ProfileError, parsePowerOverride, toPowerForm } from "@ferry/profile";
import type { lwm2m } from "@ferry/proto";
import {
  type DeviceCredential,
  type DeviceDeclaration,
  isSecure,
  patternPrefix,
  type SecretValue,
} from "./device-declaration.ts";
import { ProvisioningError } from "./errors.ts";
import { checkEndpoint, checkProfileName, checkText } from "./names.ts";

const MAX_CREDENTIALS = 8;
const MAX_LABELS = 32;
const MAX_LABEL_BYTES = 255;
/** RFC 7925 §4.2. */
const MAX_PSK_IDENTITY_BYTES = 128;
/** 32, 64 or 128 characters of hex. */
const PSK_KEY_BYTES: readonly number[] = [16, 32, 64];
/** Keys and certificates of elliptic curves are far smaller. */
const MAX_DER_BYTES = 8192;
/** A sealed PSK key of 64 bytes, its tag, and room for another cipher. */
const MAX_SEALED_BYTES = 256;

/** Checks a device or a pattern. @throws {ProvisioningError} */
export function parseDevice(tenant: string, device: lwm2m.v1.Device.$Properties): DeviceDeclaration {
  const endpoint = device.endpoint ?? "";
  checkEndpoint(endpoint);
  checkProfileName("profile", device.profile ?? "");
  const declaration: DeviceDeclaration = {
    tenant,
    endpoint,
    profile: device.profile ?? "",
    credentials: parseCredentials(device.credentials ?? []),
    allowUnauthenticatedFleet: device.allowUnauthenticatedFleet ?? false,
    labels: parseLabels(device.labels ?? {}),
    power: device.power ? parsePower(toPowerForm(device.power)) : undefined,
  };
  if (patternPrefix(endpoint) === undefined) checkDevice(declaration);
  else checkPattern(declaration);
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

function checkPattern({ credentials, allowUnauthenticatedFleet }: DeviceDeclaration): void {
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
    } else if (credential.type !== "x509" || !isFleetWide(credential)) {
      throw new ProvisioningError(field, "belongs to one device: a pattern takes noSec or x509 with a ca");
    }
  }
  if (allowUnauthenticatedFleet && !credentials.some(({ type }) => type === "noSec")) {
    throw new ProvisioningError("allowUnauthenticatedFleet", "has no credential to allow: add noSec, or take it out");
  }
}

function isFleetWide({ ca, certificate }: Extract<DeviceCredential, { type: "x509" }>): boolean {
  return ca !== undefined && certificate === undefined;
}

function parseCredentials(credentials: readonly lwm2m.v1.Credential.$Properties[]): readonly DeviceCredential[] {
  if (credentials.length === 0) {
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

/** Checks one credential; `field` is where it stands. @throws {ProvisioningError} */
export function parseCredential(credential: lwm2m.v1.Credential.$Properties, field: string): DeviceCredential {
  const given = [credential.noSec, credential.psk, credential.rawPublicKey, credential.x509].filter(
    (one) => one !== undefined && one !== null,
  );
  if (given.length !== 1) {
    throw new ProvisioningError(
      field,
      `names ${given.length} of noSec, psk, rawPublicKey, x509: exactly one is possible`,
    );
  }
  if (credential.psk) return parsePsk(credential.psk, `${field}.psk`);
  if (credential.rawPublicKey) return parseRawPublicKey(credential.rawPublicKey, `${field}.rawPublicKey`);
  if (credential.x509) return parseX509(credential.x509, `${field}.x509`);
  return { type: "noSec" };
}

function parsePsk(psk: lwm2m.v1.Psk.$Properties, field: string): DeviceCredential {
  const identity = psk.identity ?? "";
  checkText(`${field}.identity`, identity, MAX_PSK_IDENTITY_BYTES);
  if (identity === "NO_SEC") throw new ProvisioningError(`${field}.identity`, "must not be NO_SEC");
  return { type: "psk", identity, key: parsePskKey(psk.key ?? {}, `${field}.key`) };
}

function parsePskKey({ plain, sealed }: lwm2m.v1.Secret.$Properties, field: string): SecretValue {
  if (sealed) {
    const size = sealed.ciphertext?.length ?? 0;
    if (size > MAX_SEALED_BYTES)
      throw new ProvisioningError(field, `is sealed in ${size} bytes, at most ${MAX_SEALED_BYTES} are possible`);
    return { type: "sealed", sealed };
  }
  if (!plain?.length) throw new ProvisioningError(field, "is missing");
  checkPskKey(plain, field);
  return { type: "plain", bytes: plain };
}

/** Checks the length of an opened PSK key. @throws {ProvisioningError} */
export function checkPskKey(key: Uint8Array, field: string): void {
  if (PSK_KEY_BYTES.includes(key.length)) return;
  throw new ProvisioningError(
    field,
    `has ${key.length} bytes: 16, 32 or 64 are possible, that is 32, 64 or 128 characters of hex`,
  );
}

function parseRawPublicKey({ publicKey }: lwm2m.v1.RawPublicKey.$Properties, field: string): DeviceCredential {
  const der = checkDer(publicKey, `${field}.publicKey`);
  return parseDer(`${field}.publicKey`, "a SubjectPublicKeyInfo (RFC 7250) of an elliptic curve, DER", () => {
    const key = createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
    return isEllipticCurve(key) ? { type: "rawPublicKey", publicKey: der } : undefined;
  });
}

function parseX509(x509: lwm2m.v1.X509.$Properties, field: string): DeviceCredential {
  const certificate = parseCertificate(x509.certificate, `${field}.certificate`);
  const ca = parseCertificate(x509.ca, `${field}.ca`);
  if (certificate === undefined && ca === undefined) throw new ProvisioningError(field, "needs a certificate or a ca");
  return { type: "x509", certificate, ca };
}

function parseCertificate(bytes: Uint8Array | null | undefined, field: string): Uint8Array | undefined {
  if (!bytes?.length) return undefined;
  const der = checkDer(bytes, field);
  return parseDer(field, "an X.509v3 certificate of an elliptic curve key, DER", () =>
    isEllipticCurve(new X509Certificate(der).publicKey) ? der : undefined,
  );
}

function checkDer(bytes: Uint8Array | null | undefined, field: string): Uint8Array {
  if (!bytes?.length) throw new ProvisioningError(field, "is missing");
  if (bytes.length > MAX_DER_BYTES)
    throw new ProvisioningError(field, `has ${bytes.length} bytes, at most ${MAX_DER_BYTES} are possible`);
  return bytes;
}

/** node:crypto throws many classes at bad DER; all mean the same to who provisions. */
function parseDer<Parsed>(field: string, expected: string, parse: () => Parsed | undefined): Parsed {
  let parsed: Parsed | undefined;
  try {
    parsed = parse();
  } catch (cause) {
    throw new ProvisioningError(field, `is not ${expected}`, { cause });
  }
  if (parsed === undefined) throw new ProvisioningError(field, `is not ${expected}`);
  return parsed;
}

function isEllipticCurve({ asymmetricKeyType }: KeyObject): boolean {
  return asymmetricKeyType === "ec";
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
