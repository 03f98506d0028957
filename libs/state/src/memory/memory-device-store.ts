import { randomBytes, randomInt } from "node:crypto";
import { CONTENT_TYPE, lwm2m } from "@ferry/proto";
import {
  type AcceptOutcome,
  type ClaimOutcome,
  type ClaimProof,
  type ClaimRequest,
  type DeregisterOutcome,
  type DeviceRef,
  type DeviceState,
  type DeviceStore,
  type DispatchOutcome,
  EXPIRY_GRACE_MS,
  type FinishOutcome,
  type Incarnation,
  type NodeRef,
  type Observation,
  type OpenRequest,
  type OutboxEntry,
  type OwnedOutcome,
  type Owner,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
  type ShardRequest,
  type SweepOutcome,
  type SweepRequest,
  type UpdateOutcome,
  type UpdateRequest,
} from "../device-store.ts";
import { nextEpoch } from "../epoch.ts";
import { EXPIRED_REASON, type LifecycleChange, lifecycleRecord } from "../lifecycle.ts";
import {
  ANSWER_MEMORY_MS,
  MESSAGE_ID_JUMP,
  OUTBOX_MAX_ENTRIES,
  REGISTER_MEMORY_MS,
  SWEEP_LEASE_MS,
} from "../limits.ts";
import { queueModeAfter } from "../registration-record.ts";
import { shardOf } from "../shard.ts";
import type { Token } from "../token.ts";

/** Settings of a `MemoryDeviceStore`. */
export interface MemoryDeviceStoreOptions {
  /** The store's own clock, ms since 1970. */
  readonly now?: () => number;
  /** Limit of the outbox per shard; the oldest entries are dropped. */
  readonly outboxMaxEntries?: number;
  /** Told how many outbox entries the limit cost. */
  readonly onOutboxDropped?: (count: number) => void;
}

interface Device {
  registration: Registration;
  owner: Owner;
  firstMessageId: number;
  lastSeenMs: number;
  digest: string;
  readonly observations: Map<string, Observation>;
}

interface Request extends OpenRequest {
  readonly device: DeviceRef;
  dispatched: boolean;
  response: Uint8Array | undefined;
  untilMs: number;
}

/** What is swept together. */
interface Shard {
  readonly devices: Set<string>;
  readonly outbox: (OutboxEntry & { readonly atMs: number })[];
  /** By device key, then request id. */
  readonly requests: Map<string, Map<string, Request>>;
  lease: { readonly bootId: string; readonly untilMs: number };
}

/** Keeps the state of devices in this process: for one node, as standalone is, and for tests. */
export class MemoryDeviceStore implements DeviceStore {
  readonly #devices = new Map<string, Device>();
  readonly #byRegistrationId = new Map<string, string>();
  readonly #byToken = new Map<string, string>();
  readonly #shards = new Map<number, Shard>();
  /** Generations and epochs of new registrations begin beyond those that ended, ms since 1970. */
  #endedMs = 0;
  #outboxCount = 0;
  readonly #incarnation = randomBytes(8).toString("hex");
  readonly #now: () => number;
  readonly #outboxMaxEntries: number;
  readonly #onOutboxDropped: (count: number) => void;

  constructor(options: MemoryDeviceStoreOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#outboxMaxEntries = options.outboxMaxEntries ?? OUTBOX_MAX_ENTRIES;
    this.#onOutboxDropped = options.onOutboxDropped ?? (() => {});
  }

