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
import { QUARANTINE_MS } from "../limits.ts";
import type { Realm } from "../realm.ts";
import { AssociationPointers } from "./association-pointers.ts";
import { decodeAssociation, decodeSession, encodeAssociation, encodeSession, packId } from "./association-record.ts";
import type { RedisConnection } from "./connection.ts";
import { GivenStamps } from "./given-stamps.ts";
import { ignoreOutage } from "./ignore-outage.ts";
import { associationPrefix, nameOf, sessionKeys } from "./keys.ts";
import { associationPrelude, type ScriptArgument, type ScriptReply, Scripts } from "./scripts.ts";

/** Settings of a `RedisAssociationStore`. */
export interface RedisAssociationStoreOptions {
  /** `server` by default. */
  readonly realm?: Realm;
  /** Told how many values did not parse and were moved to `…:bad:…`. */
  readonly onQuarantine?: (count: number) => void;
}

const STEPS = [
  "put-association",
  "get-association",
  "claim-association",
  "reserve-association",
  "mark-association",
  "remove-association",
] as const;
type Step = (typeof STEPS)[number];

/** What a step answers: its type and what that type says. */
type Reply = readonly [type: string, ...rest: (ScriptReply | undefined)[]];

/** Keeps the DTLS associations of a realm in Redis: every step is one script in the device's slot and one round trip, and now and then hints to it. */
export class RedisAssociationStore implements AssociationStore {
  readonly #steps: Scripts<Step>;
  readonly #sessions: Scripts<"get-session">;
  readonly #connection: RedisConnection;
  readonly #realm: Realm;
  readonly #pointers: AssociationPointers;
  readonly #givenStamps = new GivenStamps();
  readonly #onQuarantine: (count: number) => void;

  constructor(connection: RedisConnection, options: RedisAssociationStoreOptions = {}) {
    this.#connection = connection;
    this.#realm = options.realm ?? "server";
    this.#steps = new Scripts(connection, STEPS, associationPrelude());
    this.#sessions = new Scripts(connection, ["get-session"]);
    this.#pointers = new AssociationPointers(connection, this.#realm);
    this.#onQuarantine = options.onQuarantine ?? (() => {});
  }

  /**
   * The hint leaves together with the association, in whatever order they come there: it is proven by what it leads to, so one that is early, or of an association
   * that was refused, leads to nobody; what it overwrites, of a device without Connection ID at the same address, costs that a handshake should its node die. Nobody
   * waits until what led to the association before is gone.
   */
  async put(association: StoredAssociation, ttlMs: number): Promise<AssociationOutcome> {
    const [[type, , replaced]] = await Promise.all([
      this.#put(association, ttlMs, 0),
      this.#pointers.write(association, 2 * ttlMs),
    ]);
    if (type !== "done") return lost(type);
    const old = decoded(association.device, replaced);
    // Of the same one somebody may have heard elsewhere since.
    if (old !== undefined && old.id !== association.id) void ignoreOutage(this.#pointers.drop(old, association));
    return { type };
  }

  async restore(association: StoredAssociation, ttlMs: number): Promise<AssociationOutcome> {
    const [type, due, replaced] = await this.#put(association, ttlMs, 1);
    if (type !== "done") return lost(type);
    await this.#movePointers(association.device, due, ttlMs, replaced);
    return { type };
  }

  async get(device: DeviceRef): Promise<StoredAssociation | undefined> {
    const [, packed] = await this.#run("get-association", device);
    return decoded(device, packed);
  }

  async findByCid(cid: Uint8Array): Promise<StoredAssociation | undefined> {
    const device = await this.#pointers.byCid(cid);
    const association = device && (await this.get(device));
    return association?.cid !== undefined && Buffer.compare(association.cid, cid) === 0 ? association : undefined;
  }

  async findByAddress(address: string): Promise<StoredAssociation | undefined> {
    const device = await this.#pointers.byAddress(address);
    const association = device && (await this.get(device));
    return association?.cid === undefined && association?.address === address ? association : undefined;
  }

  async claim({ association, node, ttlMs, nowMs }: ClaimAssociationRequest): Promise<ClaimAssociationOutcome> {
    const { device, id } = association;
    const [type, due, given, from, ceiling, packed] = await this.#run(
      "claim-association",
      device,
      packId(id),
      node.slot,
      Buffer.from(node.bootId, "hex"),
      ttlMs,
      nowMs,
      this.#givenStamps.last(id),
    );
    const previous = decoded(device, packed);
    if (type !== "claimed" || previous === undefined) return { type: "gone" };
    const stamp = given as number;
    this.#givenStamps.add(id, stamp, Math.floor(nowMs / 1000));
    this.#renewPointers(device, due, ttlMs);
    return { type, stamp, from: from as number, ceiling: ceiling as number, previous };
  }

