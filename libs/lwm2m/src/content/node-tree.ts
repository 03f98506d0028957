import { UndecodableContentError } from "../errors.ts";
import type { ModelView } from "../model/object-model.ts";
import type {
  LwM2mNode,
  ObjectInstanceNode,
  ObjectNode,
  ResourceInstanceNode,
  ResourceNode,
  TimedValue,
} from "../node.ts";
import { formatPath, type LwM2mPath } from "../path.ts";

/** What a payload says of one resource. */
interface ResourceContent {
  single?: TimedValue;
  instances?: Map<number, TimedValue>;
}

/** Resources of one Object Instance by id. */
type InstanceContent = Map<number, ResourceContent>;

/**
 * The node at `path` that values form; of several values of one resource the latest counts, one without a time as the latest of all.
 *
 * `empties` are paths of Object Instances and multiple-instance resources that are there without values.
 * @throws {UndecodableContentError} when the values do not form the node that `path` names
 */
export function buildNode(
  path: LwM2mPath,
  values: readonly TimedValue[],
  empties: readonly LwM2mPath[],
  models: ModelView,
): LwM2mNode {
  const [objectId, objectInstanceId, resourceId, resourceInstanceId] = path;
  if (objectId === undefined) throw new UndecodableContentError("the root names no single node");
  const object = collect(values, empties);
  if (objectInstanceId === undefined) return objectNode(objectId, object, models);

  const instance = object.get(objectInstanceId) ?? new Map();
  if (resourceId === undefined) return instanceNode(objectId, objectInstanceId, instance, models);

  const resource = resourceNode([objectId, objectInstanceId, resourceId], instance.get(resourceId), models);
  if (resourceInstanceId === undefined) return resource;

  const found = resource.type === "multipleResource" && resource.instances.find(({ id }) => id === resourceInstanceId);
  if (!found) throw noValue(path);
  return found;
}

function collect(values: readonly TimedValue[], empties: readonly LwM2mPath[]): Map<number, InstanceContent> {
  const object = new Map<number, InstanceContent>();
  for (const [, objectInstanceId, resourceId] of empties as readonly [number, number, number?][]) {
    const instance = getOrAdd(object, objectInstanceId, () => new Map());
    if (resourceId !== undefined) instance.set(resourceId, { instances: new Map() });
  }
  for (const value of values) {
    const [, objectInstanceId, resourceId, resourceInstanceId] = value.path as [number, number, number, number?]; // Values have resources.
    const resource = getOrAdd(
      getOrAdd(object, objectInstanceId, () => new Map()),
      resourceId,
      () => ({}),
    );
    if (resourceInstanceId === undefined) {
      resource.single = later(resource.single, value);
    } else {
      resource.instances ??= new Map();
      resource.instances.set(resourceInstanceId, later(resource.instances.get(resourceInstanceId), value));
    }
  }
  return object;
}

function getOrAdd<T>(map: Map<number, T>, id: number, make: () => T): T {
  const existing = map.get(id);
  if (existing !== undefined) return existing;
  const made = make();
  map.set(id, made);
  return made;
}

function later(first: TimedValue | undefined, second: TimedValue): TimedValue {
  const firstMs = first?.timeMs ?? Number.POSITIVE_INFINITY;
  const secondMs = second.timeMs ?? Number.POSITIVE_INFINITY;
  return first === undefined || secondMs >= firstMs ? second : first;
}

function objectNode(id: number, object: Map<number, InstanceContent>, models: ModelView): ObjectNode {
  return {
    type: "object",
    id,
    instances: ascending(object).map(([instanceId, instance]) => instanceNode(id, instanceId, instance, models)),
  };
}

function instanceNode(objectId: number, id: number, instance: InstanceContent, models: ModelView): ObjectInstanceNode {
  return {
    type: "objectInstance",
    id,
    resources: ascending(instance).map(([resourceId, content]) =>
      resourceNode([objectId, id, resourceId], content, models),
    ),
  };
}

function resourceNode(
  path: readonly [number, number, number],
  content: ResourceContent | undefined,
  models: ModelView,
): ResourceNode {
  const [objectId, , id] = path;
  const model = models.object(objectId)?.resources.get(id);
  if (content?.single !== undefined) {
    if (content.instances !== undefined) {
      throw new UndecodableContentError(`${formatPath(path)} has both a value and instances`);
    }
    return { type: "singleResource", id, ...valueAndTime(content.single) };
  }
  if (content?.instances === undefined && model?.multiple !== true) throw noValue(path);
  const instances = ascending(content?.instances ?? new Map<number, TimedValue>()).map(
    ([instanceId, value]): ResourceInstanceNode => ({
      type: "resourceInstance",
      id: instanceId,
      ...valueAndTime(value),
    }),
  );
  const dataType = model?.type ?? instances[0]?.value.type ?? "OPAQUE";
  return { type: "multipleResource", id, dataType, instances };
}

function valueAndTime({ value, timeMs }: TimedValue): Pick<TimedValue, "value" | "timeMs"> {
  return timeMs === undefined ? { value } : { value, timeMs };
}

function ascending<T>(map: ReadonlyMap<number, T>): [number, T][] {
  return [...map].sort(([a], [b]) => a - b);
}

function noValue(path: LwM2mPath): UndecodableContentError {
  return new UndecodableContentError(`the payload has no value of ${formatPath(path)}`);
}

/** The values below a node at `path`: the inverse of {@link buildNode}, but for empty containers. */
export function flattenNode(path: LwM2mPath, node: LwM2mNode): TimedValue[] {
  switch (node.type) {
    case "object":
      return node.instances.flatMap((instance) => flattenNode([...path, instance.id], instance));
    case "objectInstance":
      return node.resources.flatMap((resource) => flattenNode([...path, resource.id], resource));
    case "multipleResource":
      return node.instances.flatMap((instance) => flattenNode([...path, instance.id], instance));
    default:
      return [{ path, ...valueAndTime(node as TimedValue & typeof node) }];
  }
}
