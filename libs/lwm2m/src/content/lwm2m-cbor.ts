import { type CborInput, type CborMap, type CborValue, decodeCbor, encodeCbor } from "../cbor.ts";
import { UndecodableContentError, UnencodableContentError } from "../errors.ts";
import type { TimedValue } from "../node.ts";
import { formatPath, isWithin, type LwM2mPath, pathsOverlap } from "../path.ts";
import { cborScalar, taggedItem } from "./cbor-value.ts";
import { type Decoding, keepingOthers, refuse } from "./decoding.ts";
import { fromScalar } from "./scalar.ts";

/*
 * LwM2M CBOR (OMA LwM2M Core 1.2 §7.4.4): maps in maps, their keys ids from the Object down; a key may be an array of ids, which
 * stands for that many levels: {3: {0: {9: 100, [6, 0]: 1}}}. Values are as in CBOR; there are no times. null says that there is none.
 */
const NAME = "LwM2M CBOR";
const MAX_LEVELS = 4;
const MAX_ID = 0xffff;
/** Fewest levels of a path with a value: those of a resource. */
const RESOURCE_LEVELS = 3;

/** Decodes LwM2M CBOR into values, in payload order. @throws {UndecodableContentError} */
export function decodeLwm2mCbor(payload: Uint8Array, decoding: Decoding): TimedValue[] {
  const { path, models, empties, onFault } = decoding;
  const values: TimedValue[] = [];
  walk(rootOf(payload), [], onFault, (at, item) => {
    if (item === null || item === undefined) return;
    if (!(item instanceof Map ? pathsOverlap(at, path) : isWithin(at, path))) {
      throw new UndecodableContentError(`${formatPath(at)} is not within ${formatPath(path)}`);
    }
    if (item instanceof Map) {
      if (at.length === 2 || at.length === RESOURCE_LEVELS) empties.push(at);
      return;
    }
    const [objectId, , resourceId] = at;
    if (objectId === undefined || resourceId === undefined) {
      throw new UndecodableContentError(`${formatPath(at)} has a value and is no resource`);
    }
    const scalar = cborScalar(item);
    if (scalar === undefined) throw new UndecodableContentError(`${formatPath(at)} has no single value`);
    if (typeof scalar === "number" && !Number.isFinite(scalar)) {
      throw new UndecodableContentError(`${formatPath(at)} is ${scalar}`);
    }
    const type = models.object(objectId)?.resources.get(resourceId)?.type;
    values.push({ path: at, value: fromScalar(type, scalar, at) });
  });
  return values;
}

/** The paths that a map without values names. @throws {UndecodableContentError} */
export function decodeLwm2mCborPaths(payload: Uint8Array): LwM2mPath[] {
  const paths: LwM2mPath[] = [];
  walk(rootOf(payload), [], refuse, (at, item) => {
    if (item !== null) throw new UndecodableContentError(`${formatPath(at)} has a value in a list of paths`);
    paths.push(at);
  });
  return paths;
}

function rootOf(payload: Uint8Array): CborMap {
  const root = decodeCbor(payload);
  if (root instanceof Map) return root;
  throw new UndecodableContentError(`${NAME} is no map`);
}

/** Calls `visit` for each item that is no map, and for each empty map below the root. */
function walk(
  map: CborMap,
  above: LwM2mPath,
  onFault: Decoding["onFault"],
  visit: (path: LwM2mPath, item: CborValue) => void,
): void {
  for (const [key, item] of map) {
    let path: LwM2mPath = above;
    keepingOthers(onFault, `${NAME}: `, () => {
      path = pathOf(key, above);
      if (!(item instanceof Map && item.size > 0)) visit(path, item);
    });
    if (path !== above && item instanceof Map) walk(item, path, onFault, visit);
  }
}

function pathOf(key: CborValue, above: LwM2mPath): LwM2mPath {
  const path = [...above, ...idsOf(key, above)];
  if (path.length <= MAX_LEVELS) return path;
  throw new UndecodableContentError(`${formatPath(path)} has more than 4 levels`);
}

function idsOf(key: CborValue, above: LwM2mPath): readonly number[] {
  const ids: readonly CborValue[] = Array.isArray(key) ? key : [key];
  const isPath = ids.length > 0 && ids.length <= MAX_LEVELS && ids.every(isId);
  if (isPath) return ids as readonly number[]; // Checked above.
  throw new UndecodableContentError(`a key below ${formatPath(above)} is no id, nor an array of ids`);
}

function isId(value: CborValue): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_ID;
}

/** Encodes values with their full paths, in nested maps; `base` is there even when nothing is below it. @throws {UnencodableContentError} */
export function encodeLwm2mCbor(values: readonly TimedValue[], base: LwM2mPath): Uint8Array {
  const root: Nested = new Map();
  nestedAt(root, base.slice(0, RESOURCE_LEVELS - (values.length === 0 ? 0 : 1)));
  for (const { path, value } of values) {
    const parent = nestedAt(root, path.slice(0, -1));
    const id = path.at(-1);
    if (parent === undefined || id === undefined || parent.has(id)) {
      throw new UnencodableContentError(`${NAME} cannot carry more than one value of ${formatPath(path)}`);
    }
    parent.set(id, taggedItem(value));
  }
  return encodeCbor(root);
}

/** Encodes paths as keys without values. */
export function encodeLwm2mCborPaths(paths: readonly LwM2mPath[]): Uint8Array {
  return encodeCbor(new Map(paths.map((path) => [path.length === 1 ? (path[0] as number) : path, null])));
}

type Nested = Map<CborInput, CborInput>;

/** The map at `path`, made when it is not there; undefined when there is a value on the way. */
function nestedAt(root: Nested, path: LwM2mPath): Nested | undefined {
  let map = root;
  for (const id of path) {
    const next = map.get(id) ?? new Map<CborInput, CborInput>();
    if (!(next instanceof Map)) return undefined;
    map.set(id, next);
    map = next;
  }
  return map;
}
