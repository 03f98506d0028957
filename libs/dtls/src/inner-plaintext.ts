import { MAX_PLAINTEXT_BYTES, type WireRecord } from "./record.ts";

/** What a record said, once it was found authentic. */
export interface OpenedRecord {
  /** The content type: for a record with Connection ID the one inside. */
  readonly type: number;
  readonly content: Uint8Array;
}

/** Bytes that are encrypted for a content: a record with Connection ID has its type behind it (RFC 9146 §4). */
export function innerPlaintextBytes(contentBytes: number, cidLength: number): number {
  return cidLength === 0 ? contentBytes : contentBytes + 1;
}

/** Writes what {@link innerPlaintextBytes} counts. We add no zeros: the content of a CoAP message tells more by its time than by its length. */
export function writeInnerPlaintext(
  target: Uint8Array,
  at: number,
  { type, content, cidLength }: { readonly type: number; readonly content: Uint8Array; readonly cidLength: number },
): void {
  target.set(content, at);
  if (cidLength > 0) target[at + content.length] = type;
}

/**
 * The content of what was decrypted and authenticated; undefined when it is larger than a record may be, or has no type. No copy is made.
 *
 * ```
 * content | real type (1, not 0) | zeros        of a record with Connection ID (RFC 9146 §4)
 * ```
 */
export function openInnerPlaintext(record: WireRecord, plaintext: Uint8Array): OpenedRecord | undefined {
  // The bound is on the whole for both: RFC 5246 §6.2.1, RFC 9146 §5.
  if (plaintext.length > MAX_PLAINTEXT_BYTES) return undefined;
  if (record.cid === undefined) return { type: record.type, content: plaintext };
  let end = plaintext.length;
  while (end > 0 && plaintext[end - 1] === 0) end--;
  const type = plaintext[end - 1];
  return type === undefined ? undefined : { type, content: plaintext.subarray(0, end - 1) };
}
