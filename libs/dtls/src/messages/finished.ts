import { ByteReader } from "../byte-reader.ts";

/** `verify_data_length` of every suite of ours (RFC 5246 §7.4.9). */
export const VERIFY_DATA_BYTES = 12;

/**
 * Decodes a Finished (RFC 5246 §7.4.9): exactly 12 bytes, to be compared with `timingSafeEqual`.
 * ```
 * struct { opaque verify_data[12]; } Finished;
 * ```
 * @throws {DtlsFormatError}
 */
export function decodeFinished(bytes: Uint8Array): Uint8Array {
  const reader = new ByteReader(bytes, "Finished");
  const verifyData = reader.bytes(VERIFY_DATA_BYTES);
  reader.end();
  return verifyData;
}

export function encodeFinished(verifyData: Uint8Array): Uint8Array {
  return verifyData;
}
