import type { CoreLink } from "@ferry/coap";
import { InvalidPathError, ObjectLinksError } from "../errors.ts";
import { parseLinks } from "../object-links.ts";
import { type LwM2mPath, parsePath } from "../path.ts";
import type { LwM2mVersion } from "../registration-parameters.ts";
import { isShortServerId } from "./short-server-id.ts";

/** What a device says of its Objects and Object Instances while it bootstraps: the answer to Bootstrap-Discover of the root (OMA LwM2M Core 1.1.1 §6.1.7.3). */
export interface BootstrapDiscovery {
  /** The device's LwM2M version; undefined when it did not say. A later one than we know is taken for the latest. */
  readonly version: LwM2mVersion | undefined;
  /** The only instance of Security without a short server id: the account of the bootstrap server. Undefined when there is none, or more than one, of which nobody can say which it is. */
  readonly bootstrapInstance: number | undefined;
  /** Instances of Security by short server id, ascending: more than one is a fault of the device. */
  readonly security: ReadonlyMap<number, readonly number[]>;
  /** Instances of Server by short server id, ascending. */
  readonly servers: ReadonlyMap<number, readonly number[]>;
  /** All instances by object, also those above; an object without instances is there with none. */
  readonly instances: ReadonlyMap<number, ReadonlySet<number>>;
}

const SECURITY = 0;
const SERVER = 1;

/** LwM2M 1.0 had the version stand alone before the links, which RFC 6690 does not know (OMA LwM2M TS 1.0.2 §5.2.7.3; Core 1.2 §6.1.7.3 allows to take it). */
const VERSION_OF_1_0 = /^\s*lwm2m\s*=\s*"?([^",]*)"?\s*(?:,|$)/;

/**
 * Parses the links of a Bootstrap-Discover; links to anything but Objects and Object Instances are left out, and so are attributes that are not known.
 *
 * @throws {ObjectLinksError} not RFC 6690, or a path or `ssid` that cannot be
 */
export function parseBootstrapDiscovery(links: string): BootstrapDiscovery {
  const standingAlone = VERSION_OF_1_0.exec(links);
  const parsed = parseLinks(standingAlone === null ? links : links.slice(standingAlone[0].length));
  let version = standingAlone === null ? undefined : parseVersion(standingAlone[1] as string); // Its group always matches.
  const instances = new Map<number, Map<number, number | undefined>>();
  for (const link of parsed) {
    const path = pathOf(link);
    if (path === undefined) continue;
    const [objectId, instanceId] = path;
    if (objectId === undefined) {
      version ??= parseVersion(attributeOf(link, "lwm2m"));
      continue;
    }
    const object = instances.get(objectId) ?? new Map<number, number | undefined>();
    instances.set(objectId, object);
    if (instanceId !== undefined) object.set(instanceId, object.get(instanceId) ?? shortServerIdOf(link));
  }
  const ids = new Map([...instances].map(([objectId, object]) => [objectId, new Set(ascending(object.keys()))]));
  return discoveryOf(version, ids, instances.get(SECURITY), instances.get(SERVER));
}

/** The same with short server ids of instances of Server that did not say theirs: `read` has them by instance. */
export function withShortServerIds(
  discovery: BootstrapDiscovery,
  read: ReadonlyMap<number, number>,
): BootstrapDiscovery {
  const named = new Map([...discovery.servers].flatMap(([id, instances]) => instances.map((each) => [each, id])));
  const all = new Map([...instancesOf(discovery, SERVER)].map((each) => [each, named.get(each) ?? read.get(each)]));
  return { ...discovery, servers: byShortServerId(all) };
}

/** Whether some instance of Server did not say its short server id. */
export function hasUnnamedServers(discovery: BootstrapDiscovery): boolean {
  const named = [...discovery.servers.values()].reduce((count, instances) => count + instances.length, 0);
  return named < instancesOf(discovery, SERVER).size;
}

/** The instances of an object that the device has. */
export function instancesOf({ instances }: BootstrapDiscovery, objectId: number): ReadonlySet<number> {
  return instances.get(objectId) ?? NO_INSTANCES;
}

const NO_INSTANCES: ReadonlySet<number> = new Set();

/** By instance: its short server id, undefined when it has none. */
type Named = ReadonlyMap<number, number | undefined>;

function discoveryOf(
  version: LwM2mVersion | undefined,
  instances: ReadonlyMap<number, ReadonlySet<number>>,
  security: Named = new Map(),
  servers: Named = new Map(),
): BootstrapDiscovery {
  const unnamed = [...security].filter(([, shortServerId]) => shortServerId === undefined);
  return {
    version,
    bootstrapInstance: unnamed.length === 1 ? unnamed[0]?.[0] : undefined,
    security: byShortServerId(security),
    servers: byShortServerId(servers),
    instances,
  };
}

function byShortServerId(named: Named): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (const instance of ascending(named.keys())) {
    const shortServerId = named.get(instance);
    if (shortServerId !== undefined) found.set(shortServerId, [...(found.get(shortServerId) ?? []), instance]);
  }
  return found;
}

function ascending(ids: Iterable<number>): number[] {
  return [...ids].sort((a, b) => a - b);
}

/** `1.0` to `1.2`; also `1.1.1` and later versions, undefined for anything else. */
function parseVersion(text: string | undefined): LwM2mVersion | undefined {
  const minor = /^1\.(\d{1,3})(?:\.\d{1,3})?$/.exec(text?.trim() ?? "")?.[1];
  if (minor === undefined) return undefined;
  return VERSIONS[Math.min(Number(minor), VERSIONS.length - 1)];
}

const VERSIONS: readonly LwM2mVersion[] = ["1.0", "1.1", "1.2"];

/** The root, an Object or an Object Instance; undefined for a link to anything else. */
function pathOf({ target }: CoreLink): LwM2mPath | undefined {
  if (!/^\/?(?:\d|$)/.test(target)) return undefined;
  try {
    const path = parsePath(target);
    return path.length <= 2 ? path : undefined;
  } catch (error) {
    if (error instanceof InvalidPathError)
      throw new ObjectLinksError(`link <${target}>: ${error.message}`, { cause: error });
    throw error;
  }
}

function attributeOf({ attributes }: CoreLink, name: string): string | undefined {
  return attributes.find((attribute) => attribute.name === name)?.value;
}

/** Undefined also for the reserved ids that some devices give to the bootstrap server's account. */
function shortServerIdOf(link: CoreLink): number | undefined {
  const text = attributeOf(link, "ssid");
  if (text === undefined) return undefined;
  const shortServerId = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(shortServerId <= 65_535)) throw new ObjectLinksError(`link <${link.target}>: ssid ${text} is not in 1..65534`);
  return isShortServerId(shortServerId) ? shortServerId : undefined;
}
