import type { SeededRandom } from "@ferry/testing";

/** A copy with one to four damages: a byte changed or put in, the end cut off, a part left out or said twice. */
export function mutate(random: SeededRandom, original: Uint8Array): Uint8Array {
  let bytes = Uint8Array.from(original);
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(bytes.length + 1);
    const kind = random.below(4);
    if (kind === 0) bytes[at % Math.max(1, bytes.length)] = random.below(256);
    else if (kind === 1) bytes = bytes.slice(0, at);
    else if (kind === 2) bytes = Uint8Array.from([...bytes.slice(0, at), random.below(256), ...bytes.slice(at)]);
    else bytes = Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(random.below(bytes.length + 1))]);
  }
  return bytes;
}

export function pick<T>(random: SeededRandom, items: readonly T[]): T {
  return items[random.below(items.length)] as T; // Below the length, and no list is empty.
}
