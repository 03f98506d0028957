/** Data types of resources (OMA LwM2M Core 1.1.1 appendix C), by the names that results print. */
export type DataType =
  | "STRING"
  | "INTEGER"
  | "UNSIGNED_INTEGER"
  | "FLOAT"
  | "BOOLEAN"
  | "OPAQUE"
  | "TIME"
  | "OBJLNK"
  | "CORELINK";

/** A link to an Object Instance; 65535/65535 is the null link. */
export interface ObjectLink {
  readonly objectId: number;
  readonly objectInstanceId: number;
}

/**
 * A typed value.
 *
 * Integers are a number where that is exact (within ±2^53) and a bigint beyond, never both for one integer. INTEGER is signed, 64 bits; UNSIGNED_INTEGER 0 to 2^64-1.
 * TIME is ms since 1970, within ±8.64e15 (the wire has seconds). CORELINK is link-format text (RFC 6690).
 */
export type ResourceValue =
  | { readonly type: "STRING"; readonly value: string }
  | { readonly type: "INTEGER"; readonly value: number | bigint }
  | { readonly type: "UNSIGNED_INTEGER"; readonly value: number | bigint }
  | { readonly type: "FLOAT"; readonly value: number }
  | { readonly type: "BOOLEAN"; readonly value: boolean }
  | { readonly type: "OPAQUE"; readonly value: Uint8Array }
  | { readonly type: "TIME"; readonly value: number }
  | { readonly type: "OBJLNK"; readonly value: ObjectLink }
  | { readonly type: "CORELINK"; readonly value: string };

/** Range of INTEGER. */
export const INT64_MIN: bigint = -(2n ** 63n);
export const INT64_MAX: bigint = 2n ** 63n - 1n;
/** Greatest UNSIGNED_INTEGER. */
export const UINT64_MAX: bigint = 2n ** 64n - 1n;

/** Latest TIME, ms since 1970, and with a minus the earliest: beyond it there are no dates (ECMAScript §21.4.1.1). */
const MAX_TIME_MS = 8.64e15;

/** Whether ms since 1970 are a TIME. */
export function isTimeMs(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) <= MAX_TIME_MS;
}

/** The one form of an integer in a {@link ResourceValue}: a number where that is a safe integer, else a bigint. */
export function exactInteger(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** `3:0`, the form of text, CBOR and SenML (OMA LwM2M Core 1.1.1 appendix C). */
export function formatObjectLink({ objectId, objectInstanceId }: ObjectLink): string {
  return `${objectId}:${objectInstanceId}`;
}

/** The inverse of {@link formatObjectLink}; undefined when `text` is no Object link. */
export function parseObjectLink(text: string): ObjectLink | undefined {
  const match = /^(\d{1,5}):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [objectId, objectInstanceId] = [Number(match[1]), Number(match[2])];
  return objectId <= 0xffff && objectInstanceId <= 0xffff ? { objectId, objectInstanceId } : undefined;
}

/** A decimal without exponent, as short as is exact: 42.2, 50, 0.000001. `value` is finite. */
export function formatDecimal(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return Object.is(value, -0) ? "-0" : text;
  const [, sign = "", head = "", tail = "", exponentText] = match;
  const digits = head + tail;
  const point = 1 + Number(exponentText); // Where the decimal point stands among the digits.
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return sign + digits.padEnd(point, "0");
}
