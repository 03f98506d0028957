import { type DataType, formatPath, type ObjectModel } from "@ferry/lwm2m";
import type { BootstrapObject, BootstrapValue } from "@ferry/profile";
import { convertValue, parseJson } from "@ferry/rpc";

/**
 * What of an instance that a profile has written at bootstrap no device can take, as far as the models of its object tell, whatever their version: one sentence each.
 *
 * The bootstrap server may write what others only read (OMA LwM2M Core 1.1.1 §6.1.7.5).
 */
export function checkBootstrapObject(
  { path, resources }: BootstrapObject,
  models: readonly ObjectModel[],
): readonly string[] {
  const [objectId, instanceId] = path;
  const id = `bootstrap ${formatPath(path)}`;
  const [model] = models;
  if (model === undefined) {
    return [`${id}: no model of object ${objectId} is known: its values cannot be written; apply its XML`];
  }
  if (instanceId !== 0 && models.every(({ multiple }) => !multiple)) {
    return [`${id}: object ${objectId} (${model.name}) has one instance, 0`];
  }
  return Object.entries(resources).flatMap(([resource, value]) => {
    const problems = models.map((one) => problemOf(one, resource, value));
    return problems.includes(undefined) ? [] : [`${id}/${resource}: ${problems[0]}`];
  });
}

function problemOf(model: ObjectModel, resource: string, value: BootstrapValue): string | undefined {
  const [resourceId, instance] = resource.split("/");
  const found = model.resources.get(Number(resourceId));
  if (found === undefined) return `object ${model.id} (${model.name}) has no resource ${resourceId}`;
  const { name, type, multiple } = found;
  if (type === undefined) return `${name} can only be executed: it has no value`;
  if (multiple && instance === undefined) return `${name} has instances: write each by itself, as "${resourceId}/0"`;
  if (!multiple && instance !== undefined) return `${name} has no instances: write it as "${resourceId}"`;
  return isValueOf(type, value) ? undefined : `${name} is ${type}, which this ${typeof value} is not`;
}

function isValueOf(type: DataType, value: BootstrapValue): boolean {
  const json = parseJson(JSON.stringify(value));
  return json !== undefined && convertValue(json, type) !== undefined;
}
