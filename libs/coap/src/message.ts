import { CODE, isRequestCode, isResponseCode } from "./code.ts";
import { CoapFormatError } from "./errors.ts";
import { type CoapOption, decodeOptions, encodedOptionsLength, view, writeOptions } from "./option.ts";

/** Message types (RFC 7252 §3). */
export const MESSAGE_TYPE = { CON: 0, NON: 1, ACK: 2, RST: 3 } as const;
export type MessageType = (typeof MESSAGE_TYPE)[keyof typeof MESSAGE_TYPE];

export const MAX_TOKEN_LENGTH = 8;

/** The header: four bytes that every message begins with. */
export const HEADER_LENGTH = 4;

const VERSION = 1;
const PAYLOAD_MARKER = 0xff;
const NO_BYTES = new Uint8Array(0);
const NO_OPTIONS: readonly CoapOption[] = [];

/** A CoAP message (RFC 7252 §3). */
export interface Message {
  readonly type: MessageType;
  readonly code: number;
  readonly messageId: number;
  readonly token: Uint8Array;
  /** In ascending order of number. */
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

/** The version in the first byte of a datagram; anything but 1 is to be ignored silently (RFC 7252 §3). */
export function readVersion(bytes: Uint8Array): number {
  return (bytes[0] ?? 0) >> 6;
}

/** Whether it is the version that this codec speaks. */
export function isKnownVersion(bytes: Uint8Array): boolean {
  return readVersion(bytes) === VERSION;
}

/** The type in the first byte of a datagram. */
export function readType(bytes: Uint8Array): MessageType {
  return (((bytes[0] ?? 0) >> 4) & 0x03) as MessageType; // Two bits: all four values are types.
}

/** The Message ID of a datagram of at least {@link HEADER_LENGTH} bytes. */
export function readMessageId(bytes: Uint8Array): number {
  return ((bytes[2] as number) << 8) | (bytes[3] as number);
}

/**
 * Decodes a datagram. Token, option values and payload share its bytes.
 *
 * ```
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Ver| T |  TKL  |      Code     |          Message ID           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |   Token (if any, TKL bytes) ...
 * |   Options (if any) ...
 * |1 1 1 1 1 1 1 1|    Payload (if any) ...
 * ```
 * @throws {CoapFormatError} what RFC 7252 §3 and §4 call a message format error: bad length, version, token length or
 * options, an Empty message with content, a code of a reserved class, or a code that its type cannot carry (Table 1)
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length < HEADER_LENGTH) throw new CoapFormatError(`message of ${bytes.length} bytes`);
  if (!isKnownVersion(bytes)) throw new CoapFormatError(`version ${readVersion(bytes)}`);
  const type = readType(bytes);
  const code = bytes[1] as number; // The length was checked.
  const messageId = readMessageId(bytes);
  const tokenLength = (bytes[0] as number) & 0x0f;
  if (code === CODE.EMPTY) {
    if (bytes.length > HEADER_LENGTH) throw new CoapFormatError("empty message with content");
    if (type === MESSAGE_TYPE.NON) throw new CoapFormatError("empty non-confirmable message");
    return { type, code, messageId, token: NO_BYTES, options: NO_OPTIONS, payload: NO_BYTES };
  }
  if (tokenLength > MAX_TOKEN_LENGTH) throw new CoapFormatError(`token length ${tokenLength}`);
  const optionsOffset = HEADER_LENGTH + tokenLength;
  if (optionsOffset > bytes.length) throw new CoapFormatError(`token ends at byte ${optionsOffset} of ${bytes.length}`);
  if (type === MESSAGE_TYPE.RST) throw new CoapFormatError("reset that is not empty");
  if (!isResponseCode(code) && !(isRequestCode(code) && type !== MESSAGE_TYPE.ACK)) {
    throw new CoapFormatError(`code ${code} in a message of type ${type}`);
  }

  const token = view(bytes, HEADER_LENGTH, optionsOffset);
  const { options, payloadOffset } = decodeOptions(bytes, optionsOffset);
  const payload = view(bytes, payloadOffset, bytes.length);
  return { type, code, messageId, token, options, payload };
}

/** Encodes a message whose options are in ascending order; the inverse of {@link decodeMessage}. */
export function encodeMessage({ type, code, messageId, token, options, payload }: Message): Uint8Array {
  const optionsOffset = HEADER_LENGTH + token.length;
  const optionsEnd = optionsOffset + encodedOptionsLength(options);
  const bytes = new Uint8Array(optionsEnd + (payload.length === 0 ? 0 : 1 + payload.length));
  writeHeader(bytes, type, token.length, code, messageId);
  bytes.set(token, HEADER_LENGTH);
  writeOptions(options, bytes, optionsOffset);
  if (payload.length > 0) {
    bytes[optionsEnd] = PAYLOAD_MARKER;
    bytes.set(payload, optionsEnd + 1);
  }
  return bytes;
}

/** An Empty message: an acknowledgement, a reset, or a ping (RFC 7252 §4.1). */
export function encodeEmpty(type: MessageType, messageId: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH);
  writeHeader(bytes, type, 0, CODE.EMPTY, messageId);
  return bytes;
}

function writeHeader(bytes: Uint8Array, type: number, tokenLength: number, code: number, messageId: number): void {
  bytes[0] = (VERSION << 6) | (type << 4) | tokenLength;
  bytes[1] = code;
  bytes[2] = messageId >> 8;
  bytes[3] = messageId;
}
