import { UndecodableContentError, UnencodableContentError } from "../errors.ts";
import type { ModelView } from "../model/object-model.ts";
import type { TimedValue } from "../node.ts";
import { formatPath, isWithin, type LwM2mPath } from "../path.ts";
import { exactInteger, formatObjectLink, isTimeMs, type ResourceValue } from "../value.ts";
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
}

/** A field of a record, in both encodings. */
export interface SenmlField {
  readonly name: keyof SenmlRecord;
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

/** Sets `field` of `record` to what was decoded for it. @throws {UndecodableContentError} when that is of another kind */
export function setField(record: SenmlRecord, field: SenmlField, scalar: Scalar | undefined, index: number): void {
  const { name, kind } = field;
  const isExactNumber = typeof scalar === "bigint" && (name === "v" || name === "bv");
  const fits = isExactNumber || (kind === "bytes" ? scalar instanceof Uint8Array : typeof scalar === kind);
  if (!fits) throw new UndecodableContentError(`SenML record ${index}: "${name}" is no ${kind}`);
  (record as Record<string, Scalar | undefined>)[name] = scalar; // Checked against the kind of the field.
}

/** Refuses a field that is not known but must be understood (RFC 8428 §4.4). */
export function checkUnknownField(name: unknown, index: number): void {
  if (typeof name === "string" && name.endsWith("_")) {
    throw new UndecodableContentError(
      `SenML record ${index}: field "${name.slice(0, 32)}" must be understood and is not`,
    );
  }
}

/**
 * Resolves records (RFC 8428 §4.6) into values, in their order.
 *
 * Times are made absolute by `nowMs`; without it relative ones are dropped. A record without a name and a value only sets base fields.
 * @throws {UndecodableContentError}
 */
export function resolveSenml(
  records: readonly SenmlRecord[],
  path: LwM2mPath,
  models: ModelView,
  nowMs: number | undefined,
): TimedValue[] {
  const values: TimedValue[] = [];
  let baseName = "";
  let baseTimeS: number | undefined;
  let baseValue: number | bigint | undefined;
  for (const [index, record] of records.entries()) {
    if (record.bver !== undefined && record.bver > SENML_VERSION) {
      throw new UndecodableContentError(`SenML record ${index}: version ${record.bver} is newer than ${SENML_VERSION}`);
    }
    baseName = record.bn ?? baseName;
    baseTimeS = record.bt ?? baseTimeS;
    baseValue = record.bv ?? baseValue;

    const scalar = recordScalar(record, baseValue, index);
    if (scalar === undefined) continue;

    const name = baseName + (record.n ?? "");
    const valuePath = parseName(name);
    if (valuePath === undefined || valuePath.length < 3) {
      throw new UndecodableContentError(`SenML record ${index}: "${name.slice(0, 64)}" names no resource`);
    }
    if (!isWithin(valuePath, path)) {
      throw new UndecodableContentError(
        `SenML record ${index}: ${formatPath(valuePath)} is not within ${formatPath(path)}`,
      );
    }
    const [objectId, , resourceId] = valuePath as [number, number, number]; // At least three levels, checked above.
    const type = models.object(objectId)?.resources.get(resourceId)?.type;
    const value = fromScalar(type ?? (record.vlo === undefined ? undefined : "OBJLNK"), scalar, valuePath);
    const timeMs = absoluteTimeMs(baseTimeS, record.t, nowMs);
    if (timeMs !== undefined && !isTimeMs(timeMs)) {
      throw new UndecodableContentError(`SenML record ${index}: ${timeMs} ms since 1970 is no time`);
    }
    values.push(timeMs === undefined ? { path: valuePath, value } : { path: valuePath, value, timeMs });
  }
  return values;
}

function recordScalar(record: SenmlRecord, baseValue: number | bigint | undefined, index: number): Scalar | undefined {
  const { v, vs, vb, vd, vlo, n } = record;
  const scalar = v ?? vs ?? vb ?? vd ?? vlo;
  if (scalar === undefined) {
    if (n === undefined) return undefined;
    throw new UndecodableContentError(`SenML record ${index} ("${n.slice(0, 64)}") has no value`);
  }
  return v === undefined || baseValue === undefined ? scalar : add(v, baseValue);
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

/** Digits of the greatest id, 65535. */
const MAX_ID_DIGITS = 5;

/** The path that a SenML name spells, of up to four levels; undefined when it spells none. This is the hot path: no split, no expressions. */
function parseName(name: string): number[] | undefined {
  const path: number[] = [];
  let id = 0;
  let digits = 0;
  for (let i = name.startsWith("/") ? 1 : 0; i <= name.length; i++) {
    const digit = name.charCodeAt(i) - 0x30; // NaN at the end
    if (digit >= 0 && digit <= 9) {
      id = id * 10 + digit;
      if (++digits > MAX_ID_DIGITS) return undefined;
    } else if (i === name.length || digit === -1) {
      if (digits === 0 || id > 0xffff || path.length === 4) return undefined;
      path.push(id);
      id = 0;
      digits = 0;
    } else return undefined;
  }
  return path;
}

/** The paths that records name (RFC 8428 §4.5.1); the root and records that only set base fields are taken too. @throws {UndecodableContentError} */
export function resolvePaths(records: readonly SenmlRecord[]): LwM2mPath[] {
  let baseName = "";
  return records.flatMap(({ bn, n }, index) => {
    baseName = bn ?? baseName;
    if (n === undefined && bn === undefined) return [];
    const name = baseName + (n ?? "");
    const path = name === "/" ? [] : parseName(name.endsWith("/") ? name.slice(0, -1) : name);
    if (path !== undefined) return [path];
    throw new UndecodableContentError(`SenML record ${index}: "${name.slice(0, 64)}" is no path`);
  });
}

/** The inverse of {@link resolvePaths}. */
export function toPathRecords(paths: readonly LwM2mPath[]): SenmlRecord[] {
  return paths.map((path) => ({ n: formatPath(path) }));
}

/** The records of values under their common base name; without values one that names only that. */
export function toRecords(values: readonly TimedValue[], base: LwM2mPath): SenmlRecord[] {
  if (values.length === 0) return [{ bn: base.length === 0 ? "/" : `${formatPath(base)}/` }];
  return values.map(({ path, value, timeMs }, index) => {
    const name = path.slice(base.length).join("/");
    const record: SenmlRecord = {};
    if (index === 0) record.bn = name === "" || base.length === 0 ? formatPath(base) : `${formatPath(base)}/`;
    if (name !== "") record.n = name;
    if (timeMs !== undefined) record.t = absoluteTimeS(timeMs);
    return Object.assign(record, valueField(value));
  });
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
