/** Of SHA-256, and what it adds at the least: a bit and a length (FIPS 180-4 §5.1.1). */
const HASH_BLOCK_BYTES = 64;
const HASH_PADDING_BYTES = 9;
/** A padding is told by one byte, and that byte comes on top (RFC 5246 §6.2.3.2). */
const MAX_PADDING_BYTES = 256;

/**
 * Where the padding of decrypted blocks begins: `end`, at least `macBytes`; and whether it is what RFC 5246 §6.2.3.2 asks for: each byte its length.
 *
 * ```
 * … | padding (n bytes, each n) | n (1)
 * ```
 *
 * `plaintext` has at least `macBytes + 1` bytes. A bad one is read as one without bytes, as the note in RFC 5246 §6.2.3.2 says, and takes the same steps:
 * as many bytes are looked at as the length of the plaintext says, and no decision is made by what they are.
 */
export function readCbcPadding(
  plaintext: Uint8Array,
  macBytes: number,
): { readonly isValid: boolean; readonly end: number } {
  const last = plaintext.length - 1;
  const padding = plaintext[last] ?? 0;
  const room = last - macBytes;
  // Of two numbers below 2^31, (a - b) >> 31 is -1 when a < b, and 0 otherwise.
  let wrong = (room - padding) >> 31;
  const lookedAt = Math.min(MAX_PADDING_BYTES, plaintext.length);
  for (let i = 1; i < lookedAt; i++) {
    const isPadding = ~((padding - i) >> 31);
    wrong |= isPadding & ((plaintext[last - i] ?? 0) ^ padding);
  }
  const isWrong = (wrong | -wrong) >> 31;
  return { isValid: isWrong === 0, end: last - (padding & ~isWrong) };
}

/** Blocks that SHA-256 works through for so many bytes. */
export function hashBlocks(bytes: number): number {
  return Math.ceil((bytes + HASH_PADDING_BYTES) / HASH_BLOCK_BYTES);
}

/** The most that {@link balancingBytes} asks for. */
export const MAX_BALANCING_BYTES: number = HASH_BLOCK_BYTES * Math.ceil(MAX_PADDING_BYTES / HASH_BLOCK_BYTES);

/**
 * So many bytes must be hashed beside `hashed` bytes that both together take as many blocks as any number up to `maxHashed` does with its own:
 * one more than `maxHashed` alone, for hashing nothing takes a block. `maxHashed - hashed` is below 256.
 */
export function balancingBytes(hashed: number, maxHashed: number): number {
  return HASH_BLOCK_BYTES * (hashBlocks(maxHashed) - hashBlocks(hashed));
}
