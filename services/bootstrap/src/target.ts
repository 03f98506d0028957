import {
  type AccountKeys,
  type DataType,
  formatPath,
  type LwM2mNode,
  type ObjectModel,
  type ResourceInstanceNode,
  type ResourceModel,
  type ResourceNode,
  type ResourceValue,
  type TargetAccount,
  type TargetBootstrapAccount,
  type TargetServerAccount,
} from "@ferry/lwm2m";
import {
  type AccountSecurity,
  type BootstrapObject,
  type BootstrapServerAccount,
  type BootstrapSettings,
  type BootstrapValue,
  pickAddress,
  type ServerAccount,
} from "@ferry/profile";
import { convertValue, JsonNumber } from "@ferry/rpc";
import type { BootstrapTarget } from "./plan.ts";

/** A device's own keys with what was sealed opened: for the accounts of LwM2M servers, and for that of the bootstrap server. */
export interface DeviceKeys {
  readonly server: OpenKeys;
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
  /** The definition by which an object's values are read; undefined where there is none. */
  readonly modelOf: (objectId: number) => ObjectModel | undefined;
}

/** Decides every value that the device is to be given: one address of each account, its keys, and objects by their models. */
export function bootstrapTarget({ endpoint, profileName, bootstrap, keys, modelOf }: TargetParts): TargetOutcome {
  try {
    const { servers, bootstrapServer, objects } = bootstrap;
    if (servers.length === 0)
      throw new Contradiction(
        `the profile "${profileName}" names no LwM2M servers: give it some under bootstrap.servers`,
      );
    const target: BootstrapTarget = {
      servers: servers.map((account) => serverAccount(account, keys.server, endpoint)),
      bootstrapServer: bootstrapServer && bootstrapAccount(bootstrapServer, keys.bootstrapServer, endpoint),
      objects: objects.map((object) => objectNode(object, modelOf)),
    };
    return { type: "target", target };
  } catch (error) {
    if (error instanceof Contradiction) return { type: "refused", reason: error.message };
    throw error;
  }
}

/** Profile and device do not fit; it does not leave this file. */
class Contradiction extends Error {
  override readonly name = "Contradiction";
}

function serverAccount(account: ServerAccount, keys: OpenKeys, endpoint: string): TargetServerAccount {
  const name = `bootstrap.servers: server ${account.shortServerId}`;
  const { shortServerId, lifetimeS, minPeriodS, maxPeriodS, disableTimeoutS, storesNotifications, binding } = account;
  return {
    ...accountOf(account, keys, "bootstrap.server", name, endpoint),
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
  const common = accountOf(account, keys, "bootstrap.bootstrapServer", "bootstrap.bootstrapServer", endpoint);
  return { ...common, accountTimeoutS: account.accountTimeoutS };
}

function accountOf(
  account: ServerAccount | BootstrapServerAccount,
  keys: OpenKeys,
  keysField: string,
  name: string,
  endpoint: string,
): TargetAccount {
  const { host, port } = pickAddress(account.addresses, endpoint);
  return {
    uri: `${account.security === "noSec" ? "coap" : "coaps"}://${host}:${port}`,
    keys: accountKeys(account, keys, keysField, name),
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
  keysField: string,
  name: string,
): AccountKeys {
  if (keys.type === "unknown")
    throw new Contradiction(`${name} of the profile asks for ${SECURITY_NAMES[security]}, and ${keys.reason}`);
  if (keys.type !== security)
    throw new Contradiction(
      `${name} of the profile asks for ${SECURITY_NAMES[security]}, and ${keysField} of the device has ${SECURITY_NAMES[keys.type]}: make them agree`,
    );
  if (keys.type === "noSec" || keys.type === "psk") return keys;
  if (serverPublicKey === undefined)
    throw new Contradiction(
      `${name} of the profile has no serverPublicKey: the device could not tell the server by it`,
    );
  return { ...keys, serverPublicKey };
}

function objectNode(
  { path, resources }: BootstrapObject,
  modelOf: TargetParts["modelOf"],
): { readonly path: readonly number[]; readonly node: LwM2mNode } {
  const [objectId, instanceId] = path;
  const model = modelOf(objectId);
  if (model === undefined)
    throw new Contradiction(`bootstrap.objects ${formatPath(path)}: no model of object ${objectId} is provisioned`);
  const nodes = new Map<number, ResourceNode>();
  for (const [name, value] of Object.entries(resources)) {
    const [id = 0, instance] = name.split("/").map(Number);
    const at = `bootstrap.objects ${formatPath(path)}: ${name}`;
    const resource = model.resources.get(id);
    if (resource === undefined || resource.type === undefined)
      throw new Contradiction(`${at} is no resource with a value by the model of object ${objectId}`);
    nodes.set(id, resourceNode(resource, resource.type, instance, value, nodes.get(id), at));
  }
  const children = [...nodes.values()].sort((one, other) => one.id - other.id);
  return { path, node: { type: "objectInstance", id: instanceId, resources: children } };
}

function resourceNode(
  { id, multiple }: ResourceModel,
  type: DataType,
  instance: number | undefined,
  value: BootstrapValue,
  before: ResourceNode | undefined,
  at: string,
): ResourceNode {
  const converted = convert(value, type, at);
  if (!multiple) {
    if (instance === undefined) return { type: "singleResource", id, value: converted };
    throw new Contradiction(`${at} names an instance of a resource that has only one`);
  }
  if (instance === undefined) throw new Contradiction(`${at} has instances: write each by itself, as "${id}/0"`);
  const others = before?.type === "multipleResource" ? before.instances : [];
  const own: ResourceInstanceNode = { type: "resourceInstance", id: instance, value: converted };
  const instances = [...others, own].sort((one, other) => one.id - other.id);
  return { type: "multipleResource", id, dataType: type, instances };
}

function convert(value: BootstrapValue, type: DataType, at: string): ResourceValue {
  const converted = convertValue(typeof value === "number" ? new JsonNumber(String(value)) : value, type);
  if (converted === undefined) throw new Contradiction(`${at} is ${JSON.stringify(value)}, which is no ${type}`);
  return converted;
}
