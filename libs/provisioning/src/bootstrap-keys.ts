import type { ClientKeys, DeviceCredential, DeviceDeclaration } from "./device-declaration.ts";

/** What a device is to be given, its secrets as they are declared. */
export interface KeysToGive {
  /** For LwM2M servers. Undefined: what it is known by there has no private key that we know. `generatePsk`: a key has to be made for it. */
  readonly server: ClientKeys | undefined;
  /** For the bootstrap server; undefined as above, and never `generatePsk`. */
  readonly bootstrapServer: ClientKeys | undefined;
}

/**
 * What a device is to be given when it bootstraps. `generated`: what Ferry made for it, as {@link generatedCredentials} has it.
 *
 * For LwM2M servers what was made wins over what is declared. Where a key is to be made, one whose forerunner is still accepted is given again: it waits to be
 * proven. To the bootstrap server a device is known by what is declared, whatever was made.
 */
export function bootstrapKeysOf(
  { credentials, bootstrap }: DeviceDeclaration,
  generated: readonly DeviceCredential[] = [],
): KeysToGive {
  const declared = clientKeysOf(credentials);
  const server = bootstrap?.server ?? declared;
  // What it is given for LwM2M servers is among its credentials, and here with the private key.
  const known = declared ?? (server?.type === "generatePsk" ? undefined : server);
  return { server: serverKeysOf(server, generated), bootstrapServer: bootstrap?.bootstrapServer ?? known };
}

function serverKeysOf(
  declared: ClientKeys | undefined,
  [current, previous]: readonly DeviceCredential[],
): ClientKeys | undefined {
  if (current === undefined || (declared?.type === "generatePsk" && previous === undefined)) return declared;
  return clientKeysOf([current]);
}

/** Of credentials the one whose secret is ours to give. */
function clientKeysOf(credentials: readonly DeviceCredential[]): ClientKeys | undefined {
  return credentials.find((one) => one.type === "psk") ?? credentials.find((one) => one.type === "noSec");
}
