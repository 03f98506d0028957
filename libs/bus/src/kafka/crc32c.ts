/** CRC-32C (Castagnoli) in reflected form, as record batches carry it; zlib has only the other polynomial. */
const POLYNOMIAL = 0x82f63b78;

/** Bytes that go in one step: with 16 a byte takes half the time that it takes with 4, with more no less. */
const STEP = 16;
/** A table for each byte of a step: entry `[n][byte]` is the remainder of the byte with `n` zero bytes behind it. */
const TABLES: Int32Array = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(STEP * 256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
    tables[byte] = remainder;
  }
  for (let index = 256; index < tables.length; index++) {
    const before = tables[index - 256] as number; // The first table is full.
    tables[index] = (before >>> 8) ^ (tables[before & 0xff] as number);
  }
  return tables;
}

/** CRC-32C of the bytes from `start` to `end`, unsigned. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  let index = start;
  for (; index + STEP <= end; index += STEP) {
    crc =
      entry(15, (crc & 0xff) ^ at(bytes, index)) ^
      entry(14, ((crc >>> 8) & 0xff) ^ at(bytes, index + 1)) ^
      entry(13, ((crc >>> 16) & 0xff) ^ at(bytes, index + 2)) ^
      entry(12, (crc >>> 24) ^ at(bytes, index + 3)) ^
      entry(11, at(bytes, index + 4)) ^
      entry(10, at(bytes, index + 5)) ^
      entry(9, at(bytes, index + 6)) ^
      entry(8, at(bytes, index + 7)) ^
      entry(7, at(bytes, index + 8)) ^
      entry(6, at(bytes, index + 9)) ^
      entry(5, at(bytes, index + 10)) ^
      entry(4, at(bytes, index + 11)) ^
      entry(3, at(bytes, index + 12)) ^
      entry(2, at(bytes, index + 13)) ^
      entry(1, at(bytes, index + 14)) ^
      entry(0, at(bytes, index + 15));
  }
  for (; index < end; index++) crc = (crc >>> 8) ^ entry(0, (crc & 0xff) ^ at(bytes, index));
  return ~crc >>> 0;
}

function entry(table: number, byte: number): number {
  return TABLES[table * 256 + byte] as number; // The tables cover every byte.
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] as number; // The loops stay below `end`.
}
