import assert from "node:assert";
import {
  CONTENT_TYPE,
  DTLS_1_2,
  MAX_PLAINTEXT_BYTES,
  MAX_SEQUENCE,
  recordHeaderBytes,
  type WireRecord,
  writeRecordHeader,
} from "./record.ts";
import type { SealInput } from "./record-protection.ts";

/** What a record said, once it was found authentic. */
export interface OpenedRecord {
  /** The content type: for a record with Connection ID the one inside. */
  readonly type: number;
  readonly content: Uint8Array;
}

/** Bytes that are encrypted for a content, a MAC aside: a record with Connection ID has its type behind it (RFC 9146 §4). */
export function innerPlaintextBytes({ content, cid }: Pick<SealInput, "content" | "cid">): number {
  const bytes = content.length + innerTypeBytes(cid);
  assert(bytes <= MAX_PLAINTEXT_BYTES, "content of a record has at most 2^14 bytes");
  return bytes;
}

/** Bytes of the type inside. */
export function innerTypeBytes(cid: Uint8Array | undefined): number {
  return cid === undefined || cid.length === 0 ? 0 : 1;
}

/**
 * A record with its header and what {@link innerPlaintextBytes} counts, `ivBytes` into a fragment that the cipher fills. It is the one allocation
 * of a sealed record that is ours. We add no zeros: a CoAP message tells more by its time than by its length.
 */
export function beginRecord(input: SealInput, ivBytes: number, fragmentBytes: number): Buffer {
  const { type, epoch, sequence, cid, content } = input;
  assert(sequence >= 0 && sequence <= MAX_SEQUENCE, "sequence number of a record has 48 bits");
  const fragmentAt = recordHeaderBytes(cid);
  const record = Buffer.allocUnsafe(fragmentAt + fragmentBytes);
  const hasInnerType = innerTypeBytes(cid) > 0;
  const wireType = hasInnerType ? CONTENT_TYPE.CONNECTION_ID : type;
  writeRecordHeader(record, { type: wireType, version: DTLS_1_2, epoch, sequence, cid }, fragmentBytes);
  record.set(content, fragmentAt + ivBytes);
  if (hasInnerType) record[fragmentAt + ivBytes + content.length] = type;
  return record;
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
