import { ok } from "node:assert";
import { randomBytes, randomInt } from "node:crypto";
import { byAge } from "../desired-order.ts";
import type {
  AcceptOutcome,
  AcceptRequest,
  ClaimOutcome,
  ClaimProof,
  ClaimRequest,
  DeregisterOutcome,
  DeregisterRequest,
  DesiredValue,
  DesireOutcome,
  DesireRequest,
  DeviceRef,
  DeviceState,
  DeviceStore,
  DispatchOutcome,
  DispatchRequest,
  FinishOutcome,
  FinishRequest,
  FulfilOutcome,
  FulfilRequest,
  Incarnation,
  NodeRef,
  Observation,
  ObserveRequest,
  OpenRequest,
  OpenRequestsPage,
  OwnedOutcome,
  Owner,
  Page,
  RegisterOutcome,
  RegisterRequest,
  Registration,
  ReopenOutcome,
  ReopenRequest,
  RestoreOutcome,
  RestoreRequest,
  Sender,
  ShardRequest,
  ShardRequestsPage,
  SweepOutcome,
  SweepRequest,
  UpdateOutcome,
  UpdateRequest,
  WaitingRequest,
} from "../device-store.ts";
import { StoredValueError } from "../errors.ts";
import { OUTBOX_MAX_ENTRIES, SWEEP_LEASE_MS } from "../limits.ts";
import { registrationIdShard } from "../registration-id.ts";
import { SHARDS, shardOf } from "../shard.ts";
import { SharedQuestion } from "../shared-question.ts";
import { parseToken } from "../token.ts";
import type { RedisConnection } from "./connection.ts";
import { decodeDevice, decodeOwner, encodeObservation, encodeObservations, encodeRest } from "./device-record.ts";
import { ignoreOutage } from "./ignore-outage.ts";
import { INCARNATION_KEY, nameOf, parseName, SHARD_KEYS, shardPrefix } from "./keys.ts";
import { parseChanges, parseEntry, type StoredEntry } from "./outbox-entry.ts";
import { hintIsDue, PeerHints } from "./peer-hints.ts";
import {
  devicePrelude,
  incarnationPrelude,
  type ScriptArgument,
  type ScriptReply,
  Scripts,
  waitingPrelude,
} from "./scripts.ts";

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

const DEVICE_STEPS = [
  "register",
  "update",
  "claim",
  "end",
  "release",
  "get",
  "observe",
  "restore",
  "sweep",
  "list",
  "quarantine",
  "quarantine-entry",
] as const;
type DeviceStep = (typeof DEVICE_STEPS)[number];

const WAITING_STEPS = [
  "accept",
  "reopen",
  "close",
  "dispatch",
  "finish",
  "open-requests",
  "list-open-requests",
  "desire",
  "desired-values",
  "fulfil",
] as const;
type WaitingStep = (typeof WAITING_STEPS)[number];

type Step = DeviceStep | WaitingStep;

/** How a step finds a device: by registration id, token of an observation, or name. */
type Proof = "id" | "token" | "name";

/** What a step answers: its type and what that type says. */
type Reply = readonly [type: string, ...rest: ScriptReply[]];

/** Longest text that a device's record has room for. */
const TEXT_MAX_BYTES = 0xffff;
/** Most shards that `list` asks at once. */
const LIST_BATCH_MAX = 256;
/** Says of a life of the store that its requests have been read back; its mere id says that all has. */
function requestsMark(incarnationId: string): string {
  return `${incarnationId} requests`;
}

/** How long the store remembers who asked for its incarnation, s; who asks again later is told of another one. */
const CALLER_MEMORY_S = 86_400;

/** Keeps the state of devices in Redis: every step is one script in the device's slot and one round trip. */
export class RedisDeviceStore implements DeviceStore {
  readonly #connection: RedisConnection;
  readonly #deviceSteps: Scripts<DeviceStep>;
  readonly #waitingSteps: Scripts<WaitingStep>;
  readonly #incarnations: Scripts<"incarnation" | "mark-restored">;
  readonly #hints: PeerHints;
  readonly #now: () => number;
  readonly #onOutboxDropped: (count: number) => void;
  readonly #onQuarantine: (count: number) => void;
  /** The incarnation as the last answer showed it, and how many there had been. */
  #seen = { id: "", calls: 0 };
  readonly #callerId = randomBytes(8).toString("hex");
  /** Many ask at once, each for what it does next. */
  readonly #life = new SharedQuestion<Incarnation>(() => this.#askIncarnation());

