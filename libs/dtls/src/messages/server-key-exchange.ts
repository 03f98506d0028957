import { ALERT } from "../alert.ts";
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { checkPoint } from "../ec-point.ts";
import { DtlsFormatError } from "../errors.ts";
import { readSignature, type Signature, writeSignature } from "./signature.ts";

const NAMED_CURVE = 3;
/** Named group secp256r1 (RFC 8422 §5.1.1). */
export const SECP256R1 = 23;

/** ServerKeyExchange of an ECDHE suite. */
export interface EcdheServerKeyExchange extends Signature {
  /** The server's ephemeral point, 65 bytes. */
  readonly point: Uint8Array;
}

/**
 * ServerECDHParams (RFC 8422 §5.4), what is signed together with both randoms.
 * ```
 * struct { ECCurveType curve_type = named_curve(3); NamedCurve namedcurve; opaque point<1..2^8-1>; } ServerECDHParams;
 * ```
 */
export function encodeEcdheParameters(point: Uint8Array): Uint8Array {
  return new ByteWriter().uint8(NAMED_CURVE).uint16(SECP256R1).vector8(point).finish();
}

/** What the signature of a ServerKeyExchange covers (RFC 8422 §5.4). */
export function signedParameters(clientRandom: Uint8Array, serverRandom: Uint8Array, point: Uint8Array): Uint8Array {
  return new ByteWriter().bytes(clientRandom).bytes(serverRandom).bytes(encodeEcdheParameters(point)).finish();
}

/**
 * Decodes a ServerKeyExchange of an ECDHE suite: ServerECDHParams and the signature. Only secp256r1 and uncompressed points are taken.
 * @throws {DtlsFormatError}
 */
export function decodeEcdheServerKeyExchange(bytes: Uint8Array): EcdheServerKeyExchange {
  const reader = new ByteReader(bytes, "ServerKeyExchange");
  if (reader.uint8() !== NAMED_CURVE || reader.uint16() !== SECP256R1) {
    throw new DtlsFormatError("curve of ServerKeyExchange is not secp256r1", ALERT.ILLEGAL_PARAMETER);
  }
  const point = checkPoint(reader.vector8("point", 1));
  const signature = readSignature(reader);
  reader.end();
  return { point, ...signature };
}

export function encodeEcdheServerKeyExchange(exchange: EcdheServerKeyExchange): Uint8Array {
  const writer = new ByteWriter().bytes(encodeEcdheParameters(exchange.point));
  writeSignature(writer, exchange);
  return writer.finish();
}

/**
 * Decodes a ServerKeyExchange of a PSK suite: the identity hint. A server without a hint sends none (RFC 4279 §2), as ours.
 * ```
 * opaque psk_identity_hint<0..2^16-1>;
 * ```
 * @throws {DtlsFormatError}
 */
export function decodePskServerKeyExchange(bytes: Uint8Array): Uint8Array {
  const reader = new ByteReader(bytes, "ServerKeyExchange");
  const hint = reader.vector16("psk_identity_hint");
  reader.end();
  return hint;
}

export function encodePskServerKeyExchange(identityHint: Uint8Array): Uint8Array {
  return new ByteWriter().vector16(identityHint).finish();
}
