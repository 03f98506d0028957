import { randomBytes, randomInt } from "node:crypto";
import { CONTENT_TYPE, lwm2m } from "@ferry/proto";
import { byAge } from "../desired-order.ts";
import {
  type AcceptOutcome,
  type AcceptRequest,
  type ClaimOutcome,
  type ClaimProof,
  type ClaimRequest,
  type DeregisterOutcome,
  type DeregisterRequest,
  type DesiredValue,
  type DesiredVersion,
  type DesireOutcome,
  type DesireRequest,
  type DeviceRef,
  type DeviceState,
  type DeviceStore,
  type DispatchOutcome,
  type DispatchRequest,
  EXPIRY_GRACE_MS,
  type FinishOutcome,
  type FinishRequest,
  type FulfilOutcome,
  type FulfilRequest,
  type Incarnation,
  type NodeRef,
  type Observation,
  type ObserveRequest,
  type OpenRequest,
  type OpenRequestsPage,
  type OutboxEntry,
  type OwnedOutcome,
  type Owner,
  type Page,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
  type ReopenOutcome,
  type ReopenRequest,
  type RestoreOutcome,
  type RestoreRequest,
  type Sender,
  type ShardRequest,
  type ShardRequestsPage,
  type SweepOutcome,
  type SweepRequest,
  type UpdateOutcome,
  type UpdateRequest,
  type WaitingRequest,
} from "../device-store.ts";
import { nextEpoch } from "../epoch.ts";
import { EXPIRED_REASON, type LifecycleChange, lifecycleRecord, registrationChanges } from "../lifecycle.ts";
import {
  ANSWER_MEMORY_MS,
  DESIRED_MEMORY_MS,
  ENDED_MEMORY_MS,
  MAX_DESIRED_VALUES,
  MESSAGE_ID_JUMP,
  OPEN_MEMORY_MS,
  OUTBOX_MAX_ENTRIES,
  PAGE_MAX_BYTES,
  REGISTER_MEMORY_MS,
  SWEEP_LEASE_MS,
} from "../limits.ts";
import { queueModeAfter } from "../registration-record.ts";
import { isSenders } from "../sender.ts";
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
  /** It begins as a store that was emptied: `markRestored` ends that. */
  readonly lost?: boolean;
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
  /** In the order of acceptance: counts up from 1; when it was accepted less `BEFORE_LOSS`, for one from before a loss. */
  readonly place: number;
  dispatchedBy: NodeRef | undefined;
  displaced: boolean;
  finished: { readonly response: Uint8Array; readonly untilMs: number } | undefined;
  untilMs: number;
}

interface Desires {
  /** Not fulfilled, by key. */
  readonly values: Map<string, string>;
  /** Last version by key, also of what is fulfilled or withdrawn. */
  readonly versions: Map<string, DesiredVersion>;
  untilMs: number;
}

/** What is swept together. */
interface Shard {
  readonly devices: Set<string>;
  readonly outbox: (OutboxEntry & { readonly atMs: number })[];
  /** By device key, then request id. */
  readonly requests: Map<string, Map<string, Request>>;
  /** By device key. */
  readonly desires: Map<string, Desires>;
  /** By device key: the generation or epoch, ms since 1970, that the device's next ones begin beyond. */
  readonly ended: Map<string, { readonly endedMs: number; readonly untilMs: number }>;
  lease: { readonly bootId: string; readonly untilMs: number };
}

/** Keeps the state of devices in this process: for one node, as standalone is, and for tests. */
export class MemoryDeviceStore implements DeviceStore {
  readonly #devices = new Map<string, Device>();
  readonly #byRegistrationId = new Map<string, string>();
  readonly #byToken = new Map<string, string>();
  readonly #byPeer = new Map<string, Set<string>>();
  readonly #shards = new Map<number, Shard>();
  #outboxCount = 0;
  readonly #incarnation = randomBytes(8).toString("hex");
  readonly #now: () => number;
  readonly #outboxMaxEntries: number;
  readonly #onOutboxDropped: (count: number) => void;
  #restored: "all" | "requests" | "nothing";
  #lastPlace = 0;

  constructor(options: MemoryDeviceStoreOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#outboxMaxEntries = options.outboxMaxEntries ?? OUTBOX_MAX_ENTRIES;
    this.#onOutboxDropped = options.onOutboxDropped ?? (() => {});
    this.#restored = options.lost ? "nothing" : "all";
  }

