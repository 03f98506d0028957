/** Whose turn it is first: lower goes first, equals in order of arrival. */
export const PRIORITY = { notificationBlocks: 0, rpc: 1, write: 2, setup: 3, again: 4 } as const;

/** One of `PRIORITY`. */
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

interface Entry {
  readonly priority: Priority;
  readonly task: () => Promise<void>;
  readonly onDropped: (() => void) | undefined;
}

/**
 * The work of one device: one task at a time (NSTART 1, RFC 7252 §4.7), by priority.
 *
 * A task must not reject: what can fail is the task's own to report.
 */
export class WorkQueue {
  #entries: Entry[] | undefined;
  #running = false;

  /** Tasks that wait, the running one not counted. */
  get length(): number {
    return this.#entries?.length ?? 0;
  }

  /** `onDropped` is called instead of the task when the queue is cleared before its turn. */
  add(priority: Priority, task: () => Promise<void>, onDropped?: () => void): void {
    this.#entries ??= [];
    const behind = this.#entries.findIndex((entry) => entry.priority > priority);
    const entry = { priority, task, onDropped };
    if (behind === -1) this.#entries.push(entry);
    else this.#entries.splice(behind, 0, entry);
    if (!this.#running) void this.#run();
  }

  /** Drops what waits, or what of it has one priority; the running task ends by itself. */
  clear(only?: Priority): void {
    const entries = this.#entries ?? [];
    const isDropped = ({ priority }: Entry): boolean => only === undefined || priority === only;
    this.#entries = entries.filter((entry) => !isDropped(entry));
    for (const entry of entries) if (isDropped(entry)) entry.onDropped?.();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next = this.#entries?.shift(); next !== undefined; next = this.#entries?.shift()) await next.task();
    this.#entries = undefined; // A device at rest keeps no array.
    this.#running = false;
  }
}
