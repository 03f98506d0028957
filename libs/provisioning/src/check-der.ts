import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify, X509Certificate } from "node:crypto";
import { putNewest } from "@ferry/runtime";
import { ProvisioningError } from "./errors.ts";

/** Keys and certificates of elliptic curves are far smaller. */
const MAX_DER_BYTES = 8192;
/** Keys and certificates of which it is remembered that they are what is expected; the one that was asked for longest ago is forgotten first. */
const MAX_KNOWN_DER = 4096;

/** Checks a raw public key. @throws {ProvisioningError} */
export function checkPublicKey(publicKey: Uint8Array | null | undefined, field: string): Uint8Array {
  return checkDer(
    publicKey,
    field,
    "a SubjectPublicKeyInfo (RFC 7250) of the elliptic curve P-256 (prime256v1), DER",
    (bytes) => {
      const key = createPublicKey({ key: Buffer.from(bytes), format: "der", type: "spki" });
      // Devices show the one encoding of their key, byte for byte.
      return isP256(key) && key.export({ format: "der", type: "spki" }).equals(bytes);
    },
  );
}

/** Checks the certificate of a device. @throws {ProvisioningError} */
export function checkCertificate(certificate: Uint8Array | null | undefined, field: string): Uint8Array {
  return checkX509(
    certificate,
    field,
    "an X.509v3 certificate with an issuer and a P-256 (prime256v1) key, DER",
    ({ publicKey }) => isP256(publicKey),
  );
}

/** Checks the certificate of a CA. @throws {ProvisioningError} */
export function checkCa(ca: Uint8Array, field: string): Uint8Array {
  return checkX509(
    ca,
    field,
    "the X.509v3 certificate of a CA (basicConstraints CA:TRUE) with a subject and a key of an elliptic curve, DER",
    (parsed) => parsed.ca && isNamed(parsed.subject) && isEllipticCurve(parsed.publicKey),
  );
}

/** Checks a private key that is in the open, and that it belongs to `publicKey`. @throws {ProvisioningError} never quotes it */
export function checkPrivateKey(privateKey: Uint8Array, publicKey: KeyObject, field: string, owner: string): void {
  const expected = "a private key of P-256 (prime256v1) without a password, PKCS#8 (RFC 5958), DER";
  // It is not among what is remembered: that holds hashes of what is public.
  const key = judgeDer(field, expected, () => {
    const parsed = createPrivateKey({ key: Buffer.from(privateKey), format: "der", type: "pkcs8" });
    return isP256(parsed) && isOneDer(privateKey) ? parsed : undefined;
  });
  // A signature, for a key may name a public key beside it that is not its own.
  if (!verify("sha256", PROBE, publicKey, sign("sha256", PROBE, key)))
    throw new ProvisioningError(field, `does not belong to ${owner}: give the two of one pair`);
}

/** Whether a CA has signed a certificate itself. */
export function isSignedBy(certificate: Uint8Array, ca: Uint8Array): boolean {
  const known = `${fingerprint(certificate)} signed by ${fingerprint(ca)}`;
  if (!KNOWN_DER.has(known)) {
    const [own, issuer] = [new X509Certificate(certificate), new X509Certificate(ca)];
    if (!own.checkIssued(issuer) || !own.verify(issuer.publicKey)) return false;
  }
  remember(known);
  return true;
}

const PROBE = Buffer.from("ferry");

/** Whether a DER SEQUENCE fills its bytes: OpenSSL passes over what stands behind a private key, devices may not. */
function isOneDer(bytes: Uint8Array): boolean {
  const first = bytes[1] ?? 0;
  if (first < 0x80) return bytes.length === 2 + first;
  const head = 2 + (first & 0x7f);
  return bytes.length === head + Buffer.from(bytes.subarray(2, head)).readUIntBE(0, head - 2);
}

function checkX509(
  bytes: Uint8Array | null | undefined,
  field: string,
  expected: string,
  is: (certificate: X509Certificate) => boolean,
): Uint8Array {
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
  const known = `${fingerprint(bytes)} ${expected}`;
  if (!KNOWN_DER.has(known)) judgeDer(field, expected, () => is(bytes) || undefined);
  remember(known);
  return bytes;
}

function remember(known: string): void {
  putNewest(KNOWN_DER, known, true, MAX_KNOWN_DER);
}

function fingerprint(bytes: Uint8Array): string {
  return hash("sha256", bytes, "base64");
}

/** What was as expected before: OpenSSL takes a tenth of a millisecond for each, and stored records are parsed again at each handshake. */
const KNOWN_DER = new Map<string, true>();

/** node:crypto throws many classes at bad DER; all mean the same to who provisions. */
function judgeDer<Judged>(field: string, expected: string, judge: () => Judged | undefined): Judged {
  let judged: Judged | undefined;
  try {
    judged = judge();
  } catch (cause) {
    throw new ProvisioningError(field, `is not ${expected}`, { cause });
  }
  if (judged === undefined) throw new ProvisioningError(field, `is not ${expected}`);
  return judged;
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
