import { ok } from "node:assert";
import { randomBytes, randomInt } from "node:crypto";
import type {
  AcceptOutcome,
  ClaimOutcome,
  ClaimProof,
  ClaimRequest,
  DeregisterOutcome,
  DeviceRef,
  DeviceState,
  DeviceStore,
  DispatchOutcome,
  FinishOutcome,
  Incarnation,
  NodeRef,
  Observation,
  OpenRequest,
  OwnedOutcome,
  Owner,
  RegisterOutcome,
  RegisterRequest,
  Registration,
  ShardRequest,
  SweepOutcome,
  SweepRequest,
  UpdateOutcome,
  UpdateRequest,
} from "../device-store.ts";
import { StoredValueError } from "../errors.ts";
import { OUTBOX_MAX_ENTRIES } from "../limits.ts";
import { registrationIdShard } from "../registration-id.ts";
import { SHARDS, shardOf } from "../shard.ts";
import { parseToken, type Token } from "../token.ts";
import type { RedisConnection } from "./connection.ts";
import { decodeDevice, decodeOwner, encodeObservation, encodeObservations, encodeRest } from "./device-record.ts";
import { INCARNATION_KEY, nameOf, parseName, SHARD_KEYS, shardPrefix } from "./keys.ts";
import { parseEntry, type StoredEntry } from "./outbox-entry.ts";
import { devicePrelude, type ScriptArgument, type ScriptReply, Scripts } from "./scripts.ts";

/** Settings of a `RedisDeviceStore`. */
export interface RedisDeviceStoreOptions {
  /** Clock for what no caller gives a time for, ms since 1970. Steps take Redis' own where that is later. */
  readonly now?: () => number;
  /** Limit of the outbox per shard; the oldest entries are dropped. */
  readonly outboxMaxEntries?: number;
  /** Told how many outbox entries the limit cost. */
  readonly onOutboxDropped?: (count: number) => void;
  /** Told how many values did not parse and were moved to `lw:{sss}:bad:…`. */
  readonly onQuarantine?: (count: number) => void;
}

const STEPS = [
  "register",
  "update",
  "claim",
  "end",
  "release",
  "get",
  "observe",
  "accept",
  "dispatch",
  "finish",
  "open-requests",
  "sweep",
  "list",
  "quarantine",
  "quarantine-entry",
] as const;
type Step = (typeof STEPS)[number];

/** How a step finds a device: by registration id, token of an observation, or name. */
type Proof = "id" | "token" | "name";

/** What a step answers: its type and what that type says. */
type Reply = readonly [type: string, ...rest: ScriptReply[]];

/** Longest text that a device's record has room for. */
const TEXT_MAX_BYTES = 0xffff;
/** Most shards that `list` asks at once. */
const LIST_BATCH_MAX = 256;
/** How long the store remembers who asked for its incarnation, s; who asks again later is told of another one. */
const CALLER_MEMORY_S = 86_400;

/** Keeps the state of devices in Redis: every step is one script in the device's slot and one round trip. */
export class RedisDeviceStore implements DeviceStore {
  readonly #connection: RedisConnection;
  readonly #steps: Scripts<Step>;
  readonly #incarnations: Scripts<"incarnation">;
  readonly #now: () => number;
  readonly #onOutboxDropped: (count: number) => void;
  readonly #onQuarantine: (count: number) => void;
  /** The incarnation as the last answer showed it, and how many there had been. */
  #seen = { id: "", calls: 0 };
  readonly #callerId = randomBytes(8).toString("hex");

  constructor(connection: RedisConnection, options: RedisDeviceStoreOptions = {}) {
    this.#connection = connection;
    this.#steps = new Scripts(connection, STEPS, devicePrelude(options.outboxMaxEntries ?? OUTBOX_MAX_ENTRIES));
    this.#incarnations = new Scripts(connection, ["incarnation"]);
    this.#now = options.now ?? Date.now;
    this.#onOutboxDropped = options.onOutboxDropped ?? (() => {});
    this.#onQuarantine = options.onQuarantine ?? (() => {});
  }

