/** Something that is due at a time; the queue keeps the place, so that it can move or leave in O(log n). */
export interface Deadline {
  dueMs: number;
  /** Index in the queue's heap; {@link NOT_QUEUED} outside of it. */
  place: number;
}

export const NOT_QUEUED = -1;

/** A binary heap by `dueMs`: one timer for everything that waits. */
export class DeadlineQueue<T extends Deadline> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** When the first item is due. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.dueMs;
  }

  /** Puts an item in, or moves it to another time. */
  set(item: T, dueMs: number): void {
    item.dueMs = dueMs;
    if (item.place === NOT_QUEUED) item.place = this.#heap.push(item) - 1;
    this.#settle(item);
  }

  /** Takes an item out, if it is in. */
  delete(item: T): void {
    if (item.place === NOT_QUEUED) return;
    const last = this.#heap.pop() as T; // At least `item` is in the heap.
    if (last !== item) {
      this.#put(last, item.place);
      this.#settle(last);
    }
    item.place = NOT_QUEUED;
  }

  /** Takes out the first item that is due by now. */
  takeDue(nowMs: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.delete(first);
    return first;
  }

  #put(item: T, place: number): void {
    this.#heap[place] = item;
    item.place = place;
  }

  #settle(item: T): void {
    this.#rise(item);
    this.#sink(item);
  }

  #rise(item: T): void {
    let place = item.place;
    while (place > 0) {
      const parent = this.#heap[(place - 1) >> 1] as T; // Inside the heap: above `place`.
      if (parent.dueMs <= item.dueMs) break;
      const above = parent.place;
      this.#put(parent, place);
      place = above;
    }
    this.#put(item, place);
  }

  #sink(item: T): void {
    let place = item.place;
    for (;;) {
      const child = this.#earlierChild(place);
      if (child === undefined || child.dueMs >= item.dueMs) break;
      const below = child.place;
      this.#put(child, place);
      place = below;
    }
    this.#put(item, place);
  }

  #earlierChild(place: number): T | undefined {
    const left = this.#heap[2 * place + 1];
    const right = this.#heap[2 * place + 2];
    return right !== undefined && left !== undefined && right.dueMs < left.dueMs ? right : left;
  }
}
