import { isDeepStrictEqual } from "node:util";
import { CODE } from "@ferry/coap";
import {
  formatPath,
  type LwM2mNode,
  type LwM2mPath,
  type ModelView,
  type MultipleResourceNode,
  type ObjectInstanceNode,
  type ObjectModel,
  type ObjectNode,
  type ResourceInstanceNode,
  type ResourceModel,
  type ResourceNode,
  type ResourceValue,
  type TimedValue,
} from "@ferry/lwm2m";
import { SECURITY } from "./bootstrap/account-resources.ts";
import { badRequest, notAllowed, notFound, RequestRefusedError } from "./errors.ts";

/** An object of a device: its definition and what it holds at first. */
export interface SimulatedObject {
  readonly model: ObjectModel;
  readonly node: ObjectNode;
}

type Resources = Map<number, ResourceNode>;

interface ObjectEntry {
  readonly model: ObjectModel;
  readonly instances: Map<number, Resources>;
}

/** The objects of a device, with the access rules of their definitions (OMA LwM2M Core 1.1.1 §6.3). Everything that a server asks wrongly throws {@link RequestRefusedError}. */
export class ObjectTree implements ModelView {
  readonly #objects = new Map<number, ObjectEntry>();
  #revision = 0;

  constructor(objects: readonly SimulatedObject[]) {
    for (const { model, node } of objects) {
      const instances = node.instances.map(({ id, resources }): [number, Resources] => [id, toMap(resources)]);
      this.#objects.set(model.id, { model, instances: new Map(instances) });
    }
  }

  object(objectId: number): ObjectModel | undefined {
    return this.#objects.get(objectId)?.model;
  }

  /** Grows with each change. */
  get revision(): number {
    return this.#revision;
  }

