import { CONTENT_TYPE } from "./record.ts";

const PLAIN_BYTES = 13;
const CID_FIXED_BYTES = 23;
/** Type, version, epoch and sequence number of a header: all but Connection ID and length. */
const FIXED_HEADER_BYTES = 11;
const SEQUENCE_PLACEHOLDER_BYTES = 8;

/** Reused by all records: what is made here is used up before the next one. One for each length of a Connection ID, so at most 256. */
const SCRATCH: (Uint8Array | undefined)[] = [];

/**
 * What a record's tag or MAC covers beside its content, and before it: `header` is its header (more may follow), `length` what the section says.
 * Valid until the next call.
 *
 * Without Connection ID (RFC 5246 §6.2.3.1 and §6.2.3.3, RFC 6347 §4.1.2.1):
 * ```
 * epoch (2) | sequence number (6) | type (1) | version (2) | length (2)
 * ```
 * With one (RFC 9146 §5.1 to §5.3):
 * ```
 * FF FF FF FF FF FF FF FF | 25 | CID length (1) | 25 | version (2) | epoch (2) | sequence number (6) | CID | length (2)
 * ```
 */
export function additionalData(header: Uint8Array, cidLength: number, length: number): Uint8Array {
  const data = scratch(cidLength);
  if (cidLength === 0) {
    for (let i = 0; i < 8; i++) data[i] = header[3 + i] ?? 0;
    for (let i = 0; i < 3; i++) data[8 + i] = header[i] ?? 0;
  } else {
    const headerAt = SEQUENCE_PLACEHOLDER_BYTES + 2;
    for (let i = 0; i < FIXED_HEADER_BYTES + cidLength; i++) data[headerAt + i] = header[i] ?? 0;
  }
  data[data.length - 2] = length >>> 8;
  data[data.length - 1] = length;
  return data;
}

/** The bytes for a length of Connection ID, with all that does not change. */
function scratch(cidLength: number): Uint8Array {
  const known = SCRATCH[cidLength];
  if (known !== undefined) return known;
  const data = new Uint8Array(cidLength === 0 ? PLAIN_BYTES : CID_FIXED_BYTES + cidLength);
  if (cidLength > 0) {
    data.fill(0xff, 0, SEQUENCE_PLACEHOLDER_BYTES);
    data[SEQUENCE_PLACEHOLDER_BYTES] = CONTENT_TYPE.CONNECTION_ID;
    data[SEQUENCE_PLACEHOLDER_BYTES + 1] = cidLength;
  }
  SCRATCH[cidLength] = data;
  return data;
}
