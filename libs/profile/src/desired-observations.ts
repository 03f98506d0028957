import {
  COMPOSITE_FORMATS,
  comparePaths,
  isWithin,
  type LwM2mPath,
  type NotificationAttributes,
  type Operation,
  type SupportedObjects,
} from "@ferry/lwm2m";
import { applicableEntries } from "./applicable-entries.ts";
import type { DeviceProfile, ObserveStrategy, ProfileEntry } from "./device-profile.ts";

/** Notification attributes that a path is to have. */
export interface DesiredAttributes {
  readonly path: LwM2mPath;
  readonly attributes: NotificationAttributes;
}

/** Paths that are asked for together: one by a plain operation, several, which do not overlap, by a composite one. Never empty. */
export type PathGroup = readonly LwM2mPath[];

/** Most paths of one composite operation; more become several. */
const MAX_GROUP_PATHS = 128;

/** The Read of a group. */
export function readOf(paths: PathGroup): Operation {
  return paths.length === 1 ? { type: "read", path: paths[0] as LwM2mPath } : { type: "readComposite", paths };
}

/** The Observe of a group. One of a single path is a plain Observe, which every device can do. */
export function observeOf(paths: PathGroup): Operation {
  return paths.length === 1 ? { type: "observe", path: paths[0] as LwM2mPath } : { type: "observeComposite", paths };
}

/** Whether composite operations can be asked of a device: it lists one of their formats, or its profile knows that it has one. */
export function supportsComposite(
  { contentFormats = [] }: Pick<DeviceProfile, "contentFormats">,
  supported: SupportedObjects,
): boolean {
  return COMPOSITE_FORMATS.some(
    (format) => supported.contentFormats.includes(format) || contentFormats.includes(format),
  );
}

/** Paths to observe, grouped as the profile's strategy says: what it observes and the device has, without what lies below another observed path. */
export function desiredObservations(profile: DeviceProfile, supported: SupportedObjects): readonly PathGroup[] {
  return grouped(observedPaths(profile, supported), strategyFor(profile, supported));
}

/** Resources to read after registration: those published and not observed; all that are published with `afterConnect: readThenObserve`. */
export function initialReads(profile: DeviceProfile, supported: SupportedObjects): readonly PathGroup[] {
  const observed = profile.afterConnect === "readThenObserve" ? [] : observedPaths(profile, supported);
  return groupedReads(
    publishedEntries(profile, supported)
      .map(({ path }) => path)
      .filter((path) => !observed.some((ancestor) => isWithin(path, ancestor))),
    profile,
    supported,
  );
}

/** Reads grouped as observations are where the profile says so. */
export function groupedReads(
  paths: readonly LwM2mPath[],
  profile: DeviceProfile,
  supported: SupportedObjects,
): readonly PathGroup[] {
  return grouped(paths, profile.initialReadsAsObserved ? strategyFor(profile, supported) : "single");
}

/** Notification attributes to write after registration. */
export function desiredAttributes(profile: DeviceProfile, supported: SupportedObjects): readonly DesiredAttributes[] {
  return entriesOf(profile, supported).flatMap(({ path, attributes }) =>
    attributes === undefined ? [] : [{ path, attributes }],
  );
}

/** Object of the LwM2M Server accounts, and its resource Mute Send (OMA LwM2M Core 1.1.1 appendix E.2). */
const SERVER = 1;
const MUTE_SEND = 23;

/**
 * The Write of Mute Send, where the profile says whether the device may send by itself and the device can be told.
 *
 * An Object Instance is the account of one LwM2M Server, and nothing in a registration says of which. Of several none is written: it may be another server's to mute.
 */
export function desiredMute(profile: DeviceProfile, supported: SupportedObjects): readonly Operation[] {
  const { muteSend } = profile;
  const [instanceId, ...others] = accountsToMute(profile, supported);
  if (muteSend === undefined || instanceId === undefined || others.length > 0) return [];
  const value = { type: "BOOLEAN", value: muteSend } as const;
  const path = [SERVER, instanceId, MUTE_SEND];
  return [{ type: "write", mode: "replace", path, node: { type: "singleResource", id: MUTE_SEND, value } }];
}

/** The accounts that have Mute Send, one of which is ours; none where the profile leaves it as it is. */
export function accountsToMute({ muteSend }: DeviceProfile, { objects }: SupportedObjects): readonly number[] {
  const server = objects.get(SERVER);
  return muteSend === undefined || server === undefined || server.version === "1.0" ? [] : server.instances;
}

/** The entries whose values are published, of what the device has. */
export function publishedEntries(profile: DeviceProfile, supported: SupportedObjects): readonly ProfileEntry[] {
  return entriesOf(profile, supported).filter(({ attribute, telemetry }) => attribute || telemetry);
}

function observedPaths(profile: DeviceProfile, supported: SupportedObjects): readonly LwM2mPath[] {
  const paths = entriesOf(profile, supported)
    .filter(({ observe }) => observe)
    .map(({ path }) => path);
  return paths.filter((path) => !paths.some((other) => other.length < path.length && isWithin(path, other)));
}

/** A device without SenML is asked path by path. */
function strategyFor(profile: DeviceProfile, supported: SupportedObjects): ObserveStrategy {
  return supportsComposite(profile, supported) ? profile.observeStrategy : "single";
}

function grouped(paths: readonly LwM2mPath[], strategy: ObserveStrategy): readonly PathGroup[] {
  if (strategy === "single") return paths.map((path) => [path]);
  // Sorted, so that a group is the same whatever the order of the profile's document.
  const sorted = [...paths].sort(comparePaths);
  if (strategy === "compositeAll") return chunks(sorted);
  return [...Map.groupBy(sorted, ([objectId]) => objectId).values()].flatMap(chunks);
}

function chunks(paths: readonly LwM2mPath[]): readonly PathGroup[] {
  const groups: PathGroup[] = [];
  for (let at = 0; at < paths.length; at += MAX_GROUP_PATHS) groups.push(paths.slice(at, at + MAX_GROUP_PATHS));
  return groups;
}

/** The entries whose paths the device has by its registration. */
function entriesOf(profile: DeviceProfile, supported: SupportedObjects): readonly ProfileEntry[] {
  return applicableEntries(profile, supported).filter(({ path }) => isOffered(path, supported));
}

/** Whether the device may have what `path` names, by its registration. One that lists an object without instances is asked for any: many list no more. */
export function isOffered([objectId, instanceId]: LwM2mPath, { objects }: SupportedObjects): boolean {
  const object = objects.get(objectId ?? -1); // The root has no object.
  if (object === undefined) return false;
  return instanceId === undefined || object.instances.length === 0 || object.instances.includes(instanceId);
}
