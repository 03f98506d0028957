import assert from "node:assert";
import { DtlsFormatError } from "../errors.ts";

/** Numbers of two bytes each, as in lists of cipher suites, groups and signature algorithms. */
export function decodeUint16List(bytes: Uint8Array, field: string): number[] {
  if (bytes.length % 2 !== 0) throw new DtlsFormatError(`${field} has ${bytes.length} bytes; it takes two each`);
  const values: number[] = [];
  // A plain loop: a hello of 60 kB without a cookie must not cost more than its bytes are worth.
  for (let place = 0; place < bytes.length; place += 2) {
    values.push(((bytes[place] ?? 0) << 8) | (bytes[place + 1] ?? 0));
  }
  return values;
}

export function encodeUint16List(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(2 * values.length);
  let place = 0;
  for (const value of values) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff) assert.fail(`${value} does not fit 2 bytes`);
    bytes[place++] = value >> 8;
    bytes[place++] = value;
  }
  return bytes;
}
