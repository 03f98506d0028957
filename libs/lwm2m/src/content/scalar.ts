import { UndecodableContentError } from "../errors.ts";
import { formatPath, type LwM2mPath } from "../path.ts";
import {
  type DataType,
  exactInteger,
  formatObjectLink,
  INT64_MAX,
  INT64_MIN,
  isTimeMs,
  parseObjectLink,
  type ResourceValue,
  UINT64_MAX,
} from "../value.ts";

/** A value as JSON and CBOR have it: TIME in seconds, OBJLNK as `3:0`. */
export type Scalar = number | bigint | string | boolean | Uint8Array;

/**
 * The typed value of a scalar; without a type (a resource without a model) the scalar's own type decides.
 *
 * @throws {UndecodableContentError} naming `path`
 */
export function fromScalar(type: DataType | undefined, scalar: Scalar, path: LwM2mPath): ResourceValue {
  const value = type === undefined ? untypedValue(scalar) : typedValue(type, scalar);
  if (value === undefined) {
    throw new UndecodableContentError(`${formatPath(path)}: ${describe(scalar)} is no ${type ?? "value of any type"}`);
  }
  return value;
}

function typedValue(type: DataType, scalar: Scalar): ResourceValue | undefined {
  switch (type) {
    case "STRING":
    case "CORELINK":
      return typeof scalar === "string" ? { type, value: scalar } : undefined;
    case "INTEGER":
      return integerValue(type, scalar, INT64_MIN, INT64_MAX);
    case "UNSIGNED_INTEGER":
      return integerValue(type, scalar, 0n, UINT64_MAX);
    case "FLOAT":
      return typeof scalar === "number" || typeof scalar === "bigint" ? { type, value: Number(scalar) } : undefined;
    case "BOOLEAN":
      return typeof scalar === "boolean" ? { type, value: scalar } : undefined;
    case "OPAQUE":
      return scalar instanceof Uint8Array ? { type, value: scalar } : undefined;
    case "TIME": {
      const value = typeof scalar === "number" ? Math.round(scalar * 1000) : Number.NaN;
      return isTimeMs(value) ? { type, value } : undefined;
    }
    case "OBJLNK": {
      const value = typeof scalar === "string" ? parseObjectLink(scalar) : undefined;
      return value && { type, value };
    }
  }
}

function integerValue(
  type: "INTEGER" | "UNSIGNED_INTEGER",
  scalar: Scalar,
  min: bigint,
  max: bigint,
): ResourceValue | undefined {
  if (Number.isSafeInteger(scalar) && (type === "INTEGER" || (scalar as number) >= 0)) {
    return { type, value: (scalar as number) + 0 }; // A safe integer is a number; + 0 makes -0 of a float 0.
  }
  if (typeof scalar !== "bigint" && !Number.isInteger(scalar)) return undefined;
  const value = BigInt(scalar as number | bigint); // What the line above leaves.
  return value >= min && value <= max ? { type, value: exactInteger(value) } : undefined;
}

function untypedValue(scalar: Scalar): ResourceValue | undefined {
  if (typeof scalar === "string") return { type: "STRING", value: scalar };
  if (typeof scalar === "boolean") return { type: "BOOLEAN", value: scalar };
  if (scalar instanceof Uint8Array) return { type: "OPAQUE", value: scalar };
  if (typeof scalar === "number" && !Number.isSafeInteger(scalar)) return { type: "FLOAT", value: scalar };
  return typedValue("INTEGER", scalar) ?? typedValue("UNSIGNED_INTEGER", scalar);
}

function describe(scalar: Scalar): string {
  if (scalar instanceof Uint8Array) return `${scalar.length} bytes`;
  return typeof scalar === "string" ? JSON.stringify(scalar.slice(0, 64)) : String(scalar);
}

/** The inverse of {@link fromScalar}. */
export function toScalar(value: ResourceValue): Scalar {
  switch (value.type) {
    case "TIME":
      return value.value / 1000;
    case "OBJLNK":
      return formatObjectLink(value.value);
    default:
      return value.value;
  }
}
