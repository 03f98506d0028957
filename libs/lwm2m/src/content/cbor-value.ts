import { CborFloat, type CborInput, CborTag, type CborValue, decodeCbor, encodeCbor } from "../cbor.ts";
import { UndecodableContentError } from "../errors.ts";
import { formatPath, type LwM2mPath } from "../path.ts";
import type { DataType, ResourceValue } from "../value.ts";
import { fromScalar, type Scalar, toScalar } from "./scalar.ts";

/** Tags of time: RFC 3339 text and seconds since 1970 (RFC 8949 §3.4.1, §3.4.2). */
const DATE_TIME_TAG = 0;
const EPOCH_TAG = 1;
/** 10 to the power of the first of two integers, times the second (RFC 8949 §3.4.4); SenML names it for values and times (RFC 8428 §6). */
const DECIMAL_FRACTION_TAG = 4;

/** Decodes the one value of a CBOR payload (OMA LwM2M Core 1.1.1 §7.4.3). @throws {UndecodableContentError} */
export function decodeCborValue(payload: Uint8Array, path: LwM2mPath, type: DataType | undefined): ResourceValue {
  const item = decodeCbor(payload);
  const scalar = cborScalar(item);
  if (scalar === undefined) throw new UndecodableContentError(`${formatPath(path)}: CBOR item is no single value`);
  const isTime = item instanceof CborTag && (item.tag === EPOCH_TAG || item.tag === DATE_TIME_TAG);
  return fromScalar(type ?? (isTime ? "TIME" : undefined), scalar, path);
}

/** The scalar of a data item; a tag is looked through, one of time gives seconds. Undefined when it is no scalar. */
export function cborScalar(item: CborValue): Scalar | undefined {
  if (item instanceof CborTag) {
    if (item.tag === DATE_TIME_TAG) return typeof item.value === "string" ? parseDateTime(item.value) : undefined;
    if (item.tag === DECIMAL_FRACTION_TAG) return decimalFraction(item.value);
    return item.value instanceof CborTag ? undefined : cborScalar(item.value);
  }
  switch (typeof item) {
    case "number":
    case "bigint":
    case "string":
    case "boolean":
      return item;
    default:
      return item instanceof Uint8Array ? item : undefined;
  }
}

/** The number that a decimal fraction is nearest to. */
function decimalFraction(value: CborValue): number | undefined {
  const [exponent, mantissa, ...rest] = Array.isArray(value) ? (value as readonly CborValue[]) : [];
  const isMantissa = typeof mantissa === "bigint" || Number.isSafeInteger(mantissa);
  if (!isMantissa || !Number.isSafeInteger(exponent) || rest.length > 0) return undefined;
  const number = Number(`${String(mantissa)}e${String(exponent)}`);
  return Number.isFinite(number) ? number : undefined;
}

/** Seconds since 1970 of an RFC 3339 text. */
function parseDateTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  return Date.parse(text) / 1000;
}

export function encodeCborValue(value: ResourceValue): Uint8Array {
  return encodeCbor(taggedItem(value));
}

/** The data item of a value; TIME is tagged (OMA LwM2M Core 1.1.1 §7.4.3). */
export function taggedItem(value: ResourceValue): CborInput {
  if (value.type === "TIME") return new CborTag(EPOCH_TAG, value.value / 1000);
  return value.type === "FLOAT" ? new CborFloat(value.value) : toScalar(value);
}
