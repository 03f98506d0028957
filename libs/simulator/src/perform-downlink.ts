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
  decodeContent,
  encodeContent,
  formatPath,
  type LwM2mNode,
  type LwM2mPath,
  Lwm2mError,
  type ObjectInstanceNode,
  parseAttributes,
  UnencodableContentError,
} from "@ferry/lwm2m";
import type { DeviceEvent } from "./device-io.ts";
import type { DeviceOperation } from "./downlink.ts";
import { badRequest, RequestRefusedError } from "./errors.ts";
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
  readonly changed?: LwM2mPath;
}

/** Content formats of the device, by preference. */
export const DEVICE_FORMATS: readonly number[] = [
  CONTENT_FORMAT.LWM2M_TLV,
  CONTENT_FORMAT.SENML_CBOR,
  CONTENT_FORMAT.SENML_JSON,
  CONTENT_FORMAT.CBOR,
  CONTENT_FORMAT.TEXT_PLAIN,
  CONTENT_FORMAT.OCTET_STREAM,
];

/** Bits 7 and 6 of a TLV of an Object Instance (OMA LwM2M Core 1.1.1 §7.4.3). */
const TLV_OBJECT_INSTANCE = 0;

const CHANGED: Answer = { code: CODE.CHANGED };

/** Performs a request of the server on the objects of the device. @throws {RequestRefusedError} */
export function performDownlink(operation: DeviceOperation, tree: ObjectTree, attributes: AttributeTable): Performed {
  const { path } = operation;
  switch (operation.type) {
    case "read":
      return { answer: contentAnswer(tree.read(path), path, operation.accept), event: { type: "read", path } };
    case "discover":
      return {
        answer: {
          code: CODE.CONTENT,
          options: [uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LINK_FORMAT)],
          payload: Buffer.from(discover(path, tree, attributes)),
        },
        event: { type: "discovered", path },
      };
    case "write": {
      const node = decode(operation.contentFormat, operation.payload, path, tree);
      tree.write(path, operation.mode, node);
      return { answer: CHANGED, event: { type: "written", path, mode: operation.mode, node }, changed: path };
    }
    case "writeAttributes": {
      tree.expect(path);
      const written = parseAttributes(operation.query);
      attributes.write(path, written);
      return { answer: CHANGED, event: { type: "attributesWritten", path, attributes: written } };
    }
    case "execute":
      tree.execute(path);
      return { answer: CHANGED, event: { type: "executed", path, arguments: operation.arguments } };
    case "create": {
      const created = tree.create(path[0] as number, decodeInstance(operation, tree)); // A Create has a path of one.
      const options = created.map((id) => stringOption(OPTION.LOCATION_PATH, String(id)));
      return {
        answer: { code: CODE.CREATED, options },
        event: { type: "created", path: created },
        changed: created,
      };
    }
    case "delete":
      tree.delete(path);
      return { answer: { code: CODE.DELETED }, event: { type: "deleted", path }, changed: path };
  }
}

/** The answer that carries a node, in the format asked for or the one the device prefers. @throws {RequestRefusedError} */
export function contentAnswer(node: LwM2mNode, path: LwM2mPath, accept: number | undefined): Required<Answer> {
  const format = accept ?? CONTENT_FORMAT.LWM2M_TLV;
  const unacceptable = new RequestRefusedError(CODE.NOT_ACCEPTABLE, `${formatPath(path)} in content format ${format}`);
  if (!DEVICE_FORMATS.includes(format)) throw unacceptable;
  try {
    const payload = encodeContent(format, node, path);
    return { code: CODE.CONTENT, options: [uintOption(OPTION.CONTENT_FORMAT, format)], payload };
  } catch (error) {
    if (error instanceof UnencodableContentError) throw unacceptable;
    throw error;
  }
}

/** The refusal that an error means to the server; rethrows what is our own fault. */
export function toRefusal(error: unknown): RequestRefusedError {
  if (error instanceof RequestRefusedError) return error;
  if (error instanceof Lwm2mError || error instanceof CoapFormatError) return badRequest(error.message);
  throw error;
}

function decode(format: number | undefined, payload: Uint8Array, path: LwM2mPath, tree: ObjectTree): LwM2mNode {
  if (format === undefined || !DEVICE_FORMATS.includes(format)) {
    throw new RequestRefusedError(CODE.UNSUPPORTED_CONTENT_FORMAT, `content format ${format}`);
  }
  return decodeContent(format, payload, path, tree);
}

/** The instance that a Create describes; TLV may list its resources only and leave its id to the device (OMA LwM2M Core 1.1.1 §6.3.6). */
function decodeInstance(
  { path, contentFormat, payload }: Extract<DeviceOperation, { readonly type: "create" }>,
  tree: ObjectTree,
): ObjectInstanceNode {
  const [objectId] = path as [number]; // A Create has a path of one.
  const freeId = tree.freeInstanceId(objectId);
  const [firstByte] = payload;
  if (firstByte === undefined) return { type: "objectInstance", id: freeId, resources: [] };
  const namesInstance = contentFormat !== CONTENT_FORMAT.LWM2M_TLV || firstByte >> 6 === TLV_OBJECT_INSTANCE;
  const node = decode(contentFormat, payload, namesInstance ? path : [objectId, freeId], tree);
  const instance = node.type === "object" ? node.instances[0] : node;
  if (instance?.type !== "objectInstance") throw badRequest("a Create needs an Object Instance");
  return instance;
}

/** Links of what is at `path` and below, with the attributes written to them (OMA LwM2M Core 1.1.1 §6.3.2). */
function discover(path: LwM2mPath, tree: ObjectTree, attributes: AttributeTable): string {
  tree.expect(path);
  const [objectId] = path;
  const object = tree.list().find(({ model }) => model.id === objectId);
  if (object === undefined) return ""; // Only the root, which `expect` refuses.
  const link = (target: LwM2mPath, own: readonly LinkAttribute[], assigned: AssignedAttributes) => ({
    target: formatPath(target),
    attributes: [...own, ...Object.entries(assigned).map(([name, value]) => ({ name, value: String(value) }))],
  });
  const resource = (target: LwM2mPath, assigned: AssignedAttributes) => {
    const dimension = tree.dimension(target);
    return link(target, dimension === undefined ? [] : [{ name: "dim", value: String(dimension) }], assigned);
  };
  const instance = (target: LwM2mPath) => [
    link(target, [], attributes.assigned(target)),
    ...tree.resourceIds(target).map((id) => resource([...target, id], attributes.assigned([...target, id]))),
  ];
  switch (path.length) {
    case 1: {
      const version = { name: "ver", value: object.model.version };
      const instances = object.instances.flatMap((id) => instance([...path, id]));
      return formatLinkFormat([link(path, [version], attributes.assigned(path)), ...instances]);
    }
    case 2:
      return formatLinkFormat(instance(path));
    default:
      // For a resource, what it inherits is listed too.
      return formatLinkFormat([resource(path, attributes.effective(path))]);
  }
}
