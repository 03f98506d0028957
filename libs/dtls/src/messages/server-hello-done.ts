import { ByteReader } from "../byte-reader.ts";

/**
 * Checks a ServerHelloDone (RFC 5246 §7.4.5), which has no content.
 * @throws {DtlsFormatError} there is some
 */
export function decodeServerHelloDone(bytes: Uint8Array): void {
  new ByteReader(bytes, "ServerHelloDone").end();
}

export function encodeServerHelloDone(): Uint8Array {
  return new Uint8Array(0);
}
