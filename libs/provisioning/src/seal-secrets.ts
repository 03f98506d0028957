import { deviceKey } from "@ferry/proto";
import type { DeviceRef } from "@ferry/state";
import type { RecordBody } from "./document.ts";
import { ProvisioningError, SealingError } from "./errors.ts";
import { mapSecrets } from "./map-secrets.ts";
import { type SealingKeys, sealSecret, unsealSecret } from "./sealing.ts";

/** Seals those secrets of a device that are plain. */
export function sealSecrets<Body extends RecordBody>(
  body: Body,
  { tenant, endpoint }: DeviceRef,
  keys: SealingKeys,
  random: (size: number) => Uint8Array,
): Body {
  return mapSecrets(body, (secret) =>
    secret.plain?.length ? { sealed: sealSecret(keys, secret.plain, deviceKey(tenant, endpoint), random) } : secret,
  );
}

/** Opens those secrets of a device that are sealed. @throws {ProvisioningError} names one that none of the keys opens */
export function openSecrets<Body extends RecordBody>(
  body: Body,
  { tenant, endpoint }: DeviceRef,
  keys: SealingKeys,
): Body {
  return mapSecrets(body, (secret, field) => {
    if (!secret.sealed) return secret;
    try {
      return { plain: unsealSecret(keys, secret.sealed, deviceKey(tenant, endpoint)) };
    } catch (error) {
      if (error instanceof SealingError) throw new ProvisioningError(field, error.message, { cause: error });
      throw error;
    }
  });
}
