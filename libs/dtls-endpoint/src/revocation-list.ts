import { type KeyObject, verify } from "node:crypto";
import { AlgorithmIdentifier, Extensions, RelativeDistinguishedNames, Time } from "pkijs";
import {
  type DeviceCertificate,
  distinguishedName,
  keyHash,
  nameHash,
  parseRevocationKey,
  serialText,
} from "./certificate.ts";
import { DER, DerCursor } from "./der-cursor.ts";
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
  readonly #der: Uint8Array;
  readonly #issuer: string;
  readonly #issuerHash: string;
  readonly #serials: ReadonlySet<string>;
  readonly #signed: { readonly hash: string; readonly bytes: Uint8Array; readonly signature: Uint8Array };
  /** By the hash of the CA's key, whether it signed the list: verified once. */
  readonly #verified = new Map<string, boolean>();

  private constructor(der: Uint8Array, { issuer, nextUpdateMs, serials, signed, signature }: Content, hash: string) {
    this.#der = der;
    this.#issuer = issuer;
    this.#issuerHash = nameHash(issuer);
    this.#serials = serials;
    this.#signed = { hash, bytes: signed, signature };
    this.nextUpdateMs = nextUpdateMs;
    this.size = serials.size;
  }

  /** Reads a list, DER. @throws {KeyFileError} it is none, or one that holds for a part of what the CA has signed */
  static parse(der: Uint8Array): RevocationList {
    const content = parseList(der);
    if (content.critical.length > 0) {
      throw new KeyFileError(
        `has critical extensions (${content.critical.join(", ")}): give a complete list of one CA, not a delta or a part`,
      );
    }
    const hash = HASHES[content.algorithm];
    if (hash === undefined)
      throw new KeyFileError(`is signed with ${content.algorithm}: give one with ECDSA or RSA and SHA-2`);
    return new RevocationList(der, content, hash);
  }

  /** Whether it was read from the same bytes. */
  isFrom(der: Uint8Array): boolean {
    return Buffer.compare(this.#der, der) === 0;
  }

  /** Whether it is this CA's, and has the certificate. */
  isRevoked(certificate: DeviceCertificate, issuer: DeviceCertificate): boolean {
    return this.#serials.has(certificate.serial) && this.isOf(issuer);
  }

  /**
   * Whether it has a certificate that was accepted before, by its `revocationKey`. Of a CA of its name whose key it was not verified with yet, it is taken to be:
   * the device shows its certificate anew, and then the signature decides.
   */
  hasKey(key: string): boolean {
    const { issuerName, issuerKey, serial } = parseRevocationKey(key);
    return issuerName === this.#issuerHash && this.#serials.has(serial) && this.#verified.get(issuerKey) !== false;
  }

  /** Whether a CA has signed it. */
  isOf({ publicKey, subject }: DeviceCertificate): boolean {
    if (subject !== this.#issuer) return false;
    const name = keyHash(publicKey);
    const known = this.#verified.get(name);
    if (known !== undefined) return known;
    const isSigned = this.#isSignedBy(publicKey);
    if (this.#verified.size < MAX_VERIFIED) this.#verified.set(name, isSigned);
    return isSigned;
  }

  #isSignedBy(publicKey: KeyObject): boolean {
    const { hash, bytes, signature } = this.#signed;
    try {
      return verify(hash, bytes, publicKey, signature);
    } catch {
      // A CA of this name may have any kind of key: one that does not go with the hash, as Ed25519, did not sign.
      return false;
    }
  }
}

interface Content {
  readonly issuer: string;
  readonly nextUpdateMs: number | undefined;
  readonly serials: ReadonlySet<string>;
  /** Ids of its critical extensions. */
  readonly critical: readonly string[];
  /** Id of the signature algorithm. */
  readonly algorithm: string;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** CAs of one name whose signature is remembered: only those behind which a trust anchor stands come here. */
const MAX_VERIFIED = 64;

function parseList(der: Uint8Array): Content {
  try {
    return parseContent(der);
  } catch (cause) {
    // pkijs's errors have no common class; whatever it cannot read is no list.
    throw new KeyFileError("is not a certificate revocation list (RFC 5280 §5), PEM or DER", { cause });
  }
}

/** CertificateList and TBSCertList (RFC 5280 §5.1). @throws {RangeError} it is none */
function parseContent(der: Uint8Array): Content {
  const file = new DerCursor(der);
  const list = new DerCursor(file.need(DER.sequence).content);
  const signed = list.need(DER.sequence);
  const algorithm = list.need(DER.sequence).whole;
  const signature = list.need(DER.bitString).content;
  if (!file.isAtEnd || !list.isAtEnd || signature[0] !== 0) throw new RangeError("bytes that are no part of the list");
  const fields = new DerCursor(signed.content);
  fields.take(DER.integer); // Version.
  fields.need(DER.sequence); // The signature algorithm once more.
  const issuer = fields.need(DER.sequence).whole;
  fields.need(DER.utcTime, DER.generalizedTime); // This update.
  const nextUpdate = fields.take(DER.utcTime, DER.generalizedTime)?.whole;
  const revoked = fields.take(DER.sequence)?.content;
  const extensions = fields.take(DER.context0)?.content;
  if (!fields.isAtEnd) throw new RangeError("a field that a list does not have");
  return {
    issuer: distinguishedName(RelativeDistinguishedNames.fromBER(Uint8Array.from(issuer))),
    nextUpdateMs: nextUpdate && Time.fromBER(Uint8Array.from(nextUpdate)).value.getTime(),
    serials: revoked === undefined ? new Set() : serialsOf(new DerCursor(revoked)),
    critical: extensions === undefined ? [] : criticalOf(extensions),
    algorithm: AlgorithmIdentifier.fromBER(Uint8Array.from(algorithm)).algorithmId,
    signed: signed.whole,
    signature: signature.subarray(1),
  };
}

function serialsOf(entries: DerCursor): ReadonlySet<string> {
  const serials = new Set<string>();
  while (!entries.isAtEnd)
    serials.add(serialText(new DerCursor(entries.need(DER.sequence).content).need(DER.integer).content));
  return serials;
}

function criticalOf(extensions: Uint8Array): readonly string[] {
  return Extensions.fromBER(Uint8Array.from(extensions))
    .extensions.filter(({ critical }) => critical)
    .map(({ extnID }) => extnID);
}
