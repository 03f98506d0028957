import type {
  ModelView,
  MultipleResourceNode,
  ResourceInstanceNode,
  ResourceValue,
  SupportedObjects,
  TimedValue,
} from "@ferry/lwm2m";
import { applicableEntries } from "./applicable-entries.ts";
import type { DeviceProfile } from "./device-profile.ts";
import { nameUpdateValue, updateNames } from "./update-names.ts";

/** A value, or all instances of a multiple-instance resource that came together. */
export type SampleValue = ResourceValue | MultipleResourceNode;

/** A value under its key name. */
export interface MappedSample {
  readonly key: string;
  /** Path as the profile writes it, such as `/3_1.2/0/9`. */
  readonly path: string;
  readonly value: SampleValue;
  /** Time of the value by the device, ms since 1970; undefined when it did not say. */
  readonly timeMs: number | undefined;
  /** Unit by the object model; empty when it names none. */
  readonly unit: string;
}

/** Values by what the profile makes of them. A resource may be in both. */
export interface MappedValues {
  readonly telemetry: readonly MappedSample[];
  readonly attributes: readonly MappedSample[];
}

/** Where the values of one resource go. */
interface Target {
  readonly key: string;
  readonly path: string;
  readonly unit: string;
  readonly telemetry: boolean;
  readonly attribute: boolean;
  /** Words for the numbers of an update's state or result. */
  readonly names: Readonly<Record<number, string>> | undefined;
}

/** Values of a device → samples and attributes under the key names of its profile: one look-up per value and no text built, for it runs for every notification. */
export class ValueMap {
  /** By object id * 2^16 + object instance id, then by resource id. */
  readonly #targets = new Map<number, Map<number, Target>>();

  constructor(profile: DeviceProfile, models: ModelView, supported: SupportedObjects) {
    for (const { key, id, path, telemetry, attribute } of applicableEntries(profile, supported)) {
      if (key === undefined || !(telemetry || attribute)) continue;
      const [objectId, instanceId, resourceId] = path as [number, number, number]; // Only resources have keys.
      const unit = models.object(objectId)?.resources.get(resourceId)?.units ?? "";
      const resources = getOrSet(this.#targets, instanceKey(objectId, instanceId), () => new Map<number, Target>());
      const names = updateNames(objectId, resourceId);
      resources.set(resourceId, { key, path: id, unit, telemetry, attribute, names });
    }
  }

  /**
   * Samples in the order of the values; what the profile does not publish is left out. Instances of one resource with the same time become one sample.
   * An attribute has no history: of several values of one resource (or of one of its instances) only the latest is given.
   */
  map(values: readonly TimedValue[]): MappedValues {
    const telemetry: MappedSample[] = [];
    const attributes: MappedSample[] = [];
    const groups = new InstanceGroups();
    // Values of one payload mostly share the Object Instance.
    let current = -1;
    let resources: Map<number, Target> | undefined;
    for (const { path, value, timeMs } of values) {
      const [objectId, instanceId, resourceId] = path as [number, number, number];
      const instance = instanceKey(objectId, instanceId);
      if (instance !== current) {
        current = instance;
        resources = this.#targets.get(instance);
      }
      const target = resources?.get(resourceId);
      if (target === undefined) continue;

      const sampleValue =
        path.length === 4 ? groups.add(target, resourceId, path[3] as number, value, timeMs) : named(target, value);
      if (sampleValue === undefined) continue;
      const sample = { key: target.key, path: target.path, value: sampleValue, timeMs, unit: target.unit };
      if (target.telemetry) telemetry.push(sample);
      if (target.attribute) attributes.push(sample);
    }
    groups.order();
    return { telemetry, attributes: attributes.length > 1 ? latestOfEach(attributes) : attributes };
  }
}

/** One sample for each attribute: the latest, one without a time as the latest of all; of instances the latest of each. */
function latestOfEach(attributes: readonly MappedSample[]): readonly MappedSample[] {
  const latest = new Map<string, MappedSample>();
  for (const sample of attributes) {
    const known = latest.get(sample.path);
    latest.set(sample.path, known === undefined ? sample : later(known, sample));
  }
  return latest.size === attributes.length ? attributes : [...latest.values()];
}

function later(first: MappedSample, second: MappedSample): MappedSample {
  const inOrder = (second.timeMs ?? Number.POSITIVE_INFINITY) >= (first.timeMs ?? Number.POSITIVE_INFINITY);
  const [older, newer] = inOrder ? [first, second] : [second, first];
  if (older.value.type !== "multipleResource" || newer.value.type !== "multipleResource") return newer;
  const instances = new Map([...older.value.instances, ...newer.value.instances].map((node) => [node.id, node]));
  return { ...newer, value: { ...newer.value, instances: [...instances.values()].sort((a, b) => a.id - b.id) } };
}

function named({ names }: Target, value: ResourceValue): ResourceValue {
  return names === undefined ? value : nameUpdateValue(names, value);
}

function instanceKey(objectId: number, instanceId: number): number {
  return objectId * 65_536 + instanceId;
}

/** Gathers the instances of multiple-instance resources of one payload. */
class InstanceGroups {
  readonly #groups = new Map<Target, Map<number | undefined, ResourceInstanceNode[]>>();
  #ordered = true;

  /** The node that the instance opens, or undefined when it joined one. */
  add(
    target: Target,
    resourceId: number,
    id: number,
    value: ResourceValue,
    timeMs: number | undefined,
  ): MultipleResourceNode | undefined {
    const instance: ResourceInstanceNode = { type: "resourceInstance", id, value };
    const byTime = getOrSet(this.#groups, target, () => new Map<number | undefined, ResourceInstanceNode[]>());
    const instances = byTime.get(timeMs);
    if (instances !== undefined) {
      this.#ordered &&= id > (instances.at(-1) as ResourceInstanceNode).id; // A group is opened with an instance.
      instances.push(instance);
      return undefined;
    }
    const opened = [instance];
    byTime.set(timeMs, opened);
    return { type: "multipleResource", id: resourceId, dataType: value.type, instances: opened };
  }

  /** Brings the instances into the order of their ids; payloads mostly have them so. */
  order(): void {
    if (this.#ordered) return;
    for (const byTime of this.#groups.values()) {
      for (const instances of byTime.values()) instances.sort((a, b) => a.id - b.id);
    }
  }
}

/** The value maps in use, shared by the devices of one profile that registered the same object versions; they go with their profile and models. */
export class ValueMaps {
  readonly #maps = new WeakMap<DeviceProfile, WeakMap<ModelView, ValueMap>>();

  /** `models` must be the view that `ModelRegistry` gives for `supported`: it is one object for the same object versions. */
  of(profile: DeviceProfile, models: ModelView, supported: SupportedObjects): ValueMap {
    const byModels = getOrSet(this.#maps, profile, () => new WeakMap<ModelView, ValueMap>());
    return getOrSet(byModels, models, () => new ValueMap(profile, models, supported));
  }
}

function getOrSet<Key, Value>(
  map: { get(key: Key): Value | undefined; set(key: Key, value: Value): unknown },
  key: Key,
  make: () => Value,
): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
