import { ALERT } from "../alert.ts";
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { DtlsFormatError } from "../errors.ts";
import { decodeUint16List, encodeUint16List } from "./uint16-list.ts";

export const RANDOM_BYTES = 32;
export const MAX_SESSION_ID_BYTES = 32;
const COMPRESSION_NULL = 0;

/** Stands among the cipher suites for an empty renegotiation_info (RFC 5746 §3.3). */
export const EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff;

export interface ClientHello {
  /** The newest version that the client speaks, which has the lower number the newer it is (RFC 6347 §4.1). */
  readonly version: number;
  /** 32 bytes. */
  readonly random: Uint8Array;
  /** 0 to 32 bytes. */
  readonly sessionId: Uint8Array;
  /** Empty in the first hello. */
  readonly cookie: Uint8Array;
  readonly cipherSuites: readonly number[];
  /** One byte each; null is among them. */
  readonly compressionMethods: Uint8Array;
  /** The extension block without its length, for `decodeClientExtensions`: not looked at before the cookie is right. */
  readonly extensions: Uint8Array;
}

/**
 * Decodes a ClientHello (RFC 6347 §4.2.1, RFC 5246 §7.4.1.2).
 * ```
 * struct {
 *   ProtocolVersion client_version; Random random;
 *   SessionID session_id<0..32>;
 *   opaque cookie<0..2^8-1>;
 *   CipherSuite cipher_suites<2..2^16-2>;
 *   CompressionMethod compression_methods<1..2^8-1>;
 *   Extension extensions<0..2^16-1>;       // may be left out altogether
 * } ClientHello;
 * ```
 * @throws {DtlsFormatError}
 */
export function decodeClientHello(bytes: Uint8Array): ClientHello {
  const reader = new ByteReader(bytes, "ClientHello");
  const hello = {
    version: reader.uint16(),
    random: reader.bytes(RANDOM_BYTES),
    sessionId: reader.vector8("session_id", 0, MAX_SESSION_ID_BYTES),
    cookie: reader.vector8("cookie"),
    cipherSuites: decodeUint16List(reader.vector16("cipher_suites", 2, 0xfffe), "cipher_suites"),
    compressionMethods: reader.vector8("compression_methods", 1),
    extensions: reader.remaining === 0 ? reader.bytes(0) : reader.vector16("extensions"),
  };
  reader.end();
  if (!hello.compressionMethods.includes(COMPRESSION_NULL)) {
    throw new DtlsFormatError("compression_methods of ClientHello lack null", ALERT.ILLEGAL_PARAMETER);
  }
  return hello;
}

export function encodeClientHello(hello: ClientHello): Uint8Array {
  const writer = new ByteWriter()
    .uint16(hello.version)
    .bytes(hello.random)
    .vector8(hello.sessionId)
    .vector8(hello.cookie)
    .vector16(encodeUint16List(hello.cipherSuites))
    .vector8(hello.compressionMethods);
  if (hello.extensions.length > 0) writer.vector16(hello.extensions);
  return writer.finish();
}