  async reserve(hold: AssociationHold): Promise<{ type: "reserved"; ceiling: number } | AssociationLost> {
    const { device } = hold.association;
    const [type, due, ceiling] = await this.#run("reserve-association", device, ...holdArguments(hold));
    if (type !== "reserved") return lost(type);
    this.#renewPointers(device, due, hold.ttlMs);
    return { type, ceiling: ceiling as number };
  }

  async mark(request: MarkAssociationRequest): Promise<AssociationOutcome> {
    const { mark, address, ttlMs } = request;
    const { device } = request.association;
    const [type, due, before] = await this.#run(
      "mark-association",
      device,
      ...holdArguments(request),
      mark.newest + 1,
      Buffer.from(mark.window),
      address,
    );
    if (type !== "done") return lost(type);
    this.#renewPointers(device, due, ttlMs, before);
    return { type };
  }

  async remove({ device, id }: AssociationRef): Promise<void> {
    const [, packed] = await this.#run("remove-association", device, packId(id));
    const removed = decoded(device, packed);
    if (removed !== undefined) await ignoreOutage(this.#pointers.drop(removed));
  }

  async putSession(session: StoredSession, ttlMs: number): Promise<void> {
    const { session: key } = sessionKeys(session.id, this.#realm);
    await this.#connection.run((client) => client.set(key, encodeSession(session), "PX", ttlMs));
  }

  async getSession(id: Uint8Array): Promise<StoredSession | undefined> {
    const { session, bad } = sessionKeys(id, this.#realm);
    const reply = await this.#sessions.run("get-session", session, bad, QUARANTINE_MS);
    const [packed, quarantined] = reply as [Buffer | null, number];
    if (quarantined > 0) this.#onQuarantine(quarantined);
    return packed === null ? undefined : decodeSession(id, packed);
  }

  async removeSession(id: Uint8Array): Promise<void> {
    const { session } = sessionKeys(id, this.#realm);
    await this.#connection.run((client) => client.del(session));
  }

  #put(association: StoredAssociation, ttlMs: number, restored: 0 | 1): Promise<Reply> {
    return this.#run("put-association", association.device, encodeAssociation(association), ttlMs, restored);
  }

  /** Lets hints follow an association. Nobody waits for it, and what an outage costs is only a hint. */
  #renewPointers(device: DeviceRef, due: ScriptReply | undefined, ttlMs: number, before?: ScriptReply): void {
    if (due !== null) void ignoreOutage(this.#movePointers(device, due, ttlMs, before));
  }

  /** `due`: the association whose hints are to be written; `before`: what had hints that it may not have. */
  async #movePointers(
    device: DeviceRef,
    due: ScriptReply | undefined,
    ttlMs: number,
    before: ScriptReply | undefined,
  ): Promise<void> {
    const association = decoded(device, due);
    if (association === undefined) return;
    await this.#pointers.write(association, 2 * ttlMs);
    const old = decoded(device, before);
    if (old !== undefined) await ignoreOutage(this.#pointers.drop(old, association));
  }

  async #run(step: Step, device: DeviceRef, ...args: ScriptArgument[]): Promise<Reply> {
    const prefix = associationPrefix(device, this.#realm);
    const reply = await this.#steps.run(step, prefix, nameOf(device), ...args);
    const [type, quarantined, ...rest] = reply as [Buffer, number, ...ScriptReply[]];
    if (quarantined > 0) this.#onQuarantine(quarantined);
    return [type.toString(), ...rest];
  }
}

/** What the steps of an owner take first. */
function holdArguments({ association, node, stamp, ceiling, ttlMs }: AssociationHold): ScriptArgument[] {
  return [packId(association.id), node.slot, Buffer.from(node.bootId, "hex"), stamp, ceiling, ttlMs];
}

function lost(type: string): AssociationLost {
  return { type: type as AssociationLost["type"] }; // As the scripts answer.
}

/** An association as steps answer it: the script parsed it before. */
function decoded(device: DeviceRef, packed: ScriptReply | undefined): StoredAssociation | undefined {
  return Buffer.isBuffer(packed) ? decodeAssociation(device, packed) : undefined;
}
