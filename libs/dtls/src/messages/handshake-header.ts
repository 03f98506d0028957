import type { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { DtlsFormatError } from "../errors.ts";

/** Handshake types (RFC 5246 §7.4, RFC 6347 §4.2.2). */
export const HANDSHAKE_TYPE = {
  HELLO_REQUEST: 0,
  CLIENT_HELLO: 1,
  SERVER_HELLO: 2,
  HELLO_VERIFY_REQUEST: 3,
  CERTIFICATE: 11,
  SERVER_KEY_EXCHANGE: 12,
  CERTIFICATE_REQUEST: 13,
  SERVER_HELLO_DONE: 14,
  CERTIFICATE_VERIFY: 15,
  CLIENT_KEY_EXCHANGE: 16,
  FINISHED: 20,
} as const;

export const HANDSHAKE_HEADER_BYTES = 12;

/** A whole handshake message. */
export interface HandshakeMessage {
  /** One of {@link HANDSHAKE_TYPE}, or a number that we do not know. */
  readonly type: number;
  /** `message_seq`. */
  readonly sequence: number;
  /** What stands behind the header. */
  readonly body: Uint8Array;
}

/** A handshake message or a part of one. */
export interface HandshakeFragment {
  readonly type: number;
  readonly sequence: number;
  /** Bytes of the whole message. */
  readonly length: number;
  /** Where `fragment` stands in it. */
  readonly offset: number;
  readonly fragment: Uint8Array;
}

/**
 * Reads a message or fragment of one (RFC 6347 §4.2.2); several may stand in one record.
 * ```
 * struct {
 *   HandshakeType msg_type; uint24 length; uint16 message_seq;
 *   uint24 fragment_offset; uint24 fragment_length;
 *   opaque body[fragment_length];
 * } Handshake;
 * ```
 * @throws {DtlsFormatError} truncated, or the fragment ends beyond the message
 */
export function readHandshakeFragment(reader: ByteReader): HandshakeFragment {
  const type = reader.uint8();
  const length = reader.uint24();
  const sequence = reader.uint16();
  const offset = reader.uint24();
  const fragmentLength = reader.uint24();
  if (offset + fragmentLength > length) {
    throw new DtlsFormatError(`fragment ends at byte ${offset + fragmentLength} of a handshake message of ${length}`);
  }
  return { type, sequence, length, offset, fragment: reader.bytes(fragmentLength) };
}

/** The part of a message from `offset` on, at most `maxBytes` of its body, with its header. */
export function encodeHandshakeFragment(message: HandshakeMessage, offset: number, maxBytes: number): Uint8Array {
  const fragment = message.body.subarray(offset, offset + maxBytes);
  return new ByteWriter()
    .uint8(message.type)
    .uint24(message.body.length)
    .uint16(message.sequence)
    .uint24(offset)
    .uint24(fragment.length)
    .bytes(fragment)
    .finish();
}

/** The whole message as a single fragment: also the form in which it is hashed (RFC 6347 §4.2.6). */
export function encodeHandshake(message: HandshakeMessage): Uint8Array {
  return encodeHandshakeFragment(message, 0, message.body.length);
}
