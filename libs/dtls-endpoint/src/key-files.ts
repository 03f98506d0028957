import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { isP256 } from "@ferry/dtls";
import { type DeviceCertificate, parseCertificate } from "./certificate.ts";
import { oneLine } from "./certificate-path.ts";
import { KeyFileError } from "./errors.ts";
import { RevocationList } from "./revocation-list.ts";

/** A private key and what goes with it on the wire. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
}

/** A private key and its certificate, DER, with those of the CAs above it. */
export interface CertificateKey {
  readonly privateKey: KeyObject;
  readonly chain: readonly Uint8Array[];
}

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g;
/** RFC 5246 §7.4.2 has no limit; a flight of more is of no use to a device. */
const MAX_CHAIN = 6;

/** Reads a private key of P-256: PKCS#8 or SEC 1, PEM or DER. @throws {KeyFileError} never quotes the file */
export function parsePrivateKey(bytes: Buffer): KeyPair {
  const privateKey = readPrivateKey(bytes);
  if (!isP256(privateKey)) {
    const { asymmetricKeyType, asymmetricKeyDetails } = privateKey;
    throw new KeyFileError(
      `is a key of ${asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType}: DTLS here takes P-256 (prime256v1); \`ferry keys generate server\` makes one`,
    );
  }
  return { privateKey, publicKey: createPublicKey(privateKey).export({ format: "der", type: "spki" }) };
}

function readPrivateKey(bytes: Buffer): KeyObject {
  const text = bytes.toString("latin1");
  if (text.includes("ENCRYPTED")) {
    throw new KeyFileError("is encrypted with a password, which nobody can type here: store it without");
  }
  const attempts = text.includes("-----BEGIN")
    ? [() => createPrivateKey(text.slice(text.search(/-----BEGIN [A-Z ]*PRIVATE KEY-----/)))]
    : (["pkcs8", "sec1"] as const).map((type) => () => createPrivateKey({ key: bytes, format: "der", type }));
  for (const attempt of attempts) {
    try {
      return attempt();
    } catch {
      // OpenSSL's errors have no common class; whatever it cannot read is no key of this form.
    }
  }
  throw new KeyFileError("is not a private key: PKCS#8 or SEC 1, PEM or DER");
}

/** Reads the chain of a server: its own certificate first. @throws {KeyFileError} */
export function parseChain(bytes: Buffer, { privateKey, publicKey }: KeyPair): CertificateKey {
  const chain = parseCertificates(bytes);
  const [own] = chain;
  if (chain.length > MAX_CHAIN)
    throw new KeyFileError(`holds ${chain.length} certificates, at most ${MAX_CHAIN} are sent: leave the root out`);
  if (own === undefined || !own.publicKey.export({ format: "der", type: "spki" }).equals(publicKey))
    throw new KeyFileError("does not begin with the certificate of the .key beside it: put the server's own first");
  return { privateKey, chain: chain.map(({ x509 }) => x509.raw) };
}

/** Reads certificates of CAs. @throws {KeyFileError} */
export function parseTrustAnchors(bytes: Buffer): readonly DeviceCertificate[] {
  const anchors = parseCertificates(bytes);
  const leaf = anchors.find(({ isCa }) => !isCa);
  if (leaf !== undefined) {
    throw new KeyFileError(
      `holds a certificate that may not sign others (${oneLine(leaf.x509.subject)}): a single device's is declared with the device, as x509.certificate`,
    );
  }
  return anchors;
}

function parseCertificates(bytes: Buffer): readonly DeviceCertificate[] {
  const blocks = derBlocks(bytes, "CERTIFICATE");
  return blocks.map((der, index) => {
    const parsed = parseCertificate(der);
    if (parsed === undefined) throw new KeyFileError(`certificate ${index + 1} of ${blocks.length} cannot be read`);
    return parsed;
  });
}

/** Reads a revocation list; `known` is answered when it is from the same bytes. @throws {KeyFileError} */
export function parseRevocationList(bytes: Buffer, known?: RevocationList): RevocationList {
  const [der, ...more] = derBlocks(bytes, "X509 CRL");
  if (der === undefined || more.length > 0)
    throw new KeyFileError(`holds ${1 + more.length} revocation lists: give each a file of its own`);
  return known?.isFrom(der) ? known : RevocationList.parse(der);
}

/** The PEM blocks of a kind, or the bytes themselves as DER. */
function derBlocks(bytes: Buffer, label: string): readonly Buffer[] {
  const text = bytes.toString("latin1");
  if (!text.includes("-----BEGIN")) return [bytes];
  const blocks = [...text.matchAll(PEM_BLOCK)].filter(([, found]) => found === label);
  if (blocks.length === 0) throw new KeyFileError(`holds no PEM block "${label}"`);
  return blocks.map(([, , base64 = ""]) => Buffer.from(base64, "base64"));
}
