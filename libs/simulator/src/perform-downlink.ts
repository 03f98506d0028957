import {
  CODE,
  CONTENT_FORMAT,
  CoapFormatError,
  type CoapOption,
  formatLinkFormat,
  type LinkAttribute,
  OPTION,
  stringOption,
  uintOption,
} from "@ferry/coap";
import {
  COMPOSITE_FORMATS,
  decodeContent,
  decodeTimedValues,
  encodeContent,
  encodeTimedValues,
  flattenNode,
  formatPath,
  type LwM2mNode,
  type LwM2mPath,
  Lwm2mError,
  type ObjectInstanceNode,
  parseAttributes,
  UnencodableContentError,
} from "@ferry/lwm2m";
import { SECURITY, SERVER } from "./bootstrap/account-resources.ts";
import { isBootstrapAccount } from "./bootstrap/accounts.ts";
import type { DeviceEvent } from "./device-io.ts";
import { type Abilities, type DeviceOperation, requireFormat } from "./downlink.ts";
import { badRequest, notAllowed, RequestRefusedError } from "./errors.ts";
import type { AssignedAttributes, AttributeTable } from "./notification-attributes.ts";
import type { ObjectTree } from "./object-tree.ts";

/** What a device answers. */
export interface Answer {
  readonly code: number;
  readonly options?: readonly CoapOption[];
  readonly payload?: Uint8Array;
}

/** What came of a request. */
export interface Performed {
  readonly answer: Answer;
  readonly event: DeviceEvent;
  /** What the request changed, for observers. */
  readonly changed?: readonly LwM2mPath[];
}

/** What a request is performed on. */
export interface Target extends Abilities {
  readonly tree: ObjectTree;
  readonly attributes: AttributeTable;
}

/** Bits 7 and 6 of a TLV of an Object Instance (OMA LwM2M Core 1.1.1 §7.4.3). */
const TLV_OBJECT_INSTANCE = 0;

const CHANGED: Answer = { code: CODE.CHANGED };

/** Performs a request of the server on the objects of the device. @throws {RequestRefusedError | Lwm2mError} */
export function performDownlink(operation: DeviceOperation, target: Target): Performed {
  const { tree, attributes } = target;
  switch (operation.type) {
    case "read": {
      const { path, accept } = operation;
      return { answer: contentAnswer(tree.read(path), path, accept, target), event: { type: "read", path } };
    }
    case "readComposite": {
      const { paths, accept } = operation;
      const nodes = paths.map((path) => tree.readable(path));
      return { answer: compositeAnswer(paths, nodes, accept, target), event: { type: "readComposite", paths } };
    }
    case "discover": {
      const { path } = operation;
      return {
        answer: {
          code: CODE.CONTENT,
          options: [uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LINK_FORMAT)],
          payload: Buffer.from(discover(path, tree, attributes)),
        },
        event: { type: "discovered", path },
      };
    }
    case "write": {
      const { path, mode, contentFormat, payload } = operation;
      const node = decodeContent(requireFormat(contentFormat, target), payload, path, tree);
      tree.write(path, mode, node);
      return { answer: CHANGED, event: { type: "written", path, mode, node }, changed: [path] };
    }
    case "writeComposite": {
      const values = decodeTimedValues(requireFormat(operation.contentFormat, target), operation.payload, [], tree, 0);
      tree.writeValues(values);
      return { answer: CHANGED, event: { type: "writtenComposite", values }, changed: values.map(({ path }) => path) };
    }
    case "writeAttributes": {
      const { path, query } = operation;
      tree.expect(path);
      const written = parseAttributes(query);
      const unknown = Object.keys(written).find((name) => !target.attributeNames.includes(name));
      if (unknown !== undefined) throw badRequest(`attribute ${unknown} is not known`);
      attributes.write(path, written);
      return { answer: CHANGED, event: { type: "attributesWritten", path, attributes: written } };
    }
    case "execute": {
      const { path } = operation;
      tree.execute(path);
      expectBootstrapAccount(path, tree);
      return { answer: CHANGED, event: { type: "executed", path, arguments: operation.arguments } };
    }
    case "create": {
      const [objectId] = operation.path as [number]; // A Create has a path of one.
      const { instances, isIdOwn } = decodeInstances(objectId, operation, target);
      tree.create(objectId, instances);
      const paths = instances.map(({ id }) => [objectId, id]);
      // The device names the instance only where it chose the id (OMA LwM2M Core 1.1.1 §6.3.6).
      const location = isIdOwn ? (paths[0] ?? []) : [];
      const options = location.map((id) => stringOption(OPTION.LOCATION_PATH, String(id)));
      return { answer: { code: CODE.CREATED, options }, event: { type: "created", paths }, changed: paths };
    }
    case "delete": {
      const { path } = operation;
      tree.delete(path);
      return { answer: { code: CODE.DELETED }, event: { type: "deleted", path }, changed: [path] };
    }
  }
}

