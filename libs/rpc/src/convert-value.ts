import { type DataType, isTimeMs, type ObjectLink, type ResourceValue } from "@ferry/lwm2m";
import { type Json, JsonNumber, scalarText } from "./json.ts";

/**
 * A JSON scalar as a value of a data type; undefined when the type cannot have it.
 *
 * One rule for every operation. Nothing is guessed: a text that looks like a number stays the text that it is where the type is STRING or OPAQUE.
 */
export function convertValue(json: Json, type: DataType): ResourceValue | undefined {
  const value = CONVERSIONS[type](json);
  return value === undefined ? undefined : ({ type, value } as ResourceValue); // The table pairs them.
}

const CONVERSIONS: { readonly [Type in DataType]: (json: Json) => ResourceValue["value"] | undefined } = {
  STRING: scalarText,
  INTEGER: (json) => toInteger(json, -(2n ** 63n), 2n ** 63n - 1n),
  UNSIGNED_INTEGER: (json) => toInteger(json, 0n, 2n ** 64n - 1n),
  FLOAT: toFloat,
  BOOLEAN: toBoolean,
  OPAQUE: toOpaque,
  TIME: toTimeMs,
  OBJLNK: toObjectLink,
  CORELINK: (json) => (typeof json === "string" && LINK_FORMAT.test(json) ? json : undefined),
};

/** Text of a JSON number or string: what numeric types read. */
function numericText(json: Json): string | undefined {
  return typeof json === "boolean" ? undefined : scalarText(json);
}

/** A whole number in decimal; 40 digits are enough for 64 bits and leading zeros. */
const WHOLE_NUMBER = /^[+-]?\d{1,40}$/;
/** Each character can be read in one way only: a megabyte of digits takes no more time than it has digits. */
const DECIMAL_NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

function toInteger(json: Json, min: bigint, max: bigint): number | bigint | undefined {
  const text = numericText(json);
  if (text === undefined) return undefined;
  if (WHOLE_NUMBER.test(text)) {
    const integer = BigInt(text.replace("+", ""));
    return integer < min || integer > max ? undefined : exactNumber(integer);
  }
  // 5.0 and 1e3 are whole numbers too, but only a JSON number may be written so.
  const number = json instanceof JsonNumber ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) && BigInt(number) >= min ? number + 0 : undefined;
}

function exactNumber(integer: bigint): number | bigint {
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}

function toFloat(json: Json): number | undefined {
  const text = numericText(json);
  if (text === undefined) return undefined;
  if (/^[+-]?(NaN|Infinity)$/.test(text)) return Number(text.replace(/^[+-]?NaN$/, "NaN"));
  if (!DECIMAL_NUMBER.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

const BOOLEANS = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
]);

function toBoolean(json: Json): boolean | undefined {
  return BOOLEANS.get(scalarText(json)?.toLowerCase() ?? "");
}

/** Text is hex where it can be, else Base64 with or without padding; numbers are their big-endian bytes. */
function toOpaque(json: Json): Uint8Array | undefined {
  if (json instanceof JsonNumber) return json.isInteger ? integerBytes(json) : floatBytes(Number(json.source));
  if (typeof json !== "string") return undefined;
  if (json.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(json)) return Uint8Array.from(Buffer.from(json, "hex"));
  const digits = json.replace(/={1,2}$/, "");
  const padded = digits.length === json.length || json.length % 4 === 0;
  if (!padded || digits.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(digits)) return undefined;
  return Uint8Array.from(Buffer.from(digits, "base64"));
}

/** 4 bytes where they hold the integer, else 8. */
function integerBytes(json: JsonNumber): Uint8Array | undefined {
  const integer = toInteger(json, -(2n ** 63n), 2n ** 63n - 1n);
  if (integer === undefined) return undefined;
  const big = BigInt(integer);
  const fits = big === BigInt.asIntN(32, big);
  const view = new DataView(new ArrayBuffer(fits ? 4 : 8));
  if (fits) view.setInt32(0, Number(big));
  else view.setBigInt64(0, big);
  return new Uint8Array(view.buffer);
}

const MIN_FLOAT32 = 2 ** -149;
const MAX_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;

/** 4 bytes for positive values in the range of a 32-bit float, else 8: what callers of ThingsBoard know. */
function floatBytes(value: number): Uint8Array | undefined {
  if (!Number.isFinite(value)) return undefined;
  const fits = value >= MIN_FLOAT32 && value <= MAX_FLOAT32;
  const view = new DataView(new ArrayBuffer(fits ? 4 : 8));
  if (fits) view.setFloat32(0, value);
  else view.setFloat64(0, value);
  return new Uint8Array(view.buffer);
}

/** Numbers of at least this magnitude are milliseconds, smaller ones seconds: 10^11 s is the year 5138, 10^11 ms was in 1973. */
const LEAST_MS = 1e11;
const ISO_8601 = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;

function toTimeMs(json: Json): number | undefined {
  const text = numericText(json);
  if (text === undefined) return undefined;
  if (ISO_8601.test(text)) return parseIsoTime(text);
  if (!DECIMAL_NUMBER.test(text)) return undefined;
  const number = Number(text);
  const timeMs = Math.round(Math.abs(number) >= LEAST_MS ? number : number * 1000) + 0;
  return isTimeMs(timeMs) ? timeMs : undefined;
}

/** A time without zone is UTC, for the server's own zone means nothing to a caller. */
function parseIsoTime(text: string): number | undefined {
  const zoned = !text.includes("T") || /(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`;
  const timeMs = Date.parse(zoned);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

const NULL_LINK: ObjectLink = { objectId: 65_535, objectInstanceId: 65_535 };

function toObjectLink(json: Json): ObjectLink | undefined {
  if (json === "/" || json === "") return NULL_LINK;
  const match = typeof json === "string" ? /^(?:\/?(\d{1,5})\/(\d{1,5})|(\d{1,5}):(\d{1,5}))$/.exec(json) : null;
  if (match === null) return undefined;
  const objectId = Number(match[1] ?? match[3]);
  const objectInstanceId = Number(match[2] ?? match[4]);
  return objectId <= 65_535 && objectInstanceId <= 65_535 ? { objectId, objectInstanceId } : undefined;
}

const LINK_PARAMETER = `;[^\\s;,="<>]+(?:=(?:"[^"]*"|[^\\s;,"<>]+))?`;
const LINK = `<[^<>]*>(?:${LINK_PARAMETER})*`;
/** Links by their outline (RFC 6690 §2): targets in angle brackets, parameters after them, commas between. */
const LINK_FORMAT = new RegExp(`^(?:${LINK}(?:,${LINK})*)?$`);
