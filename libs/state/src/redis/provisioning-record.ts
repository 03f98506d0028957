import { StoredValueError } from "../errors.ts";
import type { StoredRecord } from "../provisioning-store.ts";

/**
 * A provisioning record as Redis holds it, big-endian, with the identities that belong to it:
 *
 * ```
 * version 1 · offset 6 · length of head 4 · head (JSON: tenant, id, identities) · lwm2m.v1.ProvisioningRecord
 * ```
 */
export interface PackedRecord {
  readonly record: StoredRecord;
  /** As `identityText` has them. */
  readonly identities: readonly string[];
}

interface Head {
  readonly tenant: string;
  readonly id: string;
  readonly identities: readonly string[];
}

const VERSION = 1;
const HEAD_AT = 11;

/** Packs a record. */
export function encodeRecord({ record, identities }: PackedRecord): Buffer {
  const { tenant, id, offset, value } = record;
  const head = Buffer.from(JSON.stringify({ tenant, id, identities } satisfies Head));
  const fixed = Buffer.alloc(HEAD_AT);
  fixed.writeUInt8(VERSION, 0);
  fixed.writeUIntBE(offset, 1, 6);
  fixed.writeUInt32BE(head.length, 7);
  return Buffer.concat([fixed, head, value]);
}

/** Reads a packed record. @throws {StoredValueError} it is not one */
export function decodeRecord(kind: StoredRecord["kind"], packed: Buffer): PackedRecord {
  if (packed.length < HEAD_AT || packed[0] !== VERSION) throw new StoredValueError("not a record of version 1");
  const valueAt = HEAD_AT + packed.readUInt32BE(7);
  const { tenant, id, identities } = parseHead(packed.toString("utf8", HEAD_AT, valueAt));
  const value = Uint8Array.from(packed.subarray(valueAt));
  return { record: { kind, tenant, id, value, offset: packed.readUIntBE(1, 6) }, identities };
}

function parseHead(text: string): Head {
  try {
    const { tenant, id, identities } = JSON.parse(text) as Partial<Head>;
    if (typeof tenant === "string" && typeof id === "string" && Array.isArray(identities)) {
      return { tenant, id, identities };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new StoredValueError("head of a record does not parse");
}
