import type { Random } from "@ferry/coap";

/** Numbers in [0, 1) that are the same for the same seed (mulberry32): for simulations, never for secrets. */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Bytes that are the same for the same seed. */
export function seededRandom(seed: number): Random {
  const next = seededNumbers(seed);
  return (size) => Uint8Array.from({ length: size }, () => next() * 256);
}
