import type { NodeRef } from "../device-store.ts";
import type { NodeDirectory, NodeEntry, SlotRange } from "../node-directory.ts";

/** Keeps the node directory in this process. */
export class MemoryNodeDirectory implements NodeDirectory {
  readonly #leases = new Map<number, { entry: NodeEntry; untilMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async lease(entry: Omit<NodeEntry, "slot">, slots: SlotRange, leaseMs: number): Promise<NodeEntry | undefined> {
    const all = slotsOf(slots);
    const own = all.find((candidate) => this.#entry(candidate)?.bootId === entry.bootId);
    const slot = own ?? all.find((candidate) => this.#entry(candidate) === undefined);
    if (slot === undefined) return undefined;
    const leased = { ...entry, slot };
    this.#leases.set(slot, { entry: leased, untilMs: this.#now() + leaseMs });
    return leased;
  }

  async renew(entry: NodeEntry, leaseMs: number): Promise<boolean> {
    if (this.#entry(entry.slot)?.bootId !== entry.bootId) return false;
    this.#leases.set(entry.slot, { entry, untilMs: this.#now() + leaseMs });
    return true;
  }

  async release(node: NodeRef): Promise<void> {
    if (this.#entry(node.slot)?.bootId === node.bootId) this.#leases.delete(node.slot);
  }

  async get(slot: number): Promise<NodeEntry | undefined> {
    return this.#entry(slot);
  }

  async list(slots: SlotRange): Promise<readonly NodeEntry[]> {
    return slotsOf(slots)
      .map((slot) => this.#entry(slot))
      .filter((entry) => entry !== undefined);
  }

  #entry(slot: number): NodeEntry | undefined {
    const lease = this.#leases.get(slot);
    return lease !== undefined && this.#now() < lease.untilMs ? lease.entry : undefined;
  }
}

function slotsOf({ first, last }: SlotRange): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
