const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** MurmurHash2 as the Java client computes it (`org.apache.kafka.common.utils.Utils.murmur2`) of the first `length` bytes: a signed 32-bit number. */
export function murmur2(bytes: Uint8Array, length: number = bytes.length): number {
  const tail = length & ~3;
  let hash = SEED ^ length;
  for (let index = 0; index < tail; index += 4) {
    let word =
      byte(bytes, index) |
      (byte(bytes, index + 1) << 8) |
      (byte(bytes, index + 2) << 16) |
      (byte(bytes, index + 3) << 24);
    word = Math.imul(word, M);
    word ^= word >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(word, M);
  }
  const rest = length & 3;
  if (rest === 3) hash ^= byte(bytes, tail + 2) << 16;
  if (rest >= 2) hash ^= byte(bytes, tail + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ byte(bytes, tail), M);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

/** UTF-8 takes at most so many bytes for a unit of UTF-16. */
const MOST_BYTES_A_UNIT = 3;
/** Where keys of usual length are hashed: a buffer for each would be most of what its partition costs. */
const scratch: Buffer = Buffer.alloc(1024);

/** The partition of a key, as the Java client chooses it: the hash without its sign bit, modulo the number of partitions. */
export function partitionOf(key: string, partitions: number): number {
  const fits = key.length * MOST_BYTES_A_UNIT <= scratch.length;
  const hash = fits ? murmur2(scratch, scratch.write(key)) : murmur2(Buffer.from(key));
  return (hash & 0x7fffffff) % partitions;
}

function byte(bytes: Uint8Array, index: number): number {
  return bytes[index] as number; // The callers stay below the length.
}
