import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { decodeUint16List, encodeUint16List } from "./uint16-list.ts";

/** ClientCertificateType ecdsa_sign (RFC 8422 §5.5). */
export const ECDSA_SIGN = 64;

export interface CertificateRequest {
  /** ClientCertificateType values, one byte each. */
  readonly certificateTypes: Uint8Array;
  readonly signatureAlgorithms: readonly number[];
  /** Distinguished names, DER; none: any authority will do. */
  readonly authorities: readonly Uint8Array[];
}

/**
 * Decodes a CertificateRequest (RFC 5246 §7.4.4).
 * ```
 * opaque DistinguishedName<1..2^16-1>;
 * struct {
 *   ClientCertificateType certificate_types<1..2^8-1>;
 *   SignatureAndHashAlgorithm supported_signature_algorithms<2..2^16-2>;
 *   DistinguishedName certificate_authorities<0..2^16-1>;
 * } CertificateRequest;
 * ```
 * @throws {DtlsFormatError}
 */
export function decodeCertificateRequest(bytes: Uint8Array): CertificateRequest {
  const reader = new ByteReader(bytes, "CertificateRequest");
  const certificateTypes = reader.vector8("certificate_types", 1);
  const algorithms = reader.vector16("supported_signature_algorithms", 2, 0xfffe);
  const names = new ByteReader(reader.vector16("certificate_authorities"), "certificate_authorities");
  reader.end();
  const authorities: Uint8Array[] = [];
  while (names.remaining > 0) authorities.push(names.vector16("distinguished name", 1));
  const signatureAlgorithms = decodeUint16List(algorithms, "supported_signature_algorithms");
  return { certificateTypes, signatureAlgorithms, authorities };
}

export function encodeCertificateRequest(request: CertificateRequest): Uint8Array {
  const names = new ByteWriter();
  for (const name of request.authorities) names.vector16(name);
  return new ByteWriter()
    .vector8(request.certificateTypes)
    .vector16(encodeUint16List(request.signatureAlgorithms))
    .vector16(names.finish())
    .finish();
}
