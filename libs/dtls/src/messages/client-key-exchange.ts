import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { checkPoint } from "../ec-point.ts";

/** RFC 4279 §5.3 wants at least 128; an endpoint name of 255 fits. */
export const MAX_PSK_IDENTITY_BYTES = 256;

/**
 * Decodes a ClientKeyExchange of a PSK suite (RFC 4279 §2): the identity, bytes that are compared as such.
 * ```
 * opaque psk_identity<0..2^16-1>;
 * ```
 * @throws {DtlsFormatError} also beyond {@link MAX_PSK_IDENTITY_BYTES}
 */
export function decodePskClientKeyExchange(bytes: Uint8Array): Uint8Array {
  const reader = new ByteReader(bytes, "ClientKeyExchange");
  const identity = reader.vector16("psk_identity", 0, MAX_PSK_IDENTITY_BYTES);
  reader.end();
  return identity;
}

export function encodePskClientKeyExchange(identity: Uint8Array): Uint8Array {
  return new ByteWriter().vector16(identity).finish();
}

/**
 * Decodes a ClientKeyExchange of an ECDHE suite (RFC 8422 §5.7): the client's point, 65 bytes. Whether it lies on the curve shows in `pointKey`.
 * ```
 * opaque ecdh_Yc<1..2^8-1>;
 * ```
 * @throws {DtlsFormatError} also for any form of a point but the uncompressed one
 */
export function decodeEcdheClientKeyExchange(bytes: Uint8Array): Uint8Array {
  const reader = new ByteReader(bytes, "ClientKeyExchange");
  const point = checkPoint(reader.vector8("ecdh_Yc", 1));
  reader.end();
  return point;
}

export function encodeEcdheClientKeyExchange(point: Uint8Array): Uint8Array {
  return new ByteWriter().vector8(point).finish();
}
