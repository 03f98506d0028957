import { deviceKey } from "@ferry/proto";
import type { DeviceRef } from "@ferry/state";
import type { SecretValue } from "./device-declaration.ts";
import { SealingError } from "./errors.ts";
import { type SealingKeys, unsealSecret } from "./sealing.ts";

/**
 * A secret of a device, in the clear. `keys`: undefined where there are none.
 *
 * @throws {SealingError} none of the keys opens it
 */
export function openSecret(
  secret: SecretValue,
  { tenant, endpoint }: DeviceRef,
  keys: SealingKeys | undefined,
): Uint8Array {
  if (secret.type === "plain") return secret.bytes;
  if (keys === undefined)
    throw new SealingError(
      "a key of the device is sealed, and there is none to open it: set PROVISIONING_SEALING_KEY_FILE",
    );
  return unsealSecret(keys, secret.sealed, deviceKey(tenant, endpoint));
}
