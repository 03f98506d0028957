import type { LiveAssociation } from "./association.ts";
import type { Address, AssociationId } from "./association-state.ts";
import { Recency } from "./recency.ts";

/** The associations of this node, by all that a record or a command may name them by. */
export class AssociationTable {
  readonly #byId = new Map<AssociationId, LiveAssociation>();
  readonly #byCid = new Map<string, LiveAssociation>();
  readonly #byAddress = new Map<Address, LiveAssociation>();
  readonly #recency = new Recency<LiveAssociation>();

  get size(): number {
    return this.#byId.size;
  }

  /** The one that was heard longest ago. */
  get oldest(): LiveAssociation | undefined {
    return this.#recency.oldest;
  }

  byId(id: AssociationId): LiveAssociation | undefined {
    return this.#byId.get(id);
  }

  /** By our Connection ID, as latin1. */
  byCid(cid: string): LiveAssociation | undefined {
    return this.#byCid.get(cid);
  }

  /** One that was heard at the address last; where there are several, the one that has nothing but its address. */
  byAddress(address: Address): LiveAssociation | undefined {
    return this.#byAddress.get(address);
  }

  add(association: LiveAssociation, nowMs: number): void {
    this.#byId.set(association.id, association);
    if (association.ownCid !== undefined) this.#byCid.set(association.ownCid, association);
    this.#appearAt(association, association.address);
    this.heard(association, nowMs);
  }

  remove(association: LiveAssociation): void {
    this.#byId.delete(association.id);
    if (association.ownCid !== undefined) this.#byCid.delete(association.ownCid);
    this.#leave(association);
    this.#recency.delete(association);
  }

  move(association: LiveAssociation, address: Address): void {
    this.#leave(association);
    association.address = address;
    this.#appearAt(association, address);
  }

  heard(association: LiveAssociation, nowMs: number): void {
    association.heardAtMs = nowMs;
    this.#recency.touch(association);
  }

  values(): Iterable<LiveAssociation> {
    return this.#byId.values();
  }

  /** Who has a Connection ID is found by it: it must not hide one that has not, for a device could send from the address of another one. */
  #appearAt(association: LiveAssociation, address: Address): void {
    const before = this.#byAddress.get(address);
    if (before === undefined || before.hasCid || !association.hasCid) this.#byAddress.set(address, association);
  }

  #leave(association: LiveAssociation): void {
    if (this.#byAddress.get(association.address) === association) this.#byAddress.delete(association.address);
  }
}