  /** Ids of the instances of an object, ascending; none of one that is not there. */
  instanceIds(objectId: number): readonly number[] {
    return ascending(this.#objects.get(objectId)?.instances ?? new Map()).map(([id]) => id);
  }

  /** Objects with the ids of their instances, ascending. */
  list(): readonly { readonly model: ObjectModel; readonly instances: readonly number[] }[] {
    return ascending(this.#objects).map(([, { model, instances }]) => ({
      model,
      instances: ascending(instances).map(([id]) => id),
    }));
  }

  /** What a server may read at `path`. */
  read(path: LwM2mPath): LwM2mNode {
    const [objectId, instanceId, resourceId, resourceInstanceId] = path;
    if (objectId === undefined) throw notAllowed("reading the root");
    const object = this.#entry(path);
    if (instanceId === undefined) {
      const instances = ascending(object.instances).map(([id, resources]) => instanceNode(object.model, id, resources));
      return { type: "object", id: objectId, instances };
    }
    const resources = this.#resources(path);
    if (resourceId === undefined) return instanceNode(object.model, instanceId, resources);

    const model = resourceModel(object.model, path);
    if (!model.operations.includes("R")) throw notAllowed(`reading ${formatPath(path)}`);
    const resource = resources.get(resourceId);
    if (resource === undefined) throw notFound(formatPath(path));
    if (resourceInstanceId === undefined) return resource;
    const instance = instancesOf(resource).find(({ id }) => id === resourceInstanceId);
    if (instance === undefined) throw notFound(formatPath(path));
    return instance;
  }

  /** What a server may read at `path`; undefined when that is nothing. */
  readable(path: LwM2mPath): LwM2mNode | undefined {
    try {
      return this.read(path);
    } catch (error) {
      if (error instanceof RequestRefusedError) return undefined;
      throw error;
    }
  }

  /** Writes `node`, which is what `path` names: replaces, or updates what is named and keeps the rest. */
  write(path: LwM2mPath, mode: "replace" | "update", node: LwM2mNode): void {
    const object = this.#entry(path);
    const resources = this.#resources(path);
    if (node.type === "object") throw notAllowed("writing a whole object");
    if (node.type === "resourceInstance") {
      this.#writable(path);
      const before = resources.get(path[2] as number); // A resource instance has a path of four.
      if (before === undefined) throw notFound(formatPath(path));
      resources.set(before.id, withInstances(before, [node]));
      this.#revision++;
      return;
    }

    const written = node.type === "objectInstance" ? node.resources : [node];
    for (const { id } of written) this.#writable([object.model.id, path[1] as number, id]);
    if (node.type === "objectInstance" && mode === "replace") {
      for (const id of resources.keys()) {
        if (object.model.resources.get(id)?.operations.includes("W")) resources.delete(id);
      }
    }
    for (const resource of written) {
      const before = resources.get(resource.id);
      const multiple = object.model.resources.get(resource.id)?.multiple === true;
      const merges = mode === "update" && resource.type === "multipleResource" && before !== undefined;
      const after = merges ? withInstances(before, resource.instances) : multiple ? toMultiple(resource) : resource;
      resources.set(resource.id, after);
    }
    this.#revision++;
  }

  /** Writes single values: all of them, or none when one is refused (OMA LwM2M Core 1.1.1 §6.3.9). */
  writeValues(values: readonly TimedValue[]): void {
    for (const { path } of values) {
      const [objectId, instanceId = -1] = path;
      if (!this.#entry(path).instances.has(instanceId)) {
        const why = `object instance /${objectId}/${instanceId} not found`;
        throw new RequestRefusedError(CODE.NOT_FOUND, why);
      }
      this.#writable(path);
    }
    for (const { path, value } of values) {
      const isMultiple = resourceModel(this.#entry(path).model, path).multiple;
      this.set(isMultiple && path.length === 3 ? [...path, 0] : path, value);
    }
  }

  /** Checks that `path` names what can be executed. */
  execute(path: LwM2mPath): void {
    const object = this.#entry(path);
    this.#resources(path);
    if (!resourceModel(object.model, path).operations.includes("E")) throw notAllowed(`executing ${formatPath(path)}`);
  }

  /** Creates Object Instances: all of them, or none when one is refused. */
  create(objectId: number, created: readonly ObjectInstanceNode[]): void {
    const { model, instances } = this.#entry([objectId]);
    if (!model.multiple && instances.size + created.length > 1)
      throw notAllowed(`another instance of object ${objectId}`);
    for (const { id, resources } of created) {
      if (instances.has(id)) throw badRequest(`instance ${id} already exists`);
      for (const resource of resources) resourceModel(model, [objectId, id, resource.id]);
    }
    for (const { id, resources } of created) instances.set(id, toMap(resources));
    this.#revision++;
  }

  /** The lowest id that no instance of the object has. */
  freeInstanceId(objectId: number): number {
    const { instances } = this.#entry([objectId]);
    let id = 0;
    while (instances.has(id)) id++;
    return id;
  }

  delete(path: LwM2mPath): void {
    const { model, instances } = this.#entry(path);
    this.#resources(path);
    if (path.length !== 2 || (model.mandatory && instances.size === 1))
      throw notAllowed(`deleting ${formatPath(path)}`);
    this.remove(model.id, path[1] as number); // Two levels, checked above.
  }

  /** Puts resources into an instance, which is made when it is not there, whoever may write them: they replace those of before, the others stay. */
  put(objectId: number, { id, resources }: ObjectInstanceNode): void {
    const entry = this.#objects.get(objectId);
    if (entry === undefined) return;
    const instance: Resources = entry.instances.get(id) ?? new Map();
    for (const resource of resources) {
      instance.set(resource.id, entry.model.resources.get(resource.id)?.multiple ? toMultiple(resource) : resource);
    }
    entry.instances.set(id, instance);
    this.#revision++;
  }

  /** Takes an instance away, whoever may delete it. */
  remove(objectId: number, instanceId: number): void {
    if (this.#objects.get(objectId)?.instances.delete(instanceId)) this.#revision++;
  }

  /** Paths of the resources of an instance that a server can use: those with a value, and those to write or execute only. */
  resourceIds(path: LwM2mPath): readonly number[] {
    const { model } = this.#entry(path);
    const resources = this.#resources(path);
    const withoutValue = [...model.resources.values()].filter(({ operations }) => /^[WE]+$/.test(operations));
    return [...new Set([...resources.keys(), ...withoutValue.map(({ id }) => id)])].sort((a, b) => a - b);
  }

  /** Number of instances of a multiple-instance resource; undefined for another. */
  dimension(path: LwM2mPath): number | undefined {
    const resource = this.#resources(path).get(path[2] ?? -1);
    return resource?.type === "multipleResource" ? resource.instances.length : undefined;
  }

  /** Sets a value from inside; tells whether that changed it. Of an instance that is gone nothing is set. */
  set(path: LwM2mPath, value: ResourceValue): boolean {
    const [objectId, instanceId, resourceId, resourceInstanceId] = path as [number, number, number, number?];
    const resources = this.#objects.get(objectId)?.instances.get(instanceId);
    if (resources === undefined) return false;
    const before = resources.get(resourceId);
    const after: ResourceNode =
      resourceInstanceId === undefined
        ? { type: "singleResource", id: resourceId, value }
        : withInstances(before ?? { type: "multipleResource", id: resourceId, dataType: value.type, instances: [] }, [
            { type: "resourceInstance", id: resourceInstanceId, value },
          ]);
    if (isDeepStrictEqual(before, after)) return false;
    resources.set(resourceId, after);
    this.#revision++;
    return true;
  }

  /** The value of a resource with a single value, whoever may read it. */
  value(path: LwM2mPath): ResourceValue | undefined {
    const resource = this.#objects
      .get(path[0] ?? -1)
      ?.instances.get(path[1] ?? -1)
      ?.get(path[2] ?? -1);
    return resource?.type === "singleResource" ? resource.value : undefined;
  }

  /** Checks that `path` names something. */
  expect(path: LwM2mPath): void {
    const object = this.#entry(path);
    if (path.length >= 2) this.#resources(path);
    if (path.length >= 3) resourceModel(object.model, path);
  }

  #entry(path: LwM2mPath): ObjectEntry {
    if (path[0] === SECURITY.object) throw new RequestRefusedError(CODE.UNAUTHORIZED, "object 0 is for bootstrap only");
    const entry = this.#objects.get(path[0] ?? -1);
    if (entry === undefined) throw notFound(formatPath(path));
    return entry;
  }

  #resources(path: LwM2mPath): Resources {
    if (path[1] === undefined) throw notAllowed("this operation on a whole object");
    const resources = this.#entry(path).instances.get(path[1]);
    if (resources === undefined) throw notFound(formatPath(path));
    return resources;
  }

  #writable(path: LwM2mPath): void {
    if (!resourceModel(this.#entry(path).model, path).operations.includes("W")) {
      throw notAllowed(`writing ${formatPath(path)}`);
    }
  }
}

