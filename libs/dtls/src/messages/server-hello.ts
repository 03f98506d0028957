import { ALERT } from "../alert.ts";
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { DtlsFormatError } from "../errors.ts";
import { MAX_SESSION_ID_BYTES, RANDOM_BYTES } from "./client-hello.ts";

const COMPRESSION_NULL = 0;

export interface ServerHello {
  readonly version: number;
  /** 32 bytes. */
  readonly random: Uint8Array;
  /** 0 to 32 bytes; the client's own when the session is resumed. */
  readonly sessionId: Uint8Array;
  readonly cipherSuite: number;
  /** The extension block without its length, for `decodeServerExtensions`. */
  readonly extensions: Uint8Array;
}

/**
 * Decodes a ServerHello (RFC 5246 §7.4.1.3); compression other than null is refused.
 * ```
 * struct {
 *   ProtocolVersion server_version; Random random;
 *   SessionID session_id<0..32>;
 *   CipherSuite cipher_suite; CompressionMethod compression_method;
 *   Extension extensions<0..2^16-1>;       // may be left out altogether
 * } ServerHello;
 * ```
 * @throws {DtlsFormatError}
 */
export function decodeServerHello(bytes: Uint8Array): ServerHello {
  const reader = new ByteReader(bytes, "ServerHello");
  const version = reader.uint16();
  const random = reader.bytes(RANDOM_BYTES);
  const sessionId = reader.vector8("session_id", 0, MAX_SESSION_ID_BYTES);
  const cipherSuite = reader.uint16();
  if (reader.uint8() !== COMPRESSION_NULL) {
    throw new DtlsFormatError("compression_method of ServerHello is not null", ALERT.ILLEGAL_PARAMETER);
  }
  const extensions = reader.remaining === 0 ? reader.bytes(0) : reader.vector16("extensions");
  reader.end();
  return { version, random, sessionId, cipherSuite, extensions };
}

export function encodeServerHello(hello: ServerHello): Uint8Array {
  const writer = new ByteWriter()
    .uint16(hello.version)
    .bytes(hello.random)
    .vector8(hello.sessionId)
    .uint16(hello.cipherSuite)
    .uint8(COMPRESSION_NULL);
  if (hello.extensions.length > 0) writer.vector16(hello.extensions);
  return writer.finish();
}
