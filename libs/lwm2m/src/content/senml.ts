import { UndecodableContentError, UnencodableContentError } from "../errors.ts";
import type { TimedValue } from "../node.ts";
import { formatPath, isWithin, type LwM2mPath } from "../path.ts";
import { exactInteger, formatObjectLink, isTimeMs, type ResourceValue } from "../value.ts";
import type { Decoding } from "./decoding.ts";
import { parseName } from "./names.ts";
import { fromScalar, type Scalar } from "./scalar.ts";

/** A SenML record (RFC 8428 §4) with what LwM2M uses of it. Times are seconds. */
export interface SenmlRecord {
  bver?: number;
  bn?: string;
  bt?: number;
  bv?: number | bigint;
  n?: string;
  t?: number;
  v?: number | bigint;
  vs?: string;
  vb?: boolean;
  vd?: Uint8Array;
  /** Object link (OMA LwM2M Core 1.1.1 §7.4.4). */
  vlo?: string;
  /** What is wrong with it. */
  fault?: string;
  /** A field that must be understood and is not. */
  notUnderstood?: string;
}

/** A field of a record, in both encodings. */
export interface SenmlField {
  readonly name: Exclude<keyof SenmlRecord, "fault" | "notUnderstood">;
  readonly label: number | "vlo";
  readonly kind: "number" | "string" | "boolean" | "bytes";
}

/** Fields of a record: name in JSON, label in CBOR, kind of value (RFC 8428 §12.2, OMA LwM2M Core 1.1.1 §7.4.4). */
export const SENML_FIELDS: readonly SenmlField[] = [
  { name: "bver", label: -1, kind: "number" },
  { name: "bn", label: -2, kind: "string" },
  { name: "bt", label: -3, kind: "number" },
  { name: "bv", label: -5, kind: "number" },
  { name: "n", label: 0, kind: "string" },
  { name: "t", label: 6, kind: "number" },
  { name: "v", label: 2, kind: "number" },
  { name: "vs", label: 3, kind: "string" },
  { name: "vb", label: 4, kind: "boolean" },
  { name: "vd", label: 8, kind: "bytes" },
  { name: "vlo", label: "vlo", kind: "string" },
];

/** Greatest `bver` that is understood (RFC 8428 §4.4). */
const SENML_VERSION = 10;

/** Times below are seconds relative to now, others since 1970 (RFC 8428 §4.5.3). */
const RELATIVE_BELOW_S = 2 ** 28;

/**
 * Sets `field` of `record` to what was decoded for it. One of another kind spoils the record; a base field spoils also the records after it.
 *
 * @throws {UndecodableContentError} for a base field
 */
export function setField(record: SenmlRecord, field: SenmlField, scalar: Scalar | undefined): void {
  const { name, kind } = field;
  const isExactNumber = typeof scalar === "bigint" && (name === "v" || name === "bv");
  const fits = isExactNumber || (kind === "bytes" ? scalar instanceof Uint8Array : typeof scalar === kind);
  if (fits) {
    (record as Record<string, Scalar | undefined>)[name] = scalar; // Checked against the kind of the field.
    return;
  }
  record.fault = `"${name}" is no ${kind}`;
  if (BASE_FIELDS.has(name)) throw new UndecodableContentError(record.fault);
}

const BASE_FIELDS: ReadonlySet<string> = new Set(["bver", "bn", "bt", "bv"]);

/** Marks a record with a field that is not known but must be understood (RFC 8428 §4.4). */
export function checkUnknownField(record: SenmlRecord, name: unknown): void {
  if (typeof name === "string" && name.endsWith("_")) record.notUnderstood = name.slice(0, 32);
}

/** Most records of a pack that are taken; 10 000 single values are more than a device's memory holds. */
const MAX_RECORDS = 10_000;

/**
 * Resolves records (RFC 8428 §4.6) into values, in their order; `read` gives the record of an item of the pack.
 *
 * A record without a name and a value only sets base fields. Faults of single records go to `onFault`; those after one that cannot be
 * read are left out: it could have changed what their names and times mean.
 * @throws {UndecodableContentError} when the pack must not be processed at all
 */
