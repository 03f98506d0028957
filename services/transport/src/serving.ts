import {
  formatPath,
  formatVersionedPath,
  type LwM2mPath,
  type ModelRegistry,
  type ModelView,
  ObjectLinksError,
  type Operation,
  parseObjectLinks,
  type SupportedObjects,
} from "@ferry/lwm2m";
import {
  accountsToMute,
  changedReads,
  type Desire,
  type DesiredAttributes,
  type DeviceProfile,
  desiredAttributes,
  desiredMute,
  desiredObservations,
  groupName,
  initialReads,
  KeyMap,
  observeOf,
  overridePower,
  type PathGroup,
  type PowerSettings,
  parseDeviceProfile,
  readOf,
  supportsComposite,
  type ValueMap,
  ValueMaps,
} from "@ferry/profile";
import type { Catalogue } from "@ferry/provisioning";
import type { Registration } from "@ferry/state";
import { formatsToTry } from "./downlink/formats.ts";

/** By what a device is served. Devices of one profile that registered the same objects share one. */
export interface Serving extends Desire {
  readonly supported: SupportedObjects;
  /** As the line of a Register names them: `1=1.1, 3=1.0`. */
  readonly objectVersions: string;
  readonly models: ModelView;
  readonly keys: KeyMap;
  readonly values: ValueMap;
  readonly profile: DeviceProfile;
  /** When the device listens, and how long the networks between keep its mapping. */
  readonly power: PowerSettings;
  readonly flowWindowMs: number | undefined;
  /** What is written after the device registered. */
  readonly attributes: readonly DesiredAttributes[];
  readonly writes: readonly Operation[];
  /** What is observed, by name. */
  readonly observations: ReadonlyMap<string, DesiredObservation>;
  /** What is read after the device registered. */
  readonly reads: readonly Operation[];
  /** Where the device is served by something else than it registered or its profile asks for: lines for its log. */
  readonly fallbacks: readonly Fallback[];
}

/** One Observe or Observe-Composite that the profile wants. */
export interface DesiredObservation {
  readonly name: string;
  readonly paths: PathGroup;
  /** The paths as texts, as observations have them. */
  readonly texts: readonly string[];
  /** Content-Format that is asked for first. */
  readonly contentFormat: number;
}

/** What a device is served by in place of what it should be, as one line of its log. */
export interface Fallback {
  readonly kind: "links" | "model" | "composite" | "mute";
  readonly line: string;
}

/** What follows from a change of profile or objects, beside the observations: what is to be read anew. */
export interface ServingChange {
  readonly reads: readonly Operation[];
}

/** What of a registration decides how a device is served. */
export type ServedBy = Pick<Registration, "tenant" | "profile" | "lwm2mVersion" | "objectLinks" | "power">;

/** Characters of link lists of the kinds of devices that are remembered; a fleet has few kinds. */
const MAX_CHARACTERS = 8 * 1024 * 1024;
/** Versions of one profile that are remembered after they were replaced, and profiles of which some are. */
const MAX_EARLIER = 4;
const MAX_CHANGED_PROFILES = 1_000;
/** Lines of fallbacks that are not told again; beyond it all may be. */
const MAX_TOLD = 10_000;
/** For a device whose profile was deleted: it keeps its registration and is asked for nothing. */
const EMPTY_PROFILE: DeviceProfile = parseDeviceProfile({ resources: {} });

/** The servings in use, made from live profiles and models. */
export class ServingCache {
  readonly #catalogue: Catalogue;
  readonly #valueMaps = new ValueMaps();
  readonly #servings = new Map<string, Serving>();
  readonly #changes = new WeakMap<Serving, WeakMap<Serving, ServingChange>>();
  readonly #told = new Set<string>();
  /** Profiles that were replaced or removed, the latest first, by tenant and name. */
  readonly #earlier = new Map<string, readonly { readonly profile: DeviceProfile; readonly untilMs: number }[]>();
  #characters = 0;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  of({ tenant, profile, lwm2mVersion, objectLinks, power }: ServedBy): Serving {
    const sleep = power === undefined ? "" : JSON.stringify(power);
    const key = `${tenant}\n${profile}\n${lwm2mVersion}\n${sleep}\n${objectLinks}`;
    const known = this.#servings.get(key);
    if (known !== undefined) return known;
    this.#characters += key.length;
    if (this.#characters > MAX_CHARACTERS) this.clear();
    const document = this.#catalogue.profile(tenant, profile) ?? EMPTY_PROFILE;
    const stored = readStoredLinks(objectLinks, lwm2mVersion, document.defaultObjectVersion);
    const made = this.#make(tenant, document, stored, overridePower(document.power, power));
    this.#servings.set(key, made);
    return made;
  }

