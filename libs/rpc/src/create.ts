import { formatPath, type NewInstance, type ObjectModel, type Operation, type ResourceNode } from "@ferry/lwm2m";
import { REFUSALS, type Refusal } from "./errors.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import type { OperationContext, Target } from "./target.ts";
import { convertResource, parseChildId, refuseMember } from "./write.ts";

const MAX_INSTANCE_ID = 65_534;

/**
 * Create: POST of Object Instances to an Object (OMA LwM2M Core 1.1.1 §6.3.6).
 *
 * `/19` with `value` leaves the id to the device, `/19/1` names it; `/19` with `nodes` makes several: `{"1": {"0": …}, "2": …}`.
 */
export function create(
  { id, path }: Target,
  { value, nodes }: JsonObject,
  { models }: OperationContext,
): Operation | Refusal {
  if (path.length > 2) return REFUSALS.createTarget(id);
  const [objectId, instanceId] = path as [number, number?]; // The root has no object, and was refused.
  const model = models.object(objectId);
  if (model === undefined) return REFUSALS.noModel(id);
  if (!model.multiple) return REFUSALS.createSingleObject(id);

  if (value !== undefined) {
    const resources = newResources({ id, path }, instanceId, value, model);
    if ("type" in resources) return resources;
    return { type: "create", path, instances: [{ id: instanceId, resources }] };
  }
  if (instanceId !== undefined) return REFUSALS.nullValue();
  if (nodes === undefined || nodes === null) return REFUSALS.createTarget(id);
  if (!isJsonObject(nodes) || Object.keys(nodes).length === 0) return REFUSALS.writeUpdateNotMap();
  const instances: NewInstance[] = [];
  for (const [name, members] of Object.entries(nodes)) {
    const newId = parseChildId(name);
    if (newId === undefined || newId > MAX_INSTANCE_ID) return REFUSALS.createBadInstanceId(id, name);
    const resources = newResources({ id, path }, newId, members, model);
    if ("type" in resources) return resources;
    instances.push({ id: newId, resources });
  }
  return { type: "create", path, instances };
}

/** The resources of a new instance; what the definition has as writable and mandatory must be among them. */
function newResources(
  { id, path }: Target,
  instanceId: number | undefined,
  members: Json,
  model: ObjectModel,
): readonly ResourceNode[] | Refusal {
  if (members === null) return REFUSALS.nullValue();
  if (!isJsonObject(members) || Object.keys(members).length === 0) return REFUSALS.writeUpdateNotMap();
  const resources: ResourceNode[] = [];
  for (const [name, member] of Object.entries(members)) {
    const resource = model.resources.get(parseChildId(name) ?? -1);
    if (resource === undefined) return REFUSALS.createUnknownMember(id, name);
    if (member === null) return REFUSALS.nullValue();
    const node = convertResource(resource, member);
    const memberPath = `${formatPath(path.slice(0, 1))}/${instanceId ?? "*"}/${resource.id}`;
    if (node === undefined) return refuseMember(memberPath, resource, member);
    resources.push(node);
  }
  for (const { id: resourceId, mandatory, operations } of model.resources.values()) {
    const isGiven = resources.some((resource) => resource.id === resourceId);
    if (mandatory && operations.includes("W") && !isGiven) return REFUSALS.createMandatory(resourceId);
  }
  return resources;
}
