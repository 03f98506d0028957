import { CoapFormatError, type CoreLink, formatLinkFormat, parseLinkFormat } from "@ferry/coap";
import { InvalidPathError, ObjectLinksError } from "./errors.ts";
import { isObjectVersion, type LwM2mPath, parsePath, plainPath } from "./path.ts";

/** An Object that a device registered. */
export interface SupportedObject {
  /** `ver` of its link, else the default of the device's LwM2M version. */
  readonly version: string;
  /** Ids in ascending order; empty when the device named none. */
  readonly instances: readonly number[];
}

/** What a device's link list says (OMA LwM2M Core 1.1.1 §6.2.1). */
export interface SupportedObjects {
  readonly lwm2mVersion: string;
  /** Segments of the alternate path of the root; empty for `/`. */
  readonly rootPath: readonly string[];
  /** `ct` of the root link; empty when it has none. */
  readonly contentFormats: readonly number[];
  /** By object id, ascending. */
  readonly objects: ReadonlyMap<number, SupportedObject>;
}

/**
 * Versions of Objects whose link has no `ver`, by LwM2M version; others are 1.0 (OMA LwM2M Core 1.1.1 §7.2.2, appendix E).
 *
 * The objects of LwM2M 1.2 are those of TS-Core 1.2.
 */
const DEFAULT_VERSIONS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  "1.0": {},
  "1.1": { 0: "1.1", 1: "1.1", 3: "1.1", 4: "1.2" },
  "1.2": { 0: "1.2", 1: "1.2", 2: "1.1", 3: "1.2", 4: "1.3", 5: "1.1", 21: "2.0" },
};
const DEFAULT_VERSION = "1.0";

/** Resource type of the root link. */
const ROOT_TYPE = "oma.lwm2m";

/**
 * Parses the Objects and Object Instances of a Register or Update; links to anything else are left out.
 *
 * `defaultVersion` is that of Objects to which neither their link nor the LwM2M version gives one; 1.0 by the standard.
 *
 * @throws {ObjectLinksError} not RFC 6690, a path, `ver` or `ct` that cannot be, or no Object at all
 */
export function parseObjectLinks(
  links: string,
  lwm2mVersion: string,
  defaultVersion: string = DEFAULT_VERSION,
): SupportedObjects {
  const parsed = parseLinks(links);
  const root = findRoot(parsed);
  const rootPath = root === undefined ? [] : segmentsOf(root.target);
  const found = new Map<number, { version: string | undefined; instances: Set<number> }>();
  for (const link of parsed) {
    const path = link === root ? undefined : objectPath(link.target, rootPath);
    if (path === undefined) continue;
    const [objectId, objectInstanceId] = path as [number, number?]; // objectPath() gives at least one level.
    const object = found.get(objectId) ?? { version: undefined, instances: new Set() };
    found.set(objectId, object);
    object.version ??= versionOf(link);
    if (objectInstanceId !== undefined) object.instances.add(objectInstanceId);
  }
  if (found.size === 0) throw new ObjectLinksError("the link list names no Object");

  const defaults = DEFAULT_VERSIONS[lwm2mVersion] ?? {};
  const objects = [...found]
    .sort(([a], [b]) => a - b)
    .map(([id, { version, instances }]): [number, SupportedObject] => [
      id,
      { version: version ?? defaults[id] ?? defaultVersion, instances: [...instances].sort((a, b) => a - b) },
    ]);
  return {
    lwm2mVersion,
    rootPath,
    contentFormats: root === undefined ? [] : contentFormatsOf(root),
    objects: new Map(objects),
  };
}

/**
 * The links of an Update, with the root link of before where theirs is missing or names no Content-Format: clients that tell of a new Object Instance leave out what Register
 * said of the Content-Formats, and still have them. Links that lie below another root than before stand for themselves.
 *
 * @throws {ObjectLinksError} one of the two is not RFC 6690
 */
export function keepRootLink(links: string, before: string): string {
  const parsed = parseLinks(links);
  const now = findRoot(parsed);
  if (now?.attributes.some(({ name }) => name === "ct")) return links;
  const root = findRoot(parseLinks(before));
  if (root === undefined || (now !== undefined && now.target !== root.target)) return links;
  const kept = formatLinkFormat([root, ...parsed.filter((link) => link !== now)]);
  return namesObjects(kept) ? kept : links;
}

function namesObjects(links: string): boolean {
  try {
    parseObjectLinks(links, DEFAULT_VERSION);
    return true;
  } catch (error) {
    if (error instanceof ObjectLinksError) return false;
    throw error;
  }
}

function findRoot(links: readonly CoreLink[]): CoreLink | undefined {
  return links.find(isTypedRoot) ?? links.find(({ target }) => target === "/");
}

/** @throws {ObjectLinksError} not RFC 6690 */
export function parseLinks(links: string): CoreLink[] {
  try {
    return parseLinkFormat(links);
  } catch (error) {
    if (error instanceof CoapFormatError) throw new ObjectLinksError(error.message, { cause: error });
    throw error;
  }
}

function isTypedRoot({ attributes }: CoreLink): boolean {
  return attributes.some(({ name, value }) => name === "rt" && value?.split(" ").includes(ROOT_TYPE));
}

function segmentsOf(target: string): string[] {
  return target.split("/").filter((segment) => segment !== "");
}

/** The LwM2M path of a link below the root; undefined when it is none. */
function objectPath(target: string, rootPath: readonly string[]): LwM2mPath | undefined {
  const plain = rootPath.length === 0 ? plainPath(target) : undefined;
  if (plain !== undefined) return plain;
  const segments = segmentsOf(target);
  if (!rootPath.every((segment, index) => segments[index] === segment)) return undefined;
  const own = segments.slice(rootPath.length);
  if (!/^\d+$/.test(own[0] ?? "")) return undefined;
  try {
    return parsePath(own.join("/"));
  } catch (error) {
    if (error instanceof InvalidPathError)
      throw new ObjectLinksError(`link <${target}>: ${error.message}`, { cause: error });
    throw error;
  }
}

function versionOf({ target, attributes }: CoreLink): string | undefined {
  const version = attributes.find(({ name }) => name === "ver")?.value;
  if (version === undefined || isObjectVersion(version)) return version;
  throw new ObjectLinksError(`link <${target}>: ver ${version} is not major.minor`);
}

function contentFormatsOf({ target, attributes }: CoreLink): number[] {
  const texts = attributes.flatMap(({ name, value }) => (name === "ct" ? (value ?? "").trim().split(/\s+/) : []));
  return texts.map((text) => {
    const format = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
    if (!(format <= 0xffff)) throw new ObjectLinksError(`link <${target}>: ct ${text} is no content format`);
    return format;
  });
}

/**
 * Whether the device registered what `path` names, as far as a link list tells: the Object and the Object Instance.
 *
 * The root is always there.
 */
export function supportsPath(supported: SupportedObjects, path: LwM2mPath): boolean {
  const [objectId, objectInstanceId] = path;
  if (objectId === undefined) return true;
  const object = supported.objects.get(objectId);
  if (object === undefined) return false;
  return objectInstanceId === undefined || object.instances.includes(objectInstanceId);
}
