import { randomBytes } from "node:crypto";
import { deviceKey, type lwm2m } from "@ferry/proto";
import {
  checkPskKey,
  type DeviceCredential,
  type ProvisionedRecord,
  ProvisioningError,
  SealingError,
  type SealingKeys,
  sealCredentials,
  unsealSecret,
} from "@ferry/provisioning";

/**
 * The record as it may lie in Redis: plain secrets sealed, sealed ones proven to open.
 *
 * @throws {ProvisioningError} there is no key to seal with, or none that opens what is sealed
 */
export function sealForStore(
  parsed: ProvisionedRecord,
  record: lwm2m.v1.ProvisioningRecord.$Properties,
  keys: SealingKeys | undefined,
): lwm2m.v1.ProvisioningRecord.$Properties {
  if (parsed.kind !== "device" && parsed.kind !== "credential") return record;
  const owner = deviceKey(parsed.tenant, parsed.id);
  const credentials = parsed.kind === "device" ? parsed.device.credentials : [parsed.credential];
  for (const [index, credential] of credentials.entries()) {
    checkSecret(
      credential,
      parsed.kind === "device" ? `credentials[${index}].psk.key` : "credential.psk.key",
      owner,
      keys,
    );
  }
  if (keys === undefined) return record;
  const seal = (plain: readonly lwm2m.v1.Credential.$Properties[]) => sealCredentials(plain, owner, keys, randomBytes);
  if (record.device)
    return { ...record, device: { ...record.device, credentials: seal(record.device.credentials ?? []) } };
  const [credential] = record.credential ? seal([record.credential]) : [];
  return credential === undefined ? record : { ...record, credential };
}

function checkSecret(credential: DeviceCredential, field: string, owner: string, keys: SealingKeys | undefined): void {
  if (credential.type !== "psk") return;
  if (keys === undefined) {
    throw new ProvisioningError(
      field,
      "cannot be stored: the rpc-router has no key to seal it with; set PROVISIONING_SEALING_KEY_FILE",
    );
  }
  if (credential.key.type === "plain") return;
  try {
    checkPskKey(unsealSecret(keys, credential.key.sealed, owner), field);
  } catch (error) {
    if (error instanceof SealingError) throw new ProvisioningError(field, error.message, { cause: error });
    throw error;
  }
}
