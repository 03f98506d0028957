import {
  chooseFormat,
  type LwM2mPath,
  type ModelView,
  type Operation,
  parseObjectLinks,
  type SupportedObjects,
} from "@ferry/lwm2m";
import {
  type DeviceProfile,
  initialExchange,
  KeyMap,
  overridePower,
  type PowerSettings,
  parseDeviceProfile,
  type ValueMap,
  ValueMaps,
} from "@ferry/profile";
import type { Catalogue } from "@ferry/provisioning";
import type { Registration } from "@ferry/state";

/** By what a device is served. Devices of one profile that registered the same objects share one. */
export interface Serving {
  readonly supported: SupportedObjects;
  readonly models: ModelView;
  readonly keys: KeyMap;
  readonly values: ValueMap;
  readonly profile: DeviceProfile;
  /** What is asked of the device after it registered, in order. */
  readonly exchange: readonly Operation[];
  /** Paths to observe, with the Content-Format to ask for. */
  readonly observations: readonly { readonly path: LwM2mPath; readonly contentFormat: number }[];
  /** When the device listens, and how long the networks between keep its mapping. */
  readonly power: PowerSettings;
  readonly flowWindowMs: number | undefined;
}

/** What of a registration decides how a device is served. */
export type ServedBy = Pick<Registration, "tenant" | "profile" | "lwm2mVersion" | "objectLinks" | "power">;

/** Characters of link lists of the kinds of devices that are remembered; a fleet has few kinds. */
const MAX_CHARACTERS = 8 * 1024 * 1024;
/** For a device whose profile was deleted: it keeps its registration and is asked for nothing. */
const EMPTY_PROFILE: DeviceProfile = parseDeviceProfile({ resources: {} });

/** The servings in use, made from live profiles and models. */
export class ServingCache {
  readonly #catalogue: Catalogue;
  readonly #valueMaps = new ValueMaps();
  readonly #servings = new Map<string, Serving>();
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
    const supported = parseObjectLinks(objectLinks, lwm2mVersion);
    const made = this.#make(tenant, document, supported, overridePower(document.power, power));
    this.#servings.set(key, made);
    return made;
  }

  /** A profile or model changed: what is asked for from now on is made anew. */
  clear(): void {
    this.#servings.clear();
    this.#characters = 0;
  }

  #make(tenant: string, profile: DeviceProfile, supported: SupportedObjects, power: PowerSettings): Serving {
    const models = this.#catalogue.models.view(tenant, supported);
    const exchange = initialExchange(profile, supported);
    return {
      supported,
      models,
      profile,
      keys: new KeyMap(profile, supported),
      values: this.#valueMaps.of(profile, models, supported),
      exchange,
      observations: exchange.flatMap((operation) =>
        operation.type === "observe"
          ? [{ path: operation.path, contentFormat: chooseFormat(operation.path, models, supported) }]
          : [],
      ),
      power,
      flowWindowMs: profile.reachability.flowWindowMs,
    };
  }
}
