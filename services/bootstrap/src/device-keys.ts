import { deviceKey } from "@ferry/proto";
import {
  bootstrapKeysOf,
  type ClientKeys,
  type DeviceCredential,
  type DeviceDeclaration,
  SealingError,
  type SealingKeys,
  type SecretValue,
  unsealSecret,
} from "@ferry/provisioning";
import type { DeviceRef } from "@ferry/state";
import type { DeviceKeys, OpenKeys } from "./target.ts";

/** What a device's keys are made of. */
export interface DeviceKeysParts {
  readonly device: DeviceRef;
  readonly declaration: DeviceDeclaration;
  /** What Ferry made for the device, as `generatedCredentials` has it. */
  readonly generated: readonly DeviceCredential[] | undefined;
  /** Undefined: what is sealed cannot be opened. */
  readonly sealingKeys: SealingKeys | undefined;
}

/**
 * The keys that a device is to have, in the clear.
 *
 * @throws {SealingError} none of our keys opens what is stored: nobody else's fault
 */
export function deviceKeys({ device, declaration, generated, sealingKeys }: DeviceKeysParts): DeviceKeys {
  const { server, bootstrapServer } = bootstrapKeysOf(declaration, generated);
  const open = (secret: SecretValue): Uint8Array => unseal(secret, device, sealingKeys);
  return {
    server: openKeys(server, "bootstrap.server", open),
    bootstrapServer: openKeys(bootstrapServer, "bootstrap.bootstrapServer", open),
  };
}

function openKeys(keys: ClientKeys | undefined, field: string, open: (secret: SecretValue) => Uint8Array): OpenKeys {
  switch (keys?.type) {
    case undefined:
      return {
        type: "unknown",
        reason: `the device's credentials have no private key that it could be given: declare ${field} with it`,
      };
    case "generatePsk":
      return { type: "unknown", reason: `${field} of the device is to be generated, which Ferry does not do yet` };
    case "noSec":
      return { type: "noSec" };
    case "psk":
      return { type: "psk", identity: keys.identity, key: open(keys.key) };
    case "rawPublicKey":
      return { type: "rawPublicKey", publicKey: keys.publicKey, privateKey: open(keys.privateKey) };
    case "x509":
      return { type: "x509", publicKey: keys.certificate, privateKey: open(keys.privateKey) };
  }
}

function unseal(
  secret: SecretValue,
  { tenant, endpoint }: DeviceRef,
  sealingKeys: SealingKeys | undefined,
): Uint8Array {
  if (secret.type === "plain") return secret.bytes;
  if (sealingKeys === undefined)
    throw new SealingError(
      "a key of the device is sealed, and there is none to open it: set PROVISIONING_SEALING_KEY_FILE",
    );
  return unsealSecret(sealingKeys, secret.sealed, deviceKey(tenant, endpoint));
}
