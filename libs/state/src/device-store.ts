import type { PowerOverride } from "@ferry/profile";
import type { Epoch } from "./epoch.ts";
import type { Token } from "./token.ts";

/** Names a device: endpoint names are unique within a tenant. */
export interface DeviceRef {
  readonly tenant: string;
  readonly endpoint: string;
}

/** One life of one transport node. */
export interface NodeRef {
  /** 0 to 63. */
  readonly slot: number;
  /** Random id of this life, 16 lower-case hex digits. */
  readonly bootId: string;
}

/** The node that last received an authenticated datagram of a device. After `release` nobody has it, and `bootId` is empty. */
export interface Owner extends NodeRef {
  readonly epoch: Epoch;
}

/** A device's registration (OMA LwM2M Core 1.1.1 §6.2.1). Times are ms since 1970. */
export interface Registration extends DeviceRef {
  /** Last segment of /rd/{id}: 14 characters of base64url whose first bits hold version and shard. */
  readonly registrationId: string;
  /** Grows with every Register of the endpoint, also across a lost Redis: max(previous + 1, ms since 1970). */
  readonly generation: number;
  readonly lifetimeS: number;
  /** `1.0`, `1.1` or `1.2`. */
  readonly lwm2mVersion: string;
  readonly bindingMode: string;
  readonly queueMode: boolean;
  readonly smsNumber?: string;
  /** Objects and Object Instances as the device sent them (RFC 6690). */
  readonly objectLinks: string;
  /** Name of the profile that serves the device. */
  readonly profile: string;
  readonly securityMode: "NO_SEC" | "PSK" | "RPK" | "X509";
  /** Source of the last authenticated datagram: `192.0.2.1:5683`, `[2001:db8::1]:5683`. */
  readonly peer: string;
  readonly registeredAtMs: number;
  readonly updatedAtMs: number;
  readonly expiresAtMs: number;
  readonly additionalParameters?: Readonly<Record<string, string>>;
  /** How the device sleeps, where its declaration said otherwise than its profile at Register. */
  readonly power?: PowerOverride;
}

/** An observation that the device holds for us (RFC 7641). */
export interface Observation {
  readonly token: Token;
  /** Plain paths: one for an Observe, several for an Observe-Composite. */
  readonly paths: readonly string[];
  /** Made for the profile (made anew by it), asked for by an RPC, or of the profile and cancelled by an RPC: not made anew before the device registers. */
  readonly source: "profile" | "rpc" | "cancelled";
  /** Content-Format asked for with Accept; undefined when left to the device. */
  readonly contentFormat?: number;
}

/**
 * What waits in the store for a device; whoever becomes its owner fetches it. `requests` may still count one that lapsed unanswered,
 * until `openRequests` is asked.
 */
export interface Waiting {
  /** Open requests, also those that are dispatched. */
  readonly requests: number;
  /** Desired values that are not fulfilled. */
  readonly values: number;
}

/** All that a node needs to serve a device. */
export interface DeviceState {
  readonly registration: Registration;
  readonly owner: Owner;
  readonly observations: readonly Observation[];
  /** First Message ID that this owner sends to the device: 256 beyond the last owner's, so that they do not meet. */
  readonly firstMessageId: number;
  /** When an authenticated datagram of the device last changed or confirmed its owner, ms since 1970. */
  readonly lastSeenMs: number;
  readonly waiting: Waiting;
}

/** How long after its lifetime a registration is kept, so that a late retransmission still finds it: EXCHANGE_LIFETIME (RFC 7252 §4.8.2). */
export const EXPIRY_GRACE_MS = 247_000;

/** One life of a store's contents. */
export interface Incarnation {
  /** Random; another id than before means that the store was emptied or rolled back to an older copy. */
  readonly id: string;
  /** Latest second, since 1970, that a node saw this incarnation at. */
  readonly highWaterS: number;
  /** What Kafka knows of the life before has been read back: until then what the store does not have proves nothing. */
  readonly restored: boolean;
  /** Its requests have, which come first: what was sent is not taken for new. */
  readonly requestsRestored: boolean;
}

/** What a Register asks for. Ids and times that the store decides are missing. */
export interface RegisterRequest {
  readonly registration: Omit<Registration, "generation" | "registeredAtMs" | "updatedAtMs" | "expiresAtMs">;
  /** Identifies the datagram: hash of source or association, Message ID and token. A repeat within 247 s gets the same Location on any node. */
  readonly digest: string;
  /** Observations that the node is about to make: stored in the same step, so that any node can resolve their first notification. */
  readonly observations?: readonly Observation[];
  readonly node: NodeRef;
  readonly nowMs: number;
}

