import {
  type BootstrapDiscovery,
  type BootstrapOperation,
  instancesOf,
  type LwM2mNode,
  type LwM2mPath,
  type LwM2mVersion,
  securityNode,
  serverNode,
  type TargetBootstrapAccount,
  type TargetServerAccount,
} from "@ferry/lwm2m";

/** What a device is to have when it is bootstrapped: all values decided, one address picked, keys in the clear. */
export interface BootstrapTarget {
  /** Their short server ids are unique. */
  readonly servers: readonly TargetServerAccount[];
  /** Undefined: the device keeps the account it has. */
  readonly bootstrapServer: TargetBootstrapAccount | undefined;
  /** Instances beside accounts: of any object but Security (0) and Server (1), whose ids are chosen here. */
  readonly objects: readonly { readonly path: LwM2mPath; readonly node: LwM2mNode }[];
}

/** How a device is brought to a target. */
export interface BootstrapPlan {
  /** In their order. */
  readonly operations: readonly BootstrapOperation[];
  /** What they bring the device to: the target, but for what is left out. */
  readonly written: BootstrapTarget;
  /** What is left out and why, one sentence; undefined: nothing is. */
  readonly omission: string | undefined;
}

/** Objects of accounts. */
const SECURITY = 0;
const SERVER = 1;

/**
 * What is to be done on a device to bring it to `target`: deletes, then writes, one an instance; Finish is not among them.
 *
 * A server whose short server id the device knows keeps its instances: they are deleted and written anew, because some clients merge what is written with what was there, and
 * a second instance of one id is deleted. A new server gets the lowest ids that are free. Nothing else is touched: not the accounts of other servers, and the bootstrap
 * server's only when `target` has one and the device said which instance it is. That one is written over, never deleted: clients refuse that (OMA LwM2M Core 1.1.1 §6.1.7.6),
 * and a session that fails leaves it as it was.
 *
 * `discovery` is undefined where the device does not know Bootstrap-Discover: then servers get the ids from 1 on, because 0 is where factories put the bootstrap server's
 * account, and nothing is deleted. Done again on its own result the plan has the same result.
 */
export function planBootstrap(target: BootstrapTarget, discovery: BootstrapDiscovery | undefined): BootstrapPlan {
  const bootstrapInstance = discovery?.bootstrapInstance;
  const version = discovery?.version ?? "1.0";
  const security = new InstanceIds(discovery?.security, occupied(discovery, SECURITY), firstFree(discovery));
  const servers = new InstanceIds(
    discovery?.servers,
    occupied(discovery, SERVER),
    discovery === undefined ? FIRST_WITHOUT_DISCOVERY : 0,
  );
  const accounts = target.servers.flatMap((account) => writesOf(account, version, security, servers));
  const operations = [
    ...security.replaced.map((id) => deletion([SECURITY, id])),
    ...servers.replaced.map((id) => deletion([SERVER, id])),
    ...accounts,
    ...target.objects.map(({ path, node }) => write(path, node)),
    // Last: until here a failing session leaves the device the account by which it comes again.
    ...bootstrapWrite(target.bootstrapServer, bootstrapInstance),
  ];
  if (target.bootstrapServer === undefined || bootstrapInstance !== undefined)
    return { operations, written: target, omission: undefined };
  return { operations, written: { ...target, bootstrapServer: undefined }, omission: OMISSION };
}

const OMISSION =
  "the account of the bootstrap server was not written: the device did not say which instance of object 0 it is";

/** Where the ids of new instances begin when nobody knows where the bootstrap server's account is. */
const FIRST_WITHOUT_DISCOVERY = 1;

/** A device that names no account of the bootstrap server has one all the same, by which it came. */
function firstFree(discovery: BootstrapDiscovery | undefined): number {
  return discovery?.bootstrapInstance === undefined ? FIRST_WITHOUT_DISCOVERY : 0;
}

function occupied(discovery: BootstrapDiscovery | undefined, objectId: number): ReadonlySet<number> {
  return discovery === undefined ? new Set() : instancesOf(discovery, objectId);
}

/** Gives the accounts of a target their instances of one object. */
class InstanceIds {
  readonly #known: ReadonlyMap<number, readonly number[]>;
  readonly #occupied: Set<number>;
  readonly #replaced: number[] = [];
  #next: number;

  /** `known` by short server id; new ids are from `first` on and not among `occupied`. */
  constructor(
    known: ReadonlyMap<number, readonly number[]> | undefined,
    occupiedIds: ReadonlySet<number>,
    first: number,
  ) {
    this.#known = known ?? new Map();
    this.#occupied = new Set(occupiedIds);
    this.#next = first;
  }

  /** Instances that were those of an account that has its id now, ascending. */
  get replaced(): readonly number[] {
    return [...this.#replaced].sort((a, b) => a - b);
  }

  /** The instance of a server: the one it has, else a free one. */
  take(shortServerId: number): number {
    const known = this.#known.get(shortServerId) ?? [];
    this.#replaced.push(...known);
    return known[0] ?? this.#free();
  }

  #free(): number {
    while (this.#occupied.has(this.#next)) this.#next++;
    return this.#next++;
  }
}

function writesOf(
  account: TargetServerAccount,
  version: LwM2mVersion,
  security: InstanceIds,
  servers: InstanceIds,
): BootstrapOperation[] {
  const securityId = security.take(account.shortServerId);
  const serverId = servers.take(account.shortServerId);
  return [
    write([SECURITY, securityId], securityNode(securityId, account)),
    write([SERVER, serverId], serverNode(serverId, account, version)),
  ];
}

function bootstrapWrite(
  account: TargetBootstrapAccount | undefined,
  instanceId: number | undefined,
): BootstrapOperation[] {
  if (account === undefined || instanceId === undefined) return [];
  return [write([SECURITY, instanceId], securityNode(instanceId, account))];
}

function deletion(path: LwM2mPath): BootstrapOperation {
  return { type: "delete", path };
}

function write(path: LwM2mPath, node: LwM2mNode): BootstrapOperation {
  return { type: "write", path, node };
}
