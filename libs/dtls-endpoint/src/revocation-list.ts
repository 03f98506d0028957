import { type KeyObject, verify } from "node:crypto";
import { CertificateRevocationList } from "pkijs";
import { type DeviceCertificate, distinguishedName, revocationKey } from "./certificate.ts";
import { KeyFileError } from "./errors.ts";

/** Signature algorithms of revocation lists (RFC 5758 §3.2, RFC 4055 §5), by what node:crypto calls their hash. */
const HASHES: Readonly<Record<string, string>> = {
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
};

/** A list of the certificates that a CA takes back (RFC 5280 §5). */
export class RevocationList {
  /** When the next one was due, ms since 1970; undefined when it does not say. The list goes on after that: what is revoked stays so. */
  readonly nextUpdateMs: number | undefined;
  readonly size: number;
  readonly #issuer: string;
  readonly #revoked: ReadonlySet<string>;
  readonly #signed: { readonly hash: string; readonly bytes: Uint8Array; readonly signature: Uint8Array };
  /** By the CA's certificate: the signature of a list is verified once. */
  readonly #verified = new Map<string, boolean>();

  private constructor(list: CertificateRevocationList, hash: string) {
    this.#issuer = distinguishedName(list.issuer);
    this.#revoked = new Set(
      (list.revokedCertificates ?? []).map(({ userCertificate }) =>
        revocationKey(this.#issuer, Buffer.from(userCertificate.valueBlock.valueHexView).toString("hex")),
      ),
    );
    this.#signed = { hash, bytes: list.tbsView, signature: list.signatureValue.valueBlock.valueHexView };
    this.nextUpdateMs = list.nextUpdate?.value.getTime();
    this.size = this.#revoked.size;
  }

  /** Reads a list, DER. @throws {KeyFileError} it is none, or one that holds for a part of what the CA has signed */
  static parse(der: Uint8Array): RevocationList {
    const list = parseList(der);
    const critical = [...(list.crlExtensions?.extensions ?? [])].filter((extension) => extension.critical);
    if (critical.length > 0) {
      throw new KeyFileError(
        `has critical extensions (${critical.map(({ extnID }) => extnID).join(", ")}): give a complete list of one CA, not a delta or a part`,
      );
    }
    const hash = HASHES[list.signatureAlgorithm.algorithmId];
    if (hash === undefined)
      throw new KeyFileError(
        `is signed with ${list.signatureAlgorithm.algorithmId}: give one with ECDSA or RSA and SHA-2`,
      );
    return new RevocationList(list, hash);
  }

  /** Whether it is this CA's, and has the certificate. */
  isRevoked(certificate: DeviceCertificate, issuer: DeviceCertificate): boolean {
    return this.#revoked.has(certificate.revocationKey) && this.isOf(issuer);
  }

  /** Whether it has a certificate that was accepted before, by its {@link revocationKey}. */
  hasKey(key: string): boolean {
    return this.#revoked.has(key);
  }

  /** Whether a CA has signed it. */
  isOf({ x509, publicKey, subject }: DeviceCertificate): boolean {
    if (subject !== this.#issuer) return false;
    const known = this.#verified.get(x509.fingerprint256);
    if (known !== undefined) return known;
    const isSigned = this.#isSignedBy(publicKey);
    if (this.#verified.size < MAX_VERIFIED) this.#verified.set(x509.fingerprint256, isSigned);
    return isSigned;
  }

  #isSignedBy(publicKey: KeyObject): boolean {
    const { hash, bytes, signature } = this.#signed;
    try {
      return verify(hash, bytes, publicKey, signature);
    } catch {
      // A stranger may show a CA of this name with any kind of key: one that does not go with the hash, as Ed25519, did not sign.
      return false;
    }
  }
}

/** CAs of one name whose signature is remembered. */
const MAX_VERIFIED = 16;

function parseList(der: Uint8Array): CertificateRevocationList {
  try {
    return CertificateRevocationList.fromBER(Uint8Array.from(der));
  } catch (cause) {
    // pkijs's errors have no common class; whatever it cannot read is no list.
    throw new KeyFileError("is not a certificate revocation list (RFC 5280 §5), PEM or DER", { cause });
  }
}
