import type { PeerKey } from "@ferry/coap";
import { formatPath, type LwM2mPath, type Operation } from "@ferry/lwm2m";
import type { PathGroup } from "@ferry/profile";
import { deviceKey } from "@ferry/proto";
import type { BucketState, DesiredVersion, DeviceState, Observation, Owner, Registration } from "@ferry/state";
import { WorkQueue } from "./downlink/work-queue.ts";
import { type DesiredObservation, type Serving, silenceMs } from "./serving.ts";
import type { Link, Source } from "./source.ts";
import { type TokenKey, tokenKey } from "./token-key.ts";

/** A device that got no ACK for so long may have given its CON notification up, and its observations with it, ms (RFC 7641 §4.5). */
const DROPS_AFTER_MS = 40_000;

/** What is wanted of a device without anybody waiting for it, and how that goes. */
export interface Attempts {
  /** It waits in the device's queue, or is under way. */
  queued: boolean;
  /** Failures in a row. */
  failures: number;
  /** When it may be tried again, on the monotonic clock; Infinity when the device refused it. */
  retryAtMs: number;
}

/** How one desired value goes that is known to wait in the store. */
export interface DesiredAttempts extends Attempts, DesiredVersion {
  /** Why it cannot be written, as was told last. */
  told: string | undefined;
}

/** A request that was handed to CoAP and has not ended. */
export interface UnderWay {
  /** Sending it a second time does no more than sending it once. */
  readonly repeatable: boolean;
  abort(): void;
}

/** A Read, Write or Write-Attributes of the profile that is still to be done. */
export interface Task extends Attempts {
  readonly operation: Operation;
}

/** An observation of a device that this node owns, with what only its owner needs to know. */
export interface HeldObservation extends Attempts {
  readonly observation: Observation;
  /** Key of the observation's token. */
  readonly key: TokenKey;
  /** Its paths as one text, the same in whatever order they came. */
  readonly name: string;
  /** One of an Observe, several of an Observe-Composite. */
  readonly paths: PathGroup;
  /** What its payloads are about: the path of an Observe, the root of an Observe-Composite, for there they have full names. */
  readonly base: LwM2mPath;
  /** It is of single resource instances: a map of instances among its values may lack some that the device has. */
  readonly partial: boolean;
  /** The device is known to hold it; else it is made (anew) at the next occasion. */
  confirmed: boolean;
  /** Observe value of the newest notification; undefined before the first. */
  observe: number | undefined;
  /** When that notification came, on the monotonic clock. */
  observedAtMs: number;
  /** When the device last showed that it holds it, on the monotonic clock. */
  heardAtMs: number;
  /** Silence beyond this makes it suspect, ms. */
  silentAfterMs: number;
}

/**
 * A device that this node owns: the one place of what is known of it in memory.
 *
 * It is a copy of what Redis holds plus what dies with the owner: order of notifications, work in hand, sequence of records.
 */
export class OwnedDevice {
  /** `tenant/endpoint`: one text for all look-ups of the device. */
  readonly name: string;
  registration: Registration;
  owner: Owner;
  serving: Serving;
  /** The peer as which the device was last heard, as CoAP knows it: an address, or a DTLS association. */
  peer: PeerKey;
  /** Its address; ahead of `registration.peer` until the next revalidation. */
  address: string;
  /** Whether the way to it is open. */
  link: Link;
  readonly observations: Map<TokenKey, HeldObservation> = new Map();
  readonly work: WorkQueue = new WorkQueue();
  /** What the profile wants done once and is still to be done, by name and in order; undefined when there is nothing. */
  toDo: Map<string, Task> | undefined = undefined;
  /**
   * What of the profile the device refused, by name: not asked for again before it registers anew, or its objects or its profile change.
   *
   * In this node's memory alone: who takes the device over asks once more. That costs a request for each refusal and take-over, paced as all of the reconciler's; storing it
   * would cost a step of the store for each, and a device that could do it by then would never be asked.
   */
  refused: Set<string> | undefined = undefined;
  /** Observations of the profile that an RPC cancelled, by name: not made again before the device registers anew, on whatever node. */
  cancelled: Map<string, Observation> | undefined = undefined;
  /** Content-Formats that the device refused, by `refusalOf`. */
  refusedFormats: Set<string> | undefined = undefined;
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

