import {
  isWithin,
  type LwM2mPath,
  type NotificationAttributes,
  type Operation,
  type SupportedObjects,
} from "@ferry/lwm2m";
import { applicableEntries } from "./applicable-entries.ts";
import type { DeviceProfile, ProfileEntry } from "./device-profile.ts";

/** Notification attributes that a path is to have. */
export interface DesiredAttributes {
  readonly path: LwM2mPath;
  readonly attributes: NotificationAttributes;
}

/**
 * What is asked of a device that registered: attributes first, so that they hold for the first notification; then observations; then reads of what is not observed.
 * With `afterConnect: readThenObserve` the reads cover all that is mapped and come before the observations.
 */
export function initialExchange(profile: DeviceProfile, supported: SupportedObjects): readonly Operation[] {
  const writes = desiredAttributes(profile, supported).map(
    ({ path, attributes }): Operation => ({ type: "writeAttributes", path, attributes }),
  );
  const observes = desiredObservations(profile, supported).map((path): Operation => ({ type: "observe", path }));
  const reads = initialReads(profile, supported).map((path): Operation => ({ type: "read", path }));
  return profile.afterConnect === "readThenObserve"
    ? [...writes, ...reads, ...observes]
    : [...writes, ...observes, ...reads];
}

/**
 * Paths to observe: what the profile observes and the device has, without what lies below another observed path.
 *
 * One observation each, whatever `observeStrategy` says: Observe-Composite is not among the operations yet.
 */
export function desiredObservations(profile: DeviceProfile, supported: SupportedObjects): readonly LwM2mPath[] {
  const paths = entriesOf(profile, supported)
    .filter(({ observe }) => observe)
    .map(({ path }) => path);
  return paths.filter((path) => !paths.some((other) => other.length < path.length && isWithin(path, other)));
}

/** Resources to read after registration: those published and not observed; all that are published with `afterConnect: readThenObserve`. */
export function initialReads(profile: DeviceProfile, supported: SupportedObjects): readonly LwM2mPath[] {
  const observed = profile.afterConnect === "readThenObserve" ? [] : desiredObservations(profile, supported);
  return entriesOf(profile, supported)
    .filter(({ attribute, telemetry }) => attribute || telemetry)
    .map(({ path }) => path)
    .filter((path) => !observed.some((ancestor) => isWithin(path, ancestor)));
}

/** Notification attributes to write after registration. */
export function desiredAttributes(profile: DeviceProfile, supported: SupportedObjects): readonly DesiredAttributes[] {
  return entriesOf(profile, supported).flatMap(({ path, attributes }) =>
    attributes === undefined ? [] : [{ path, attributes }],
  );
}

/** The entries whose paths the device has by its registration. A device that lists an object without instances is asked for any: many list no more. */
function entriesOf(profile: DeviceProfile, supported: SupportedObjects): readonly ProfileEntry[] {
  return applicableEntries(profile, supported).filter(({ path: [objectId, instanceId] }) => {
    const instances = supported.objects.get(objectId as number)?.instances ?? []; // No entry names the root.
    return instanceId === undefined || instances.length === 0 || instances.includes(instanceId);
  });
}
