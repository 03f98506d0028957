import { randomBytes } from "node:crypto";
import type { lwm2m } from "@ferry/proto";
import {
  mapSecrets,
  openSecrets,
  type ProvisionedRecord,
  ProvisioningError,
  parseBody,
  type SealingKeys,
  sealSecrets,
} from "@ferry/provisioning";

/**
 * The record as it may lie in Redis: plain secrets sealed, sealed ones proven to open, and to be what they should be.
 *
 * @throws {ProvisioningError} there is no key to seal with, or none that opens what is sealed, or that is not valid
 */
export function sealForStore(
  parsed: ProvisionedRecord,
  record: lwm2m.v1.ProvisioningRecord.$Properties,
  keys: SealingKeys | undefined,
): lwm2m.v1.ProvisioningRecord.$Properties {
  if (parsed.kind !== "device" && parsed.kind !== "credential") return record;
  if (keys === undefined) return mapSecrets(record, refuse);
  const device = { tenant: parsed.tenant, endpoint: parsed.id };
  // What could not be looked into until now.
  parseBody(parsed, openSecrets(record, device, keys));
  return sealSecrets(record, device, keys, randomBytes);
}

function refuse(_: unknown, field: string): never {
  throw new ProvisioningError(
    field,
    "cannot be stored: the rpc-router has no key to seal it with; set PROVISIONING_SEALING_KEY_FILE",
  );
}
