/** Watches a reader until it has handled all that was there at its start. */
export class CatchUp {
  readonly #onCaughtUp: () => void;
  /** Partitions that are behind, and the offsets they must reach. */
  readonly #behind = new Map<number, number>();
  #started = false;

  constructor(onCaughtUp: () => void = () => {}) {
    this.#onCaughtUp = onCaughtUp;
  }

  /** Notes where each partition starts and ends. Later starts of the same reader change nothing. */
  start(partitions: Iterable<{ readonly partition: number; readonly position: number; readonly end: number }>): void {
    if (this.#started) return;
    this.#started = true;
    for (const { partition, position, end } of partitions) if (position < end) this.#behind.set(partition, end);
    if (this.#behind.size === 0) this.#onCaughtUp();
  }

  /** All below `position` is handled. */
  progress(partition: number, position: number): void {
    const end = this.#behind.get(partition);
    if (end === undefined || position < end) return;
    this.#behind.delete(partition);
    if (this.#behind.size === 0) this.#onCaughtUp();
  }
}
