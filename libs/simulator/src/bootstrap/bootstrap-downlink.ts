import {
  CODE,
  CONTENT_FORMAT,
  type CoapOption,
  formatLinkFormat,
  type LinkAttribute,
  OPTION,
  readUintOption,
  uintOption,
  uriPath,
} from "@ferry/coap";
import {
  decodeContent,
  decodeTimedValues,
  formatPath,
  type LwM2mPath,
  type LwM2mVersion,
  type ObjectInstanceNode,
  type ObjectModel,
  type ResourceNode,
} from "@ferry/lwm2m";
import { type Abilities, parseUriPath, requireFormat } from "../downlink.ts";
import { badRequest, notAllowed, notFound } from "../errors.ts";
import type { ObjectTree } from "../object-tree.ts";
import { type Answer, contentAnswer } from "../perform-downlink.ts";
import { ACCESS_CONTROL_OBJECT, DEVICE_OBJECT, SECURITY, SERVER } from "./account-resources.ts";
import { isBootstrapAccount } from "./accounts.ts";

/** What a bootstrap server asks of a device, as its CoAP request says it (OMA LwM2M Transport 1.1.1 §6.4.2). */
export type BootstrapDownlink = BootstrapOperation | { readonly type: "finish" };

/** What leaves the device in the bootstrap. */
export type BootstrapOperation =
  | { readonly type: "discover" | "delete"; readonly path: LwM2mPath }
  | { readonly type: "read"; readonly path: LwM2mPath; readonly accept: number | undefined }
  | {
      readonly type: "write";
      readonly path: LwM2mPath;
      readonly contentFormat: number | undefined;
      readonly payload: Uint8Array;
    };

/** What a bootstrap operation is performed on. */
export interface BootstrapTarget extends Pick<Abilities, "contentFormats"> {
  readonly tree: ObjectTree;
  readonly lwm2mVersion: LwM2mVersion;
}

/** Instances of one object beyond these are refused: no device has room for any number. */
const MAX_INSTANCES = 64;
/** What a bootstrap server may read (OMA LwM2M Core 1.1.1 §6.1): never the keys. */
const READABLE: readonly number[] = [SERVER.object, ACCESS_CONTROL_OBJECT];

/** Tells what a request of the bootstrap server asks. @throws {RequestRefusedError} nothing that the device knows */
export function parseBootstrapDownlink(
  code: number,
  options: readonly CoapOption[],
  payload: Uint8Array,
): BootstrapDownlink {
  if (code === CODE.POST && uriPath(options).join("/") === "bs") return { type: "finish" };
  const path = parseUriPath(options);
  const accept = readUintOption(options, OPTION.ACCEPT);
  switch (code) {
    case CODE.GET:
      return accept === CONTENT_FORMAT.LINK_FORMAT ? { type: "discover", path } : { type: "read", path, accept };
    case CODE.PUT:
      return { type: "write", path, contentFormat: readUintOption(options, OPTION.CONTENT_FORMAT), payload };
    case CODE.DELETE:
      return { type: "delete", path };
    default:
      throw notAllowed("this method");
  }
}

/** Performs a bootstrap operation on the objects of the device, all of it or nothing. @throws {RequestRefusedError | Lwm2mError} */
export function performBootstrap(operation: BootstrapOperation, target: BootstrapTarget): Answer {
  const { path } = operation;
  switch (operation.type) {
    case "discover":
      return {
        code: CODE.CONTENT,
        options: [uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LINK_FORMAT)],
        payload: Buffer.from(discover(path, target)),
      };
    case "read":
      if (target.lwm2mVersion === "1.0" || path.length > 2 || !READABLE.includes(path[0] ?? -1)) {
        throw notAllowed(`Bootstrap-Read of ${formatPath(path)}`);
      }
      return contentAnswer(target.tree.read(path), path, operation.accept, target);
    case "write":
      write(operation, target);
      return { code: CODE.CHANGED };
    case "delete":
      remove(path, target.tree);
      return { code: CODE.DELETED };
  }
}

/** Objects and Object Instances with what tells accounts apart: the short server id and, since 1.1, the server's URI (OMA LwM2M Core 1.1.1 §6.1.7.3). */
function discover(path: LwM2mPath, { tree, lwm2mVersion }: BootstrapTarget): string {
  const [objectId] = path;
  if (path.length > 1) throw badRequest("Bootstrap-Discover goes to an Object or to the root");
  if (objectId !== undefined && tree.object(objectId) === undefined) throw notFound(formatPath(path));
  const links = tree
    .list()
    .filter(({ model }) => objectId === undefined || model.id === objectId)
    .flatMap(({ model, instances }) => [
      { target: `/${model.id}`, attributes: [{ name: "ver", value: model.version }] },
      ...instances.map((id) => ({
        target: `/${model.id}/${id}`,
        attributes: accountAttributes(tree, model.id, id, lwm2mVersion),
      })),
    ]);
  // In 1.0 the version stands alone before the links (OMA LwM2M TS 1.0.2 §5.2.7.3).
  if (lwm2mVersion === "1.0") return `lwm2m="1.0",${formatLinkFormat(links)}`;
  return formatLinkFormat([{ target: "/", attributes: [{ name: "lwm2m", value: lwm2mVersion }] }, ...links]);
}

function accountAttributes(
  tree: ObjectTree,
  objectId: number,
  id: number,
  lwm2mVersion: LwM2mVersion,
): readonly LinkAttribute[] {
  const attribute = (name: string, resource: number): LinkAttribute[] => {
    const value = tree.value([objectId, id, resource]);
    return value === undefined ? [] : [{ name, value: String(value.value) }];
  };
  if (objectId === SERVER.object) return attribute("ssid", SERVER.shortServerId);
  if (objectId !== SECURITY.object) return [];
  const ssid = isBootstrapAccount(tree, id) ? [] : attribute("ssid", SECURITY.shortServerId);
  return lwm2mVersion === "1.0" ? ssid : [...ssid, ...attribute("uri", SECURITY.uri)];
}

