import type { Operation } from "@ferry/lwm2m";
import type { BucketState, DeviceState, Observation, Owner, Registration } from "@ferry/state";
import { WorkQueue } from "./downlink/work-queue.ts";
import type { Serving } from "./serving.ts";
import { type TokenKey, tokenKey } from "./token-key.ts";

/** An observation of a device that this node owns, with what only its owner needs to know. */
export interface HeldObservation {
  readonly observation: Observation;
  /** Key of the observation's token. */
  readonly key: TokenKey;
  /** Parsed form of the observation's only path. */
  readonly path: readonly number[];
  /** The device is known to hold it; else it is made (anew) at the next occasion. */
  confirmed: boolean;
  /** A request that makes it is queued or under way. */
  making: boolean;
  /** Observe value of the newest notification; undefined before the first. */
  observe: number | undefined;
  /** When that notification came, on the monotonic clock. */
  observedAtMs: number;
}

/**
 * A device that this node owns: the one place of what is known of it in memory.
 *
 * It is a copy of what Redis holds plus what dies with the owner: order of notifications, work in hand, sequence of records.
 */
export class OwnedDevice {
  registration: Registration;
  owner: Owner;
  serving: Serving;
  /** Where the device was last heard, as a peer key; ahead of `registration.peer` until the next revalidation. */
  peer: string;
  readonly observations: Map<TokenKey, HeldObservation> = new Map();
  readonly work: WorkQueue = new WorkQueue();
  /** Reads and Write-Attributes that the profile wants and that are still to be done, with how often they were tried; undefined when there are none. */
  toDo: Map<Operation, number> | undefined = undefined;
  /** What Redis holds of the profile's observations is what the profile wants. */
  followed = true;
  /** That is being brought about. */
  following = false;
  /** Records written for the device under this epoch. */
  sequence = 0;
  /** When ownership was last confirmed by Redis, monotonic ms. */
  revalidatedAtMs: number;
  /** A revalidation is on its way. */
  revalidating = false;
  /** First and last authenticated datagram of the present flow (same source, no gap beyond the window), monotonic ms: what `reachable` decides by. */
  flowStartMs: number;
  lastUplinkMs: number;

  /** What its rate limits have let through: uplinks, and lines of its communication log. Undefined until one counts. */
  uplinks: BucketState | undefined = undefined;
  logLines: BucketState | undefined = undefined;
  /** Lines that were left out since the last that passed, and the time of that one, ms since 1970. */
  linesLeftOut = 0;
  lastLineMs = 0;

  /** It sleeps, as far as it listens only after its own messages, and was not heard since. */
  asleep = false;
  /** Requests of the device's queue, the one under way included. */
  requestsInHand = 0;
  /** The store holds requests that are not in hand. */
  requestsWait: boolean;
  /** The store holds requests that the device did not answer in time: they wait until it is heard. */
  retriesWait = false;
  /** What waits is being fetched. */
  fetching = false;
  /** Gives up the request under way, where it may be repeated. */
  underWay: AbortController | undefined = undefined;

  constructor(state: DeviceState, serving: Serving, peer: string, monotonicMs: number) {
    this.registration = state.registration;
    this.owner = state.owner;
    this.serving = serving;
    this.peer = peer;
    this.revalidatedAtMs = monotonicMs;
    this.flowStartMs = monotonicMs;
    this.lastUplinkMs = monotonicMs;
    this.requestsWait = state.waiting.requests > 0;
    for (const observation of state.observations) this.hold(observation);
  }

  get tenant(): string {
    return this.registration.tenant;
  }

  get endpoint(): string {
    return this.registration.endpoint;
  }

  /** Notes an authenticated datagram: the device is where it came from. */
  heard(peer: string, nowMs: number, flowWindowMs: number): void {
    if (peer !== this.peer || nowMs - this.lastUplinkMs > flowWindowMs) this.flowStartMs = nowMs;
    this.peer = peer;
    this.lastUplinkMs = nowMs;
  }

  nextSequence(): number {
    this.sequence += 1;
    return this.sequence;
  }

  /** Goes on with what was counted of the device before it registered anew: a Register does not fill its buckets. */
  inherit(before: OwnedDevice): void {
    this.uplinks = before.uplinks;
    this.logLines = before.logLines;
    this.linesLeftOut = before.linesLeftOut;
    this.lastLineMs = before.lastLineMs;
  }

  hold(observation: Observation): HeldObservation {
    const path = (observation.paths[0] ?? "/").split("/").filter(Boolean).map(Number);
    const key = tokenKey(observation.token);
    const held = { observation, key, path, confirmed: true, making: false, observe: undefined, observedAtMs: 0 };
    this.observations.set(key, held);
    return held;
  }
}
