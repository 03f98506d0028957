import { InvalidPathError } from "./errors.ts";

/** A plain path: Object, Object Instance, Resource and Resource Instance id, 0 to 4 of them; the root has none. `/3/0/9` is `[3, 0, 9]`. */
export type LwM2mPath = readonly number[];

/** A path whose object id may carry a version: `/3_1.2/0/9`. */
export interface VersionedPath {
  readonly path: LwM2mPath;
  /** Object version such as `1.2`; undefined when the path has none. */
  readonly version: string | undefined;
}

/** Greatest id of an Object Instance or Resource Instance; 65535 is reserved there (OMA LwM2M Core 1.1.1 §7.2). */
const MAX_INSTANCE_ID = 65_534;
const MAX_ID = 65_535;

/** What each level of a path is called, and its greatest id. */
const LEVELS: readonly { readonly name: string; readonly maxId: number }[] = [
  { name: "object id", maxId: MAX_ID },
  { name: "object instance id", maxId: MAX_INSTANCE_ID },
  { name: "resource id", maxId: MAX_ID },
  { name: "resource instance id", maxId: MAX_ID },
];

/** Longest text taken for a path; also how much of a refused one is quoted. */
const MAX_PATH_CHARACTERS = 64;

/**
 * Parses a plain path: `/3/0/9`, `3/0/9`, `/3/0/`, `/` for the root.
 *
 * @throws {InvalidPathError} also when the path carries a version
 */
export function parsePath(text: string): LwM2mPath {
  const { path, version } = parseVersionedPath(text);
  if (version !== undefined) throw invalidPath(text, `a version (${version}) is not allowed here`);
  return path;
}

/**
 * Parses a path whose object id may carry a version: `/3_1.2/0/9`.
 *
 * One leading and one trailing slash are optional; `/` and the empty text are the root.
 * @throws {InvalidPathError}
 */
export function parseVersionedPath(text: string): VersionedPath {
  const plain = plainPath(text);
  if (plain !== undefined) return { path: plain, version: undefined };
  if (text.length > MAX_PATH_CHARACTERS) throw invalidPath(text, `longer than ${MAX_PATH_CHARACTERS} characters`);
  const trimmed = text.replace(/^\//, "").replace(/\/$/, "");
  if (trimmed === "") {
    if (text.length > 1) throw invalidPath(text, "object id is empty");
    return { path: [], version: undefined };
  }

  const segments = trimmed.split("/");
  if (segments.length > LEVELS.length) throw invalidPath(text, `${segments.length} levels, at most 4 are possible`);
  const [objectText, version] = splitVersion(text, segments[0] as string); // split() gives at least one
  const path = LEVELS.slice(0, segments.length).map((level, index) =>
    parseId(text, index === 0 ? objectText : (segments[index] as string), level),
  );
  return { path, version };
}

const SLASH = 47;
const DIGIT_0 = 48;
const DIGIT_9 = 57;

/** The path of a text such as nearly all are, which is taken apart without regular expressions: ids without a version. Undefined for any other, the root included. */
export function plainPath(text: string): LwM2mPath | undefined {
  if (text.length > MAX_PATH_CHARACTERS) return undefined;
  const path: number[] = [];
  for (let next = text.charCodeAt(0) === SLASH ? 1 : 0; next < text.length; next++) {
    const level = LEVELS[path.length];
    const start = next;
    let id = 0;
    for (let digit = text.charCodeAt(next); digit >= DIGIT_0 && digit <= DIGIT_9; digit = text.charCodeAt(++next))
      id = id * 10 + (digit - DIGIT_0);
    const isWhole = next === text.length || text.charCodeAt(next) === SLASH;
    if (level === undefined || next === start || !isWhole || id > level.maxId) return undefined;
    path.push(id);
  }
  return path.length === 0 ? undefined : path;
}

function splitVersion(text: string, segment: string): [objectId: string, version: string | undefined] {
  const underscore = segment.indexOf("_");
  if (underscore < 0) return [segment, undefined];
  const version = segment.slice(underscore + 1);
  if (!isObjectVersion(version)) throw invalidPath(text, `version "${version}" is not major.minor`);
  return [segment.slice(0, underscore), version];
}

/** Whether `text` is an object version: `major.minor`, as OMA LwM2M Core 1.1.1 §7.2.2 numbers them. */
export function isObjectVersion(text: string): boolean {
  return /^\d{1,5}\.\d{1,5}$/.test(text);
}

function parseId(text: string, segment: string, level: { name: string; maxId: number }): number {
  if (segment === "") throw invalidPath(text, `${level.name} is empty`);
  const id = /^\d+$/.test(segment) ? Number(segment) : Number.NaN;
  if (!(id <= level.maxId)) throw invalidPath(text, `${level.name} ${segment} is not in 0..${level.maxId}`);
  return id;
}

function invalidPath(text: string, reason: string): InvalidPathError {
  const input = text.length > MAX_PATH_CHARACTERS ? `${text.slice(0, MAX_PATH_CHARACTERS)}…` : text;
  return new InvalidPathError(`Invalid path ${input}: ${reason}`);
}

/** `/3/0/9`; the root is `/`. */
export function formatPath(path: LwM2mPath): string {
  return `/${path.join("/")}`;
}

/** `/3_1.2/0/9`; without a version the plain path. */
export function formatVersionedPath({ path, version }: VersionedPath): string {
  if (version === undefined || path.length === 0) return formatPath(path);
  const [object, ...rest] = path;
  return `/${[`${object}_${version}`, ...rest].join("/")}`;
}

/** Whether `path` is `ancestor` itself or lies below it. */
export function isWithin(path: LwM2mPath, ancestor: LwM2mPath): boolean {
  return ancestor.length <= path.length && ancestor.every((id, level) => path[level] === id);
}

/** Whether the two are equal or one lies below the other: they must not meet in one composite operation (OMA LwM2M Core 1.1.1 §6.3.8). */
export function pathsOverlap(a: LwM2mPath, b: LwM2mPath): boolean {
  return a.length <= b.length ? isWithin(b, a) : isWithin(a, b);
}

/** Orders paths by their ids, a parent before its children: for `sort`. */
export function comparePaths(a: LwM2mPath, b: LwM2mPath): number {
  for (let level = 0; level < Math.min(a.length, b.length); level++) {
    const difference = (a[level] as number) - (b[level] as number); // Both have this level.
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
