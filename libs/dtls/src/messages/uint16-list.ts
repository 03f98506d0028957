import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { DtlsFormatError } from "../errors.ts";

/** Numbers of two bytes each, as in lists of cipher suites, groups and signature algorithms. */
export function decodeUint16List(bytes: Uint8Array, field: string): number[] {
  if (bytes.length % 2 !== 0) throw new DtlsFormatError(`${field} has ${bytes.length} bytes; it takes two each`);
  const reader = new ByteReader(bytes, field);
  const values: number[] = [];
  while (reader.remaining > 0) values.push(reader.uint16());
  return values;
}

export function encodeUint16List(values: readonly number[]): Uint8Array {
  const writer = new ByteWriter();
  for (const value of values) writer.uint16(value);
  return writer.finish();
}