export type RegisterOutcome =
  | {
      readonly type: "registered";
      readonly state: DeviceState;
      /** The registration that this one replaced, with the node that owned it. */
      readonly replaced?: { readonly registration: Registration; readonly owner: Owner };
      readonly outboxId: string;
    }
  /** The same datagram was accepted before, here or on another node. */
  | { readonly type: "repeated"; readonly state: DeviceState };

/**
 * Who sent a datagram, as far as its transport proves it: without DTLS nobody in particular, with DTLS the device of a credential.
 *
 * A registration is a sender's when both are without DTLS, or when it is of the sender's device and both are with DTLS, by whatever kind of credential.
 */
export type Sender =
  | { readonly securityMode: "NO_SEC" }
  | { readonly securityMode: "PSK" | "RPK" | "X509"; readonly device: DeviceRef };

/** The sender of a datagram without DTLS. */
export const NO_SEC: Sender = { securityMode: "NO_SEC" };

/** What an Update asks for; absent members leave the registration as it is. The lifetime always starts anew. */
export interface UpdateRequest {
  readonly registrationId: string;
  readonly lifetimeS?: number;
  readonly bindingMode?: string;
  readonly smsNumber?: string;
  readonly objectLinks?: string;
  readonly peer: string;
  readonly sender: Sender;
  readonly node: NodeRef;
  readonly nowMs: number;
}

/** What an Update changed beside the time: `objects` is the link list, `peer` the address it came from. */
export type RegistrationChange = "lifetime" | "binding" | "sms" | "objects" | "peer";

export type UpdateOutcome =
  /** `state` is always complete; `previousOwner` is set when the Update moved the device here. */
  | {
      readonly type: "updated";
      readonly state: DeviceState;
      readonly changes: readonly RegistrationChange[];
      readonly previousOwner?: Owner;
      readonly outboxId: string;
    }
  /** No such registration, or it is not the sender's. */
  | { readonly type: "notFound" };

export interface DeregisterRequest {
  readonly registrationId: string;
  readonly sender: Sender;
  readonly node: NodeRef;
  readonly nowMs: number;
}

export type DeregisterOutcome =
  | {
      readonly type: "deregistered";
      readonly registration: Registration;
      readonly owner: Owner;
      readonly outboxId: string;
    }
  /** No such registration, or it is not the sender's. */
  | { readonly type: "notFound" };

/** How a datagram shows whose it is: by a full registration id, by the token of a live observation, or, with DTLS, by nothing but its sender. */
export type ClaimProof =
  | { readonly type: "registrationId"; readonly registrationId: string }
  | { readonly type: "token"; readonly token: Token }
  | { readonly type: "identity" };

export interface ClaimRequest {
  readonly proof: ClaimProof;
  readonly sender: Sender;
  readonly peer: string;
  readonly node: NodeRef;
  readonly nowMs: number;
}

export type ClaimOutcome =
  /** The device was another node's and is now ours. */
  | { readonly type: "claimed"; readonly state: DeviceState; readonly previousOwner: Owner }
  /** It was ours already; last seen and peer are refreshed. */
  | { readonly type: "owned"; readonly state: DeviceState }
  /** No live registration or observation has this proof, or it is not the sender's. */
  | { readonly type: "notFound" };

/** A step under an epoch: done, or refused because another owner has the device (or it is gone). */
export type OwnedOutcome = { readonly type: "done" } | { readonly type: "stale"; readonly owner: Owner | undefined };

/** A request that was accepted and has no final answer yet, or has one that repeats get. */
export interface OpenRequest {
  readonly requestId: string;
  /** `lwm2m.v1.RpcRequest` with tenant and expiry filled in. */
  readonly request: Uint8Array;
  /** Content type of request and response on the bus. */
  readonly contentType: string;
  readonly expiresAtMs: number;
  /** Ends as soon as its device's node is gone. */
  readonly failFast?: boolean;
  /** Says what is asked for, at most 64 characters: the same id with another digest is another request. Absent: that is not compared. */
  readonly digest?: string;
}

/** An open request as its shard lists it, without what is asked for. */
export interface ShardRequest {
  readonly device: DeviceRef;
  readonly requestId: string;
  readonly contentType: string;
  readonly expiresAtMs: number;
  readonly failFast: boolean;
  /** It made room for a later one: nobody dispatches it any more, and whoever finds it finishes it. */
  readonly displaced: boolean;
  /** Who passed `dispatch` with it: whether the device carried it out is unknown until the answer comes. */
  readonly dispatchedBy?: NodeRef;
}