  /** What the change means for the devices that it concerns, worked out once for all of them. */
  change(before: Serving, after: Serving): ServingChange {
    const known = this.#changes.get(before)?.get(after);
    if (known !== undefined) return known;
    const made = { reads: changedReads(before, after).map(readOf) };
    const changes = this.#changes.get(before) ?? new WeakMap<Serving, ServingChange>();
    this.#changes.set(before, changes.set(after, made));
    return made;
  }

  /** Remembers a profile that is not in force any more, so that what it alone wanted written can be cleared, also on a device that comes from another node. */
  noteReplaced(tenant: string, name: string, profile: DeviceProfile, nowMs: number): void {
    const key = `${tenant}\n${name}`;
    const earlier = [{ profile, untilMs: nowMs }, ...(this.#earlier.get(key) ?? [])].slice(0, MAX_EARLIER);
    this.#earlier.delete(key);
    this.#earlier.set(key, earlier);
    if (this.#earlier.size > MAX_CHANGED_PROFILES) this.#earlier.delete(this.#earlier.keys().next().value as string); // Not empty.
  }

  /** Attributes that a device may have been given under earlier versions of its profile, as far as this node saw them: a list for each. */
  earlier(registration: ServedBy & Pick<Registration, "registeredAtMs">): readonly (readonly DesiredAttributes[])[] {
    const { tenant, profile: name, registeredAtMs } = registration;
    const versions = this.#earlier.get(`${tenant}\n${name}`)?.filter(({ untilMs }) => untilMs > registeredAtMs) ?? [];
    if (versions.length === 0) return [];
    const { supported } = this.of(registration);
    return versions.map(({ profile }) => desiredAttributes(profile, supported));
  }

  /** The fallbacks that nobody was told of yet. */
  untold({ fallbacks }: Serving): readonly Fallback[] {
    const untold = fallbacks.filter(({ line }) => !this.#told.has(line));
    if (this.#told.size + untold.length > MAX_TOLD) this.#told.clear();
    for (const { line } of untold) this.#told.add(line);
    return untold;
  }

  /** A profile or model changed: what is asked for from now on is made anew. */
  clear(): void {
    this.#servings.clear();
    this.#characters = 0;
  }

  #make(tenant: string, profile: DeviceProfile, { supported, unread }: StoredLinks, power: PowerSettings): Serving {
    const models = this.#catalogue.models.view(tenant, supported);
    const formats = { profile, supported, models };
    const observations = desiredObservations(profile, supported).map((paths): [string, DesiredObservation] => {
      const name = groupName(paths);
      const [contentFormat = 0] = formatsToTry(observeOf(paths), formats); // Never empty.
      return [name, { name, paths, texts: paths.map(formatPath), contentFormat }];
    });
    return {
      supported,
      objectVersions: [...supported.objects].map(([id, { version }]) => `${id}=${version}`).join(", "),
      models,
      keys: new KeyMap(profile, supported),
      values: this.#valueMaps.of(profile, models, supported),
      profile,
      power,
      flowWindowMs: profile.reachability.flowWindowMs,
      attributes: desiredAttributes(profile, supported),
      writes: desiredMute(profile, supported),
      observations: new Map(observations),
      reads: initialReads(profile, supported).map(readOf),
      fallbacks: [
        ...linksFallback(unread),
        ...modelFallbacks(tenant, supported, this.#catalogue.models),
        ...compositeFallback(profile, supported),
        ...muteFallback(profile, supported),
      ],
    };
  }
}

/** A list that the store has was accepted once, by whichever release of Ferry; one that this release cannot read serves nothing until the device registers anew. */
function readStoredLinks(links: string, lwm2mVersion: string, defaultVersion: string | undefined): StoredLinks {
  try {
    return { supported: parseObjectLinks(links, lwm2mVersion, defaultVersion), unread: undefined };
  } catch (error) {
    if (!(error instanceof ObjectLinksError)) throw error;
    return {
      supported: { lwm2mVersion, rootPath: [], contentFormats: [], objects: new Map() },
      unread: error.message,
    };
  }
}

/** What a device's stored list of objects says; `unread`: why it says nothing. */
interface StoredLinks {
  readonly supported: SupportedObjects;
  readonly unread: string | undefined;
}

function linksFallback(unread: string | undefined): Fallback[] {
  if (unread === undefined) return [];
  const line = `warn: The device's list of objects, as it is stored, cannot be read, so that it is asked for nothing until it registers anew: ${unread}`;
  return [{ kind: "links", line }];
}

/** The objects that are served by the model of another version, or by none. */
function modelFallbacks(tenant: string, { objects }: SupportedObjects, models: ModelRegistry): Fallback[] {
  const lines = [...objects].flatMap(([id, { version }]) => {
    const resolved = models.resolve(tenant, id, version);
    if (resolved?.exact === true) return [];
    const missing = `Tenant hasn't such the resource: Object model with id [${id}] version [${version}].`;
    return [resolved === undefined ? missing : `${missing} Version [${resolved.model.version}] is used.`];
  });
  return lines.length === 0 ? [] : [{ kind: "model", line: `warn: ${lines.join(" ")}` }];
}

function compositeFallback(profile: DeviceProfile, supported: SupportedObjects): Fallback[] {
  if (profile.observeStrategy === "single" || supportsComposite(profile, supported)) return [];
  const observed = desiredObservations(profile, supported).flat();
  if (observed.length < 2) return [];
  const line = `warn: The device lists no SenML format, so that its profile's strategy ${profile.observeStrategy} is not possible: ${observed.length} paths are observed one by one.`;
  return [{ kind: "composite", line }];
}

function muteFallback(profile: DeviceProfile, supported: SupportedObjects): Fallback[] {
  const accounts = accountsToMute(profile, supported);
  if (accounts.length < 2) return [];
  const listed = accounts.map((id) => `/1/${id}`).join(", ");
  const line = `warn: muteSend is not written: the device has accounts of several servers, ${listed}. Write Mute Send, resource 23, to the one whose Short Server ID, resource 0, is this server's.`;
  return [{ kind: "mute", line }];
}

/**
 * How long an observation may be silent before it is suspect, ms: twice the longest period that the attributes allow (`pmax`); Infinity where they set none.
 *
 * Of a composite one the path with the shortest period speaks for all.
 */
export function silenceMs(paths: PathGroup, attributes: readonly DesiredAttributes[]): number {
  if (attributes.length === 0) return Number.POSITIVE_INFINITY;
  return Math.min(...paths.map((path) => 2_000 * (pmaxOf(path, attributes) ?? Number.POSITIVE_INFINITY)));
}

/** `pmax` of the path itself, else what it inherits from the nearest level above. */
function pmaxOf(path: LwM2mPath, attributes: readonly DesiredAttributes[]): number | undefined {
  for (let level = path.length; level > 0; level--) {
    const name = formatPath(path.slice(0, level));
    const pmax = attributes.find((desired) => formatPath(desired.path) === name)?.attributes.pmax;
    if (pmax !== undefined) return pmax || undefined; // Neither null nor 0 is a period.
  }
  return undefined;
}

/** The paths with the version under which the device registered their objects, as lines of its log name them: `/3_1.2/0/9`. */
export function versionedPaths(paths: PathGroup, { objects }: SupportedObjects): string {
  return paths.map((path) => formatVersionedPath({ path, version: objects.get(path[0] ?? -1)?.version })).join(", ");
}
