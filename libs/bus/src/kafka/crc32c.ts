/** CRC-32C (Castagnoli) in reflected form, as record batches carry it; zlib has only the other polynomial. */
const POLYNOMIAL = 0x82f63b78;

/** Four tables of 256: entry `[n][byte]` is the remainder of the byte with `n` zero bytes behind it, so that four bytes go in one step. */
const TABLES: Int32Array = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(4 * 256);
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
  // The tables cover every byte, and the loops stay below `end`.
  for (; index + 4 <= end; index += 4) {
    const word =
      crc ^
      ((bytes[index] as number) |
        ((bytes[index + 1] as number) << 8) |
        ((bytes[index + 2] as number) << 16) |
        ((bytes[index + 3] as number) << 24));
    crc =
      (TABLES[768 + (word & 0xff)] as number) ^
      (TABLES[512 + ((word >>> 8) & 0xff)] as number) ^
      (TABLES[256 + ((word >>> 16) & 0xff)] as number) ^
      (TABLES[word >>> 24] as number);
  }
  for (; index < end; index++) crc = (crc >>> 8) ^ (TABLES[(crc ^ (bytes[index] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
