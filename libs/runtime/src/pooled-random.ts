import { randomBytes } from "node:crypto";

/** Bytes that are drawn at a time: a call of the generator costs more than some hundred bytes of it. */
const POOL_BYTES = 4096;

/** Random bytes for identifiers. Each byte is given out once; those of one pool share their memory, so copy what is kept for long. */
export function pooledRandom(draw: (size: number) => Uint8Array = randomBytes): (size: number) => Uint8Array {
  let pool = new Uint8Array(0);
  let next = 0;
  return (size) => {
    if (size > POOL_BYTES) return draw(size);
    if (next + size > pool.length) {
      pool = Uint8Array.from(draw(POOL_BYTES));
      next = 0;
    }
    next += size;
    return pool.subarray(next - size, next);
  };
}