export function resolveSenml<Item>(
  items: readonly Item[],
  read: (item: Item) => SenmlRecord,
  { path, models, nowMs, rootPath, onFault }: Decoding,
): TimedValue[] {
  const values: TimedValue[] = [];
  const prefix = rootPath.length === 0 ? undefined : `/${rootPath.join("/")}`;
  let baseName = "";
  let baseTimeS: number | undefined;
  let baseValue: number | bigint | undefined;
  const count = Math.min(items.length, MAX_RECORDS);
  for (let index = 0; index < count; index++) {
    let record: SenmlRecord;
    try {
      record = read(items[index] as Item); // Below the length.
    } catch (error) {
      if (!(error instanceof UndecodableContentError)) throw error;
      const left = count - index - 1;
      onFault(
        `SenML record ${index}: ${error.message}${left === 0 ? "" : `; the ${left} records after it are left out`}`,
      );
      break;
    }
    checkUnderstood(record, index);
    if (record.bn !== undefined) baseName = withoutPrefix(record.bn, prefix);
    baseTimeS = record.bt ?? baseTimeS;
    baseValue = record.bv ?? baseValue;
    try {
      const scalar = recordScalar(record, baseValue);
      if (scalar === undefined) continue;
      const valuePath = recordPath(record, baseName, prefix, path);
      const [objectId, , resourceId] = valuePath as [number, number, number]; // At least three levels.
      const type = models.object(objectId)?.resources.get(resourceId)?.type;
      const value = fromScalar(type ?? (record.vlo === undefined ? undefined : "OBJLNK"), scalar, valuePath);
      const timeMs = absoluteTimeMs(baseTimeS, record.t, nowMs);
      if (timeMs !== undefined && !isTimeMs(timeMs)) {
        throw new UndecodableContentError(`${timeMs} ms since 1970 is no time`);
      }
      values.push(timeMs === undefined ? { path: valuePath, value } : { path: valuePath, value, timeMs });
    } catch (error) {
      if (!(error instanceof UndecodableContentError)) throw error;
      onFault(`SenML record ${index}: ${error.message}`);
    }
  }
  if (items.length > MAX_RECORDS) onFault(`${items.length} SenML records, at most ${MAX_RECORDS} are taken`);
  return values;
}

/** RFC 8428 §4.4: a pack of a later version, or with a field that must be understood, is not to be processed. */
function checkUnderstood({ bver, notUnderstood }: SenmlRecord, index: number): void {
  if (bver !== undefined && bver > SENML_VERSION) {
    throw new UndecodableContentError(`SenML record ${index}: version ${bver} is newer than ${SENML_VERSION}`);
  }
  if (notUnderstood !== undefined) {
    throw new UndecodableContentError(`SenML record ${index}: field "${notUnderstood}" must be understood and is not`);
  }
}

/** A name without the device's alternate root path, which it begins with or not. */
function withoutPrefix(name: string, prefix: string | undefined): string {
  return prefix !== undefined && (name === prefix || name.startsWith(`${prefix}/`)) ? name.slice(prefix.length) : name;
}

function recordPath(
  { n = "" }: SenmlRecord,
  baseName: string,
  prefix: string | undefined,
  path: LwM2mPath,
): readonly number[] {
  const name = baseName === "" ? withoutPrefix(n, prefix) : baseName + n;
  const valuePath = parseName(name);
  if (valuePath === undefined || valuePath.length < 3) {
    const isBaseBad = baseName !== "" && !/^\/?(\d+\/?)*$/.test(baseName);
    throw new UndecodableContentError(
      isBaseBad ? `base name "${baseName.slice(0, 64)}" is no path` : `"${name.slice(0, 64)}" names no resource`,
    );
  }
  if (isWithin(valuePath, path)) return valuePath;
  throw new UndecodableContentError(`${formatPath(valuePath)} is not within ${formatPath(path)}`);
}