  async register(request: RegisterRequest): Promise<RegisterOutcome> {
    const nowMs = this.#time(request.nowMs);
    const key = keyOf(request.registration);
    const old = this.#devices.get(key);
    if (old?.digest === request.digest && nowMs - old.registration.registeredAtMs < REGISTER_MEMORY_MS) {
      return { type: "repeated", state: stateOf(old) };
    }
    if (old !== undefined) this.#forget(key, old);

    const device: Device = {
      registration: {
        ...request.registration,
        generation: Math.max((old?.registration.generation ?? this.#endedMs) + 1, nowMs),
        registeredAtMs: nowMs,
        updatedAtMs: nowMs,
        expiresAtMs: nowMs + request.registration.lifetimeS * 1000,
      },
      owner: ownerAfter(old?.owner.epoch ?? this.#endedMs * 256, request.node, nowMs),
      firstMessageId: old === undefined ? randomInt(0x10000) : nextMessageId(old.firstMessageId),
      lastSeenMs: nowMs,
      digest: request.digest,
      observations: new Map(),
    };
    this.#devices.set(key, device);
    this.#byRegistrationId.set(device.registration.registrationId, key);
    this.#shard(request.registration).devices.add(key);
    this.#addObservations(key, device, request.observations ?? []);
    const outboxId = this.#publishLater({
      event: "registered",
      registration: device.registration,
      owner: device.owner,
      atMs: nowMs,
      ...(old === undefined ? {} : { replacedRegistrationId: old.registration.registrationId }),
    });
    return {
      type: "registered",
      state: stateOf(device),
      ...(old === undefined ? {} : { replaced: { registration: old.registration, owner: old.owner } }),
      outboxId,
    };
  }

  async update(request: UpdateRequest): Promise<UpdateOutcome> {
    const nowMs = this.#time(request.nowMs);
    const device = this.#byProof({ type: "registrationId", registrationId: request.registrationId });
    if (device === undefined) return { type: "notFound" };

    const previousOwner = this.#take(device, request.node, nowMs);
    device.registration = applyUpdate(device.registration, request, nowMs);
    const outboxId = this.#publishLater({
      event: "updated",
      registration: device.registration,
      owner: device.owner,
      atMs: nowMs,
    });
    return {
      type: "updated",
      state: stateOf(device),
      ...(previousOwner === undefined ? {} : { previousOwner }),
      outboxId,
    };
  }

  async deregister(request: { registrationId: string; node: NodeRef; nowMs: number }): Promise<DeregisterOutcome> {
    const device = this.#byProof({ type: "registrationId", registrationId: request.registrationId });
    return this.#end(device, "deregistered", this.#time(request.nowMs));
  }

  async remove(request: { device: DeviceRef; reason: string; nowMs: number }): Promise<DeregisterOutcome> {
    const device = this.#devices.get(keyOf(request.device));
    return this.#end(device, "deregistered", this.#time(request.nowMs), request.reason);
  }

  async claim(request: ClaimRequest): Promise<ClaimOutcome> {
    const nowMs = this.#time(request.nowMs);
    const device = this.#byProof(request.proof);
    if (device === undefined || isGone(device, nowMs)) return { type: "notFound" };

    const previousOwner = this.#take(device, request.node, nowMs);
    device.registration = { ...device.registration, peer: request.peer };
    const state = stateOf(device);
    return previousOwner === undefined ? { type: "owned", state } : { type: "claimed", state, previousOwner };
  }

  async release(request: { device: DeviceRef; owner: Owner }): Promise<OwnedOutcome> {
    const device = this.#devices.get(keyOf(request.device));
    const released = { ...request.owner, bootId: "" };
    if (device === undefined || (!sameOwner(device.owner, request.owner) && !sameOwner(device.owner, released))) {
      return { type: "stale", owner: device?.owner };
    }
    device.owner = released;
    return { type: "done" };
  }

  async get(ref: DeviceRef): Promise<DeviceState | undefined> {
    const device = this.#devices.get(keyOf(ref));
    return device === undefined || isGone(device, this.#now()) ? undefined : stateOf(device);
  }

  async observe(request: {
    device: DeviceRef;
    owner: Owner;
    add: readonly Observation[];
    remove: readonly Token[];
  }): Promise<OwnedOutcome> {
    const key = keyOf(request.device);
    const device = this.#devices.get(key);
    if (device === undefined || !sameOwner(device.owner, request.owner)) return { type: "stale", owner: device?.owner };
    for (const token of request.remove) {
      if (device.observations.delete(hex(token))) this.#byToken.delete(hex(token));
    }
    this.#addObservations(key, device, request.add);
    return { type: "done" };
  }

  async accept(request: { device: DeviceRef; open: OpenRequest; nowMs: number }): Promise<AcceptOutcome> {
    const nowMs = this.#time(request.nowMs);
    const key = keyOf(request.device);
    const known = this.#request(request.device, request.open.requestId, nowMs);
    if (known?.response !== undefined) {
      return { type: "finished", response: known.response, contentType: known.contentType };
    }
    if (known !== undefined) return { type: "open" };
    const untilMs = Math.max(request.open.expiresAtMs, nowMs) + ANSWER_MEMORY_MS;
    const { requests } = this.#shard(request.device);
    const ofDevice = requests.get(key) ?? new Map<string, Request>();
    const { tenant, endpoint } = request.device;
    const entry = { ...request.open, device: { tenant, endpoint }, dispatched: false, response: undefined, untilMs };
    ofDevice.set(request.open.requestId, entry);
    requests.set(key, ofDevice);
    return { type: "accepted" };
  }

  async dispatch(request: {
    device: DeviceRef;
    requestId: string;
    owner: Owner;
    nowMs: number;
  }): Promise<DispatchOutcome> {
    const device = this.#devices.get(keyOf(request.device));
    const open = this.#request(request.device, request.requestId, this.#time(request.nowMs));
    if (open?.response !== undefined) return { type: "finished" };
    if (open === undefined || device === undefined || !sameOwner(device.owner, request.owner)) return { type: "stale" };
    if (open.dispatched) return { type: "dispatched" };
    open.dispatched = true;
    return { type: "go" };
  }

  async finish(request: {
    device: DeviceRef;
    requestId: string;
    response: Uint8Array;
    nowMs: number;
  }): Promise<FinishOutcome> {
    const nowMs = this.#time(request.nowMs);
    const open = this.#request(request.device, request.requestId, nowMs);
    if (open === undefined) return { type: "unknown" };
    if (open.response !== undefined) return { type: "lost", response: open.response };
    open.response = request.response;
    open.untilMs = Math.max(open.expiresAtMs, nowMs + ANSWER_MEMORY_MS);
    const { tenant, endpoint } = request.device;
    const { contentType } = open;
    const outboxId = this.#enqueue(
      { kind: "response", device: { tenant, endpoint }, contentType, value: request.response },
      nowMs,
    );
    return { type: "won", outboxId, contentType };
  }

  async openRequests(device: DeviceRef): Promise<readonly (OpenRequest & { readonly dispatched: boolean })[]> {
    const requests = await this.listOpenRequests({ shard: shardOf(device.tenant, device.endpoint), limit: Infinity });
    return requests
      .filter((request) => keyOf(request.device) === keyOf(device))
      .map(({ device: _, ...request }) => request);
  }

  async listOpenRequests({ shard, limit }: { shard: number; limit: number }): Promise<readonly ShardRequest[]> {
    const nowMs = this.#now();
    return [...this.#shardNumber(shard).requests.values()]
      .flatMap((ofDevice) => [...ofDevice.values()])
      .filter(({ response, untilMs }) => response === undefined && nowMs < untilMs)
      .sort((a, b) => a.expiresAtMs - b.expiresAtMs)
      .slice(0, limit)
      .map(({ device, requestId, request, contentType, expiresAtMs, dispatched }) => ({
        device,
        requestId,
        request,
        contentType,
        expiresAtMs,
        dispatched,
      }));
  }

  async sweep(request: SweepRequest): Promise<SweepOutcome> {
    const nowMs = this.#time(request.nowMs);
    const shard = this.#shardNumber(request.shard);
    if (shard.lease.bootId !== request.node.bootId && nowMs < shard.lease.untilMs) return { type: "leased" };
    shard.lease = { bootId: request.node.bootId, untilMs: nowMs + SWEEP_LEASE_MS };

    forgetLapsed(shard.requests, nowMs);
    const old = shard.outbox.filter(({ atMs }) => atMs <= nowMs - request.outboxAgeMs);
    const lapsed = [...shard.devices]
      .map((key) => this.#devices.get(key) as Device) // A key is in the shard as long as its device is in the map.
      .filter(({ registration }) => registration.expiresAtMs <= nowMs - request.graceMs)
      .sort((a, b) => a.registration.expiresAtMs - b.registration.expiresAtMs);
    const expired = lapsed
      .slice(0, request.limit)
      .map((device) => ({ device, outboxId: this.#endNow(device, "expired", nowMs, EXPIRED_REASON) }));
    const ended = new Set(expired.map(({ outboxId }) => outboxId));
    return {
      type: "swept",
      expired: expired.map(({ device: { registration, owner } }) => ({ registration, owner })),
      outbox: [...old.slice(0, request.limit), ...shard.outbox.filter(({ id }) => ended.has(id))].map(
        ({ atMs: _, ...entry }) => entry,
      ),
      more: old.length > request.limit || lapsed.length > request.limit,
    };
  }

  async settle(shard: number, outboxIds: readonly string[]): Promise<void> {
    const outbox = this.#shards.get(shard)?.outbox;
    if (outbox === undefined) return;
    for (const id of outboxIds) {
      const index = outbox.findIndex((entry) => entry.id === id);
      if (index >= 0) outbox.splice(index, 1);
    }
  }

  async incarnation(): Promise<Incarnation> {
    return { id: this.#incarnation, highWaterS: Math.floor(this.#now() / 1000) };
  }

  async list(request: {
    tenant?: string;
    cursor?: string;
    limit: number;
  }): Promise<{ devices: readonly DeviceState[]; cursor?: string }> {
    const keys = [...this.#devices.keys()]
      .filter((key) => request.tenant === undefined || key.startsWith(`${request.tenant}/`))
      .filter((key) => request.cursor === undefined || key > request.cursor)
      .sort();
    const page = keys.slice(0, request.limit);
    const devices = page.map((key) => stateOf(this.#devices.get(key) as Device)); // Keys of the map just listed.
    const cursor = page.at(-1);
    return keys.length > page.length && cursor !== undefined ? { devices, cursor } : { devices };
  }

  #time(nowMs: number): number {
    return Math.max(nowMs, this.#now());
  }

  #byProof(proof: ClaimProof): Device | undefined {
    switch (proof.type) {
      case "registrationId":
        return this.#devices.get(this.#byRegistrationId.get(proof.registrationId) ?? "");
      case "token":
        return this.#devices.get(this.#byToken.get(hex(proof.token)) ?? "");
      case "identity":
        return this.#devices.get(keyOf(proof.device));
    }
  }

  /** Makes `node` the owner; the owner before when that was another. */
  #take(device: Device, node: NodeRef, nowMs: number): Owner | undefined {
    device.lastSeenMs = nowMs;
    const previous = device.owner;
    if (previous.slot === node.slot && previous.bootId === node.bootId) return undefined;
    device.owner = ownerAfter(previous.epoch, node, nowMs);
    device.firstMessageId = nextMessageId(device.firstMessageId);
    return previous;
  }

  #request(device: DeviceRef, requestId: string, nowMs: number): Request | undefined {
    const open = this.#shard(device).requests.get(keyOf(device))?.get(requestId);
    return open !== undefined && nowMs < open.untilMs ? open : undefined;
  }

  #addObservations(key: string, device: Device, observations: readonly Observation[]): void {
    for (const observation of observations) {
      device.observations.set(hex(observation.token), observation);
      this.#byToken.set(hex(observation.token), key);
    }
  }

  #end(
    device: Device | undefined,
    event: "deregistered" | "expired",
    nowMs: number,
    reason?: string,
  ): DeregisterOutcome {
    if (device === undefined) return { type: "notFound" };
    const { registration, owner } = device;
    return { type: "deregistered", registration, owner, outboxId: this.#endNow(device, event, nowMs, reason) };
  }

  #endNow(device: Device, event: "deregistered" | "expired", nowMs: number, reason?: string): string {
    const { registration, owner } = device;
    this.#forget(keyOf(registration), device);
    this.#endedMs = Math.max(this.#endedMs, registration.generation, Math.floor(owner.epoch / 256));
    return this.#publishLater({ event, registration, owner, atMs: nowMs, ...(reason === undefined ? {} : { reason }) });
  }

  #forget(key: string, device: Device): void {
    this.#devices.delete(key);
    this.#byRegistrationId.delete(device.registration.registrationId);
    for (const token of device.observations.keys()) this.#byToken.delete(token);
    this.#shard(device.registration).devices.delete(key);
  }

  #publishLater(change: LifecycleChange): string {
    const { tenant, endpoint } = change.registration;
    const value = lwm2m.v1.LifecycleRecord.encode(lifecycleRecord(change)).finish();
    return this.#enqueue(
      { kind: "lifecycle", device: { tenant, endpoint }, contentType: CONTENT_TYPE.protobuf, value },
      change.atMs,
    );
  }

  #enqueue(entry: Omit<OutboxEntry, "id" | "shard">, atMs: number): string {
    const { tenant, endpoint } = entry.device;
    const { outbox } = this.#shard(entry.device);
    const id = `${atMs}-${++this.#outboxCount}`;
    outbox.push({ ...entry, id, shard: shardOf(tenant, endpoint), atMs });
    const excess = outbox.length - this.#outboxMaxEntries;
    if (excess > 0) {
      outbox.splice(0, excess);
      this.#onOutboxDropped(excess);
    }
    return id;
  }

  #shard({ tenant, endpoint }: DeviceRef): Shard {
    return this.#shardNumber(shardOf(tenant, endpoint));
  }

  #shardNumber(number: number): Shard {
    let shard = this.#shards.get(number);
    if (shard === undefined) {
      shard = { devices: new Set(), outbox: [], requests: new Map(), lease: { bootId: "", untilMs: 0 } };
      this.#shards.set(number, shard);
    }
    return shard;
  }
}

