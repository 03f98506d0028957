import { formatPath, isWithin, type LwM2mPath, type NotificationAttributes, type SupportedObjects } from "@ferry/lwm2m";
import {
  type DesiredAttributes,
  desiredObservations,
  groupedReads,
  type PathGroup,
  publishedEntries,
} from "./desired-observations.ts";
import type { DeviceProfile } from "./device-profile.ts";

/** By what a device is served: what it is asked for follows from both. */
export interface Desire {
  readonly profile: DeviceProfile;
  readonly supported: SupportedObjects;
}

/**
 * The Write-Attributes that bring a device from `before` to `after`: per path all that it is to have, where something differs, and `null` for what it is to have no more.
 *
 * `unsettled` are writes of which nobody knows whether the device took them: what they name is written again, or cleared.
 */
export function attributeChanges(
  before: readonly DesiredAttributes[],
  after: readonly DesiredAttributes[],
  unsettled: readonly DesiredAttributes[] = [],
): readonly DesiredAttributes[] {
  const had = byPath(before);
  const wanted = byPath(after);
  const open = byPath(unsettled);
  const paths = new Map([...before, ...unsettled, ...after].map(({ path }) => [formatPath(path), path]));
  return [...paths].flatMap(([name, path]) => {
    const old = had.get(name) ?? {};
    const target = wanted.get(name) ?? {};
    const gone = [...namesOf(old), ...Object.keys(open.get(name) ?? {})].filter((attribute) => !(attribute in target));
    const differs = gone.length > 0 || open.has(name) || !hasAll(old, target);
    const attributes: NotificationAttributes = { ...Object.fromEntries(gone.map((key) => [key, null])), ...target };
    return differs && Object.keys(attributes).length > 0 ? [{ path, attributes }] : [];
  });
}

/** Several lists as one; of two values of one attribute the later counts. */
export function joinAttributes(lists: readonly (readonly DesiredAttributes[])[]): readonly DesiredAttributes[] {
  const joined = new Map<string, DesiredAttributes>();
  for (const { path, attributes } of lists.flat()) {
    const name = formatPath(path);
    joined.set(name, { path, attributes: { ...joined.get(name)?.attributes, ...attributes } });
  }
  return [...joined.values()];
}

/** Reads for values that are published now and were not, or not by this name; what is newly observed reports by itself. */
export function changedReads(before: Desire, after: Desire): readonly PathGroup[] {
  const published = new Set(publishedEntries(before.profile, before.supported).map(signature));
  const observedBefore = new Set(desiredObservations(before.profile, before.supported).map(groupName));
  const newlyObserved = desiredObservations(after.profile, after.supported)
    .filter((group) => !observedBefore.has(groupName(group)))
    .flat();
  const paths = publishedEntries(after.profile, after.supported)
    .filter((entry) => !published.has(signature(entry)))
    .map(({ path }) => path)
    .filter((path) => !newlyObserved.some((ancestor) => isWithin(path, ancestor)));
  return groupedReads(paths, after.profile, after.supported);
}

/** `/3/0/9 /3303/0/5700`: groups of the same paths have the same name, in whatever order they list them. */
export function groupName(paths: PathGroup): string {
  return paths.length === 1 ? formatPath(paths[0] as LwM2mPath) : paths.map(formatPath).sort().join(" ");
}

function byPath(list: readonly DesiredAttributes[]): ReadonlyMap<string, NotificationAttributes> {
  return new Map(list.map(({ path, attributes }) => [formatPath(path), attributes]));
}

/** What the device has a value of. */
function namesOf(attributes: NotificationAttributes): string[] {
  return Object.entries(attributes).flatMap(([name, value]) => (value === null ? [] : [name]));
}

function hasAll(attributes: NotificationAttributes, target: NotificationAttributes): boolean {
  return (Object.keys(target) as (keyof NotificationAttributes)[]).every((name) => attributes[name] === target[name]);
}

function signature({ path, key, attribute, telemetry }: ReturnType<typeof publishedEntries>[number]): string {
  return `${formatPath(path)} ${attribute} ${telemetry} ${key}`;
}