function recordScalar(record: SenmlRecord, baseValue: number | bigint | undefined): Scalar | undefined {
  const { v, vs, vb, vd, vlo, n, fault } = record;
  if (fault !== undefined) throw new UndecodableContentError(fault);
  const scalar = v ?? vs ?? vb ?? vd ?? vlo;
  if (scalar === undefined) {
    if (n === undefined) return undefined;
    throw new UndecodableContentError(`"${n.slice(0, 64)}" has no value`);
  }
  const sum = v === undefined || baseValue === undefined ? scalar : add(v, baseValue);
  // JSON has no such numbers, and CBOR is to carry the same (RFC 8428 §6).
  if (typeof sum === "number" && !Number.isFinite(sum)) throw new UndecodableContentError(`"v" is ${sum}`);
  return sum;
}

function add(a: number | bigint, b: number | bigint): number | bigint {
  return isWhole(a) && isWhole(b) ? exactInteger(BigInt(a) + BigInt(b)) : Number(a) + Number(b);
}

function isWhole(value: number | bigint): boolean {
  return typeof value === "bigint" || Number.isInteger(value);
}

function absoluteTimeMs(
  baseTimeS: number | undefined,
  timeS: number | undefined,
  nowMs: number | undefined,
): number | undefined {
  if (baseTimeS === undefined && timeS === undefined) return undefined;
  const sumS = (baseTimeS ?? 0) + (timeS ?? 0);
  if (sumS >= RELATIVE_BELOW_S) return Math.round(sumS * 1000);
  return nowMs === undefined ? undefined : Math.round(nowMs + sumS * 1000);
}

/** The paths that records name (RFC 8428 §4.5.1); also the root. @throws {UndecodableContentError} */
export function resolvePaths(records: readonly SenmlRecord[], rootPath: readonly string[]): LwM2mPath[] {
  const prefix = rootPath.length === 0 ? undefined : `/${rootPath.join("/")}`;
  let baseName = "";
  return records.flatMap(({ bn, n, fault }, index) => {
    if (fault !== undefined) throw new UndecodableContentError(`SenML record ${index}: ${fault}`);
    baseName = bn ?? baseName;
    if (n === undefined && bn === undefined) return [];
    const name = withoutPrefix(baseName + (n ?? ""), prefix);
    const path =
      name === "/" || name === "" ? [] : parseName(name.length > 1 && name.endsWith("/") ? name.slice(0, -1) : name);
    if (path !== undefined) return [path];
    throw new UndecodableContentError(`SenML record ${index}: "${name.slice(0, 64)}" is no path`);
  });
}

/** The inverse of {@link resolvePaths}. */
export function toPathRecords(paths: readonly LwM2mPath[], rootPath: readonly string[]): SenmlRecord[] {
  return paths.map((path) => ({ n: formatName([...rootPath, ...path]) }));
}

/** The records of values under their common base name, which begins with the root path; without values one that names only that. */
export function toRecords(
  values: readonly TimedValue[],
  base: LwM2mPath,
  rootPath: readonly string[] = [],
): SenmlRecord[] {
  const baseName = formatName([...rootPath, ...base]);
  const isRoot = rootPath.length + base.length === 0;
  if (values.length === 0) return [{ bn: isRoot ? "/" : `${baseName}/` }];
  return values.map(({ path, value, timeMs }, index) => {
    const name = path.slice(base.length).join("/");
    const record: SenmlRecord = {};
    if (index === 0) record.bn = name === "" || isRoot ? baseName : `${baseName}/`;
    if (name !== "") record.n = name;
    if (timeMs !== undefined) record.t = absoluteTimeS(timeMs);
    return Object.assign(record, valueField(value));
  });
}

function formatName(segments: readonly (string | number)[]): string {
  return `/${segments.join("/")}`;
}

function valueField(value: ResourceValue): SenmlRecord {
  switch (value.type) {
    case "BOOLEAN":
      return { vb: value.value };
    case "OPAQUE":
      return { vd: value.value };
    case "STRING":
    case "CORELINK":
      return { vs: value.value };
    case "OBJLNK":
      return { vlo: formatObjectLink(value.value) };
    case "TIME":
      return { v: value.value / 1000 };
    default:
      return { v: value.value };
  }
}

function absoluteTimeS(timeMs: number): number {
  if (timeMs >= RELATIVE_BELOW_S * 1000) return timeMs / 1000;
  throw new UnencodableContentError(`SenML takes a time of ${timeMs} ms as relative to now`);
}