  async register(request: RegisterRequest): Promise<RegisterOutcome> {
    const { registration, digest, node, nowMs, observations = [] } = request;
    const { registrationId, peer, bindingMode, smsNumber = "", lifetimeS, objectLinks } = registration;
    const shard = shardOf(registration.tenant, registration.endpoint);
    ok(registrationIdShard(registrationId) === shard, "a registration id names its device's shard");
    assertFits(digest, peer, bindingMode, smsNumber);
    const [type, packed, outboxId, replaced] = await this.#run(
      "register",
      shard,
      nameOf(registration),
      nowMs,
      node.slot,
      node.bootId,
      registrationId,
      digest,
      peer,
      bindingMode,
      smsNumber,
      lifetimeS,
      objectLinks,
      encodeObservations(observations),
      encodeRest(registration),
      randomInt(0x10000),
      ...observations.map(({ token }) => asBuffer(token)),
    );
    const state = await this.#state(shard, "name", nameOf(registration), packed);
    if (state === undefined) return this.register(request); // What was stored is out of the way now.
    if (type === "repeated") return { type, state };
    const old = replaced === null ? undefined : this.#ended(replaced);
    return { type: "registered", state, ...(old === undefined ? {} : { replaced: old }), outboxId: text(outboxId) };
  }

  async update(request: UpdateRequest): Promise<UpdateOutcome> {
    const { registrationId, nowMs, node, peer, bindingMode = "", smsNumber = "" } = request;
    const shard = registrationIdShard(registrationId);
    if (shard === undefined) return { type: "notFound" };
    assertFits(peer, bindingMode, smsNumber);
    const [type, packed, outboxId, previous] = await this.#run(
      "update",
      shard,
      registrationId,
      nowMs,
      node.slot,
      node.bootId,
      peer,
      bindingMode,
      smsNumber,
      request.lifetimeS ?? "",
      request.objectLinks ?? "",
    );
    if (type === "notFound") return { type };
    const state = await this.#state(shard, "id", registrationId, packed);
    if (state === undefined) return { type: "notFound" };
    return {
      type: "updated",
      state,
      ...(previous === null ? {} : { previousOwner: ownerOf(previous) }),
      outboxId: text(outboxId),
    };
  }

  deregister(request: { registrationId: string; node: NodeRef; nowMs: number }): Promise<DeregisterOutcome> {
    const shard = registrationIdShard(request.registrationId);
    return this.#end(shard, "id", request.registrationId, request.nowMs, "");
  }

  remove({ device, reason, nowMs }: { device: DeviceRef; reason: string; nowMs: number }): Promise<DeregisterOutcome> {
    return this.#end(shardOf(device.tenant, device.endpoint), "name", nameOf(device), nowMs, reason);
  }

  async claim({ proof, peer, node, nowMs }: ClaimRequest): Promise<ClaimOutcome> {
    const target = proofTarget(proof);
    if (target === undefined) return { type: "notFound" };
    assertFits(peer);
    const { shard, kind, value } = target;
    const [type, packed, previous] = await this.#run("claim", shard, kind, value, nowMs, node.slot, node.bootId, peer);
    if (type === "notFound") return { type };
    const state = await this.#state(shard, kind, value, packed);
    if (state === undefined) return { type: "notFound" };
    return type === "claimed"
      ? { type, state, previousOwner: ownerOf(previous as ScriptReply) } // A claim always has one.
      : { type: "owned", state };
  }

  async release({ device, owner }: { device: DeviceRef; owner: Owner }): Promise<OwnedOutcome> {
    return owned(await this.#runFor(device, "release", owner.epoch, owner.bootId));
  }

  async get(device: DeviceRef): Promise<DeviceState | undefined> {
    const [type, packed] = await this.#runFor(device, "get", this.#now());
    if (type === "notFound") return undefined;
    return this.#state(shardOf(device.tenant, device.endpoint), "name", nameOf(device), packed);
  }

  async observe(request: {
    device: DeviceRef;
    owner: Owner;
    add: readonly Observation[];
    remove: readonly Token[];
  }): Promise<OwnedOutcome> {
    const { device, owner, add, remove } = request;
    return owned(
      await this.#runFor(
        device,
        "observe",
        owner.epoch,
        owner.bootId,
        remove.length,
        ...remove.map(asBuffer),
        ...add.flatMap(encodePair),
      ),
    );
  }

  async accept(request: { device: DeviceRef; open: OpenRequest; nowMs: number }): Promise<AcceptOutcome> {
    const { device, open, nowMs } = request;
    const [type, response, contentType] = await this.#runFor(
      device,
      "accept",
      encodeURIComponent(open.requestId),
      nowMs,
      asBuffer(open.request),
      open.contentType,
      open.expiresAtMs,
    );
    if (type === "finished") return { type, response: bytes(response), contentType: text(contentType) };
    return { type: type as "accepted" | "open" };
  }

  async dispatch(request: {
    device: DeviceRef;
    requestId: string;
    owner: Owner;
    nowMs: number;
  }): Promise<DispatchOutcome> {
    const { device, requestId, owner, nowMs } = request;
    const [type] = await this.#runFor(
      device,
      "dispatch",
      encodeURIComponent(requestId),
      owner.epoch,
      owner.bootId,
      nowMs,
    );
    return { type: type as DispatchOutcome["type"] };
  }

  async finish(request: {
    device: DeviceRef;
    requestId: string;
    response: Uint8Array;
    nowMs: number;
  }): Promise<FinishOutcome> {
    const { device, requestId, response, nowMs } = request;
    const [type, first, contentType] = await this.#runFor(
      device,
      "finish",
      encodeURIComponent(requestId),
      asBuffer(response),
      nowMs,
    );
    if (type === "won") return { type, outboxId: text(first), contentType: text(contentType) };
    return type === "lost" ? { type, response: bytes(first) } : { type: "unknown" };
  }

  async openRequests(device: DeviceRef): Promise<readonly (OpenRequest & { readonly dispatched: boolean })[]> {
    const requests = await this.#openRequests(shardOf(device.tenant, device.endpoint), nameOf(device), 0);
    return requests.map(({ device: _, ...request }) => request);
  }

  listOpenRequests({ shard, limit }: { shard: number; limit: number }): Promise<readonly ShardRequest[]> {
    return this.#openRequests(shard, "", limit);
  }

  async sweep(request: SweepRequest): Promise<SweepOutcome> {
    const { shard, node, nowMs, outboxAgeMs, graceMs, limit } = request;
    const [type, old, ended, more] = await this.#run("sweep", shard, node.bootId, nowMs, outboxAgeMs, graceMs, limit);
    if (type === "leased") return { type };
    const unreadable: string[] = [];
    const parse = (entries: ScriptReply | undefined): StoredEntry[] =>
      (entries as [Buffer, Buffer[]][]).flatMap(([id, fields]) => {
        const entry = parseEntry(shard, id.toString(), fields);
        if (entry === undefined) unreadable.push(id.toString());
        return entry ?? [];
      });
    const expired = parse(ended);
    const outbox = [...parse(old), ...expired].map(({ entry }) => entry);
    if (unreadable.length > 0) await this.#run("quarantine-entry", shard, ...unreadable);
    return { type: "swept", expired: expired.flatMap(({ ended }) => ended ?? []), outbox, more: more === 1 };
  }

  async settle(shard: number, outboxIds: readonly string[]): Promise<void> {
    if (outboxIds.length === 0) return;
    await this.#connection.run((client) => client.xdel(shardPrefix(shard) + SHARD_KEYS.OUTBOX, ...outboxIds));
  }

  async incarnation(): Promise<Incarnation> {
    const reply = await this.#incarnations.run(
      "incarnation",
      INCARNATION_KEY,
      this.#seen.id,
      this.#callerId,
      this.#seen.calls,
      randomBytes(8).toString("hex"),
      CALLER_MEMORY_S,
    );
    const [id, highWaterS, calls] = reply as [Buffer, number, number];
    this.#seen = { id: id.toString(), calls };
    return { id: this.#seen.id, highWaterS };
  }

  async list(request: {
    tenant?: string;
    cursor?: string;
    limit: number;
  }): Promise<{ devices: readonly DeviceState[]; cursor?: string }> {
    const { tenant = "", cursor = "0:", limit } = request;
    const colon = cursor.indexOf(":");
    let shard = Number(cursor.slice(0, colon));
    let after = cursor.slice(colon + 1);
    const devices: DeviceState[] = [];
    // Few shards at a time where devices are many, more where they are few.
    for (let batch = 1; shard < SHARDS; batch = Math.min(batch * 2, LIST_BATCH_MAX)) {
      const shards = Array.from({ length: Math.min(batch, SHARDS - shard) }, (_, index) => shard + index);
      const replies = await Promise.all(
        shards.map((each) => this.#run("list", each, each === shard ? after : "", limit, tenant)),
      );
      for (const [index, [, found]] of replies.entries()) {
        for (const [name, packed] of found as [Buffer, Buffer][]) {
          const state = await this.#state(shard + index, "name", name, packed);
          if (state !== undefined) devices.push(state);
          if (devices.length === limit) return { devices, cursor: `${shard + index}:${name}` };
        }
      }
      shard += shards.length;
      after = "";
    }
    return { devices };
  }

  /** Open requests of a device or, without its name, of the shard. */
  async #openRequests(shard: number, name: string, limit: number): Promise<ShardRequest[]> {
    const [, open] = await this.#run("open-requests", shard, name, this.#now(), limit);
    return (open as ScriptReply[][]).map(([id, of, request, contentType, expires, dispatched]) => ({
      device: parseName(of as Buffer),
      requestId: decodeURIComponent(text(id)),
      request: bytes(request),
      contentType: text(contentType),
      expiresAtMs: Number(text(expires)),
      dispatched: dispatched !== null,
    }));
  }

  async #end(
    shard: number | undefined,
    proof: Proof,
    value: string,
    nowMs: number,
    why: string,
  ): Promise<DeregisterOutcome> {
    if (shard === undefined) return { type: "notFound" };
    const [type, packed, outboxId] = await this.#run("end", shard, proof, value, nowMs, why);
    if (type === "notFound") return { type };
    const ended = this.#ended(packed);
    return ended === undefined ? { type: "notFound" } : { type: "deregistered", ...ended, outboxId: text(outboxId) };
  }

  /** A device's state as a step answered it. What does not parse is quarantined and counts as absent. */
  async #state(
    shard: number,
    proof: Proof,
    value: string | Buffer,
    packed: ScriptReply | undefined,
  ): Promise<DeviceState | undefined> {
    try {
      const { digest: _, ...state } = decodeDevice(packed as Buffer);
      return state;
    } catch (error) {
      if (!(error instanceof StoredValueError)) throw error;
      await this.#run("quarantine", shard, proof, value);
      return undefined;
    }
  }

  /** What a registration was that a step has ended; undefined, and counted, when it does not parse. */
  #ended(packed: ScriptReply | undefined): { registration: Registration; owner: Owner } | undefined {
    try {
      const { registration, owner } = decodeDevice(packed as Buffer);
      return { registration, owner };
    } catch (error) {
      if (!(error instanceof StoredValueError)) throw error;
      this.#onQuarantine(1);
      return undefined;
    }
  }

  #runFor(device: DeviceRef, step: Step, ...args: ScriptArgument[]): Promise<Reply> {
    return this.#run(step, shardOf(device.tenant, device.endpoint), nameOf(device), ...args);
  }

  async #run(step: Step, shard: number, ...args: ScriptArgument[]): Promise<Reply> {
    const reply = await this.#steps.run(step, shardPrefix(shard), ...args);
    const [type, quarantined, dropped, ...rest] = reply as [Buffer, number, number, ...ScriptReply[]];
    if (quarantined > 0) this.#onQuarantine(quarantined);
    if (dropped > 0) this.#onOutboxDropped(dropped);
    return [type.toString(), ...rest];
  }
}

