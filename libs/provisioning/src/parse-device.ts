import { createPublicKey, hash, type KeyObject, X509Certificate } from "node:crypto";
import { type PowerOverride, ProfileError, parsePowerOverride, toPowerForm } from "@ferry/profile";
import type { lwm2m } from "@ferry/proto";
import {
  type DeviceCredential,
  type DeviceDeclaration,
  isSecure,
  patternPrefix,
  type SecretValue,
} from "./device-declaration.ts";
import { DEFAULT_TENANT } from "./document.ts";
import { ProvisioningError } from "./errors.ts";
import { PSK_KEY_BYTES } from "./key-text.ts";
import { checkEndpoint, checkProfileName, checkText } from "./names.ts";

const MAX_CREDENTIALS = 8;
const MAX_LABELS = 32;
const MAX_LABEL_BYTES = 255;
/** RFC 7925 §4.2. */
const MAX_PSK_IDENTITY_BYTES = 128;
/** Keys and certificates of elliptic curves are far smaller. */
const MAX_DER_BYTES = 8192;
/** Keys and certificates of which it is remembered that they are what is expected; the one that was asked for longest ago is forgotten first. */
const MAX_KNOWN_DER = 4096;
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
  checkTrusted(declaration);
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
    } else if (credential.type !== "x509" || credential.certificate !== undefined) {
      throw new ProvisioningError(field, "belongs to one device: a pattern takes noSec, x509 with a ca, or x509: {}");
    }
  }
  if (allowUnauthenticatedFleet && !credentials.some(({ type }) => type === "noSec")) {
    throw new ProvisioningError("allowUnauthenticatedFleet", "has no credential to allow: add noSec, or take it out");
  }
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
  const der = checkDer(
    publicKey,
    `${field}.publicKey`,
    "a SubjectPublicKeyInfo (RFC 7250) of the elliptic curve P-256 (prime256v1), DER",
    (bytes) => {
      const key = createPublicKey({ key: Buffer.from(bytes), format: "der", type: "spki" });
      // Devices show the one encoding of their key, byte for byte.
      return isP256(key) && key.export({ format: "der", type: "spki" }).equals(bytes);
    },
  );
  return { type: "rawPublicKey", publicKey: der };
}

function parseX509(x509: lwm2m.v1.X509.$Properties, field: string): DeviceCredential {
  const certificate = parseCertificate(
    x509.certificate,
    `${field}.certificate`,
    "an X.509v3 certificate with an issuer and a P-256 (prime256v1) key, DER",
    ({ publicKey }) => isP256(publicKey),
  );
  const ca = parseCertificate(
    x509.ca,
    `${field}.ca`,
    "the X.509v3 certificate of a CA (basicConstraints CA:TRUE) with a subject and a key of an elliptic curve, DER",
    (parsed) => parsed.ca && isNamed(parsed.subject) && isEllipticCurve(parsed.publicKey),
  );
  if (certificate !== undefined && ca !== undefined)
    throw new ProvisioningError(field, "has a certificate and a ca: give the one that the device is known by");
  return { type: "x509", certificate, ca };
}

function parseCertificate(
  bytes: Uint8Array | null | undefined,
  field: string,
  expected: string,
  is: (certificate: X509Certificate) => boolean,
): Uint8Array | undefined {
  if (!bytes?.length) return undefined;
  return checkDer(bytes, field, expected, (der) => {
    const parsed = new X509Certificate(der);
    // Bytes behind it would make a certificate that equals no other.
    return parsed.raw.length === der.length && isNamed(parsed.issuer) && is(parsed);
  });
}

function checkDer(
  bytes: Uint8Array | null | undefined,
  field: string,
  expected: string,
  is: (der: Uint8Array) => boolean,
): Uint8Array {
  if (!bytes?.length) throw new ProvisioningError(field, "is missing");
  if (bytes.length > MAX_DER_BYTES)
    throw new ProvisioningError(field, `has ${bytes.length} bytes, at most ${MAX_DER_BYTES} are possible`);
  const known = `${hash("sha256", bytes, "base64")} ${expected}`;
  if (!KNOWN_DER.delete(known)) judgeDer(field, expected, () => is(bytes));
  KNOWN_DER.add(known);
  for (const oldest of KNOWN_DER) {
    if (KNOWN_DER.size <= MAX_KNOWN_DER) break;
    KNOWN_DER.delete(oldest);
  }
  return bytes;
}

/** What was as expected before: OpenSSL takes a tenth of a millisecond for each, and stored records are parsed again at each handshake. */
const KNOWN_DER = new Set<string>();

/** node:crypto throws many classes at bad DER; all mean the same to who provisions. */
function judgeDer(field: string, expected: string, is: () => boolean): void {
  let isExpected = false;
  try {
    isExpected = is();
  } catch (cause) {
    throw new ProvisioningError(field, `is not ${expected}`, { cause });
  }
  if (!isExpected) throw new ProvisioningError(field, `is not ${expected}`);
}

/** Issuers, and with them the subjects of CAs, have a name (RFC 5280 §4.1.2.4, §4.1.2.6): X509Certificate has undefined for an empty one, whatever its type says. */
function isNamed(name: string | undefined): boolean {
  return !!name;
}

function isEllipticCurve({ asymmetricKeyType }: KeyObject): boolean {
  return asymmetricKeyType === "ec";
}

/** The one curve of the cipher suites that devices connect with. */
function isP256(key: KeyObject): boolean {
  return isEllipticCurve(key) && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
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
