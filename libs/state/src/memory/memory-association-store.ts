import {
  type Decision,
  decideClaim,
  decideHeld,
  decidePut,
  decideRestore,
  nextCeiling,
  received,
} from "../association-rules.ts";
import type {
  AssociationHold,
  AssociationLost,
  AssociationOutcome,
  AssociationRef,
  AssociationStore,
  ClaimAssociationOutcome,
  ClaimAssociationRequest,
  MarkAssociationRequest,
  StoredAssociation,
  StoredSession,
} from "../association-store.ts";
import type { DeviceRef } from "../device-store.ts";

interface Kept<Value> {
  readonly value: Value;
  readonly untilMs: number;
}

/** How often what lapsed is forgotten that nobody asks for. */
const FORGET_INTERVAL_MS = 60_000;

/** Keeps associations and sessions in this process: for one node, as standalone is, and for tests. */
export class MemoryAssociationStore implements AssociationStore {
  readonly #now: () => number;
  /** By device. */
  readonly #associations = new Map<string, Kept<StoredAssociation>>();
  /** Devices by Connection ID or, without one, by address. */
  readonly #byCid = new Map<string, DeviceRef>();
  readonly #byAddress = new Map<string, DeviceRef>();
  readonly #sessions = new Map<string, Kept<StoredSession>>();
  #forgetAtMs = 0;

  /** `now`: the store's own clock, ms since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async put(association: StoredAssociation, ttlMs: number): Promise<AssociationOutcome> {
    this.#forgetLapsed();
    return this.#apply(decidePut(this.#current(association.device), association), ttlMs);
  }

  async restore(association: StoredAssociation, ttlMs: number): Promise<AssociationOutcome> {
    this.#forgetLapsed();
    return this.#apply(decideRestore(this.#current(association.device), association), ttlMs);
  }

  async get(device: DeviceRef): Promise<StoredAssociation | undefined> {
    return this.#current(device);
  }

  async findByCid(cid: Uint8Array): Promise<StoredAssociation | undefined> {
    const device = this.#byCid.get(hex(cid));
    return device && this.#current(device);
  }

  async findByAddress(address: string): Promise<StoredAssociation | undefined> {
    const device = this.#byAddress.get(address);
    return device && this.#current(device);
  }

  async claim({
    association: { device, id },
    node,
    ttlMs,
    nowMs,
  }: ClaimAssociationRequest): Promise<ClaimAssociationOutcome> {
    const previous = this.#current(device);
    if (previous === undefined || previous.id !== id) return { type: "gone" };
    const claimed = decideClaim(previous, node, Math.floor(Math.max(nowMs, this.#now()) / 1000));
    if (claimed === undefined) {
      this.#forget(previous);
      return { type: "gone" };
    }
    const { association, from } = claimed;
    this.#keep(association, ttlMs);
    return { type: "claimed", stamp: association.stamp, from, ceiling: association.sendCeiling, previous };
  }

  async reserve(hold: AssociationHold): Promise<{ type: "reserved"; ceiling: number } | AssociationLost> {
    const held = this.#held(hold);
    if (held.type !== "store") return held;
    const ceiling = nextCeiling(held.association, hold.ceiling);
    if (ceiling === undefined) {
      this.#forget(held.association);
      return { type: "gone" };
    }
    this.#keep({ ...held.association, sendCeiling: ceiling }, hold.ttlMs);
    return { type: "reserved", ceiling };
  }

  async mark(request: MarkAssociationRequest): Promise<AssociationOutcome> {
    const held = this.#held(request);
    if (held.type !== "store") return held;
    const { association } = held;
    return this.#apply(
      { type: "store", association: { ...association, ...received(association, request) } },
      request.ttlMs,
    );
  }

  async remove({ device, id }: AssociationRef): Promise<void> {
    const current = this.#current(device);
    if (current?.id === id) this.#forget(current);
  }

  async putSession(session: StoredSession, ttlMs: number): Promise<void> {
    this.#forgetLapsed();
    this.#sessions.set(hex(session.id), { value: session, untilMs: this.#now() + ttlMs });
  }

  async getSession(id: Uint8Array): Promise<StoredSession | undefined> {
    return alive(this.#sessions.get(hex(id)), this.#now());
  }

  async removeSession(id: Uint8Array): Promise<void> {
    this.#sessions.delete(hex(id));
  }

  #current(device: DeviceRef): StoredAssociation | undefined {
    return alive(this.#associations.get(keyOf(device)), this.#now());
  }

  #held({ association: { device, id }, node, stamp, ceiling }: AssociationHold): Decision {
    return decideHeld(this.#current(device), { id, node, stamp, ceiling });
  }

  #apply(decision: Decision, ttlMs: number): AssociationOutcome {
    if (decision.type !== "store") return decision;
    this.#keep(decision.association, ttlMs);
    return { type: "done" };
  }

  #keep(association: StoredAssociation, ttlMs: number): void {
    const { device, cid, address } = association;
    const before = this.#associations.get(keyOf(device))?.value;
    if (before !== undefined) this.#forget(before);
    this.#associations.set(keyOf(device), { value: association, untilMs: this.#now() + ttlMs });
    if (cid === undefined) this.#byAddress.set(address, device);
    else this.#byCid.set(hex(cid), device);
  }

  #forget({ device, cid, address }: StoredAssociation): void {
    this.#associations.delete(keyOf(device));
    if (cid !== undefined) this.#byCid.delete(hex(cid));
    const user = this.#byAddress.get(address);
    if (user !== undefined && keyOf(user) === keyOf(device)) this.#byAddress.delete(address);
  }

  #forgetLapsed(): void {
    const nowMs = this.#now();
    if (nowMs < this.#forgetAtMs) return;
    this.#forgetAtMs = nowMs + FORGET_INTERVAL_MS;
    for (const { value, untilMs } of this.#associations.values()) if (nowMs >= untilMs) this.#forget(value);
    for (const [id, { untilMs }] of this.#sessions) if (nowMs >= untilMs) this.#sessions.delete(id);
  }
}

function alive<Value>(kept: Kept<Value> | undefined, nowMs: number): Value | undefined {
  return kept !== undefined && nowMs < kept.untilMs ? kept.value : undefined;
}

function keyOf({ tenant, endpoint }: DeviceRef): string {
  return `${tenant}/${endpoint}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
