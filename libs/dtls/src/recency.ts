/** Something in a {@link Recency}; both links are undefined outside of it. */
export interface Linked<T> {
  older: T | undefined;
  newer: T | undefined;
}

/** Things in the order in which they were used last. The links are in the things, so that a hundred thousand of them cost no more than that. */
export class Recency<T extends Linked<T>> {
  #oldest: T | undefined;
  #newest: T | undefined;

  /** What was used longest ago. */
  get oldest(): T | undefined {
    return this.#oldest;
  }

  /** Makes an item the newest one, whether it was in or not. */
  touch(item: T): void {
    if (item === this.#newest) return;
    this.delete(item);
    item.older = this.#newest;
    if (this.#newest !== undefined) this.#newest.newer = item;
    this.#newest = item;
    this.#oldest ??= item;
  }

  /** Takes an item out, if it is in. */
  delete(item: T): void {
    const { older, newer } = item;
    if (older !== undefined) older.newer = newer;
    else if (this.#oldest === item) this.#oldest = newer;
    if (newer !== undefined) newer.older = older;
    else if (this.#newest === item) this.#newest = older;
    item.older = undefined;
    item.newer = undefined;
  }
}
