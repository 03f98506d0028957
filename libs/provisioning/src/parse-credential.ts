import type { lwm2m } from "@ferry/proto";
import { checkCa, checkCertificate, checkPublicKey } from "./check-der.ts";
import type { DeviceCredential, SecretValue } from "./device-declaration.ts";
import { ProvisioningError } from "./errors.ts";
import { PSK_KEY_BYTES } from "./key-text.ts";
import { checkText } from "./names.ts";

/** RFC 7925 §4.2. */
const MAX_PSK_IDENTITY_BYTES = 128;
/** A PSK key has 64 bytes at most, PKCS#8 of P-256 138 and its attributes. */
export const MAX_SECRET_BYTES = 240;
/** The longest secret, its tag of 16 bytes. */
const MAX_SEALED_BYTES = MAX_SECRET_BYTES + 16;

type PskCredential = Extract<DeviceCredential, { type: "psk" }>;

/** Checks one credential; `field` is where it stands. @throws {ProvisioningError} */
export function parseCredential(credential: lwm2m.v1.Credential.$Properties, field: string): DeviceCredential {
  const { noSec, psk, rawPublicKey, x509 } = credential;
  checkOne({ noSec, psk, rawPublicKey, x509 }, field);
  if (psk) return parsePsk(psk, `${field}.psk`);
  if (rawPublicKey)
    return {
      type: "rawPublicKey",
      publicKey: checkPublicKey(rawPublicKey.publicKey, `${field}.rawPublicKey.publicKey`),
    };
  if (x509) return parseX509(x509, `${field}.x509`);
  return { type: "noSec" };
}

/** Checks that exactly one of the alternatives is there. @throws {ProvisioningError} */
export function checkOne(alternatives: Readonly<Record<string, unknown>>, field: string): void {
  const given = Object.values(alternatives).filter((one) => one !== undefined && one !== null).length;
  if (given === 1) return;
  throw new ProvisioningError(
    field,
    `names ${given} of ${Object.keys(alternatives).join(", ")}: exactly one is possible`,
  );
}

/** Checks a pre-shared key and its identity. @throws {ProvisioningError} */
export function parsePsk(psk: lwm2m.v1.Psk.$Properties, field: string): PskCredential {
  const identity = psk.identity ?? "";
  checkText(`${field}.identity`, identity, MAX_PSK_IDENTITY_BYTES);
  if (identity === "NO_SEC") throw new ProvisioningError(`${field}.identity`, "must not be NO_SEC");
  const key = parseSecret(psk.key ?? {}, `${field}.key`);
  if (key.type === "plain") checkPskKey(key.bytes, `${field}.key`);
  return { type: "psk", identity, key };
}

/** Checks the size of a secret. @throws {ProvisioningError} */
export function parseSecret({ plain, sealed }: lwm2m.v1.Secret.$Properties, field: string): SecretValue {
  if (sealed) {
    const size = sealed.ciphertext?.length ?? 0;
    if (size > MAX_SEALED_BYTES)
      throw new ProvisioningError(field, `is sealed in ${size} bytes, at most ${MAX_SEALED_BYTES} are possible`);
    return { type: "sealed", sealed };
  }
  if (!plain?.length) throw new ProvisioningError(field, "is missing");
  return { type: "plain", bytes: plain };
}

function checkPskKey(key: Uint8Array, field: string): void {
  if (PSK_KEY_BYTES.includes(key.length)) return;
  throw new ProvisioningError(
    field,
    `has ${key.length} bytes: 16, 32 or 64 are possible, that is 32, 64 or 128 characters of hex`,
  );
}

function parseX509(x509: lwm2m.v1.X509.$Properties, field: string): DeviceCredential {
  const certificate = x509.certificate?.length ? checkCertificate(x509.certificate, `${field}.certificate`) : undefined;
  const ca = x509.ca?.length ? checkCa(x509.ca, `${field}.ca`) : undefined;
  if (certificate !== undefined && ca !== undefined)
    throw new ProvisioningError(field, "has a certificate and a ca: give the one that the device is known by");
  return { type: "x509", certificate, ca };
}
