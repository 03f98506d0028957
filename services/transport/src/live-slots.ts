import { type NodeDirectory, type NodeRef, StateUnavailableError, TRANSPORT_SLOTS } from "@ferry/state";

/** How old the list may be, ms. */
const FRESH_MS = 1_000;

/** Which slots transport nodes hold, from a list that is read at most once a second: datagrams that anybody can send ask for it. */
export class LiveSlots {
  readonly #nodes: NodeDirectory;
  readonly #monotonicMs: () => number;
  #slots: Promise<ReadonlyMap<number, string> | undefined> | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(nodes: NodeDirectory, monotonicMs: () => number) {
    this.#nodes = nodes;
    this.#monotonicMs = monotonicMs;
  }

  /** Whether a slot is held; undefined while Redis is away. */
  async has(slot: number): Promise<boolean | undefined> {
    return (await this.#list())?.has(slot);
  }

  /** Whether this very life of a node has its slot; undefined while Redis is away. */
  async isLive({ slot, bootId }: NodeRef): Promise<boolean | undefined> {
    const slots = await this.#list();
    return slots && slots.get(slot) === bootId;
  }

  /** How many slots are held; undefined while Redis is away. */
  async count(): Promise<number | undefined> {
    return (await this.#list())?.size;
  }

  #list(): Promise<ReadonlyMap<number, string> | undefined> {
    const nowMs = this.#monotonicMs();
    if (this.#slots === undefined || nowMs - this.#readAtMs > FRESH_MS) {
      this.#readAtMs = nowMs;
      this.#slots = this.#read();
    }
    return this.#slots;
  }

  /** Boot ids by slot. */
  async #read(): Promise<ReadonlyMap<number, string> | undefined> {
    try {
      return new Map((await this.#nodes.list(TRANSPORT_SLOTS)).map(({ slot, bootId }) => [slot, bootId]));
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      return undefined;
    }
  }
}
