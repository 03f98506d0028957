import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { ALERT } from "./alert.ts";
import type { ServerTrust } from "./client-io.ts";
import { isP256 } from "./ec-point.ts";
import { DtlsAlertError } from "./errors.ts";

/** What a server showed in its Certificate message. */
export type ShownCertificate =
  | { readonly type: "rawPublicKey"; readonly publicKey: Uint8Array }
  /** DER, the server's own first. */
  | { readonly type: "certificate"; readonly chain: readonly Uint8Array[] };

/** What a client judges a certificate by. */
export interface TrustTerms {
  readonly trust: ServerTrust;
  /** A certificate that leads to a trust anchor must name it; undefined: any name will do. */
  readonly serverName: string | undefined;
  /** Ms since 1970. */
  readonly nowMs: number;
}

/**
 * The key of a server that showed what the client believes; P-256.
 *
 * @throws {DtlsAlertError} it is another's, or nothing that can be read
 */
export function trustedServerKey(shown: ShownCertificate, terms: TrustTerms): KeyObject {
  const key = shown.type === "rawPublicKey" ? trustedRawKey(shown.publicKey, terms) : trustedLeaf(shown.chain, terms);
  if (!isP256(key)) {
    throw new DtlsAlertError(ALERT.UNSUPPORTED_CERTIFICATE, "noCommonParameters", "the server's key is not P-256");
  }
  return key;
}

function trustedRawKey(publicKey: Uint8Array, { trust }: TrustTerms): KeyObject {
  if (trust.type !== "publicKey") throw untrusted("the server showed a raw public key; a certificate is wanted");
  requirePinned(publicKey, trust.publicKey);
  return parsed("public key", () => createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" }));
}

function trustedLeaf(chain: readonly Uint8Array[], { trust, serverName, nowMs }: TrustTerms): KeyObject {
  const certificates = chain.map((der) => parsed("certificate", () => new X509Certificate(der)));
  const [leaf] = certificates;
  if (leaf === undefined) throw untrusted("the server showed no certificate");
  const key = parsed("certificate", () => leaf.publicKey);
  if (trust.type === "publicKey") {
    requirePinned(key.export({ type: "spki", format: "der" }), trust.publicKey);
    return key;
  }
  requirePath(certificates, new X509Certificate(trust.certificate), nowMs);
  if (serverName !== undefined && leaf.checkHost(serverName) === undefined) {
    throw untrusted(`the server's certificate does not name ${serverName}`);
  }
  return key;
}

function requirePinned(shown: Uint8Array, pinned: Uint8Array): void {
  if (Buffer.compare(shown, pinned) !== 0) throw untrusted("the server's public key is not the pinned one");
}

/** Every certificate is in its time and issued by the next one, the last by the anchor, or is the anchor (RFC 5280 §6.1). */
function requirePath(chain: readonly X509Certificate[], anchor: X509Certificate, nowMs: number): void {
  for (const [index, certificate] of chain.entries()) {
    if (nowMs < certificate.validFromDate.getTime() || nowMs > certificate.validToDate.getTime()) {
      throw new DtlsAlertError(
        ALERT.CERTIFICATE_EXPIRED,
        "unauthorized",
        `certificate ${index} of the server is valid from ${certificate.validFrom} to ${certificate.validTo}`,
      );
    }
    if (certificate.raw.equals(anchor.raw)) return;
    const issuer = chain[index + 1] ?? anchor;
    // checkIssued compares names and key usage; verify, the signature.
    if (!issuer.ca || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
      throw new DtlsAlertError(
        ALERT.UNKNOWN_CA,
        "unauthorized",
        `certificate ${index} of the server is not issued by ${issuer === anchor ? "the trust anchor" : "the next one"}`,
      );
    }
  }
}

function untrusted(detail: string): DtlsAlertError {
  return new DtlsAlertError(ALERT.BAD_CERTIFICATE, "unauthorized", detail);
}

/** OpenSSL's errors have no common class: whatever it cannot read is the server's fault. */
function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!Error.isError(error)) throw error;
    throw new DtlsAlertError(ALERT.BAD_CERTIFICATE, "malformed", `the server's ${what} cannot be read`);
  }
}
