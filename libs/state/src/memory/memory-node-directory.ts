import type { NodeRef } from "../device-store.ts";
import { type NodeDirectory, type NodeEntry, TRANSPORT_SLOTS } from "../node-directory.ts";

/** Keeps the node directory in this process. */
export class MemoryNodeDirectory implements NodeDirectory {
  readonly #leases = new Map<number, { entry: NodeEntry; untilMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async lease(
    entry: Omit<NodeEntry, "slot"> & { readonly slot?: number },
    leaseMs: number,
  ): Promise<NodeEntry | undefined> {
    const slot = entry.slot ?? this.#slotOf(entry.bootId) ?? this.#firstFree();
    if (slot === undefined) return undefined;
    const holder = this.#entry(slot);
    if (holder !== undefined && holder.bootId !== entry.bootId) return undefined;
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

  async list(): Promise<readonly NodeEntry[]> {
    return slots()
      .map((slot) => this.#entry(slot))
      .filter((entry) => entry !== undefined);
  }

  #entry(slot: number): NodeEntry | undefined {
    const lease = this.#leases.get(slot);
    return lease !== undefined && this.#now() < lease.untilMs ? lease.entry : undefined;
  }

  #slotOf(bootId: string): number | undefined {
    return slots().find((slot) => this.#entry(slot)?.bootId === bootId);
  }

  #firstFree(): number | undefined {
    return slots().find((slot) => this.#entry(slot) === undefined);
  }
}

function slots(): number[] {
  return Array.from({ length: TRANSPORT_SLOTS }, (_, slot) => slot);
}
