import {
  type AssociationHold,
  type AssociationLost,
  MAX_SEQUENCE,
  MAX_SEQUENCE_JUMP,
  MAX_STAMP_LEAD_S,
  SEQUENCE_BLOCK,
  SEQUENCE_GAP,
  SEQUENCES_PER_SECOND,
  type StoredAssociation,
} from "./association-store.ts";
import type { NodeRef } from "./device-store.ts";

/** What a step decides of the stored association: what is stored from now on, or why it is refused. */
export type Decision = { readonly type: "store"; readonly association: StoredAssociation } | AssociationLost;

/** How a `put` ends: another association of the device makes room for a new one. */
export function decidePut(current: StoredAssociation | undefined, next: StoredAssociation): Decision {
  if (current === undefined || current.id !== next.id) return { type: "store", association: next };
  const held = decideHeld(current, {
    id: next.id,
    node: next.owner,
    stamp: next.stamp,
    ceiling: next.sendCeiling,
  });
  if (held.type !== "store") return held;
  const { sendCeiling } = held.association;
  return { type: "store", association: { ...next, sendCeiling, ...received(current, next) } };
}

/** How a `restore` ends: what the device did not make before it stays. */
export function decideRestore(current: StoredAssociation | undefined, next: StoredAssociation): Decision {
  const isOlder = current !== undefined && current.id !== next.id && current.createdAtMs >= next.createdAtMs;
  return isOlder ? { type: "stale" } : decidePut(current, next);
}

/** How a `claim` ends; undefined when the association is at its end. */
export function decideClaim(
  current: StoredAssociation,
  node: NodeRef,
  clockS: number,
): { readonly association: StoredAssociation; readonly from: number } | undefined {
  const stamp = Math.max(clockS, current.stamp + 1);
  const ageS = stamp - Math.floor(current.createdAtMs / 1000);
  const byTime = ageS * SEQUENCES_PER_SECOND - current.sendCeiling;
  const from = current.sendCeiling + Math.max(SEQUENCE_GAP, Math.min(byTime, MAX_SEQUENCE_JUMP));
  const sendCeiling = from + SEQUENCE_BLOCK;
  if (current.stamp > clockS + MAX_STAMP_LEAD_S || sendCeiling > MAX_SEQUENCE) return undefined;
  return { association: { ...current, owner: node, stamp, sendCeiling }, from };
}

/** What an owner's step finds: the association as it holds it, or that it holds it no more. */
export function decideHeld(
  current: StoredAssociation | undefined,
  { id, node, stamp, ceiling }: Pick<AssociationHold, "node" | "stamp" | "ceiling"> & { readonly id: string },
): Decision {
  if (current === undefined) return { type: "gone" };
  if (current.id !== id || current.stamp > stamp) return { type: "stale" };
  // A store that fell back within a second may give two nodes one stamp: the first that it hears of has it.
  if (current.stamp === stamp && !isSameNode(current.owner, node)) return { type: "stale" };
  const sendCeiling = Math.max(current.sendCeiling, ceiling);
  return { type: "store", association: { ...current, owner: node, stamp, sendCeiling } };
}

/** The ceiling of an owner that reserves: the same again for a repeat. Undefined: there are no more numbers. */
export function nextCeiling(held: StoredAssociation, ceiling: number): number | undefined {
  const next = Math.max(held.sendCeiling, ceiling + SEQUENCE_BLOCK);
  return next > MAX_SEQUENCE ? undefined : next;
}

type Received = Pick<StoredAssociation, "mark" | "address">;

/** The later one of two marks with its address; of marks with the same newest number all that either has. */
export function received(current: Received, next: Received): Received {
  if (next.mark.newest < current.mark.newest) return { mark: current.mark, address: current.address };
  if (next.mark.newest > current.mark.newest) return { mark: next.mark, address: next.address };
  const window = next.mark.window.map((byte, index) => byte | (current.mark.window[index] ?? 0));
  return { mark: { newest: next.mark.newest, window }, address: next.address };
}

function isSameNode(a: NodeRef, b: NodeRef): boolean {
  return a.slot === b.slot && a.bootId === b.bootId;
}
