import {
  formatPath,
  type ModelView,
  type Operation,
  type ResourceInstanceNode,
  type ResourceModel,
  type ResourceNode,
} from "@ferry/lwm2m";
import { convertValue } from "./convert-value.ts";
import { type BadValue, REFUSALS, type Refusal } from "./errors.ts";
import { formatJavaValue, javaClassName } from "./java-text.ts";
import { isJsonObject, type Json, JsonNumber } from "./json.ts";
import type { Target } from "./target.ts";

/**
 * WriteReplace: PUT of a resource or resource instance (OMA LwM2M Core 1.1.1 §6.3.3).
 *
 * A multiple-instance resource takes `{"<instance>": value}` and has exactly these instances after; a scalar stands for its instance 0.
 */
export function writeReplace({ id, path }: Target, value: Json | undefined, models: ModelView): Operation | Refusal {
  if (path.length < 3) return REFUSALS.writeReplaceTarget(id);
  const [objectId, , resourceId, instanceId] = path as [number, number, number, number?];
  const resource = models.object(objectId)?.resources.get(resourceId);
  if (resource === undefined) return REFUSALS.noModel(id);
  if (value === undefined || value === null) return REFUSALS.nullValue();

  const node =
    instanceId !== undefined
      ? convertInstance(resource, instanceId, value)
      : convertResource(resource, resource.multiple && !isJsonObject(value) ? { 0: value } : value);
  if (node === undefined) return REFUSALS.badSingleValue(formatPath(path), badValue(value), resource.type ?? "NONE");
  return { type: "write", mode: "replace", path, node };
}

/** WriteUpdate: POST of some resources of an Object Instance, or of some instances of a resource (OMA LwM2M Core 1.1.1 §6.3.3). What is not named stays. */
export function writeUpdate(target: Target, value: Json | undefined, models: ModelView): Operation | Refusal {
  switch (target.path.length) {
    case 2:
      return updateInstance(target, value, models);
    case 3:
      return updateResource(target, value, models);
    default:
      return REFUSALS.writeUpdateTarget(target.id);
  }
}

function updateInstance({ id, path }: Target, value: Json | undefined, models: ModelView): Operation | Refusal {
  if (value === undefined || value === null) return REFUSALS.nullValue();
  if (!isJsonObject(value) || Object.keys(value).length === 0) return REFUSALS.writeUpdateNotMap();
  const [objectId, instanceId] = path as [number, number];
  const model = models.object(objectId);
  if (model === undefined) return REFUSALS.writeUpdateNoModel(id);

  const members = Object.entries(value).map(
    ([name, member]) => [name, member, model.resources.get(parseChildId(name) ?? -1)] as const,
  );
  if (members.every(([, , resource]) => resource === undefined)) return REFUSALS.writeUpdateNothing(id);
  const resources: ResourceNode[] = [];
  for (const [name, member, resource] of members) {
    if (resource === undefined) return REFUSALS.writeUpdateUnknownMember(id, name);
    if (member === null) return REFUSALS.nullValue();
    const node = convertResource(resource, member);
    if (node === undefined) return refuseMember(formatPath([...path, resource.id]), resource, member);
    resources.push(node);
  }
  return { type: "write", mode: "update", path, node: { type: "objectInstance", id: instanceId, resources } };
}

/** The refusal of a value that a member of a resource map cannot have. */
export function refuseMember(path: string, resource: ResourceModel, value: Json): Refusal {
  if (resource.multiple) return REFUSALS.writeUpdateBadInstances(resource.id, badValue(value));
  return REFUSALS.badMemberValue(path, resource.type ?? "NONE", typeOfJson(value));
}

function updateResource({ id, path }: Target, value: Json | undefined, models: ModelView): Operation | Refusal {
  const [objectId, , resourceId] = path as [number, number, number];
  const resource = models.object(objectId)?.resources.get(resourceId);
  if (resource === undefined) return REFUSALS.writeUpdateNoModel(id);
  if (!resource.multiple) return REFUSALS.writeUpdateSingle(id);
  if (value === undefined || value === null) return REFUSALS.nullValue();
  const node = convertResource(resource, value);
  if (node === undefined) return REFUSALS.writeUpdateNotInstances(id, formatPath(path), badValue(value));
  return { type: "write", mode: "update", path, node };
}

/** A resource with the value given; a multiple-instance resource takes an object of its instances. */
export function convertResource(resource: ResourceModel, value: Json): ResourceNode | undefined {
  const { id, type } = resource;
  if (type === undefined) return undefined;
  if (!resource.multiple) {
    const converted = convertValue(value, type);
    return converted && { type: "singleResource", id, value: converted };
  }
  if (!isJsonObject(value)) return undefined;
  const instances: ResourceInstanceNode[] = [];
  for (const [name, member] of Object.entries(value)) {
    const instanceId = parseChildId(name);
    const instance = instanceId === undefined ? undefined : convertInstance(resource, instanceId, member);
    if (instance === undefined) return undefined;
    instances.push(instance);
  }
  return { type: "multipleResource", id, dataType: type, instances };
}

function convertInstance({ type }: ResourceModel, id: number, value: Json): ResourceInstanceNode | undefined {
  const converted = type && convertValue(value, type);
  return converted && { type: "resourceInstance", id, value: converted };
}

/** Id of a resource or resource instance. Only its shortest spelling counts, so that JSON itself puts ids in ascending order and none comes twice. */
export function parseChildId(name: string): number | undefined {
  return /^(0|[1-9]\d{0,4})$/.test(name) && Number(name) <= 65_535 ? Number(name) : undefined;
}

function badValue(value: Json): BadValue {
  return { text: formatJavaValue(value), className: javaClassName(value) };
}

/** The data type that a JSON value looks like, for refusals. */
export function typeOfJson(value: Json): string {
  if (typeof value === "string") return "STRING";
  if (typeof value === "boolean") return "BOOLEAN";
  if (value instanceof JsonNumber) return value.isInteger ? "INTEGER" : "FLOAT";
  return "NONE";
}
