import { type Deadline, DeadlineQueue, type Machine } from "@ferry/coap";

/** When an item is due; `undefined` takes it out. */
export interface DueChange<Item> {
  readonly item: Item;
  readonly dueMs: number | undefined;
}

/** Tells when things are due, with one timer for all of them: drive it with `driveMachine`. */
export class DueWatch<Item extends Deadline> implements Machine<DueChange<Item>, Item> {
  readonly #queue = new DeadlineQueue<Item>();

  get deadlineMs(): number | undefined {
    return this.#queue.nextMs;
  }

  handle({ item, dueMs }: DueChange<Item>): Item[] {
    if (dueMs === undefined) this.#queue.delete(item);
    else this.#queue.set(item, dueMs);
    return [];
  }

  tick(nowMs: number): Item[] {
    const due: Item[] = [];
    for (let item = this.#queue.takeDue(nowMs); item !== undefined; item = this.#queue.takeDue(nowMs)) due.push(item);
    return due;
  }
}
