import assert from "node:assert";

const SLOTS_PER_CHUNK = 1024;

/** Secrets of one size, packed: as a KeyObject each they would take ten times the memory. What is erased is zero at once. */
export class KeySlab {
  readonly #slotBytes: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #free: number[] = [];

  constructor(slotBytes: number) {
    this.#slotBytes = slotBytes;
  }

  /** Secrets that are kept. */
  get size(): number {
    return this.#chunks.length * SLOTS_PER_CHUNK - this.#free.length;
  }

  /** Keeps a copy of the parts, one behind the other, and tells where. */
  put(...parts: readonly Uint8Array[]): number {
    if (this.#free.length === 0) this.#grow();
    const slot = this.#free.pop() as number; // Grown just before.
    const target = this.read(slot);
    let at = 0;
    for (const part of parts) {
      target.set(part, at);
      at += part.length;
    }
    assert(at === this.#slotBytes, `secrets of ${at} bytes do not fill a slot of ${this.#slotBytes}`);
    return slot;
  }

  /** The bytes of a slot, not copied. */
  read(slot: number): Uint8Array {
    const chunk = this.#chunks[Math.floor(slot / SLOTS_PER_CHUNK)] as Uint8Array; // Slots come from `put`.
    const start = (slot % SLOTS_PER_CHUNK) * this.#slotBytes;
    return chunk.subarray(start, start + this.#slotBytes);
  }

  /** Overwrites a slot and gives it free. */
  erase(slot: number): void {
    this.read(slot).fill(0);
    this.#free.push(slot);
  }

  #grow(): void {
    const first = this.#chunks.length * SLOTS_PER_CHUNK;
    this.#chunks.push(new Uint8Array(SLOTS_PER_CHUNK * this.#slotBytes));
    for (let slot = first + SLOTS_PER_CHUNK - 1; slot >= first; slot--) this.#free.push(slot);
  }
}
