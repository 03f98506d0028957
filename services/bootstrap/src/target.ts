import type {
  AccountKeys,
  ObjectModel,
  TargetAccount,
  TargetBootstrapAccount,
  TargetServerAccount,
} from "@ferry/lwm2m";
import {
  type AccountSecurity,
  type BootstrapObject,
  type BootstrapServerAccount,
  type BootstrapSettings,
  pickAddress,
  type ServerAccount,
} from "@ferry/profile";
import { bootstrapObjectNode } from "@ferry/provisioning";
import type { BootstrapTarget } from "./plan.ts";

/** A device's own keys with what was sealed opened: for the accounts of LwM2M servers, and for that of the bootstrap server. */
export interface DeviceKeys {
  readonly server: OpenKeys;
  /** Whether `server` is what Ferry made, whatever is declared. */
  readonly isServerMade: boolean;
  readonly bootstrapServer: OpenKeys;
}

/** A device's own side of an account, in the clear. */
export type OpenKeys =
  | Extract<AccountKeys, { type: "noSec" | "psk" }>
  | { readonly type: "rawPublicKey" | "x509"; readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }
  /** There are none of which the device could be given its half. */
  | { readonly type: "unknown"; readonly reason: string };

/** What a device is to have, or why it cannot: one sentence that names the field to put right. */
export type TargetOutcome =
  | { readonly type: "target"; readonly target: BootstrapTarget }
  | { readonly type: "refused"; readonly reason: string };

/** What a target is made of. */
export interface TargetParts {
  readonly endpoint: string;
  readonly profileName: string;
  readonly bootstrap: BootstrapSettings;
  readonly keys: DeviceKeys;
  /** All definitions of an object, by which its values are converted. */
  readonly modelsOf: (objectId: number) => readonly ObjectModel[];
}

/** Decides every value that the device is to be given: one address of each account, its keys, and objects by their models. */
export function bootstrapTarget({ endpoint, profileName, bootstrap, keys, modelsOf }: TargetParts): TargetOutcome {
  try {
    const { servers, bootstrapServer, objects } = bootstrap;
    if (servers.length === 0)
      throw new Contradiction(
        `the profile "${profileName}" names no LwM2M servers: give it some under bootstrap.servers`,
      );
    const target: BootstrapTarget = {
      servers: servers.map((account) => serverAccount(account, keys, endpoint)),
      bootstrapServer: bootstrapServer && bootstrapAccount(bootstrapServer, keys.bootstrapServer, endpoint),
      objects: objects.map((object) => objectNode(object, modelsOf)),
    };
    return { type: "target", target };
  } catch (error) {
    if (error instanceof Contradiction) return { type: "refused", reason: error.message };
    throw error;
  }
}

/** The target with another pre-shared key for LwM2M servers: all their accounts that have one have the device's. */
export function withServerKeys(target: BootstrapTarget, keys: Extract<AccountKeys, { type: "psk" }>): BootstrapTarget {
  const servers = target.servers.map((account) => (account.keys.type === "psk" ? { ...account, keys } : account));
  return { ...target, servers };
}

/** Profile and device do not fit; it does not leave this file. */
class Contradiction extends Error {
  override readonly name = "Contradiction";
}

function serverAccount(
  account: ServerAccount,
  { server, isServerMade }: DeviceKeys,
  endpoint: string,
): TargetServerAccount {
  const name = `bootstrap.servers: server ${account.shortServerId}`;
  const { shortServerId, lifetimeS, minPeriodS, maxPeriodS, disableTimeoutS, storesNotifications, binding } = account;
  return {
    ...accountOf(
      account,
      server,
      isServerMade ? madeKeys(endpoint) : "bootstrap.server of the device has",
      name,
      endpoint,
    ),
    shortServerId,
    lifetimeS,
    minPeriodS,
    maxPeriodS,
    disableTimeoutS,
    storesNotifications,
    binding,
  };
}

function bootstrapAccount(account: BootstrapServerAccount, keys: OpenKeys, endpoint: string): TargetBootstrapAccount {
  const whose = "bootstrap.bootstrapServer of the device has";
  const common = accountOf(account, keys, whose, "bootstrap.bootstrapServer", endpoint);
  return { ...common, accountTimeoutS: account.accountTimeoutS };
}

/** It wins over what is declared until it is taken back. */
function madeKeys(endpoint: string): string {
  return `the key that Ferry made for the device (\`ferry delete credential ${endpoint}\` takes it back) is`;
}

function accountOf(
  account: ServerAccount | BootstrapServerAccount,
  keys: OpenKeys,
  whose: string,
  name: string,
  endpoint: string,
): TargetAccount {
  const { host, port } = pickAddress(account.addresses, endpoint);
  return {
    uri: `${account.security === "noSec" ? "coap" : "coaps"}://${host}:${port}`,
    keys: accountKeys(account, keys, whose, name),
    holdOffS: account.holdOffS,
  };
}

const SECURITY_NAMES: Readonly<Record<AccountSecurity, string>> = {
  noSec: "no security",
  psk: "a pre-shared key",
  rawPublicKey: "a raw public key",
  x509: "a certificate",
};

function accountKeys(
  { security, serverPublicKey }: ServerAccount | BootstrapServerAccount,
  keys: OpenKeys,
  whose: string,
  name: string,
): AccountKeys {
  if (security === "noSec") return { type: "noSec" }; // An account without security needs no keys: see checkAccountKeys.
  if (keys.type === "unknown")
    throw new Contradiction(`${name} of the profile asks for ${SECURITY_NAMES[security]}, and ${keys.reason}`);
  if (keys.type !== security)
    throw new Contradiction(
      `${name} of the profile asks for ${SECURITY_NAMES[security]}, and ${whose} ${SECURITY_NAMES[keys.type]}: make them agree`,
    );
  if (keys.type === "psk") return keys;
  if (serverPublicKey === undefined)
    throw new Contradiction(
      `${name} of the profile has no serverPublicKey: the device could not tell the server by it`,
    );
  return { ...keys, serverPublicKey };
}

function objectNode(object: BootstrapObject, modelsOf: TargetParts["modelsOf"]): BootstrapTarget["objects"][number] {
  const outcome = bootstrapObjectNode(object, modelsOf(object.path[0]));
  if (outcome.type === "refused") throw new Contradiction(outcome.problems.join("; "));
  return { path: object.path, node: outcome.node };
}
