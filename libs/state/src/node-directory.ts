import type { NodeRef } from "./device-store.ts";

/** A live node, of the transport or of the bootstrap service, as the directory shows it. */
export interface NodeEntry extends NodeRef {
  /** Configured name, such as the pod's. */
  readonly name: string;
  /** Where it can be looked at: host:port of its health server. */
  readonly address: string;
  readonly version: string;
  /** It serves what it has and takes no new work. */
  readonly draining: boolean;
  /** It serves; of a transport node also that it reads its partition of node-command, so that commands may be sent. */
  readonly ready: boolean;
}

/** Slots from the first to the last, both among them. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/** A range of one slot. */
export function onlySlot(slot: number): SlotRange {
  return { first: slot, last: slot };
}

/** Slots of transport nodes: as many as partitions of node-command. */
export const TRANSPORT_SLOTS: SlotRange = { first: 0, last: 63 };

/** Slots of bootstrap processes: what identifiers and nonces carry differs from a transport node's, and nobody sends them node commands. */
export const BOOTSTRAP_SLOTS: SlotRange = { first: 64, last: 191 };

/** Who holds which slot. A lease lasts 10 s unless renewed. */
export interface NodeDirectory {
  /**
   * Takes the slot of a range that this life has already, or else the lowest that is free; a given slot is a range of one. `undefined` when others hold them all:
   * held slots are waited for, never shared.
   */
  lease(entry: Omit<NodeEntry, "slot">, slots: SlotRange, leaseMs: number): Promise<NodeEntry | undefined>;
  /** Renews and updates the entry; false when the slot is no longer ours: the node then discards its ownership before it sends anything. */
  renew(entry: NodeEntry, leaseMs: number): Promise<boolean>;
  release(node: NodeRef): Promise<void>;
  get(slot: number): Promise<NodeEntry | undefined>;
  /** Who holds slots of a range, in order: transport nodes are not to be taken for bootstrap processes. */
  list(slots: SlotRange): Promise<readonly NodeEntry[]>;
}
