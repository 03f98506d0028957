import { formatPath, type LwM2mNode, type LwM2mPath, type Operation, type ResourceModel } from "@ferry/lwm2m";
import { convertValue } from "./convert-value.ts";
import { REFUSALS, type Refusal } from "./errors.ts";
import { formatJavaValue, javaClassName } from "./java-text.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { MAX_PATHS } from "./limits.ts";
import { checkOverlap, type OperationContext, resolveNode, type Target } from "./target.ts";
import { parseChildId, typeOfJson } from "./write.ts";

/** One value of a composite write. */
interface Leaf {
  readonly path: LwM2mPath;
  readonly node: LwM2mNode;
}

type Leaves = { readonly type: "leaves"; readonly leaves: readonly Leaf[] };

/**
 * WriteComposite: iPATCH of resources and resource instances anywhere (OMA LwM2M Core 1.1.1 §6.3.9).
 *
 * A member of `nodes` is a path or, where it spells none, a key of the profile:
 * a resource with a value, a multiple-instance resource with `{"<instance>": value}`, an Object Instance with `{"<resource>": …}`.
 */
export function writeComposite({ nodes }: JsonObject, context: OperationContext): Operation | Refusal {
  if (nodes === undefined || nodes === null) return REFUSALS.noNodes("null");
  if (!isJsonObject(nodes) || Object.keys(nodes).length === 0) return REFUSALS.noNodes(formatJavaValue(nodes));
  const leaves: Leaf[] = [];
  for (const [name, value] of Object.entries(nodes)) {
    const target = resolveNode(name, context);
    if ("type" in target) return target;
    const found = leavesOf(target, name, value, context);
    if (found === undefined) return REFUSALS.badNodes(formatJavaValue(nodes));
    if (found.type === "refused") return found;
    leaves.push(...found.leaves);
    if (leaves.length > MAX_PATHS) return REFUSALS.tooManyPaths("nodes", leaves.length, MAX_PATHS);
  }
  return checkOverlap(leaves.map(({ path }) => path)) ?? { type: "writeComposite", nodes: leaves };
}

/** The values that one member of `nodes` writes; undefined where its value does not have the shape that its path needs. */
function leavesOf(
  { id, path }: Target,
  name: string,
  value: Json,
  { models }: OperationContext,
): Leaves | Refusal | undefined {
  const [objectId = -1, , resourceId = -1] = path;
  const resources = models.object(objectId)?.resources;
  if (value === null) return REFUSALS.nullNode(name);
  switch (path.length) {
    case 2: {
      if (!isJsonObject(value) || Object.keys(value).length === 0) return undefined;
      return collect(value, (childId, member) => {
        const resource = resources?.get(childId);
        if (resource === undefined) return REFUSALS.noModel(`${id}/${childId}`);
        return resourceLeaves([...path, childId], resource, `${name}/${childId}`, member);
      });
    }
    case 3: {
      const resource = resources?.get(resourceId);
      return resource === undefined ? REFUSALS.noModel(id) : resourceLeaves(path, resource, name, value);
    }
    case 4: {
      const resource = resources?.get(resourceId);
      return resource === undefined ? REFUSALS.noModel(id) : leaf(path, resource, name, value);
    }
    default:
      return undefined;
  }
}

/** A scalar for a multiple-instance resource is its instance 0. */
function resourceLeaves(
  path: LwM2mPath,
  resource: ResourceModel,
  name: string,
  value: Json,
): Leaves | Refusal | undefined {
  if (value === null || !isJsonObject(value))
    return leaf(resource.multiple ? [...path, 0] : path, resource, name, value);
  if (!resource.multiple || Object.keys(value).length === 0) return undefined;
  return collect(value, (childId, member) => leaf([...path, childId], resource, `${name}/${childId}`, member));
}

function collect(
  members: JsonObject,
  leavesOfChild: (childId: number, member: Json) => Leaves | Refusal | undefined,
): Leaves | Refusal | undefined {
  const leaves: Leaf[] = [];
  for (const [name, member] of Object.entries(members)) {
    const childId = parseChildId(name);
    const found = childId === undefined ? undefined : leavesOfChild(childId, member);
    if (found === undefined || found.type === "refused") return found;
    leaves.push(...found.leaves);
  }
  return { type: "leaves", leaves };
}

function leaf(path: LwM2mPath, { type }: ResourceModel, name: string, json: Json): Leaves | Refusal {
  if (json === null) return REFUSALS.nullNode(name);
  if (typeof json === "object" && (Array.isArray(json) || isJsonObject(json))) {
    return REFUSALS.badNodeType(javaClassName(json), name);
  }
  const value = type && convertValue(json, type);
  if (value === undefined) {
    const isNumber = type !== undefined && NUMBERS.has(type);
    return isNumber && typeof json === "string"
      ? REFUSALS.badNodeNumber(json, formatPath(path), type)
      : REFUSALS.badMemberValue(formatPath(path), type ?? "NONE", typeOfJson(json));
  }
  const id = path.at(-1) as number; // A resource's path at least.
  return {
    type: "leaves",
    leaves: [{ path, node: { type: path.length === 4 ? "resourceInstance" : "singleResource", id, value } }],
  };
}

const NUMBERS: ReadonlySet<string> = new Set(["INTEGER", "UNSIGNED_INTEGER", "FLOAT"]);
