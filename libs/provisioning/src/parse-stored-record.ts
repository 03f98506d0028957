import { CONTENT_TYPE, provisioningKey } from "@ferry/proto";
import type { StoredRecord } from "@ferry/state";
import { ProvisioningError } from "./errors.ts";
import { type ProvisionedRecord, parseProvisioningRecord } from "./parse-record.ts";

/** A record as the store has it; `undefined` when it is not valid any more, as after an upgrade with stricter rules. */
export function parseStoredRecord({ kind, tenant, id, value }: StoredRecord): ProvisionedRecord | undefined {
  try {
    return parseProvisioningRecord(provisioningKey(kind, tenant, id), value, CONTENT_TYPE.protobuf);
  } catch (error) {
    if (error instanceof ProvisioningError) return undefined;
    throw error;
  }
}
