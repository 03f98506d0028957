import type { ServerSettings } from "@ferry/lwm2m";
import { ProfileError } from "./errors.ts";
import { formatField } from "./schema.ts";
import { formatAddress, type ServerAddress } from "./server-address.ts";

/** Security modes of an account, in the order of their numbers in `/0/x/2` (OMA LwM2M Core 1.1.1 §E.1). */
export const ACCOUNT_SECURITIES = ["psk", "rawPublicKey", "x509", "noSec"] as const;
export type AccountSecurity = (typeof ACCOUNT_SECURITIES)[number];

export interface Account {
  readonly security: AccountSecurity;
  /** 1 to 16; `pickAddress` says which one a device is given. */
  readonly addresses: readonly ServerAddress[];
  /** `/0/x/4`: SubjectPublicKeyInfo (`rawPublicKey`) or certificate (`x509`), DER; undefined with the other modes. */
  readonly serverPublicKey: Uint8Array | undefined;
  /** `/0/x/11`: how long the device waits before it bootstraps by itself. */
  readonly holdOffS: number;
}

/** An LwM2M server that devices are given: an instance of the Security object and one of the Server object. */
export interface ServerAccount extends Account, ServerSettings {}

/** The bootstrap server's own account, where devices are to get a new one. */
export interface BootstrapServerAccount extends Account {
  /** `/0/x/12`: after this long from a successful bootstrap the device forgets the account; 0: never. */
  readonly accountTimeoutS: number;
}

/** An Object Instance that devices are given beside accounts: an APN, access control, the time. */
export interface BootstrapObject {
  readonly path: readonly [objectId: number, instanceId: number];
  /** By resource id, or `id/instance`; texts, numbers and booleans that the object's model converts. */
  readonly resources: Readonly<Record<string, BootstrapValue>>;
}

export type BootstrapValue = string | number | boolean;

/** What a device of this kind is given when it bootstraps. */
export interface BootstrapSettings {
  /** Empty: such devices are not bootstrapped. Short server ids and addresses are unique. */
  readonly servers: readonly ServerAccount[];
  /** Undefined: the device keeps the account it has. */
  readonly bootstrapServer: BootstrapServerAccount | undefined;
  readonly objects: readonly BootstrapObject[];
}

/** What an account has where the document does not say it; the values are ThingsBoard's. */
export const ACCOUNT_DEFAULTS = {
  lifetimeS: 300,
  storesNotifications: true,
  binding: "U",
  holdOffS: 1,
  accountTimeoutS: 0,
} as const;

/** Most LwM2M servers that a profile may name. */
const MAX_SERVERS = 16;

/** An account and where the document has it. */
export interface Placed<Of extends Account> {
  readonly account: Of;
  readonly at: readonly PropertyKey[];
  /** Where each of its addresses is. */
  readonly addressesAt: readonly (readonly PropertyKey[])[];
}

/** What all accounts must keep together, in either form; `serversAt` is the list. @throws {ProfileError} */
export function toBootstrapSettings(
  serversAt: readonly PropertyKey[],
  servers: readonly Placed<ServerAccount>[],
  bootstrapServer: Placed<BootstrapServerAccount> | undefined,
  objects: readonly BootstrapObject[],
): BootstrapSettings {
  if (servers.length > MAX_SERVERS) {
    throw new ProfileError(formatField(serversAt), `has ${servers.length} LwM2M servers, at most ${MAX_SERVERS}`);
  }
  if (servers.length === 0 && (bootstrapServer !== undefined || objects.length > 0)) {
    throw new ProfileError(formatField(serversAt), "has no LwM2M server: a device that bootstraps needs one to go to");
  }
  refuseSharedIds(servers);
  refuseSharedAddresses(bootstrapServer === undefined ? servers : [...servers, bootstrapServer]);
  return { servers: servers.map(({ account }) => account), bootstrapServer: bootstrapServer?.account, objects };
}

function refuseSharedIds(servers: readonly Placed<ServerAccount>[]): void {
  const owners = new Map<number, string>();
  for (const { account, at } of servers) {
    const { shortServerId } = account;
    const owner = owners.get(shortServerId);
    if (owner !== undefined) {
      const reason = `is ${shortServerId}, which ${owner} has already: each server needs one of its own`;
      throw new ProfileError(formatField([...at, "shortServerId"]), reason);
    }
    owners.set(shortServerId, formatField(at));
  }
}

function refuseSharedAddresses(accounts: readonly Placed<Account>[]): void {
  const owners = new Map<string, string>();
  for (const { account, at, addressesAt } of accounts) {
    for (const [index, address] of account.addresses.entries()) {
      const field = formatField(addressesAt[index] ?? at);
      const text = formatAddress(address);
      const owner = owners.get(text);
      if (owner !== undefined) {
        throw new ProfileError(field, `${text} is the address of ${owner} already: each is named once`);
      }
      owners.set(text, field);
    }
  }
}
