import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { readSignature, type Signature, writeSignature } from "./signature.ts";

/**
 * Decodes a CertificateVerify (RFC 5246 §7.4.8): a signature over all handshake messages before it.
 * ```
 * struct { digitally-signed struct { opaque handshake_messages[]; } } CertificateVerify;
 * ```
 * @throws {DtlsFormatError}
 */
export function decodeCertificateVerify(bytes: Uint8Array): Signature {
  const reader = new ByteReader(bytes, "CertificateVerify");
  const signature = readSignature(reader);
  reader.end();
  return signature;
}

export function encodeCertificateVerify(signature: Signature): Uint8Array {
  const writer = new ByteWriter();
  writeSignature(writer, signature);
  return writer.finish();
}
