import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import type { AccountSecurity } from "./bootstrap-settings.ts";
import { DER_KINDS, readDerText } from "./der-text.ts";
import { ProfileError } from "./errors.ts";

/** Keys and certificates of elliptic curves are far smaller. */
const MAX_DER_BYTES = 8192;

type PublicKind = "publicKey" | "certificate";

/** What a device is given to know the server by, for each security mode that has it. */
const KINDS: { readonly [Security in AccountSecurity]?: PublicKind } = {
  rawPublicKey: "publicKey",
  x509: "certificate",
};

/**
 * Reads the server's public key or certificate (`/0/x/4`) as hex, Base64 or PEM; an empty text counts as absent.
 *
 * The curve is that of LwM2M's cipher suites, P-256 (RFC 7925 §4.3, §4.4).
 * @throws {ProfileError} where the security mode needs another one, or none
 */
export function parseServerPublicKey(
  text: string | undefined,
  security: AccountSecurity,
  field: string,
): Uint8Array | undefined {
  const kind = KINDS[security];
  if (kind === undefined) {
    if (!text) return undefined;
    throw new ProfileError(field, "belongs to raw public keys and certificates alone: take it out");
  }
  const expected = DER_KINDS[kind].name;
  if (!text) throw new ProfileError(field, `is missing: the server's, ${expected}, as Base64, hex or PEM`);
  const der = readDerText(text, kind, field);
  if (der.length > MAX_DER_BYTES) {
    throw new ProfileError(field, `has ${der.length} bytes, at most ${MAX_DER_BYTES} are possible`);
  }
  if (!CHECKS[kind](der)) {
    throw new ProfileError(field, `is not ${expected} with a key of the elliptic curve P-256 (prime256v1)`);
  }
  return der;
}

const CHECKS: { readonly [Kind in PublicKind]: (der: Uint8Array) => boolean } = {
  publicKey: (der) => {
    const key = parsed(() => createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" }));
    // What follows the key, or another encoding of it, would not equal what the server shows.
    return key !== undefined && isP256(key) && key.export({ format: "der", type: "spki" }).equals(der);
  },
  certificate: (der) => {
    const certificate = parsed(() => new X509Certificate(der));
    return certificate !== undefined && certificate.raw.length === der.length && isP256(certificate.publicKey);
  },
};

/** node:crypto throws many classes at bad DER, which all mean that it is bad. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyDetails?.namedCurve === "prime256v1";
}
