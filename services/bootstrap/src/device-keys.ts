import {
  bootstrapKeysOf,
  type ClientKeys,
  type DeviceCredential,
  type DeviceDeclaration,
  openSecret,
  type SealingKeys,
  type SecretValue,
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
  const open = (secret: SecretValue): Uint8Array => openSecret(secret, device, sealingKeys);
  return {
    server: openKeys(server, "bootstrap.server", open),
    isServerMade: generated?.some((one) => one === server) ?? false,
    bootstrapServer: openKeys(bootstrapServer, "bootstrap.bootstrapServer", open),
  };
}

/** Stands for a pre-shared key that is made when the session begins. */
const KEY_TO_BE_MADE: OpenKeys = { type: "psk", identity: "", key: new Uint8Array() };

function openKeys(keys: ClientKeys | undefined, field: string, open: (secret: SecretValue) => Uint8Array): OpenKeys {
  switch (keys?.type) {
    case undefined:
      return {
        type: "unknown",
        reason: `the device's credentials have no private key that it could be given: declare ${field} with it`,
      };
    case "generatePsk":
      return KEY_TO_BE_MADE;
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
