import { encodeUtf8 } from "../bytes.ts";
import { UndecodableContentError, UnencodableContentError } from "../errors.ts";
import type { TimedValue } from "../node.ts";
import { formatPath, isWithin, type LwM2mPath } from "../path.ts";
import { formatObjectLink, isTimeMs, type ResourceValue } from "../value.ts";
import { type Decoding, keepingOthers } from "./decoding.ts";
import { formatJsonObject, parseJson } from "./json.ts";
import { parseName } from "./names.ts";
import { fromScalar, type Scalar } from "./scalar.ts";
import { parseBase64 } from "./text.ts";

/*
 * The JSON of LwM2M 1.0 (OMA TS 1.0.2 §6.4.4), after an early draft of SenML:
 * { "bn": base name, "bt": base time, "e": [{ "n": name, "t": time, "v" | "bv" | "sv" | "ov": value }, …] }
 */
const NAME = "LwM2M JSON";

/** Members of the payload and of its entries, as they came. */
type Fields = { readonly [Name in "bn" | "bt" | "e" | "n" | "t" | "v" | "sv" | "bv" | "ov"]?: unknown };

/** Fields of a value, and what they hold: `sv` is text, and Base64 for OPAQUE; `ov` an Object link such as `10:3`. */
const VALUE_FIELDS: readonly {
  readonly name: "v" | "sv" | "bv" | "ov";
  readonly holds: (value: unknown) => value is Scalar;
}[] = [
  { name: "v", holds: (value) => typeof value === "number" || typeof value === "bigint" },
  { name: "sv", holds: (value) => typeof value === "string" },
  { name: "bv", holds: (value) => typeof value === "boolean" },
  { name: "ov", holds: (value) => typeof value === "string" },
];

/** Decodes LwM2M JSON into values, in payload order; names without a base name are below the path. @throws {UndecodableContentError} */
export function decodeLwm2mJson(payload: Uint8Array, decoding: Decoding): TimedValue[] {
  const { bn, bt, e } = asObject(parseJson(payload, NAME));
  if (!Array.isArray(e)) throw new UndecodableContentError(`${NAME}: "e" is no array of entries`);
  const base = bn === undefined ? formatPath(decoding.path) : textOf(bn, "bn");
  const baseTimeS = bt === undefined ? undefined : secondsOf(bt, "bt");
  const values: TimedValue[] = [];
  for (const [index, item] of e.slice(0, MAX_ENTRIES).entries()) {
    keepingOthers(decoding.onFault, `${NAME} entry ${index}: `, () => {
      values.push(entryValue(asObject(item), base, baseTimeS, decoding));
    });
  }
  if (e.length > MAX_ENTRIES) decoding.onFault(`${e.length} entries of ${NAME}, at most ${MAX_ENTRIES} are taken`);
  return values;
}

/** Most entries of a payload that are taken. */
const MAX_ENTRIES = 10_000;

function entryValue(
  entry: Fields,
  base: string,
  baseTimeS: number | undefined,
  { path, models, nowMs }: Decoding,
): TimedValue {
  const valuePath = pathOf(base, entry.n, path);
  const [objectId, , resourceId] = valuePath as [number, number, number]; // pathOf() gives at least three levels.
  const type = models.object(objectId)?.resources.get(resourceId)?.type;
  const scalar = scalarOf(entry, type === "OPAQUE");
  const value = fromScalar(type ?? (entry.ov === undefined ? undefined : "OBJLNK"), scalar, valuePath);
  const timeMs = absoluteTimeMs(baseTimeS, entry.t === undefined ? undefined : secondsOf(entry.t, "t"), nowMs);
  return timeMs === undefined ? { path: valuePath, value } : { path: valuePath, value, timeMs };
}

function asObject(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new UndecodableContentError("is no JSON object");
}

function textOf(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new UndecodableContentError(`"${name}" is no string`);
}

function secondsOf(value: unknown, name: string): number {
  if (typeof value === "number") return value;
  throw new UndecodableContentError(`"${name}" is no time in seconds`);
}

function pathOf(base: string, name: unknown, path: LwM2mPath): LwM2mPath {
  const own = name === undefined ? "" : textOf(name, "n");
  // Clients write the base name with and without the slash at its end.
  const text = own === "" || base === "" ? base + own : `${base.replace(/\/$/, "")}/${own.replace(/^\//, "")}`;
  const valuePath = parseName(text.replace(/(?<=.)\/$/, ""));
  if (valuePath === undefined || valuePath.length < 3) {
    throw new UndecodableContentError(`"${text.slice(0, 64)}" names no resource`);
  }
  if (isWithin(valuePath, path)) return valuePath;
  throw new UndecodableContentError(`${formatPath(valuePath)} is not within ${formatPath(path)}`);
}

function scalarOf(entry: Fields, isOpaque: boolean): Scalar {
  const fields = VALUE_FIELDS.filter(({ name }) => entry[name] !== undefined);
  const [field] = fields;
  if (field === undefined || fields.length > 1) {
    throw new UndecodableContentError(`has ${fields.length} values instead of one`);
  }
  const value = entry[field.name];
  if (!field.holds(value)) throw new UndecodableContentError(`"${field.name}" is of another type`);
  return isOpaque && typeof value === "string" ? (parseBase64(value) ?? value) : value;
}

/** Zero and negative times are relative to now, others since 1970: so the draft that the format comes from. */
function absoluteTimeMs(
  baseTimeS: number | undefined,
  timeS: number | undefined,
  nowMs: number | undefined,
): number | undefined {
  if (baseTimeS === undefined && timeS === undefined) return undefined;
  const sumS = (baseTimeS ?? 0) + (timeS ?? 0);
  if (sumS <= 0 && nowMs === undefined) return undefined;
  const timeMs = Math.round(sumS * 1000 + (sumS > 0 ? 0 : (nowMs as number)));
  if (isTimeMs(timeMs)) return timeMs;
  throw new UndecodableContentError(`${timeMs} ms since 1970 is no time`);
}

/** Encodes values under their common base path. @throws {UnencodableContentError} FLOAT that is not finite, a time before 1970 */
export function encodeLwm2mJson(values: readonly TimedValue[], base: LwM2mPath): Uint8Array {
  const isWhole = values.length === 1 && values[0]?.path.length === base.length;
  const bn = isWhole || base.length === 0 ? formatPath(base) : `${formatPath(base)}/`;
  const entries = values.map(({ path, value, timeMs }) => {
    const name = path.slice(base.length).join("/");
    const entry = {
      ...(name !== "" && { n: name }),
      ...valueField(value),
      ...(timeMs !== undefined && { t: toSeconds(timeMs) }),
    };
    return formatJsonObject(entry, NAME, (bytes) => Buffer.from(bytes).toString("base64"));
  });
  return encodeUtf8(`{"bn":${JSON.stringify(bn)},"e":[${entries.join(",")}]}`);
}

function valueField(value: ResourceValue): object {
  switch (value.type) {
    case "BOOLEAN":
      return { bv: value.value };
    case "STRING":
    case "CORELINK":
    case "OPAQUE":
      return { sv: value.value };
    case "OBJLNK":
      return { ov: formatObjectLink(value.value) };
    case "TIME":
      return { v: value.value / 1000 };
    default:
      return { v: value.value };
  }
}

function toSeconds(timeMs: number): number {
  if (timeMs > 0) return timeMs / 1000;
  throw new UnencodableContentError(`${NAME} takes a time of ${timeMs} ms as relative to now`);
}
