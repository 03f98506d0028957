import Long from "long";

/**
 * Turns an exact integer into what the generated encoders take.
 *
 * A bare bigint would be written as 0 without an error, so everything beyond 2^53 goes through `Long`; this file is the only place that does so.
 */
export function toWireInt64(value: number | bigint, unsigned = false): number | Long {
  return typeof value === "number" ? value : Long.fromString(value.toString(), unsigned);
}

/** Turns a decoded 64-bit field into a number where that is exact (within ±2^53), else a bigint. `undefined` and `null` read as 0. */
export function fromWireInt64(value: number | Long | null | undefined): number | bigint {
  if (value === undefined || value === null) return 0;
  if (typeof value === "number") return value;
  const number = value.toNumber();
  return Number.isSafeInteger(number) ? number : BigInt(value.toString());
}

/** As `fromWireInt64`, for fields that hold times, epochs and counters: always a number, exact up to 2^53. */
export function toSafeNumber(value: number | Long | null | undefined): number {
  return Number(fromWireInt64(value));
}