  /** When the first CON notification came that stayed without ACK, and none was acknowledged since, monotonic ms. */
  unacknowledgedSinceMs: number | undefined = undefined;

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
  /** Of those, the ones that make observations. */
  observesInHand = 0;
  /** The store holds requests that are not in hand. */
  requestsWait: boolean;
  /** Could not be carried out: until it has ended, its time has come (ms since 1970) or the device is heard, what waits is not fetched. */
  putBack: { readonly ended: boolean; readonly retryAtMs: number } | undefined = undefined;
  /** What waits is being fetched. */
  fetching = false;
  /** The store holds desired values that are to be written now. */
  valuesWait: boolean;
  /** Desired values are being fetched. */
  fetchingValues = false;
  /** The desired values that are known to wait in the store, by key; undefined when there is none. */
  desired: Map<string, DesiredAttempts> | undefined = undefined;
  /** Gives up the request under way. */
  underWay: UnderWay | undefined = undefined;

  constructor(
    state: DeviceState,
    serving: Serving,
    { peer, address, link = "open" }: Pick<Source, "peer" | "address"> & { readonly link?: Link },
    monotonicMs: number,
  ) {
    this.name = deviceKey(state.registration.tenant, state.registration.endpoint);
    this.registration = state.registration;
    this.owner = state.owner;
    this.serving = serving;
    this.peer = peer;
    this.address = address;
    this.link = link;
    this.revalidatedAtMs = monotonicMs;
    this.flowStartMs = monotonicMs;
    this.lastUplinkMs = monotonicMs;
    this.requestsWait = state.waiting.requests > 0;
    this.valuesWait = state.waiting.values > 0;
    for (const observation of state.observations) {
      if (observation.source === "cancelled") this.cancel(observation);
      else this.hold(observation, monotonicMs);
    }
  }

  get tenant(): string {
    return this.registration.tenant;
  }

  get endpoint(): string {
    return this.registration.endpoint;
  }

  /** Notes an authenticated datagram: the device is where it came from. */
  heard({ peer, address }: Pick<Source, "peer" | "address">, nowMs: number, flowWindowMs: number): void {
    if (address !== this.address || nowMs - this.lastUplinkMs > flowWindowMs) this.flowStartMs = nowMs;
    this.peer = peer;
    this.address = address;
    this.lastUplinkMs = nowMs;
  }

  /** Its association has followed it to another address, to which no datagram of ours has opened a way yet. */
  movedTo(address: string, nowMs: number): void {
    this.address = address;
    this.flowStartMs = nowMs;
    this.lastUplinkMs = nowMs;
  }

  /** Takes in what the store says of the device, which is still ours. A command of work that waits may have been lost: it is made up for here. */
  revalidated({ registration, waiting }: DeviceState, nowMs: number): void {
    this.registration = registration;
    this.revalidatedAtMs = nowMs;
    if (waiting.requests > this.requestsInHand) this.requestsWait = true;
    // What is refused may have been superseded, which the number does not tell.
    if (waiting.values > (this.desired?.size ?? 0) || this.#refusesValues()) this.valuesWait = true;
  }

  #refusesValues(): boolean {
    if (this.desired !== undefined)
      for (const { retryAtMs } of this.desired.values()) if (isRefused(retryAtMs)) return true;
    return false;
  }

  /** A CON notification that came at `sinceMs` is acknowledged: the device has given up none, or all that came before. */
  acknowledged(sinceMs: number, nowMs: number): void {
    if (isTooLong(this.unacknowledgedSinceMs ?? sinceMs, nowMs)) this.#doubtAll();
    if (this.unacknowledgedSinceMs !== undefined) this.unacknowledgedSinceMs = undefined;
  }

  /** Whether it may have dropped its observations, because its CON notifications stayed without ACK. */
  mayHaveDropped(nowMs: number): boolean {
    return this.unacknowledgedSinceMs !== undefined && isTooLong(this.unacknowledgedSinceMs, nowMs);
  }