  async register(request: RegisterRequest): Promise<RegisterOutcome> {
    const nowMs = this.#time(request.nowMs);
    const key = keyOf(request.registration);
    const old = this.#devices.get(key);
    if (old?.digest === request.digest && nowMs - old.registration.registeredAtMs < REGISTER_MEMORY_MS) {
      return { type: "repeated", state: this.#state(old) };
    }
    if (old !== undefined) this.#forget(key, old);

    const endedMs = this.#endedMs(request.registration, nowMs);
    const device: Device = {
      registration: {
        ...request.registration,
        generation: Math.max((old?.registration.generation ?? endedMs) + 1, nowMs),
        registeredAtMs: nowMs,
        updatedAtMs: nowMs,
        expiresAtMs: nowMs + request.registration.lifetimeS * 1000,
      },
      owner: ownerAfter(old?.owner.epoch ?? endedMs * 256, request.node, nowMs),
      firstMessageId: old === undefined ? randomInt(0x10000) : nextMessageId(old.firstMessageId),
      lastSeenMs: nowMs,
      digest: request.digest,
      observations: new Map(),
    };
    this.#keep(key, device, request.observations ?? []);
    const outboxId = this.#publishLater({
      event: "registered",
      registration: device.registration,
      owner: device.owner,
      atMs: nowMs,
      ...(old === undefined ? {} : { replacedRegistrationId: old.registration.registrationId }),
    });
    return {
      type: "registered",
      state: this.#state(device),
      ...(old === undefined ? {} : { replaced: { registration: old.registration, owner: old.owner } }),
      outboxId,
    };
  }

  async update(request: UpdateRequest): Promise<UpdateOutcome> {
    const nowMs = this.#time(request.nowMs);
    const device = this.#byRegistration(request);
    if (device === undefined) return { type: "notFound" };

    const previousOwner = this.#take(device, request.node, nowMs);
    const before = device.registration;
    this.#change(device, applyUpdate(before, request, nowMs));
    const changes = registrationChanges(before, device.registration);
    const outboxId = this.#publishLater({
      event: "updated",
      registration: device.registration,
      owner: device.owner,
      atMs: nowMs,
      changes,
    });
    return {
      type: "updated",
      state: this.#state(device),
      changes,
      ...(previousOwner === undefined ? {} : { previousOwner }),
      outboxId,
    };
  }

  async deregister(request: DeregisterRequest): Promise<DeregisterOutcome> {
    return this.#end(this.#byRegistration(request), "deregistered", this.#time(request.nowMs));
  }

  async remove(request: { device: DeviceRef; reason: string; nowMs: number }): Promise<DeregisterOutcome> {
    const device = this.#devices.get(keyOf(request.device));
    return this.#end(device, "deregistered", this.#time(request.nowMs), request.reason);
  }

  async claim(request: ClaimRequest): Promise<ClaimOutcome> {
    const nowMs = this.#time(request.nowMs);
    const device = this.#byProof(request.proof, request.sender);
    if (device === undefined || isGone(device, nowMs)) return { type: "notFound" };

    const previousOwner = this.#take(device, request.node, nowMs);
    this.#change(device, { ...device.registration, peer: request.peer });
    const state = this.#state(device);
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
    return device === undefined || isGone(device, this.#now()) ? undefined : this.#state(device);
  }

  async findByPeer(peer: string): Promise<DeviceState | "ambiguous" | undefined> {
    const devices = [...(this.#byPeer.get(peer) ?? [])]
      .map((key) => this.#devices.get(key) as Device) // A key is in the index as long as its device is in the map.
      .filter((device) => device.registration.securityMode === "NO_SEC" && !isGone(device, this.#now()));
    const [device] = devices;
    if (device === undefined) return undefined;
    return devices.length > 1 ? "ambiguous" : this.#state(device);
  }

  async observe(request: ObserveRequest): Promise<OwnedOutcome> {
    const key = keyOf(request.device);
    const device = this.#devices.get(key);
    if (device === undefined || !sameOwner(device.owner, request.owner)) return { type: "stale", owner: device?.owner };
    for (const token of request.remove) {
      if (device.observations.delete(hex(token))) this.#byToken.delete(hex(token));
    }
    this.#addObservations(key, device, request.add);
    return { type: "done" };
  }

  async accept(request: AcceptRequest): Promise<AcceptOutcome> {
    const nowMs = this.#time(request.nowMs);
    const known = this.#request(request.device, request.open.requestId, nowMs);
    const { digest } = request.open;
    if (known?.digest !== undefined && digest !== undefined && known.digest !== digest) return { type: "conflict" };
    if (known?.finished !== undefined) {
      const { response, untilMs } = known.finished;
      return { type: "finished", contentType: known.contentType, ...(nowMs < untilMs ? { response } : {}) };
    }
    if (known !== undefined) return { type: "open", open: waiting(known), ...this.#stateOf(request.device, nowMs) };

    const open = this.#openRequests(request.device, nowMs);
    const excess = Math.max(open.length + 1 - request.limit, 0);
    const notSent = open.filter(({ dispatchedBy }) => dispatchedBy === undefined);
    const inHand = new Set(notSent.filter((each) => !each.displaced).slice(0, request.inHand ?? 0));
    const displaced = notSent.filter((each) => !inHand.has(each)).slice(0, excess);
    for (const each of displaced) each.displaced = true;

    this.#lastPlace += 1;
    const kept = this.#keepRequest(request.device, request.open, this.#lastPlace, nowMs);
    if (excess > 0 && displaced.length === 0) {
      kept.displaced = true;
      return { type: "full" };
    }
    return { type: "accepted", ...this.#stateOf(request.device, nowMs), displaced: displaced.map(listed) };
  }

  async reopen({ device, open, acceptedAtMs, dispatched, ...request }: ReopenRequest): Promise<ReopenOutcome> {
    const nowMs = this.#time(request.nowMs);
    const known = this.#request(device, open.requestId, nowMs);
    if (known?.finished !== undefined) return { type: "finished" };
    const kept = known ?? this.#keepRequest(device, open, acceptedAtMs - BEFORE_LOSS, nowMs);
    const isNew = known === undefined || (dispatched && !known.dispatchedBy?.bootId);
    if (dispatched) kept.dispatchedBy ??= NOBODY;
    return { type: isNew ? "reopened" : "open", ...this.#stateOf(device, nowMs) };
  }

  async close(request: { device: DeviceRef; requestId: string; nowMs: number }): Promise<boolean> {
    const nowMs = this.#time(request.nowMs);
    const known = this.#request(request.device, request.requestId, nowMs);
    if (known === undefined || known.finished !== undefined) return false;
    known.finished = NO_ANSWER;
    known.untilMs = Math.max(known.expiresAtMs, nowMs) + ANSWER_MEMORY_MS;
    return true;
  }

  #keepRequest({ tenant, endpoint }: DeviceRef, open: OpenRequest, place: number, nowMs: number): Request {
    const device = { tenant, endpoint };
    const { requests } = this.#shard(device);
    const key = keyOf(device);
    const ofDevice = requests.get(key) ?? new Map<string, Request>();
    requests.set(key, ofDevice);
    const untilMs = Math.max(open.expiresAtMs, nowMs) + OPEN_MEMORY_MS;
    const state = { dispatchedBy: undefined, displaced: false, finished: undefined };
    const request: Request = { ...open, ...state, device, place, untilMs };
    ofDevice.set(open.requestId, request);
    return request;
  }

  async dispatch(request: DispatchRequest): Promise<DispatchOutcome> {
    const device = this.#devices.get(keyOf(request.device));
    const open = this.#request(request.device, request.requestId, this.#time(request.nowMs));
    if (open?.finished !== undefined || open?.displaced) return { type: "finished" };
    if (open === undefined || device === undefined || !sameOwner(device.owner, request.owner)) return { type: "stale" };
    if (open.dispatchedBy !== undefined) return { type: "dispatched" };
    open.dispatchedBy = { slot: request.owner.slot, bootId: request.owner.bootId };
    return { type: "go" };
  }

  async finish(request: FinishRequest): Promise<FinishOutcome> {
    const nowMs = this.#time(request.nowMs);
    const open = this.#request(request.device, request.requestId, nowMs);
    if (open === undefined) return { type: "unknown" };
    if (open.finished !== undefined) return { type: "lost" };
    open.finished = { response: request.response, untilMs: nowMs + ANSWER_MEMORY_MS };
    open.untilMs = Math.max(open.expiresAtMs, nowMs) + ANSWER_MEMORY_MS;
    const { tenant, endpoint } = request.device;
    const { contentType } = open;
    const outboxId = this.#enqueue(
      { kind: "response", device: { tenant, endpoint }, contentType, value: request.response },
      nowMs,
    );
    return { type: "won", outboxId, contentType };
  }

  async openRequests({ device, limit, after }: OpenRequestsPage): Promise<Page<WaitingRequest>> {
    const open = this.#openRequests(device, this.#now());
    const from = open.findIndex(({ requestId }) => requestId === after) + 1;
    const requests: WaitingRequest[] = [];
    let sizeBytes = 0;
    for (const each of open.slice(from, from + limit)) {
      if (sizeBytes >= PAGE_MAX_BYTES) break;
      sizeBytes += each.request.length;
      requests.push(waiting(each));
    }
    return { requests, more: open.length > from + requests.length };
  }

  async listOpenRequests({ shard, limit, offset = 0 }: ShardRequestsPage): Promise<Page<ShardRequest>> {
    const nowMs = this.#now();
    const open = [...(this.#shards.get(shard)?.requests.values() ?? [])]
      .flatMap((ofDevice) => [...ofDevice.values()])
      .filter((request) => isOpen(request, nowMs))
      .sort((a, b) => a.expiresAtMs - b.expiresAtMs);
    return { requests: open.slice(offset, offset + limit).map(listed), more: open.length > offset + limit };
  }

  async desire(request: DesireRequest): Promise<DesireOutcome> {
    const nowMs = this.#time(request.nowMs);
    const { key, value } = request;
    const desires = this.#desires(request.device, nowMs);
    const { values, versions } = desires;
    const last = versions.get(key);
    if (last !== undefined && !isNewer(request, last)) {
      return { type: "older", ...this.#stateOf(request.device, nowMs) };
    }
    if (value !== undefined && !values.has(key) && values.size >= MAX_DESIRED_VALUES) return { type: "full" };

    if (value === undefined) values.delete(key);
    else values.set(key, value);
    rememberVersion(desires, key, request);
    desires.untilMs = nowMs + DESIRED_MEMORY_MS;
    this.#shard(request.device).desires.set(keyOf(request.device), desires);
    return { type: "stored", ...this.#stateOf(request.device, nowMs) };
  }

  async desiredValues(device: DeviceRef): Promise<readonly DesiredValue[]> {
    const { values, versions } = this.#desires(device, this.#now());
    return [...values]
      .map(([key, value]) => ({ key, value, ...(versions.get(key) as DesiredVersion) })) // Every value has its version.
      .sort(byAge);
  }

  async fulfil(request: FulfilRequest): Promise<FulfilOutcome> {
    const nowMs = this.#time(request.nowMs);
    const desires = this.#desires(request.device, nowMs);
    const last = desires.versions.get(request.key);
    if (last !== undefined && isNewer(last, request)) return { type: "newer" };
    desires.values.delete(request.key);
    rememberVersion(desires, request.key, request);
    desires.untilMs = nowMs + DESIRED_MEMORY_MS;
    this.#shard(request.device).desires.set(keyOf(request.device), desires);
    return { type: "done" };
  }

  async restore(request: RestoreRequest): Promise<RestoreOutcome> {
    const nowMs = this.#time(request.nowMs);
    const { registration, owner } = request;
    const key = keyOf(registration);
    const old = this.#devices.get(key);
    const owns = old !== undefined && isOwnerOf(request, old);
    if (old !== undefined && old.registration.generation >= registration.generation && !owns) {
      if (old.registration.generation === registration.generation) {
        const expiresAtMs = Math.max(old.registration.expiresAtMs, registration.expiresAtMs);
        old.registration = { ...old.registration, expiresAtMs };
      }
      return { type: "known", state: this.#state(old) };
    }
    const endedMs = this.#endedMs(registration, nowMs);
    if (endedMs >= registration.generation) return { type: "known" };
    if (old !== undefined) this.#forget(key, old);

    const epoch = old?.owner.epoch ?? endedMs * 256;
    const device: Device = {
      registration,
      owner: owner !== undefined && (owner.epoch > epoch || owns) ? owner : ownerAfter(epoch, NOBODY, nowMs),
      firstMessageId: old === undefined ? randomInt(0x10000) : nextMessageId(old.firstMessageId),
      lastSeenMs: registration.updatedAtMs,
      digest: "",
      observations: new Map(),
    };
    this.#keep(key, device, request.observations);
    return { type: "restored", state: this.#state(device) };
  }

  async sweep(request: SweepRequest): Promise<SweepOutcome> {
    const shard = this.#shards.get(request.shard);
    // Most shards of a store in one process never held anything, and each is asked for every few seconds.
    if (shard === undefined) return NOTHING_SWEPT;
    const nowMs = this.#time(request.nowMs);
    if (shard.lease.bootId !== request.node.bootId && nowMs < shard.lease.untilMs) return { type: "leased" };
    forgetLapsed(shard, nowMs);
    const old = shard.outbox.filter(({ atMs }) => atMs <= nowMs - request.outboxAgeMs);
    const lapsed = [...shard.devices]
      .map((key) => this.#devices.get(key) as Device) // A key is in the shard as long as its device is in the map.
      .filter(({ registration }) => registration.expiresAtMs <= nowMs - request.graceMs)
      .sort((a, b) => a.registration.expiresAtMs - b.registration.expiresAtMs);
    const expired = lapsed
      .slice(0, request.limit)
      .map((device) => ({ device, outboxId: this.#endNow(device, "expired", nowMs, EXPIRED_REASON) }));
    const ended = new Set(expired.map(({ outboxId }) => outboxId));
    const { node, leaseMs = SWEEP_LEASE_MS } = request;
    // What is handed over takes its time to be published.
    const handsOver = old.length > 0 || expired.length > 0;
    shard.lease = { bootId: node.bootId, untilMs: nowMs + (handsOver ? SWEEP_LEASE_MS : leaseMs) };
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
    return {
      id: this.#incarnation,
      highWaterS: Math.floor(this.#now() / 1000),
      restored: this.#restored === "all",
      requestsRestored: this.#restored !== "nothing",
    };
  }

  async markRestored(incarnationId: string, extent: "all" | "requests" = "all"): Promise<boolean> {
    if (incarnationId !== this.#incarnation) return false;
    if (this.#restored !== "all") this.#restored = extent;
    return true;
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
    const devices = page.map((key) => ({
      ...this.#state(this.#devices.get(key) as Device), // Keys of the map just listed.
      waiting: { requests: 0, values: 0 },
    }));
    const cursor = page.at(-1);
    return keys.length > page.length && cursor !== undefined ? { devices, cursor } : { devices };
  }

  #time(nowMs: number): number {
    return Math.max(nowMs, this.#now());
  }

  #byRegistration({ registrationId, sender }: { registrationId: string; sender: Sender }): Device | undefined {
    return this.#byProof({ type: "registrationId", registrationId }, sender);
  }

  /** The device of a proof, if its registration is the sender's. */
  #byProof(proof: ClaimProof, sender: Sender): Device | undefined {
    const device = this.#devices.get(this.#provenKey(proof, sender) ?? "");
    return device !== undefined && isSenders(device.registration, sender) ? device : undefined;
  }

  #provenKey(proof: ClaimProof, sender: Sender): string | undefined {
    switch (proof.type) {
      case "registrationId":
        return this.#byRegistrationId.get(proof.registrationId);
      case "token":
        return this.#byToken.get(hex(proof.token));
      case "identity":
        return sender.securityMode === "NO_SEC" ? undefined : keyOf(sender.device);
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

  /** Stores a device with all that leads to it. */
  #keep(key: string, device: Device, observations: readonly Observation[]): void {
    this.#devices.set(key, device);
    this.#byRegistrationId.set(device.registration.registrationId, key);
    this.#shard(device.registration).devices.add(key);
    this.#addObservations(key, device, observations);
    this.#addPeer(key, device);
  }

  #change(device: Device, registration: Registration): void {
    const key = keyOf(registration);
    this.#removePeer(key, device);
    device.registration = registration;
    this.#addPeer(key, device);
  }

  #addPeer(key: string, { registration: { peer } }: Device): void {
    const keys = this.#byPeer.get(peer) ?? new Set();
    this.#byPeer.set(peer, keys.add(key));
  }

  #removePeer(key: string, { registration: { peer } }: Device): void {
    const keys = this.#byPeer.get(peer);
    keys?.delete(key);
    if (keys?.size === 0) this.#byPeer.delete(peer);
  }

  /** The state of a device that is there, as a member of an outcome. */
  #stateOf(ref: DeviceRef, nowMs: number): { state?: DeviceState } {
    const device = this.#devices.get(keyOf(ref));
    return device === undefined || isGone(device, nowMs) ? {} : { state: this.#state(device) };
  }

  #state(device: Device): DeviceState {
    const { registration, owner, observations, firstMessageId, lastSeenMs } = device;
    const waiting = {
      requests: this.#openRequests(registration, this.#now()).length,
      values: this.#desires(registration, this.#now()).values.size,
    };
    return { registration, owner, observations: [...observations.values()], firstMessageId, lastSeenMs, waiting };
  }

  #openRequests(device: DeviceRef, nowMs: number): Request[] {
    const ofDevice = this.#shard(device).requests.get(keyOf(device)) ?? new Map<string, Request>();
    return [...ofDevice.values()].filter((request) => isOpen(request, nowMs)).sort((a, b) => a.place - b.place);
  }

  #desires(device: DeviceRef, nowMs: number): Desires {
    const desires = this.#shard(device).desires.get(keyOf(device));
    if (desires !== undefined && nowMs < desires.untilMs) return desires;
    return { values: new Map(), versions: new Map(), untilMs: 0 };
  }

  #endedMs(device: DeviceRef, nowMs: number): number {
    const ended = this.#shard(device).ended.get(keyOf(device));
    return ended === undefined || nowMs >= ended.untilMs ? 0 : ended.endedMs;
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
    const endedMs = Math.max(registration.generation, Math.floor(owner.epoch / 256));
    const untilMs = Math.max(endedMs + 1, nowMs + ENDED_MEMORY_MS);
    this.#shard(registration).ended.set(keyOf(registration), { endedMs, untilMs });
    return this.#publishLater({ event, registration, owner, atMs: nowMs, ...(reason === undefined ? {} : { reason }) });
  }

  #forget(key: string, device: Device): void {
    this.#devices.delete(key);
    this.#byRegistrationId.delete(device.registration.registrationId);
    for (const token of device.observations.keys()) this.#byToken.delete(token);
    this.#shard(device.registration).devices.delete(key);
    this.#removePeer(key, device);
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
      shard = {
        devices: new Set(),
        outbox: [],
        requests: new Map(),
        desires: new Map(),
        ended: new Map(),
        lease: { bootId: "", untilMs: 0 },
      };
      this.#shards.set(number, shard);
    }
    return shard;
  }
}

const NOTHING_SWEPT: SweepOutcome = { type: "swept", expired: [], outbox: [], more: false };

function forgetLapsed({ requests, desires, ended }: Shard, nowMs: number): void {
  for (const [key, ofDevice] of requests) {
    for (const [requestId, request] of ofDevice) {
      if (nowMs >= request.untilMs) ofDevice.delete(requestId);
      else if (request.finished && nowMs >= request.finished.untilMs) request.finished = NO_ANSWER;
    }
    if (ofDevice.size === 0) requests.delete(key);
  }
  for (const [key, { untilMs }] of desires) if (nowMs >= untilMs) desires.delete(key);
  for (const [key, { untilMs }] of ended) if (nowMs >= untilMs) ended.delete(key);
}

/** That of a request whose final answer lapsed, or was lost. */
const NO_ANSWER = { response: new Uint8Array(), untilMs: 0 };

/** Who owns a device that nobody has. */
const NOBODY: NodeRef = { slot: 0, bootId: "" };

/** Beyond every time in ms. */
const BEFORE_LOSS = 1e15;

/** The device's owner knows better than who stored the same registration with an older owner, or without one, or than itself before an Update. */
function isOwnerOf({ registration, owner }: RestoreRequest, old: Device): boolean {
  if (!owner?.bootId || registration.generation !== old.registration.generation) return false;
  if (owner.epoch !== old.owner.epoch) return owner.epoch > old.owner.epoch;
  if (old.owner.bootId === "") return true;
  return owner.bootId === old.owner.bootId && registration.updatedAtMs > old.registration.updatedAtMs;
}

function isOpen({ finished, untilMs }: Request, nowMs: number): boolean {
  return finished === undefined && nowMs < untilMs;
}

function listed({
  device,
  requestId,
  contentType,
  expiresAtMs,
  failFast,
  displaced,
  dispatchedBy,
}: Request): ShardRequest {
  const open = { device, requestId, contentType, expiresAtMs, failFast: failFast ?? false, displaced };
  return dispatchedBy === undefined ? open : { ...open, dispatchedBy };
}

function waiting(request: Request): WaitingRequest {
  return { ...listed(request), request: request.request };
}

/** Remembers the last version of a key; where versions are too many, that of the oldest one that waits for nothing goes. */
function rememberVersion({ values, versions }: Desires, key: string, { version, writtenMs }: DesiredVersion): void {
  versions.set(key, { version, writtenMs });
  if (versions.size <= MAX_DESIRED_VALUES) return;
  const idle = [...versions].filter(([each]) => !values.has(each)).map(([each, at]) => ({ key: each, ...at }));
  const [oldest] = idle.sort(byAge);
  if (oldest !== undefined) versions.delete(oldest.key);
}

function isNewer(a: DesiredVersion, b: DesiredVersion): boolean {
  return a.version > b.version || a.writtenMs > b.writtenMs;
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