/** An open request with what is asked for. */
export interface WaitingRequest extends ShardRequest, Pick<OpenRequest, "request"> {}

/** Some of many requests. */
export interface Page<Listed extends ShardRequest> {
  readonly requests: readonly Listed[];
  /** There are others behind them. */
  readonly more: boolean;
}

export type AcceptOutcome =
  | {
      readonly type: "accepted";
      /** The device as it is in this step; undefined when it is not registered, or lapsed beyond the grace. */
      readonly state?: DeviceState;
      /**
       * The oldest requests behind those in hand that nobody dispatched, as many as are open beyond the limit. Nobody can dispatch them any more, and
       * they stay open until the caller finishes them: should it die before, the next `accept` names them again.
       */
      readonly displaced: readonly ShardRequest[];
    }
  /** The request is open already, as `open` says. */
  | { readonly type: "open"; readonly open: WaitingRequest; readonly state?: DeviceState }
  /** This id is that of another request, open or finished: nothing was stored. */
  | { readonly type: "conflict" }
  /** This id has its final answer: `lwm2m.v1.RpcResponse`, encoded as `contentType` says; no `response` when that is longer ago than it is remembered. */
  | { readonly type: "finished"; readonly response?: Uint8Array; readonly contentType: string }
  /** As many as the limit are open, and each was dispatched or may be in a node's hand: the request is displaced itself, and the caller finishes it. */
  | { readonly type: "full" };

export type DispatchOutcome =
  /** The first datagram may leave, within 1 s. */
  | { readonly type: "go" }
  /** Somebody dispatched it before, or it is finished, or ownership moved (or its memory lapsed: `stale`): it must not be sent (again). */
  | { readonly type: "dispatched" }
  /** Also when it was displaced: its final answer is on its way. */
  | { readonly type: "finished" }
  | { readonly type: "stale" };

export type FinishOutcome =
  | { readonly type: "won"; readonly outboxId: string; readonly contentType: string }
  /** Another answer was first; this one is void. */
  | { readonly type: "lost" }
  /** No such request, or its memory lapsed. */
  | { readonly type: "unknown" };

/**
 * Which of two desired values of a key is newer: the one of the later offset, and also the one that was written later: the offsets of a topic that was made anew begin at 0 again.
 *
 * By time alone a producer whose clock is wrong would have the last word; by offset alone nobody would be heard for as long as versions are remembered.
 */
export interface DesiredVersion {
  /** Offset of the record that asked for the value. */
  readonly version: number;
  /** Time of that record, ms since 1970. */
  readonly writtenMs: number;
}

/** A value that a resource of a device is wanted to have. */
export interface DesiredValue extends DesiredVersion {
  /** Key name that the device's profile gives the resource. */
  readonly key: string;
  /** As the caller of `desire` wrote it: JSON text. */
  readonly value: string;
}

export type DesireOutcome =
  /** `state` as `accept` answers it, so that the owner can be told: `state.waiting.values` says whether there is anything to tell. */
  | { readonly type: "stored"; readonly state?: DeviceState }
  /** This version or a newer one of the key was stored before, fulfilled or not. */
  | { readonly type: "older"; readonly state?: DeviceState }
  /** `MAX_DESIRED_VALUES` keys of the device wait already. */
  | { readonly type: "full" };

export type FulfilOutcome =
  | { readonly type: "done" }
  /** Meanwhile the key has a newer version, or that was withdrawn: `desiredValues` tells. */
  | { readonly type: "newer" };

/** An open request to be stored again after the store was emptied or rolled back. */
export interface ReopenRequest {
  readonly device: DeviceRef;
  readonly open: OpenRequest;
  /** When it was accepted, ms since 1970: those from before the loss keep their order, and go before those that were accepted since. */
  readonly acceptedAtMs: number;
  /** Somebody may have sent it: nobody passes `dispatch` with it any more. */
  readonly dispatched: boolean;
  readonly nowMs: number;
}

export type ReopenOutcome =
  /** It is open again; or it was open, and dispatched by nobody that the store knew: as an answer of a device can no longer be told from none, its caller ends it. */
  | { readonly type: "reopened"; readonly state?: DeviceState }
  /** It was open, dispatched by a node that has it in hand or not at all. */
  | { readonly type: "open"; readonly state?: DeviceState }
  /** It has its final answer. */
  | { readonly type: "finished" };

/** A device to be stored again after the store was emptied or rolled back. */
export interface RestoreRequest {
  readonly registration: Registration;
  readonly observations: readonly Observation[];
  /** Who has the device, as that node says; or the epoch of its last owner that is known, with an empty boot id. Nobody, with an epoch of now, when undefined. */
  readonly owner?: Owner;
  readonly nowMs: number;
}