function forgetLapsed(requests: Map<string, Map<string, Request>>, nowMs: number): void {
  for (const [key, ofDevice] of requests) {
    for (const [requestId, { untilMs }] of ofDevice) if (nowMs >= untilMs) ofDevice.delete(requestId);
    if (ofDevice.size === 0) requests.delete(key);
  }
}

function keyOf({ tenant, endpoint }: DeviceRef): string {
  return `${tenant}/${endpoint}`;
}

function hex(token: Token): string {
  return Buffer.from(token).toString("hex");
}

function ownerAfter(epoch: number, node: NodeRef, nowMs: number): Owner {
  return { slot: node.slot, bootId: node.bootId, epoch: nextEpoch(epoch, node.slot, nowMs) };
}

function sameOwner(a: Owner, b: Owner): boolean {
  return a.epoch === b.epoch && a.bootId === b.bootId;
}

function nextMessageId(messageId: number): number {
  return (messageId + MESSAGE_ID_JUMP) % 0x10000;
}

function isGone({ registration }: Device, nowMs: number): boolean {
  return nowMs >= registration.expiresAtMs + EXPIRY_GRACE_MS;
}

function stateOf(device: Device): DeviceState {
  const { registration, owner, observations, firstMessageId, lastSeenMs } = device;
  return { registration, owner, observations: [...observations.values()], firstMessageId, lastSeenMs };
}

/** The registration after an Update: what it does not name stays as it was; the lifetime always starts anew. */
function applyUpdate(current: Registration, request: UpdateRequest, nowMs: number): Registration {
  const { lifetimeS = current.lifetimeS, bindingMode = current.bindingMode, smsNumber, objectLinks } = request;
  return {
    ...current,
    lifetimeS,
    bindingMode,
    queueMode: request.bindingMode === undefined ? current.queueMode : queueModeAfter(current, bindingMode),
    ...(smsNumber === undefined ? {} : { smsNumber }),
    ...(objectLinks === undefined ? {} : { objectLinks }),
    peer: request.peer,
    updatedAtMs: nowMs,
    expiresAtMs: nowMs + lifetimeS * 1000,
  };
}