  /** Takes those that it may have dropped for missing. */
  doubtObservations(nowMs: number): void {
    if (!this.mayHaveDropped(nowMs)) return;
    this.unacknowledgedSinceMs = undefined;
    this.#doubtAll();
  }

  #doubtAll(): void {
    for (const held of this.observations.values()) held.confirmed = false;
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
    this.desired = before.desired && new Map(Array.from(before.desired, ([key, was]) => [key, untried(was, was.told)]));
  }

  /** The device may take now what it refused. */
  forgetRefusedValues(): void {
    for (const attempts of this.desired?.values() ?? []) {
      if (!isRefused(attempts.retryAtMs)) continue;
      attempts.retryAtMs = 0;
      this.valuesWait = true;
    }
  }

  /** What the store is to hold of its observations. */
  storedObservations(): Observation[] {
    const held = Array.from(this.observations.values(), ({ observation }) => observation);
    return [...held, ...(this.cancelled?.values() ?? [])];
  }

  /** Notes that the device refuses something of the profile. */
  refuse(name: string): void {
    this.refused ??= new Set();
    this.refused.add(name);
  }

  /** Notes an observation that is cancelled. */
  cancel(observation: Observation): void {
    this.cancelled ??= new Map();
    this.cancelled.set(nameOf(observation.paths), observation);
  }

  hold(observation: Observation, nowMs: number): HeldObservation {
    const { texts, name, paths } = this.#groupOf(observation);
    const key = tokenKey(observation.token);
    const held = {
      observation: { ...observation, paths: texts },
      key,
      name,
      paths,
      base: paths.length === 1 ? (paths[0] as LwM2mPath) : ROOT,
      partial: paths.some(({ length }) => length === 4),
      confirmed: true,
      queued: false,
      failures: 0,
      retryAtMs: 0,
      observe: undefined,
      observedAtMs: 0,
      heardAtMs: nowMs,
      silentAfterMs: silenceMs(paths, this.#attributesInForce()),
    };
    this.observations.set(key, held);
    return held;
  }

  /** What an observation is of. Devices of one kind observe the same: most share what their profile wants. */
  #groupOf(observation: Observation): Pick<DesiredObservation, "texts" | "name" | "paths"> {
    const { paths: texts } = observation;
    const wanted = this.serving.observations.get(nameOf(texts));
    if (wanted?.texts.every((text, at) => text === texts[at])) return wanted;
    return { texts, name: nameOf(texts), paths: pathsOf(observation) };
  }

  /** The attributes that the device has, or the profile, have changed: so has how long its observations may be silent. */
  expectSilence(): void {
    const attributes = this.#attributesInForce();
    for (const held of this.observations.values()) held.silentAfterMs = silenceMs(held.paths, attributes);
  }

  /** Those of the profile that the device is not known to lack. */
  #attributesInForce(): Serving["attributes"] {
    if (this.toDo === undefined && this.refused === undefined) return this.serving.attributes;
    return this.serving.attributes.filter(({ path }) => {
      const name = attributesName(path);
      return !(this.toDo?.has(name) || this.refused?.has(name));
    });
  }
}

function isRefused(retryAtMs: number): boolean {
  return retryAtMs === Number.POSITIVE_INFINITY;
}

/** A desired value that was not tried yet. */
export function untried({ version, writtenMs }: DesiredVersion, told?: string): DesiredAttempts {
  return { version, writtenMs, told, queued: false, failures: 0, retryAtMs: 0 };
}

function isTooLong(unacknowledgedSinceMs: number, nowMs: number): boolean {
  return nowMs - unacknowledgedSinceMs > DROPS_AFTER_MS;
}

const ROOT: LwM2mPath = [];

/** As `groupName` of the paths, whose texts are ours. */
function nameOf(texts: readonly string[]): string {
  return texts.length === 1 ? (texts[0] as string) : [...texts].sort().join(" ");
}

/** Ours, so they parse. */
function pathsOf({ paths }: Observation): LwM2mPath[] {
  return paths.map((path) => path.split("/").filter(Boolean).map(Number));
}

/** Name of the Write-Attributes of a path among what is to be done. */
export function attributesName(path: LwM2mPath): string {
  return `attributes ${formatPath(path)}`;
}