export type RestoreOutcome =
  /** An owner of an older epoch than one that the store has given meanwhile is not restored: `state.owner` says who has the device. */
  | { readonly type: "restored"; readonly state: DeviceState }
  /**
   * The store has a newer generation, or this one with an owner that is not older, `state`: of the same generation the later expiry holds.
   * Or it knows that the device ended at this generation (no `state`).
   */
  | { readonly type: "known"; readonly state?: DeviceState };

/** A record that must reach Kafka because the state it tells of is stored: written in the same atomic step. */
export interface OutboxEntry {
  readonly id: string;
  readonly shard: number;
  /** `lifecycle`: value is `lwm2m.v1.LifecycleRecord`; `response`: value is `lwm2m.v1.RpcResponse`, encoded as `contentType` says: it is published as it is. */
  readonly kind: "lifecycle" | "response";
  readonly device: DeviceRef;
  readonly contentType: string;
  readonly value: Uint8Array;
}

export interface SweepRequest {
  readonly shard: number;
  readonly node: NodeRef;
  /** Outbox entries younger than this are left to the node that wrote them, ms. */
  readonly outboxAgeMs: number;
  /** How long after its lifetime a registration is ended, ms: 247 000, so that a late retransmission still finds it. */
  readonly graceMs: number;
  readonly limit: number;
  /** How long the shard is this node's from now on, ms, unless it is handed something to publish: then, and when absent, `SWEEP_LEASE_MS`. */
  readonly leaseMs?: number;
  readonly nowMs: number;
}

export type SweepOutcome =
  /** Another live node sweeps this shard. */
  | { readonly type: "leased" }
  /** `expired` were ended in this step, each with its outbox entry among `outbox`. */
  | {
      readonly type: "swept";
      readonly expired: readonly { readonly registration: Registration; readonly owner: Owner }[];
      readonly outbox: readonly OutboxEntry[];
      readonly more: boolean;
    };

/** What an owner adds to and removes from the observations of its device. */
export interface ObserveRequest {
  readonly device: DeviceRef;
  readonly owner: Owner;
  readonly add: readonly Observation[];
  readonly remove: readonly Token[];
}

/** A request to be remembered, and how many a device may have open. */
export interface AcceptRequest {
  readonly device: DeviceRef;
  readonly open: OpenRequest;
  readonly limit: number;
  /** How many the device's node may have in hand: they are the first that nobody dispatched, and are not displaced, for they may be under way. 0 when absent. */
  readonly inHand?: number;
  readonly nowMs: number;
}

/** Who is about to send an operation that must not be sent twice. */
export interface DispatchRequest {
  readonly device: DeviceRef;
  readonly requestId: string;
  readonly owner: Owner;
  readonly nowMs: number;
}

/** A final answer: `response` is encoded by the request's content type. */
export interface FinishRequest {
  readonly device: DeviceRef;
  readonly requestId: string;
  readonly response: Uint8Array;
  readonly nowMs: number;
}

/** Which open requests of a device are handed over: at most `limit`, and of few bytes (`PAGE_MAX_BYTES`), behind `after`: from the first, if that is not open. */
export interface OpenRequestsPage {
  readonly device: DeviceRef;
  readonly limit: number;
  readonly after?: string;
}

/** Which open requests of a shard are listed: at most `limit`, after the first `offset` (0). */
export interface ShardRequestsPage {
  readonly shard: number;
  readonly limit: number;
  readonly offset?: number;
}

/** What a resource is to be set to; `value` undefined withdraws it. */
export interface DesireRequest extends DesiredVersion {
  readonly device: DeviceRef;
  readonly key: string;
  readonly value: string | undefined;
  readonly nowMs: number;
}

/** Which desired value a device has. */
export interface FulfilRequest extends DesiredVersion {
  readonly device: DeviceRef;
  readonly key: string;
  readonly nowMs: number;
}

/**
 * The state of devices: every method is one atomic step in the device's slot and safe to repeat.
 *
 * Requests and desired values are for the device, not for one of its registrations: Register, Deregister, removal and expiry leave them.
 *
 * Time is the later one of the given `nowMs` and the store's own clock (in Redis: `TIME`), so that a node whose clock lags
 * neither ends a registration late nor makes an epoch that is behind.
 *
 * All methods reject with `StateUnavailableError` when the store cannot be reached in time; whether the step was done is then unknown.
 */
