import { CONTENT_TYPE, provisioningKey } from "@ferry/proto";
import { type ProvisionedRecord, ProvisioningError, parseProvisioningRecord } from "@ferry/provisioning";
import type { StoredRecord } from "@ferry/state";

/** `undefined` when the store's value is not valid any more, as after an upgrade with stricter rules. */
export function parseStored({ kind, tenant, id, value }: StoredRecord): ProvisionedRecord | undefined {
  try {
    return parseProvisioningRecord(provisioningKey(kind, tenant, id), value, CONTENT_TYPE.protobuf);
  } catch (error) {
    if (error instanceof ProvisioningError) return undefined;
    throw error;
  }
}
