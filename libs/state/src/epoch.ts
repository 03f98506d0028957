/** Orders ownership of a device: (ms since 1970 << 8) | slot. Grows even across a lost Redis and is never equal for two slots. Exact as a number: below 2^53 until the year 3084. */
export type Epoch = number;

const SLOTS = 256;

/** The epoch of a claim by `slot`: beyond the stored one and not before the clock. 0 stands for none stored. */
export function nextEpoch(stored: Epoch, slot: number, nowMs: number): Epoch {
  return Math.max(Math.floor(stored / SLOTS) + 1, nowMs) * SLOTS + slot;
}

/** Slot that an epoch was made by. */
export function epochSlot(epoch: Epoch): number {
  return epoch % SLOTS;
}