function resourceModel(model: ObjectModel, path: LwM2mPath): ResourceModel {
  const resource = model.resources.get(path[2] ?? -1);
  if (resource === undefined) throw notFound(formatPath(path));
  return resource;
}

/** An Object Instance with what a server may read of it. */
function instanceNode(model: ObjectModel, id: number, resources: Resources): ObjectInstanceNode {
  const readable = ascending(resources).filter(([resourceId]) =>
    model.resources.get(resourceId)?.operations.includes("R"),
  );
  return { type: "objectInstance", id, resources: readable.map(([, resource]) => resource) };
}

function instancesOf(resource: ResourceNode): readonly ResourceInstanceNode[] {
  return toMultiple(resource).instances;
}

/** A single value counts as instance 0 of a multiple-instance resource. */
function toMultiple(resource: ResourceNode): MultipleResourceNode {
  if (resource.type === "multipleResource") return resource;
  const { id, value } = resource;
  return {
    type: "multipleResource",
    id,
    dataType: value.type,
    instances: [{ type: "resourceInstance", id: 0, value }],
  };
}

function withInstances(before: ResourceNode, written: readonly ResourceInstanceNode[]): MultipleResourceNode {
  const multiple = toMultiple(before);
  const instances = new Map([...multiple.instances, ...written].map((instance) => [instance.id, instance]));
  return { ...multiple, instances: ascending(instances).map(([, instance]) => instance) };
}

function toMap(resources: readonly ResourceNode[]): Resources {
  return new Map(resources.map((resource) => [resource.id, resource]));
}

function ascending<T>(map: ReadonlyMap<number, T>): [number, T][] {
  return [...map].sort(([a], [b]) => a - b);
}
