import type { SupportedObjects } from "@ferry/lwm2m";
import type { DeviceProfile, ProfileEntry } from "./device-profile.ts";

/**
 * What a profile says for one device: the entries of objects that the device registered, one per path.
 *
 * Of several versions of a path the one that the device registered applies, else the one without a version, else the highest of the same major version.
 */
export function applicableEntries(profile: DeviceProfile, supported: SupportedObjects): readonly ProfileEntry[] {
  const best = new Map<string, ProfileEntry>();
  for (const entry of profile.entries) {
    const registered = registeredVersion(entry, supported);
    if (registered === undefined || rank(entry, registered) === undefined) continue;
    const path = entry.path.join("/");
    const rival = best.get(path);
    if (rival === undefined || (rank(entry, registered) as number) > (rank(rival, registered) as number)) {
      best.set(path, entry);
    }
  }
  return [...best.values()];
}

/** Version under which a device registered the object of an entry; undefined when it did not. */
export function registeredVersion({ path }: ProfileEntry, supported: SupportedObjects): string | undefined {
  return supported.objects.get(path[0] as number)?.version; // No entry names the root.
}

const EXACT = Number.POSITIVE_INFINITY;
const ANY_VERSION = Number.MAX_SAFE_INTEGER;

/** How well an entry suits a registered version: greater is better; undefined when it does not. */
function rank({ version }: ProfileEntry, registered: string): number | undefined {
  if (version === registered) return EXACT;
  if (version === undefined) return ANY_VERSION;
  const [major, minor] = version.split(".");
  return major === registered.split(".")[0] ? Number(minor) : undefined;
}