/** Where a step looks for the device of a proof; undefined when it cannot be one of ours. */
function proofTarget(proof: ClaimProof): { shard: number; kind: Proof; value: string | Buffer } | undefined {
  switch (proof.type) {
    case "registrationId": {
      const shard = registrationIdShard(proof.registrationId);
      return shard === undefined ? undefined : { shard, kind: "id", value: proof.registrationId };
    }
    case "token": {
      const parts = parseToken(proof.token);
      return parts === undefined ? undefined : { shard: parts.shard, kind: "token", value: asBuffer(proof.token) };
    }
    case "identity":
      return { shard: shardOf(proof.device.tenant, proof.device.endpoint), kind: "name", value: nameOf(proof.device) };
  }
}

function encodePair(observation: Observation): [Buffer, string] {
  return [asBuffer(observation.token), encodeObservation(observation)];
}

function owned([type, epoch, bootId]: Reply): OwnedOutcome {
  if (type === "done") return { type };
  return { type: "stale", owner: epoch === undefined ? undefined : decodeOwner(epoch as number, bootId as Buffer) };
}

function ownerOf(reply: ScriptReply | undefined): Owner {
  const [epoch, bootId] = reply as [number, Buffer];
  return decodeOwner(epoch, bootId);
}

function assertFits(...texts: readonly string[]): void {
  for (const each of texts)
    ok(Buffer.byteLength(each) <= TEXT_MAX_BYTES, "text is longer than a device's record holds");
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function text(reply: ScriptReply | undefined): string {
  return (reply as Buffer).toString();
}

function bytes(reply: ScriptReply | undefined): Uint8Array {
  return Uint8Array.from(reply as Buffer);
}
