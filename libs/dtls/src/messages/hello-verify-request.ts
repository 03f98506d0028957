import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { DTLS_1_0 } from "../record.ts";

/**
 * Decodes a HelloVerifyRequest (RFC 6347 §4.2.1): the cookie. Its version says nothing about the one that will be negotiated.
 * ```
 * struct { ProtocolVersion server_version; opaque cookie<0..2^8-1>; } HelloVerifyRequest;
 * ```
 * @throws {DtlsFormatError}
 */
export function decodeHelloVerifyRequest(bytes: Uint8Array): Uint8Array {
  const reader = new ByteReader(bytes, "HelloVerifyRequest");
  reader.uint16();
  const cookie = reader.vector8("cookie");
  reader.end();
  return cookie;
}

/** Always with the version of DTLS 1.0, whatever will be negotiated (RFC 6347 §4.2.1). */
export function encodeHelloVerifyRequest(cookie: Uint8Array): Uint8Array {
  return new ByteWriter().uint16(DTLS_1_0).vector8(cookie).finish();
}