export interface DeviceStore {
  /** Replaces in one step: new generation, old observations and owner cleared, `registered` event in the outbox. */
  register(request: RegisterRequest): Promise<RegisterOutcome>;
  /** Prolongs or changes a registration and takes ownership; revives one that lapsed and was not swept yet. */
  update(request: UpdateRequest): Promise<UpdateOutcome>;
  deregister(request: DeregisterRequest): Promise<DeregisterOutcome>;
  /** Ends whatever registration the device has, on behalf of an operator. */
  remove(request: {
    readonly device: DeviceRef;
    readonly reason: string;
    readonly nowMs: number;
  }): Promise<DeregisterOutcome>;
  claim(request: ClaimRequest): Promise<ClaimOutcome>;
  /** Gives ownership up on drain: the next datagram decides who has the device. */
  release(request: { readonly device: DeviceRef; readonly owner: Owner }): Promise<OwnedOutcome>;
  /** Reads without changing anything; `undefined` when not registered or lapsed beyond the grace. */
  get(device: DeviceRef): Promise<DeviceState | undefined>;
  /**
   * The device without DTLS whose registration names this source address; "ambiguous" when several do. Not one step: it follows a hint that is written
   * after Register, Update and claim, and may lag behind them or be lost; what it leads to is proven by the registration.
   */
  findByPeer(peer: string): Promise<DeviceState | "ambiguous" | undefined>;
  /** Adds and removes observations of an owned device in one step. */
  observe(request: ObserveRequest): Promise<OwnedOutcome>;

  /**
   * Remembers a request until its final answer (`OPEN_MEMORY_MS` beyond its expiry at most), the answer for `ANSWER_MEMORY_MS`, and that there was one for as
   * long after the request expires. Beyond `limit` open requests of the device (at least 1) it displaces the oldest that were not dispatched, but none of the first `inHand` of these.
   */
  accept(request: AcceptRequest): Promise<AcceptOutcome>;
  /** Passed just before the first transmission of Execute, Create, Delete: at most one caller is told to go. */
  dispatch(request: DispatchRequest): Promise<DispatchOutcome>;
  /** Decides the final answer once; the winner's response (`encodeRpcResponse` by the request's content type) is in the outbox in the same step. */
  finish(request: FinishRequest): Promise<FinishOutcome>;
  /** Requests of a device that have no final answer, in order of acceptance. */
  openRequests(page: OpenRequestsPage): Promise<Page<WaitingRequest>>;

  /** Open requests of a shard, the first to expire first: so that routers can end those whose node and router died. */
  listOpenRequests(page: ShardRequestsPage): Promise<Page<ShardRequest>>;

  /** Stores what a resource is to be set to; `value` undefined withdraws it. Forgotten `DESIRED_MEMORY_MS` after the device's last desire. */
  desire(request: DesireRequest): Promise<DesireOutcome>;
  /** What is desired of a device and not fulfilled, the oldest version first. */
  desiredValues(device: DeviceRef): Promise<readonly DesiredValue[]>;
  /** The device has the value: it waits no longer. Its version stays, so that a repeat of the same record is `older`. */
  fulfil(request: FulfilRequest): Promise<FulfilOutcome>;

  /**
   * Stores a device that the store lost, unless it knows this generation or a newer one; its owner takes the place of none or of an older one.
   * Tells nobody: nothing happened to the device.
   */
  restore(request: RestoreRequest): Promise<RestoreOutcome>;
  /** Stores an open request that the store lost; there is no limit, for it was accepted under one. */
  reopen(request: ReopenRequest): Promise<ReopenOutcome>;
  /**
   * Ends an open request whose final answer was decided before the store was rolled back: it is finished without an answer, so that a redelivery is not
   * accepted anew. False when it is not open.
   */
  close(request: { readonly device: DeviceRef; readonly requestId: string; readonly nowMs: number }): Promise<boolean>;

  /** Ends what lapsed and hands over what the outbox holds, if no other live node has the shard's lease. */
  sweep(request: SweepRequest): Promise<SweepOutcome>;
  /** Forgets outbox entries that Kafka has. */
  settle(shard: number, outboxIds: readonly string[]): Promise<void>;
  /** Tells which life of the store this is, as it was after the call, however many call at once; called now and then, it notices a roll-back. */
  incarnation(): Promise<Incarnation>;
  /** Notes that this life of the store has all that was known of the one before, or its requests; false when it is over already. */
  markRestored(incarnationId: string, extent?: "all" | "requests"): Promise<boolean>;
  /** Lists registrations, for the console and the CLI; never on a serving path. `cursor` continues where the last page ended. `waiting` is left at 0. */
  list(request: {
    readonly tenant?: string;
    readonly cursor?: string;
    readonly limit: number;
  }): Promise<{ readonly devices: readonly DeviceState[]; readonly cursor?: string }>;
}