  constructor(connection: RedisConnection, options: RedisDeviceStoreOptions = {}) {
    this.#connection = connection;
    const { outboxMaxEntries = OUTBOX_MAX_ENTRIES } = options;
    this.#deviceSteps = new Scripts(connection, DEVICE_STEPS, devicePrelude(outboxMaxEntries));
    this.#waitingSteps = new Scripts(connection, WAITING_STEPS, waitingPrelude(outboxMaxEntries));
    this.#incarnations = new Scripts(connection, ["incarnation", "mark-restored"], incarnationPrelude());
    this.#hints = new PeerHints(connection);
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
    const [type, stored, outboxId, replaced] = await this.#run(
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
      asBuffer(encodeRest(registration)),
      securedFlag(registration),
      randomInt(0x10000),
      ...observations.map(({ token }) => asBuffer(token)),
    );
    const state = await this.#state(shard, "name", nameOf(registration), stored);
    if (state === undefined) return this.register(request); // What was stored is out of the way now.
    if (type === "repeated") return { type, state };
    const old = replaced === null ? undefined : this.#ended(replaced);
    this.#peerMoved(state.registration, old?.registration);
    return { type: "registered", state, ...(old === undefined ? {} : { replaced: old }), outboxId: text(outboxId) };
  }

  async update(request: UpdateRequest): Promise<UpdateOutcome> {
    const { registrationId, nowMs, node, sender, peer, bindingMode = "", smsNumber = "" } = request;
    const shard = registrationIdShard(registrationId);
    if (shard === undefined) return { type: "notFound" };
    assertFits(peer, bindingMode, smsNumber);
    const [type, stored, outboxId, previous, before, changed] = await this.#run(
      "update",
      shard,
      registrationId,
      senderName(sender),
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
    const state = await this.#state(shard, "id", registrationId, stored);
    if (state === undefined) return { type: "notFound" };
    const [peerBefore, updatedAtMs, lifetimeS] = before as [Buffer, number, number];
    if (text(peerBefore) !== peer || hintIsDue(state.registration, { updatedAtMs, lifetimeS })) {
      this.#peerMoved(state.registration, { registrationId, peer: text(peerBefore) });
    }
    return {
      type: "updated",
      state,
      changes: parseChanges(changed as Buffer), // As the script answers.
      ...(previous === null ? {} : { previousOwner: ownerOf(previous) }),
      outboxId: text(outboxId),
    };
  }

  deregister({ registrationId, sender, nowMs }: DeregisterRequest): Promise<DeregisterOutcome> {
    const shard = registrationIdShard(registrationId);
    return this.#end(shard, "id", registrationId, nowMs, "", senderName(sender));
  }

  remove({ device, reason, nowMs }: { device: DeviceRef; reason: string; nowMs: number }): Promise<DeregisterOutcome> {
    return this.#end(shardOf(device.tenant, device.endpoint), "name", nameOf(device), nowMs, reason);
  }

  async claim({ proof, sender, peer, node, nowMs }: ClaimRequest): Promise<ClaimOutcome> {
    const target = proofTarget(proof, sender);
    if (target === undefined) return { type: "notFound" };
    assertFits(peer);
    const { shard, kind, value } = target;
    const [type, stored, previous, peerBefore] = await this.#run(
      "claim",
      shard,
      kind,
      value,
      senderName(sender),
      nowMs,
      node.slot,
      node.bootId,
      peer,
    );
    if (type === "notFound") return { type };
    const state = await this.#state(shard, kind, value, stored);
    if (state === undefined) return { type: "notFound" };
    if (text(peerBefore) !== peer) {
      const { registrationId } = state.registration;
      this.#peerMoved(state.registration, { registrationId, peer: text(peerBefore) });
    }
    return type === "claimed"
      ? { type, state, previousOwner: ownerOf(previous as ScriptReply) } // A claim always has one.
      : { type: "owned", state };
  }

  async release({ device, owner }: { device: DeviceRef; owner: Owner }): Promise<OwnedOutcome> {
    return owned(await this.#runFor(device, "release", owner.epoch, owner.bootId));
  }

  async get(device: DeviceRef): Promise<DeviceState | undefined> {
    return this.#get(shardOf(device.tenant, device.endpoint), "name", nameOf(device));
  }

  async findByPeer(peer: string): Promise<DeviceState | "ambiguous" | undefined> {
    const hint = await this.#hints.get(peer);
    if (hint === "many") return "ambiguous";
    const [state, ...others] = await this.#usersOf(peer, hint);
    return others.length > 0 ? "ambiguous" : state;
  }

  async observe(request: ObserveRequest): Promise<OwnedOutcome> {
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

  async accept(request: AcceptRequest): Promise<AcceptOutcome> {
    const { device, open, limit, inHand = 0, nowMs } = request;
    const [type, first, second] = await this.#runFor(
      device,
      "accept",
      encodeURIComponent(open.requestId),
      nowMs,
      limit,
      inHand,
      ...requestArguments(open),
    );
    switch (type) {
      case "finished":
        return { type, contentType: text(first), ...(second === null ? {} : { response: bytes(second) }) };
      case "open":
        return { type, open: parseWaiting(second), ...stateMember(await this.#stateAt(device, first)) };
      case "accepted": {
        const displaced = (second as ScriptReply[]).map(parseRequest);
        return { type, ...stateMember(await this.#stateAt(device, first)), displaced };
      }
      default:
        return { type: type as "full" | "conflict" };
    }
  }

  async reopen(request: ReopenRequest): Promise<ReopenOutcome> {
    const { device, open, acceptedAtMs, dispatched, nowMs } = request;
    const [type, state] = await this.#runFor(
      device,
      "reopen",
      encodeURIComponent(open.requestId),
      nowMs,
      acceptedAtMs,
      dispatched ? 1 : 0,
      ...requestArguments(open),
    );
    if (type === "finished") return { type };
    return { type: type as "reopened" | "open", ...stateMember(await this.#stateAt(device, state)) };
  }

  async close(request: { device: DeviceRef; requestId: string; nowMs: number }): Promise<boolean> {
    const { device, requestId, nowMs } = request;
    const [type] = await this.#runFor(device, "close", encodeURIComponent(requestId), nowMs);
    return type === "closed";
  }

  async dispatch(request: DispatchRequest): Promise<DispatchOutcome> {
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

  async finish(request: FinishRequest): Promise<FinishOutcome> {
    const { device, requestId, response, nowMs } = request;
    const [type, first, contentType] = await this.#runFor(
      device,
      "finish",
      encodeURIComponent(requestId),
      asBuffer(response),
      nowMs,
    );
    if (type === "won") return { type, outboxId: text(first), contentType: text(contentType) };
    return { type: type as "lost" | "unknown" };
  }

  async openRequests({ device, limit, after = "" }: OpenRequestsPage): Promise<Page<WaitingRequest>> {
    const [, open, more] = await this.#runFor(device, "open-requests", this.#now(), limit, encodeURIComponent(after));
    return { requests: (open as ScriptReply[]).map(parseWaiting), more: more === 1 };
  }

  async listOpenRequests({ shard, limit, offset = 0 }: ShardRequestsPage): Promise<Page<ShardRequest>> {
    const [, open, more] = await this.#run("list-open-requests", shard, this.#now(), limit, offset);
    return { requests: (open as ScriptReply[]).map(parseRequest), more: more === 1 };
  }

  async desire(request: DesireRequest): Promise<DesireOutcome> {
    const { device, key, value, version, writtenMs, nowMs } = request;
    const given = value === undefined ? [] : [value];
    const [type, stored] = await this.#runFor(device, "desire", key, version, writtenMs, nowMs, ...given);
    if (type === "full") return { type };
    return { type: type as "stored" | "older", ...stateMember(await this.#stateAt(device, stored)) };
  }

  async desiredValues(device: DeviceRef): Promise<readonly DesiredValue[]> {
    const [, found] = await this.#runFor(device, "desired-values");
    return (found as ScriptReply[][])
      .map(([key, value, at]) => {
        const [version = 0, writtenMs = 0] = text(at).split("@").map(Number);
        return { key: text(key), value: text(value), version, writtenMs };
      })
      .sort(byAge);
  }

  async fulfil(request: FulfilRequest): Promise<FulfilOutcome> {
    const { device, key, version, writtenMs, nowMs } = request;
    const [type] = await this.#runFor(device, "fulfil", key, version, writtenMs, nowMs);
    return { type: type as FulfilOutcome["type"] };
  }

  async restore(request: RestoreRequest): Promise<RestoreOutcome> {
    const { registration, observations, owner, nowMs } = request;
    const { registrationId, peer, bindingMode, smsNumber = "" } = registration;
    const shard = shardOf(registration.tenant, registration.endpoint);
    ok(registrationIdShard(registrationId) === shard, "a registration id names its device's shard");
    assertFits(registrationId, peer, bindingMode, smsNumber);
    const [type, stored, replaced] = await this.#runFor(
      registration,
      "restore",
      nowMs,
      registration.generation,
      registration.registeredAtMs,
      registration.updatedAtMs,
      registration.expiresAtMs,
      registration.lifetimeS,
      owner?.epoch ?? 0,
      owner?.bootId ?? "",
      registrationId,
      peer,
      bindingMode,
      smsNumber,
      registration.objectLinks,
      encodeObservations(observations),
      asBuffer(encodeRest(registration)),
      securedFlag(registration),
      randomInt(0x10000),
      ...observations.map(({ token }) => asBuffer(token)),
    );
    if (type === "known" && stored === null) return { type };
    const state = await this.#stateAt(registration, stored);
    if (state === undefined) return this.restore(request); // What was stored is out of the way now.
    if (type === "known") return { type, state };
    this.#peerMoved(state.registration, replaced === null ? undefined : this.#ended(replaced)?.registration);
    return { type: "restored", state };
  }

  async sweep(request: SweepRequest): Promise<SweepOutcome> {
    const { shard, node, nowMs, outboxAgeMs, graceMs, limit, leaseMs = SWEEP_LEASE_MS } = request;
    const terms = [nowMs, outboxAgeMs, graceMs, limit, leaseMs];
    const [type, old, ended, more] = await this.#run("sweep", shard, node.bootId, ...terms);
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

  incarnation(): Promise<Incarnation> {
    return this.#life.ask();
  }

  async #askIncarnation(): Promise<Incarnation> {
    const reply = await this.#incarnations.run(
      "incarnation",
      INCARNATION_KEY,
      this.#seen.id,
      this.#callerId,
      this.#seen.calls,
      randomBytes(8).toString("hex"),
      CALLER_MEMORY_S,
    );
    const [id, highWaterS, calls, mark] = reply as [Buffer, number, number, Buffer];
    this.#seen = { id: id.toString(), calls };
    const restored = mark.equals(id);
    const requestsRestored = restored || mark.toString() === requestsMark(this.#seen.id);
    return { id: this.#seen.id, highWaterS, restored, requestsRestored };
  }

  async markRestored(incarnationId: string, extent: "all" | "requests" = "all"): Promise<boolean> {
    const mark = extent === "all" ? incarnationId : requestsMark(incarnationId);
    return (await this.#incarnations.run("mark-restored", INCARNATION_KEY, incarnationId, mark)) === 1;
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
          const state = await this.#state(shard + index, "name", name, [packed, 0, 0]);
          if (state !== undefined) devices.push(state);
          if (devices.length === limit) return { devices, cursor: `${shard + index}:${name}` };
        }
      }
      shard += shards.length;
      after = "";
    }
    return { devices };
  }

  async #get(shard: number, proof: Proof, value: string): Promise<DeviceState | undefined> {
    const [type, stored] = await this.#run("get", shard, proof, value, this.#now());
    return type === "notFound" ? undefined : this.#state(shard, proof, value, stored);
  }

  /** The devices of those registrations that name the address and have no DTLS. */
  async #usersOf(peer: string, registrationIds: readonly string[]): Promise<DeviceState[]> {
    const states = await Promise.all(
      registrationIds.map(async (id) => {
        const shard = registrationIdShard(id);
        return shard === undefined ? undefined : this.#get(shard, "id", id);
      }),
    );
    return states.flatMap((state) => (state !== undefined && usesPeer(state.registration, peer) ? [state] : []));
  }

  /** Lets hints follow a device. Nobody waits for it, and what an outage costs is only a hint. */
  #peerMoved(registration: Registration, before: PeerUse | undefined): void {
    if (registration.securityMode !== "NO_SEC") return; // With DTLS the association names the device.
    void ignoreOutage(this.#movePeer(registration, before));
  }

  async #movePeer(registration: Registration, before: PeerUse = registration): Promise<void> {
    const { peer } = registration;
    if (before.peer !== peer) await this.#hints.remove(before.peer, [before.registrationId]);
    const others = await this.#hints.add(registration, before.registrationId);
    if (others.length === 0) return;
    // Addresses are used again, by other devices: only those that still use this one stay in its hint.
    const users = await this.#usersOf(peer, others);
    const left = new Set(others).difference(new Set(users.map((state) => state.registration.registrationId)));
    await this.#hints.remove(peer, [...left]);
  }

  async #end(
    shard: number | undefined,
    proof: Proof,
    value: string,
    nowMs: number,
    why: string,
    ...sender: readonly string[]
  ): Promise<DeregisterOutcome> {
    if (shard === undefined) return { type: "notFound" };
    const [type, packed, outboxId] = await this.#run("end", shard, proof, value, nowMs, why, ...sender);
    if (type === "notFound") return { type };
    const ended = this.#ended(packed);
    if (ended === undefined) return { type: "notFound" };
    const { registration, owner } = ended;
    if (registration.securityMode === "NO_SEC")
      void ignoreOutage(this.#hints.remove(registration.peer, [registration.registrationId]));
    return { type: "deregistered", registration, owner, outboxId: text(outboxId) };
  }

  /** A device's state as a step answered it: packed, with what waits. What does not parse is quarantined and counts as absent. */
  async #state(
    shard: number,
    proof: Proof,
    value: string | Buffer,
    stored: ScriptReply | undefined,
  ): Promise<DeviceState | undefined> {
    const [packed, requests, values] = stored as [Buffer, number, number];
    try {
      const { digest: _, ...device } = decodeDevice(packed);
      return { ...device, waiting: { requests, values } };
    } catch (error) {
      if (!(error instanceof StoredValueError)) throw error;
      await this.#run("quarantine", shard, proof, value);
      return undefined;
    }
  }

  /** The state of a device that a step named; undefined where there was none. */
  async #stateAt(device: DeviceRef, stored: ScriptReply | undefined): Promise<DeviceState | undefined> {
    if (stored === null) return undefined;
    return this.#state(shardOf(device.tenant, device.endpoint), "name", nameOf(device), stored);
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
    const prefix = shardPrefix(shard);
    const reply = await (isWaitingStep(step)
      ? this.#waitingSteps.run(step, prefix, ...args)
      : this.#deviceSteps.run(step, prefix, ...args));
    const [type, quarantined, dropped, ...rest] = reply as [Buffer, number, number, ...ScriptReply[]];
    if (quarantined > 0) this.#onQuarantine(quarantined);
    if (dropped > 0) this.#onOutboxDropped(dropped);
    return [type.toString(), ...rest];
  }
}

const WAITING: ReadonlySet<string> = new Set(WAITING_STEPS);

function isWaitingStep(step: Step): step is WaitingStep {
  return WAITING.has(step);
}

/** Where a step looks for the device of a proof; undefined when it cannot be one of ours. */
function proofTarget(
  proof: ClaimProof,
  sender: Sender,
): { shard: number; kind: Proof; value: string | Buffer } | undefined {
  switch (proof.type) {
    case "registrationId": {
      const shard = registrationIdShard(proof.registrationId);
      return shard === undefined ? undefined : { shard, kind: "id", value: proof.registrationId };
    }
    case "token": {
      const parts = parseToken(proof.token);
      return parts === undefined ? undefined : { shard: parts.shard, kind: "token", value: asBuffer(proof.token) };
    }
    case "identity": {
      if (sender.securityMode === "NO_SEC") return undefined;
      const { device } = sender;
      return { shard: shardOf(device.tenant, device.endpoint), kind: "name", value: nameOf(device) };
    }
  }
}

/** A sender as steps take it: the name of its device; empty without DTLS. */
function senderName(sender: Sender): string {
  return sender.securityMode === "NO_SEC" ? "" : nameOf(sender.device);
}

function securedFlag({ securityMode }: Pick<Registration, "securityMode">): 0 | 1 {
  return securityMode === "NO_SEC" ? 0 : 1;
}

type PeerUse = Pick<Registration, "registrationId" | "peer">;

/** A datagram without DTLS from this address may be the device's. */
function usesPeer({ securityMode, peer }: Registration, address: string): boolean {
  return securityMode === "NO_SEC" && peer === address;
}

function stateMember(state: DeviceState | undefined): { state?: DeviceState } {
  return state === undefined ? {} : { state };
}

/** What steps that store a request take last. */
function requestArguments({ request, contentType, expiresAtMs, digest = "", failFast }: OpenRequest): ScriptArgument[] {
  return [asBuffer(request), contentType, expiresAtMs, digest, failFast ? 1 : 0];
}

/** An open request as `told` of waiting.lua has it. */
function parseRequest(reply: ScriptReply): ShardRequest {
  const [id, name, contentType, expires, fast, displaced, dispatched] = reply as (Buffer | null)[];
  return {
    device: parseName(name as Buffer),
    requestId: decodeURIComponent(text(id)),
    contentType: text(contentType),
    expiresAtMs: Number(text(expires)),
    failFast: text(fast) === "1",
    displaced: text(displaced) === "1",
    ...(dispatched == null ? {} : { dispatchedBy: parseNode(text(dispatched)) }),
  };
}

function parseWaiting(reply: ScriptReply | undefined): WaitingRequest {
  const request = reply as ScriptReply[];
  return { ...parseRequest(request), request: bytes(request[7]) };
}

/** Slot and boot id of who dispatched a request, such as `3 00000000000000a0`; of a life that is over where there is no boot id. */
function parseNode(stored: string): NodeRef {
  const [slot, bootId = ""] = stored.split(" ");
  return { slot: Number(slot), bootId };
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
