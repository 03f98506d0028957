import { ALERT } from "../alert.ts";
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { DtlsFormatError } from "../errors.ts";

/** Certificate types of RFC 7250 §3. */
export const CERTIFICATE_TYPE = { X509: 0, RAW_PUBLIC_KEY: 2 } as const;

/** A device's own certificate and the authorities above it; each costs a parse and a signature check. */
export const MAX_CHAIN_CERTIFICATES = 8;

/** A P-256 key takes 91 bytes; with room for kinds that are then refused by name. */
export const MAX_RAW_PUBLIC_KEY_BYTES = 1024;

/**
 * Decodes a Certificate message of X.509 certificates (RFC 5246 §7.4.2): DER, the peer's own first; empty when it has none.
 * ```
 * opaque ASN.1Cert<1..2^24-1>;
 * struct { ASN.1Cert certificate_list<0..2^24-1>; } Certificate;
 * ```
 * @throws {DtlsFormatError} also for more than {@link MAX_CHAIN_CERTIFICATES}
 */
export function decodeCertificate(bytes: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(bytes, "Certificate");
  const list = new ByteReader(reader.vector24("certificate_list"), "certificate_list");
  reader.end();
  const chain: Uint8Array[] = [];
  while (list.remaining > 0) {
    if (chain.length === MAX_CHAIN_CERTIFICATES) {
      throw new DtlsFormatError(
        `certificate_list has more than ${MAX_CHAIN_CERTIFICATES} certificates`,
        ALERT.BAD_CERTIFICATE,
      );
    }
    chain.push(list.vector24("certificate", 1));
  }
  return chain;
}

export function encodeCertificate(chain: readonly Uint8Array[]): Uint8Array {
  const list = new ByteWriter();
  for (const certificate of chain) list.vector24(certificate);
  return new ByteWriter().vector24(list.finish()).finish();
}

/**
 * Decodes a Certificate message of a raw public key (RFC 7250 §3): a SubjectPublicKeyInfo, DER, and not a list of them.
 * Undefined when the peer has none: RFC 5246 §7.4.6 has it send an empty list then, which is the same three zero bytes.
 * ```
 * struct { opaque ASN.1_subjectPublicKeyInfo<1..2^24-1>; } Certificate;
 * ```
 * @throws {DtlsFormatError} also beyond {@link MAX_RAW_PUBLIC_KEY_BYTES}
 */
export function decodeRawPublicKey(bytes: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(bytes, "Certificate");
  const key = reader.vector24("ASN.1_subjectPublicKeyInfo", 0, MAX_RAW_PUBLIC_KEY_BYTES);
  reader.end();
  return key.length === 0 ? undefined : key;
}

export function encodeRawPublicKey(publicKey: Uint8Array | undefined): Uint8Array {
  return new ByteWriter().vector24(publicKey ?? new Uint8Array(0)).finish();
}
