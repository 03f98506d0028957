import assert from "node:assert";
import type { ObjectLink, ObjectModel, ResourceModel, ResourceNode, ResourceValue } from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";
import type { SimulatedObject } from "../object-tree.ts";

/** A value as it is written down; TIME is ms since 1970. */
export type PlainValue = string | number | bigint | boolean | Uint8Array | ObjectLink;

/** Values of an Object Instance by resource id; of a multiple-instance resource, a list or the values by instance id. */
export type PlainInstance = Readonly<
  Record<number, PlainValue | readonly PlainValue[] | ReadonlyMap<number, PlainValue>>
>;

const CORE_MODELS: readonly ObjectModel[] = loadCoreModels();

/** An object that ships with Ferry, in that version and with these instances. */
export function coreObject(
  objectId: number,
  version: string,
  instances: Readonly<Record<number, PlainInstance>>,
): SimulatedObject {
  const model = CORE_MODELS.find((it) => it.id === objectId && it.version === version);
  assert(model !== undefined, `no core model of object ${objectId} version ${version}`);
  return objectOf(model, instances);
}

/** An object of any definition with these instances. */
export function objectOf(model: ObjectModel, instances: Readonly<Record<number, PlainInstance>>): SimulatedObject {
  return {
    model,
    node: {
      type: "object",
      id: model.id,
      instances: Object.entries(instances).map(([id, resources]) => ({
        type: "objectInstance",
        id: Number(id),
        resources: Object.entries(resources).map(([resourceId, value]) =>
          resourceNode(model, Number(resourceId), value),
        ),
      })),
    },
  };
}

function resourceNode(object: ObjectModel, id: number, value: PlainInstance[number]): ResourceNode {
  const model = object.resources.get(id);
  assert(model !== undefined, `object ${object.id} version ${object.version} has no resource ${id}`);
  if (!Array.isArray(value) && !(value instanceof Map)) {
    return { type: "singleResource", id, value: typed(model, value as PlainValue) }; // Neither list nor map.
  }
  return {
    type: "multipleResource",
    id,
    dataType: model.type ?? "OPAQUE",
    instances: [...value.entries()].map(([instanceId, it]) => ({
      type: "resourceInstance",
      id: instanceId,
      value: typed(model, it),
    })),
  };
}

/** The tables of this folder and their models belong together, so a value is of its resource's type. */
function typed(model: ResourceModel, value: PlainValue): ResourceValue {
  return { type: model.type, value } as ResourceValue;
}
