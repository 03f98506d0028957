import type { AccountSecurity, DeviceProfile } from "@ferry/profile";
import { bootstrapKeysOf } from "./bootstrap-keys.ts";
import type { ClientKeys, DeviceDeclaration } from "./device-declaration.ts";
import { ProvisioningError } from "./errors.ts";

/**
 * Checks the keys that a device declares for its bootstrap against the accounts that its profile has it given; an account without security needs none.
 *
 * A device that declares none is not judged: it may never bootstrap. @throws {ProvisioningError} names the keys that do not fit
 */
export function checkAccountKeys(declaration: DeviceDeclaration, { bootstrap }: DeviceProfile): void {
  if (declaration.bootstrap === undefined) return;
  if (bootstrap.servers.length === 0) {
    const { profile } = declaration;
    throw new ProvisioningError(
      "bootstrap",
      `has keys, and the profile "${profile}" has nothing to give: add bootstrap.servers to it, or take the keys out`,
    );
  }
  const { server, bootstrapServer } = bootstrapKeysOf(declaration);
  for (const { security, shortServerId } of bootstrap.servers)
    checkKeys(server, security, "bootstrap.server", `bootstrap.servers has for server ${shortServerId}`);
  if (bootstrap.bootstrapServer !== undefined)
    checkKeys(
      bootstrapServer,
      bootstrap.bootstrapServer.security,
      "bootstrap.bootstrapServer",
      "bootstrap.bootstrapServer has",
    );
}

function checkKeys(keys: ClientKeys | undefined, security: AccountSecurity, field: string, where: string): void {
  const type = keys?.type === "generatePsk" ? "psk" : keys?.type;
  if (security === "noSec" || type === security) return;
  throw new ProvisioningError(
    field,
    type === undefined
      ? `is missing: the profile's ${where} ${security}, and of \`credentials\` the private key is not known here`
      : `is ${type}, and the profile's ${where} ${security}: make them agree`,
  );
}