/** A device can only be sent to a bootstrap server that it has an account of; without a Security object it has none, and answers as Leshan's client does. */
function expectBootstrapAccount([objectId, , resourceId]: LwM2mPath, tree: ObjectTree): void {
  if (objectId !== SERVER.object || resourceId !== SERVER.bootstrapTrigger) return;
  if (tree.object(SECURITY.object) === undefined) throw badRequest("probably no bootstrap server configured");
  const accounts = tree.instanceIds(SECURITY.object).filter((id) => isBootstrapAccount(tree, id));
  if (accounts.length === 0) throw notAllowed("a bootstrap without an account of a bootstrap server");
}

/** The answer that carries a node, in the format asked for or else the first of the device's that can. @throws {RequestRefusedError} */
export function contentAnswer(
  node: LwM2mNode,
  path: LwM2mPath,
  accept: number | undefined,
  { contentFormats }: Pick<Abilities, "contentFormats">,
): Required<Answer> {
  return encodedAnswer(accept, contentFormats, (format) => encodeContent(format, node, path));
}

/** The answer that carries what there is of several paths. @throws {RequestRefusedError} */
export function compositeAnswer(
  paths: readonly LwM2mPath[],
  nodes: readonly (LwM2mNode | undefined)[],
  accept: number | undefined,
  { contentFormats }: Target,
): Required<Answer> {
  const values = nodes.flatMap((node, index) => (node === undefined ? [] : flattenNode(paths[index] ?? [], node)));
  const formats = contentFormats.filter((format) => COMPOSITE_FORMATS.includes(format));
  return encodedAnswer(accept, formats, (format) => encodeTimedValues(format, values));
}

function encodedAnswer(
  accept: number | undefined,
  formats: readonly number[],
  encode: (format: number) => Uint8Array,
): Required<Answer> {
  for (const format of accept === undefined ? formats : formats.filter((it) => it === accept)) {
    try {
      const payload = encode(format);
      return { code: CODE.CONTENT, options: [uintOption(OPTION.CONTENT_FORMAT, format)], payload };
    } catch (error) {
      if (!(error instanceof UnencodableContentError)) throw error;
    }
  }
  throw new RequestRefusedError(CODE.NOT_ACCEPTABLE, `content format ${accept}`, "");
}

/** The refusal that an error means to the server; rethrows what is our own fault. */
export function toRefusal(error: unknown): RequestRefusedError {
  if (error instanceof RequestRefusedError) return error;
  if (error instanceof Lwm2mError || error instanceof CoapFormatError) return badRequest(error.message);
  throw error;
}

/** The instances that a Create describes; TLV may list the resources of one only and leave its id to the device (OMA LwM2M Core 1.1.1 §6.3.6). */
function decodeInstances(
  objectId: number,
  { contentFormat, payload }: Extract<DeviceOperation, { readonly type: "create" }>,
  target: Target,
): { readonly instances: readonly ObjectInstanceNode[]; readonly isIdOwn: boolean } {
  const { tree } = target;
  const ownId = tree.freeInstanceId(objectId);
  const [firstByte] = payload;
  if (firstByte === undefined) {
    return { instances: [{ type: "objectInstance", id: ownId, resources: [] }], isIdOwn: true };
  }
  const format = requireFormat(contentFormat, target);
  const isIdOwn = format === CONTENT_FORMAT.LWM2M_TLV && firstByte >> 6 !== TLV_OBJECT_INSTANCE;
  const node = decodeContent(format, payload, isIdOwn ? [objectId, ownId] : [objectId], tree);
  const instances = node.type === "object" ? node.instances : [node as ObjectInstanceNode]; // By the path that was asked for.
  if (instances.length === 0) throw badRequest("a Create needs an Object Instance");
  return { instances, isIdOwn };
}

/** Links of what is at `path` and below, with the attributes written to them (OMA LwM2M Core 1.1.1 §6.3.2). */
function discover(path: LwM2mPath, tree: ObjectTree, attributes: AttributeTable): string {
  tree.expect(path);
  const [objectId] = path;
  const object = tree.list().find(({ model }) => model.id === objectId);
  if (object === undefined) return ""; // Only the root, which `expect` refuses.
  const link = (target: LwM2mPath, assigned: AssignedAttributes, own: readonly LinkAttribute[] = []) => ({
    target: formatPath(target),
    attributes: [...Object.entries(assigned).map(([name, value]) => ({ name, value: String(value) })), ...own],
  });
  const resource = (target: LwM2mPath, assigned: AssignedAttributes) => {
    const dimension = tree.dimension(target);
    return link(target, assigned, dimension === undefined ? [] : [{ name: "dim", value: String(dimension) }]);
  };
  const instance = (target: LwM2mPath) => [
    link(target, attributes.assigned(target)),
    ...tree.resourceIds(target).map((id) => resource([...target, id], attributes.assigned([...target, id]))),
  ];
  switch (path.length) {
    case 1: {
      const { target, attributes: assigned } = link(path, attributes.assigned(path));
      const version = { name: "ver", value: object.model.version };
      const instances = object.instances.flatMap((id) => instance([...path, id]));
      return formatLinkFormat([{ target, attributes: [version, ...assigned] }, ...instances]);
    }
    case 2:
      return formatLinkFormat(instance(path));
    default:
      // For a resource, what it inherits is listed too.
      return formatLinkFormat([resource(path, attributes.effective(path))]);
  }
}
