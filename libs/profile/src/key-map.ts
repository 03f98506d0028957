import type { LwM2mPath, SupportedObjects } from "@ferry/lwm2m";
import { applicableEntries, registeredVersion } from "./applicable-entries.ts";
import type { DeviceProfile, ProfileEntry } from "./device-profile.ts";

/** What a key name means for a device. */
export type KeyLookup =
  | { readonly type: "found"; readonly entry: ProfileEntry }
  /** The profile has the key, but for an object version that the device did not register; `registered` is undefined when it did not register the object at all. */
  | { readonly type: "otherVersion"; readonly entry: ProfileEntry; readonly registered: string | undefined }
  | { readonly type: "unknown" };

/** Key names of a profile ↔ paths of one device. It holds nothing of its own: made where it is needed, dropped after. */
export class KeyMap {
  readonly #profile: DeviceProfile;
  readonly #supported: SupportedObjects;

  constructor(profile: DeviceProfile, supported: SupportedObjects) {
    this.#profile = profile;
    this.#supported = supported;
  }

  /** The resource that a key names; the first in the document where several have it. Case matters. */
  pathOfKey(key: string): KeyLookup {
    const named = (entry: ProfileEntry): boolean => entry.key === key;
    const entry = applicableEntries(this.#profile, this.#supported).find(named);
    if (entry !== undefined) return { type: "found", entry };
    const other = this.#profile.entries.find(named);
    if (other === undefined) return { type: "unknown" };
    return { type: "otherVersion", entry: other, registered: registeredVersion(other, this.#supported) };
  }

  /** The key of a resource, or undefined when the profile gives it none. */
  keyOfPath(path: LwM2mPath): string | undefined {
    const plain = path.join("/");
    return applicableEntries(this.#profile, this.#supported).find((entry) => entry.path.join("/") === plain)?.key;
  }
}
