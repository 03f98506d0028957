import {
  formatPath,
  type ObjectInstanceNode,
  type ObjectModel,
  type ResourceNode,
  type ResourceValue,
} from "@ferry/lwm2m";
import type { BootstrapObject, BootstrapValue } from "@ferry/profile";
import { convertValue, JsonNumber } from "@ferry/rpc";

/** An instance to write, or why no device can take it: one sentence each, the path first. */
export type BootstrapObjectNode =
  | { readonly type: "node"; readonly node: ObjectInstanceNode }
  | { readonly type: "refused"; readonly problems: readonly string[] };

/** A value with its place below the instance. */
interface Placed {
  readonly id: number;
  readonly instance: number | undefined;
  readonly value: ResourceValue;
}

/**
 * An instance that a profile has written at bootstrap, its values converted by the models of its object.
 *
 * `models` are all that are known of the object: which version the device has is known only when it is asked, and versions of one object agree about what they share.
 * The bootstrap server may write what others only read (OMA LwM2M Core 1.1.1 §6.1.7.5).
 */
export function bootstrapObjectNode(
  { path, resources }: BootstrapObject,
  models: readonly ObjectModel[],
): BootstrapObjectNode {
  const [objectId, instanceId] = path;
  const at = `bootstrap ${formatPath(path)}`;
  const [model] = models;
  if (model === undefined) {
    return refused(`${at}: no model of object ${objectId} is known: its values cannot be written; apply its XML`);
  }
  if (instanceId !== 0 && models.every(({ multiple }) => !multiple)) {
    return refused(`${at}: object ${objectId} (${model.name}) has one instance, 0`);
  }
  const placed: Placed[] = [];
  const problems: string[] = [];
  for (const [name, value] of Object.entries(resources)) {
    const found = models.map((one) => place(one, name, value));
    const first = found.find((one) => typeof one !== "string") ?? found[0];
    if (typeof first === "string") problems.push(`${at}/${name}: ${first}`);
    else if (first !== undefined) placed.push(first);
  }
  return problems.length > 0 ? refused(...problems) : { type: "node", node: nodeOf(instanceId, placed) };
}

function refused(...problems: string[]): BootstrapObjectNode {
  return { type: "refused", problems };
}

/** The value by one model, or what is wrong with it. */
function place(model: ObjectModel, resource: string, value: BootstrapValue): Placed | string {
  const [id = 0, instance] = resource.split("/").map(Number);
  const found = model.resources.get(id);
  if (found === undefined) return `object ${model.id} (${model.name}) has no resource ${id}`;
  const { name, type, multiple } = found;
  if (type === undefined) return `${name} can only be executed: it has no value`;
  if (multiple && instance === undefined) return `${name} has instances: write each by itself, as "${id}/0"`;
  if (!multiple && instance !== undefined) return `${name} has no instances: write it as "${id}"`;
  const converted = convertValue(typeof value === "number" ? new JsonNumber(String(value)) : value, type);
  // What is wrong is not quoted: it may be a secret.
  return converted === undefined
    ? `${name} is ${type}, which this ${typeof value} is not`
    : { id, instance, value: converted };
}

function nodeOf(id: number, placed: readonly Placed[]): ObjectInstanceNode {
  const resources = [...Map.groupBy(placed, (one) => one.id)].map(([resourceId, values]) =>
    resourceNode(resourceId, values),
  );
  return { type: "objectInstance", id, resources: resources.sort((one, other) => one.id - other.id) };
}

/** `values` are the resource's one value, or those of its instances; never empty. */
function resourceNode(id: number, values: readonly Placed[]): ResourceNode {
  const [{ instance, value }] = values as readonly [Placed, ...Placed[]];
  if (instance === undefined) return { type: "singleResource", id, value };
  const instances = values.map((one) => ({
    type: "resourceInstance" as const,
    id: one.instance ?? 0, // The profile has either instances or the whole.
    value: one.value,
  }));
  return {
    type: "multipleResource",
    id,
    dataType: value.type,
    instances: instances.sort((one, other) => one.id - other.id),
  };
}
