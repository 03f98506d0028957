/** Content types (RFC 5246 §6.2.1, RFC 9146 §3). */
export const CONTENT_TYPE = {
  CHANGE_CIPHER_SPEC: 20,
  ALERT: 21,
  HANDSHAKE: 22,
  APPLICATION_DATA: 23,
  /** tls12_cid: a protected record whose type is inside. */
  CONNECTION_ID: 25,
} as const;

/** What `version` says in records and messages of DTLS 1.2 (RFC 6347 §4.1). */
export const DTLS_1_2 = 0xfefd;
/** What it says in the record of a first ClientHello, and in HelloVerifyRequest (RFC 6347 §4.2.1). */
export const DTLS_1_0 = 0xfeff;

/** Largest plaintext of a record, bytes (RFC 5246 §6.2.1). */
export const MAX_PLAINTEXT_BYTES: number = 2 ** 14;
/** Largest fragment of a protected record, bytes (RFC 5246 §6.2.3). */
export const MAX_FRAGMENT_BYTES: number = 2 ** 14 + 2048;
/** Largest sequence number of a record: an epoch ends before it would wrap (RFC 6347 §4.1). */
export const MAX_SEQUENCE: number = 2 ** 48 - 1;

const FIXED_HEADER_BYTES = 13;
/** Where epoch and sequence number are, and where a Connection ID begins. */
const EPOCH_AT = 3;
const SEQUENCE_AT = 5;
const CID_AT = 11;

/** A record as it came; all bytes are views of the datagram. */
export interface WireRecord {
  /** {@link CONTENT_TYPE} */
  readonly type: number;
  readonly version: number;
  readonly epoch: number;
  /** 48 bits. */
  readonly sequence: number;
  /** Of a record of type CONNECTION_ID: never empty. Undefined for the others. */
  readonly cid: Uint8Array | undefined;
  /** All before the fragment: it is authenticated. */
  readonly header: Uint8Array;
  readonly fragment: Uint8Array;
}

/** Why a part of a datagram is no record for us: a label of `DtlsDropReason`. */
export type RecordDrop = "malformed" | "version";

/**
 * The records of a datagram in their order (RFC 6347 §4.1, RFC 9146 §4). What cannot be used is told by its reason in the place where it was;
 * the records behind it are still read, unless its end is not known. Never throws.
 *
 * ```
 *  type (1) | version (2) | epoch (2) | sequence number (6) | [CID (ownCidLength), for type 25] | length (2) | fragment (length)
 * ```
 *
 * `ownCidLength` is the fixed length of the Connection IDs that we hand out, 0 for none: the record does not carry it.
 */
export function* parseRecords(datagram: Uint8Array, ownCidLength: number): Iterable<WireRecord | RecordDrop> {
  let at = 0;
  while (at < datagram.length) {
    const type = datagram[at];
    const cidLength = type === CONTENT_TYPE.CONNECTION_ID ? ownCidLength : 0;
    const start = at + FIXED_HEADER_BYTES + cidLength;
    const length = start <= datagram.length ? uint16(datagram, start - 2) : Number.POSITIVE_INFINITY;
    const end = start + length;
    // Where the next record begins is not known: a Connection ID for who has none is of unknown length.
    const isLost = length > MAX_FRAGMENT_BYTES || end > datagram.length;
    if (type === undefined || isLost || (type === CONTENT_TYPE.CONNECTION_ID && ownCidLength === 0)) {
      yield "malformed";
      return;
    }
    yield recordAt(datagram, at, type, start, end);
    at = end;
  }
}

function recordAt(datagram: Uint8Array, at: number, type: number, start: number, end: number): WireRecord | RecordDrop {
  const version = uint16(datagram, at + 1);
  const epoch = uint16(datagram, at + EPOCH_AT);
  if (!isKnownType(type)) return "malformed";
  if (version !== DTLS_1_2 && !(version === DTLS_1_0 && type === CONTENT_TYPE.HANDSHAKE && epoch === 0)) {
    return "version";
  }
  // Plaintext records have no Connection ID (RFC 9146 §3).
  const hasCid = type === CONTENT_TYPE.CONNECTION_ID;
  if (hasCid && epoch === 0) return "malformed";
  return {
    type,
    version,
    epoch,
    sequence: uint48(datagram, at + SEQUENCE_AT),
    cid: hasCid ? datagram.subarray(at + CID_AT, start - 2) : undefined,
    header: datagram.subarray(at, start),
    fragment: datagram.subarray(start, end),
  };
}

function isKnownType(type: number): boolean {
  return (
    (type >= CONTENT_TYPE.CHANGE_CIPHER_SPEC && type <= CONTENT_TYPE.APPLICATION_DATA) ||
    type === CONTENT_TYPE.CONNECTION_ID
  );
}

/** A record of epoch 0, in the clear. */
export function encodePlaintextRecord(
  type: number,
  version: number,
  epoch: number,
  sequence: number,
  fragment: Uint8Array,
): Uint8Array {
  const record = Buffer.allocUnsafe(FIXED_HEADER_BYTES + fragment.length);
  writeRecordHeader(record, { type, version, epoch, sequence, cid: undefined }, fragment.length);
  record.set(fragment, FIXED_HEADER_BYTES);
  return record;
}

/** Bytes before the fragment; `cid` undefined or empty: there is none. */
export function recordHeaderBytes(cid: Uint8Array | undefined): number {
  return FIXED_HEADER_BYTES + (cid?.length ?? 0);
}

/** Writes a header at the start of `record`. */
export function writeRecordHeader(
  record: Uint8Array,
  header: Pick<WireRecord, "type" | "version" | "epoch" | "sequence" | "cid">,
  fragmentBytes: number,
): void {
  const { type, version, epoch, sequence, cid } = header;
  record[0] = type;
  setUint16(record, 1, version);
  setUint16(record, EPOCH_AT, epoch);
  // Bit operators know 32 bits only.
  setUint16(record, SEQUENCE_AT, Math.floor(sequence / 2 ** 32));
  setUint16(record, SEQUENCE_AT + 2, sequence >>> 16);
  setUint16(record, SEQUENCE_AT + 4, sequence);
  if (cid !== undefined) record.set(cid, CID_AT);
  setUint16(record, recordHeaderBytes(cid) - 2, fragmentBytes);
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function uint48(bytes: Uint8Array, at: number): number {
  return uint16(bytes, at) * 2 ** 32 + uint16(bytes, at + 2) * 2 ** 16 + uint16(bytes, at + 4);
}

/** Writes the lower 16 bits. */
function setUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}
