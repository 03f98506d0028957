import type { NodeRef } from "./device-store.ts";

/** A live transport node as the directory shows it. */
export interface NodeEntry extends NodeRef {
  /** Configured name, such as the pod's. */
  readonly name: string;
  /** Where it can be looked at: host:port of its health server. */
  readonly address: string;
  readonly version: string;
  /** It serves what it has and takes no new work. */
  readonly draining: boolean;
  /** It reads its partition of node-command: commands may be sent. */
  readonly ready: boolean;
}

/** Slots of transport nodes: 0 to 63, as many as partitions of node-command. */
export const TRANSPORT_SLOTS = 64;

/** Who holds which slot. A lease lasts 10 s unless renewed. */
export interface NodeDirectory {
  /** Takes a given slot, or the lowest free of 0 to 63; `undefined` when it is held by another boot id. Held slots are waited for, never shared. */
  lease(entry: Omit<NodeEntry, "slot"> & { readonly slot?: number }, leaseMs: number): Promise<NodeEntry | undefined>;
  /** Renews and updates the entry; false when the slot is no longer ours: the node then discards its ownership before it sends anything. */
  renew(entry: NodeEntry, leaseMs: number): Promise<boolean>;
  release(node: NodeRef): Promise<void>;
  get(slot: number): Promise<NodeEntry | undefined>;
  list(): Promise<readonly NodeEntry[]>;
}
