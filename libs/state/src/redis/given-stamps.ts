/** Most associations whose last stamp is remembered; beyond it that which was not claimed for longest goes first. */
export const MAX_GIVEN_STAMPS = 65_536;

/**
 * The stamps that this process was given and that the clock is not beyond.
 *
 * Under more than one claim a second stamps run ahead of the clock. Should the store then fall back to an older copy, it would give the same one again: to the
 * same slot, for the same keys, with counters from 0, so that nonces repeat. Who claims therefore says what it was given before.
 */
export class GivenStamps {
  /** By association id. */
  readonly #stamps = new Map<string, number>();
  #forgottenAtS = 0;

  /** The last stamp of an association, s; 0 when the clock is beyond it. */
  last(id: string): number {
    return this.#stamps.get(id) ?? 0;
  }

  add(id: string, stamp: number, clockS: number): void {
    this.#forgetBefore(clockS);
    this.#stamps.delete(id);
    this.#stamps.set(id, stamp);
    if (this.#stamps.size > MAX_GIVEN_STAMPS) {
      const [oldest] = this.#stamps.keys();
      this.#stamps.delete(oldest as string); // There are more than none.
    }
  }

  #forgetBefore(clockS: number): void {
    if (clockS === this.#forgottenAtS) return;
    this.#forgottenAtS = clockS;
    for (const [id, stamp] of this.#stamps) if (stamp < clockS) this.#stamps.delete(id);
  }
}