/** Writes whatever may be written otherwise, and makes what is not there. What the device does not know of an instance is ignored (OMA LwM2M Core 1.1.1 §6.1). */
function write(
  { path, contentFormat, payload }: Extract<BootstrapOperation, { readonly type: "write" }>,
  target: BootstrapTarget,
): void {
  const { tree } = target;
  const [objectId, instanceId, resourceId] = path;
  if (objectId === undefined || path.length > 3) throw badRequest(`Bootstrap-Write of ${formatPath(path)}`);
  const model = tree.object(objectId);
  if (model === undefined || (resourceId !== undefined && !model.resources.has(resourceId))) {
    throw notFound(formatPath(path));
  }
  const node = decodeContent(requireFormat(contentFormat, target), payload, path, tree);
  const written = node.type === "object" ? node.instances : [instanceOf(node as InstanceOrResource, instanceId)];
  const ids = [...tree.instanceIds(objectId), ...written.map(({ id }) => id)];
  expectRoom(model, ids);
  const known = written.map((instance) => ({ ...instance, resources: knownResources(model, instance) }));
  for (const instance of known) tree.put(objectId, instance);
}

function expectRoom({ id, multiple }: ObjectModel, instanceIds: readonly number[]): void {
  const ids = new Set(instanceIds);
  if (!multiple && (ids.size > 1 || !ids.has(0))) throw badRequest(`object ${id} has instance 0 only`);
  if (ids.size > MAX_INSTANCES) throw badRequest(`object ${id} has room for ${MAX_INSTANCES} instances`);
}

/** What a path of two or three ids names. */
type InstanceOrResource = ObjectInstanceNode | ResourceNode;

function instanceOf(node: InstanceOrResource, id = 0): ObjectInstanceNode {
  return node.type === "objectInstance" ? node : { type: "objectInstance", id, resources: [node] };
}

function knownResources(model: ObjectModel, { id, resources }: ObjectInstanceNode): readonly ResourceNode[] {
  return resources.filter((resource) => {
    const known = model.resources.get(resource.id);
    if (known?.type === undefined) return false; // Not defined, or to be executed.
    if (resource.type === "singleResource" || known.multiple) return true;
    throw badRequest(`${formatPath([model.id, id, resource.id])} has one value`);
  });
}

/** The bootstrap server's account and the device itself stay; from all there is everything else goes (OMA LwM2M Core 1.1.1 §6.1). */
function remove(path: LwM2mPath, tree: ObjectTree): void {
  const [objectId, instanceId] = path;
  if (path.length > 2) throw badRequest(`Bootstrap-Delete of ${formatPath(path)}`);
  if (objectId !== undefined && instanceId !== undefined) {
    if (!tree.instanceIds(objectId).includes(instanceId)) throw badRequest(`${formatPath(path)} is not here`);
    if (stays(tree, objectId, instanceId)) throw badRequest(`${formatPath(path)} stays`);
    tree.remove(objectId, instanceId);
    return;
  }
  if (objectId === DEVICE_OBJECT) throw badRequest("object 3 stays");
  if (objectId !== undefined && tree.object(objectId) === undefined)
    throw badRequest(`${formatPath(path)} is not here`);
  for (const { model } of tree.list()) {
    if (objectId === undefined || model.id === objectId) removeInstances(tree, model.id);
  }
}

function removeInstances(tree: ObjectTree, objectId: number): void {
  for (const id of tree.instanceIds(objectId)) if (!stays(tree, objectId, id)) tree.remove(objectId, id);
}

function stays(tree: ObjectTree, objectId: number, instanceId: number): boolean {
  return objectId === DEVICE_OBJECT || (objectId === SECURITY.object && isBootstrapAccount(tree, instanceId));
}

/**
 * Takes a Bootstrap-Pack: its objects have then what it says and nothing else, but for what always stays. What the device does not know is ignored
 * (OMA LwM2M Core 1.2 §6.1.7.7).
 *
 * @throws {RequestRefusedError | Lwm2mError} it cannot be; then nothing was changed
 */
export function applyPack(format: number | undefined, payload: Uint8Array, target: BootstrapTarget): void {
  const { tree } = target;
  const values = decodeTimedValues(requireFormat(format, target), payload, [], tree, undefined).filter(
    ({ path: [objectId = -1, , resourceId = -1] }) =>
      tree.object(objectId)?.resources.get(resourceId)?.type !== undefined,
  );
  const objectIds = new Set(values.map(({ path }) => path[0] as number)); // A value has a path of three or four.
  for (const objectId of objectIds) {
    const own = values.filter(({ path }) => path[0] === objectId);
    const staying = tree.instanceIds(objectId).filter((id) => stays(tree, objectId, id));
    const model = tree.object(objectId);
    if (model !== undefined) expectRoom(model, [...staying, ...own.map(({ path }) => path[1] as number)]);
    const several = own.find(({ path }) => path.length === 4 && model?.resources.get(path[2] ?? -1)?.multiple !== true);
    if (several !== undefined) throw badRequest(`${formatPath(several.path.slice(0, 3))} has one value`);
  }
  for (const objectId of objectIds) removeInstances(tree, objectId);
  for (const { path, value } of values) {
    const [objectId, instanceId, resourceId] = path as [number, number, number];
    const isMultiple = tree.object(objectId)?.resources.get(resourceId)?.multiple === true;
    tree.put(objectId, { type: "objectInstance", id: instanceId, resources: [] });
    tree.set(isMultiple && path.length === 3 ? [...path, 0] : path, value);
  }
}
