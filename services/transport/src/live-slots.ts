import { type NodeDirectory, StateUnavailableError } from "@ferry/state";

/** How old the list may be, ms. */
const FRESH_MS = 1_000;

/** Which slots are held, from a list that is read at most once a second: datagrams that anybody can send ask for it. */
export class LiveSlots {
  readonly #nodes: NodeDirectory;
  readonly #monotonicMs: () => number;
  #slots: Promise<ReadonlySet<number> | undefined> | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(nodes: NodeDirectory, monotonicMs: () => number) {
    this.#nodes = nodes;
    this.#monotonicMs = monotonicMs;
  }

  /** Whether a slot is held; undefined while Redis is away. */
  async has(slot: number): Promise<boolean | undefined> {
    return (await this.#list())?.has(slot);
  }

  /** How many slots are held; undefined while Redis is away. */
  async count(): Promise<number | undefined> {
    return (await this.#list())?.size;
  }

  #list(): Promise<ReadonlySet<number> | undefined> {
    const nowMs = this.#monotonicMs();
    if (this.#slots === undefined || nowMs - this.#readAtMs > FRESH_MS) {
      this.#readAtMs = nowMs;
      this.#slots = this.#read();
    }
    return this.#slots;
  }

  async #read(): Promise<ReadonlySet<number> | undefined> {
    try {
      return new Set((await this.#nodes.list()).map(({ slot }) => slot));
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      return undefined;
    }
  }
}
