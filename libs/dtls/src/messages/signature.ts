import type { ByteReader } from "../byte-reader.ts";
import type { ByteWriter } from "../byte-writer.ts";

/** SignatureAndHashAlgorithm values that we offer, as one number (RFC 5246 §7.4.1.4.1): sha256 (4), ecdsa (3). */
export const ECDSA_SHA256 = 0x0403;

/** A digitally-signed element (RFC 5246 §4.7). */
export interface Signature {
  /** The hash's number, and the signature algorithm's. */
  readonly signatureAlgorithm: number;
  readonly signature: Uint8Array;
}

/**
 * Reads a digitally-signed element.
 * ```
 * struct { SignatureAndHashAlgorithm algorithm; opaque signature<0..2^16-1>; } DigitallySigned;
 * ```
 */
export function readSignature(reader: ByteReader): Signature {
  return { signatureAlgorithm: reader.uint16(), signature: reader.vector16("signature") };
}

export function writeSignature(writer: ByteWriter, signature: Signature): void {
  writer.uint16(signature.signatureAlgorithm).vector16(signature.signature);
}
