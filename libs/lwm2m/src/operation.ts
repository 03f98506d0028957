import {
  CODE,
  CONTENT_FORMAT,
  type CoapOption,
  codeClass,
  findOption,
  formatCode,
  OPTION,
  readStringOptions,
  readUintOption,
  stringOption,
  uintOption,
} from "@ferry/coap";
import { formatAttributes, type NotificationAttributes } from "./attributes.ts";
import { encodeUtf8 } from "./bytes.ts";
import { assumedCompositeFormat, type CompositeNode, decodeComposite, encodePaths } from "./content/composite.ts";
import { assumedFormat, COMPOSITE_FORMATS, CONTENT_FORMATS, formatContentFormat } from "./content/content-format.ts";
import { decodeContent, decodeLinkFormat } from "./content/decode.ts";
import { encodeContent, encodeTimedValues } from "./content/encode.ts";
import { flattenNode } from "./content/node-tree.ts";
import { UndecodableContentError, UnencodableContentError, UnexpectedResponseError } from "./errors.ts";
import type { ModelView } from "./model/object-model.ts";
import type { LwM2mNode, ObjectInstanceNode, ResourceNode } from "./node.ts";
import type { LwM2mPath } from "./path.ts";

/** A device-management or information-reporting operation, ready to be sent (OMA LwM2M Core 1.1.1 §6.3, §6.4). */
export type Operation =
  | { readonly type: "read"; readonly path: LwM2mPath }
  | { readonly type: "discover"; readonly path: LwM2mPath }
  /** Replace is PUT, update (partial) is POST; `node` is what `path` names, with the values to write. */
  | { readonly type: "write"; readonly mode: "replace" | "update"; readonly path: LwM2mPath; readonly node: LwM2mNode }
  | { readonly type: "writeAttributes"; readonly path: LwM2mPath; readonly attributes: NotificationAttributes }
  | { readonly type: "execute"; readonly path: LwM2mPath; readonly arguments: string | undefined }
  | { readonly type: "observe"; readonly path: LwM2mPath }
  /** GET with Observe 1 (RFC 7641 §3.6). */
  | { readonly type: "cancelObservation"; readonly path: LwM2mPath }
  /** `path` is an Object, or the Object Instance to create. Without an id the device chooses one; only TLV can leave it out. */
  | { readonly type: "create"; readonly path: LwM2mPath; readonly instances: readonly NewInstance[] }
  | { readonly type: "delete"; readonly path: LwM2mPath }
  /** Composite operations are LwM2M 1.1 and later (OMA LwM2M Core 1.1.1 §6.3.8, §6.3.9, §6.4.3); their paths must not overlap. */
  | { readonly type: "readComposite" | "observeComposite"; readonly paths: readonly LwM2mPath[] }
  /** FETCH with Observe 1. */
  | { readonly type: "cancelCompositeObservation"; readonly paths: readonly LwM2mPath[] }
  /** Single resources and resource instances. */
  | {
      readonly type: "writeComposite";
      readonly nodes: readonly { readonly path: LwM2mPath; readonly node: LwM2mNode }[];
    };

/** An Object Instance to create. */
export interface NewInstance {
  readonly id: number | undefined;
  readonly resources: readonly ResourceNode[];
}

/** The paths that an operation is about, in its order; of every operation but the composite ones there is one. */
export function operationPaths(operation: Operation): readonly LwM2mPath[] {
  switch (operation.type) {
    case "readComposite":
    case "observeComposite":
    case "cancelCompositeObservation":
      return operation.paths;
    case "writeComposite":
      return operation.nodes.map(({ path }) => path);
    default:
      return [operation.path];
  }
}

/** What a device answered. */
export interface OperationOutcome {
  /** CoAP code as class * 100 + detail: 205 for 2.05. */
  readonly code: number;
  /** For Read and Observe: the values. */
  readonly node?: LwM2mNode;
  /** For composite reads and observations: each path that was asked for, in that order, with its node where the device has one. */
  readonly nodes?: readonly CompositeNode[];
  /** For Create: where the new Object Instance is, when the device said it: `19/1`. */
  readonly location?: string;
  /** For Discover: the links as the device sent them. */
  readonly links?: string;
  /** For Observe and Observe-Composite: the device holds the observation (its answer had the Observe option). */
  readonly observing?: boolean;
  /** Diagnostic payload of a refusal, as text. */
  readonly diagnostic?: string;
}

/** A request as `CoapStack` takes it; codes are as on the wire. */
export interface CoapRequest {
  readonly code: number;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

/** A response as `CoapStack` gives it. */
export interface CoapResponse {
  readonly code: number;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

/** What the request of an operation depends on besides the operation. */
export interface RequestContext {
  /** Content-Format of the values to read (Accept) or to write, by `chooseFormat`; of composite operations also that of the path list. */
  readonly format: number;
  /** Segments of the device's alternate root path: `SupportedObjects.rootPath`. */
  readonly rootPath: readonly string[];
}

const EMPTY: Uint8Array = new Uint8Array();

/** Values of the Observe option in a request (RFC 7641 §2). */
const OBSERVE_REGISTER = 0;
const OBSERVE_DEREGISTER = 1;

/**
 * The CoAP request of an operation (OMA LwM2M Transport 1.1.1 §6.4.3, §6.4.4).
 *
 * @throws {UnencodableContentError} when the format cannot carry the node to write
 */
export function toCoapRequest(operation: Operation, { format, rootPath }: RequestContext): CoapRequest {
  const path = [...rootPath, ...targetOf(operation)].map((segment) => stringOption(OPTION.URI_PATH, String(segment)));
  switch (operation.type) {
    case "read":
      return { code: CODE.GET, options: [...path, uintOption(OPTION.ACCEPT, format)], payload: EMPTY };
    case "discover":
      return {
        code: CODE.GET,
        options: [...path, uintOption(OPTION.ACCEPT, CONTENT_FORMAT.LINK_FORMAT)],
        payload: EMPTY,
      };
    case "write":
      return {
        code: operation.mode === "replace" ? CODE.PUT : CODE.POST,
        options: [...path, uintOption(OPTION.CONTENT_FORMAT, format)],
        payload: encodeContent(format, operation.node, operation.path, rootPath),
      };
    case "writeAttributes": {
      const query = formatAttributes(operation.attributes).map((parameter) =>
        stringOption(OPTION.URI_QUERY, parameter),
      );
      return { code: CODE.PUT, options: [...path, ...query], payload: EMPTY };
    }
    case "execute":
      if (operation.arguments === undefined || operation.arguments === "") {
        return { code: CODE.POST, options: path, payload: EMPTY };
      }
      return {
        code: CODE.POST,
        options: [...path, uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.TEXT_PLAIN)],
        payload: encodeUtf8(operation.arguments),
      };
    case "observe":
      return { code: CODE.GET, options: observeOptions(OBSERVE_REGISTER, path, format), payload: EMPTY };
    case "cancelObservation":
      return { code: CODE.GET, options: observeOptions(OBSERVE_DEREGISTER, path, format), payload: EMPTY };
    case "create":
      return {
        code: CODE.POST,
        options: [...path, uintOption(OPTION.CONTENT_FORMAT, format)],
        payload: encodeInstances(format, operation.path, operation.instances, rootPath),
      };
    case "delete":
      return { code: CODE.DELETE, options: path, payload: EMPTY };
    case "readComposite":
      return fetchOf(operation.paths, undefined, path, { format, rootPath });
    case "observeComposite":
      return fetchOf(operation.paths, OBSERVE_REGISTER, path, { format, rootPath });
    case "cancelCompositeObservation":
      return fetchOf(operation.paths, OBSERVE_DEREGISTER, path, { format, rootPath });
    case "writeComposite":
      return {
        code: CODE.IPATCH,
        options: [...path, uintOption(OPTION.CONTENT_FORMAT, format)],
        payload: encodeTimedValues(
          format,
          operation.nodes.flatMap(({ path: nodePath, node }) => flattenNode(nodePath, node)),
          rootPath,
        ),
      };
  }
}

/** The path in the URI: Create goes to the Object, composite operations to the root (OMA LwM2M Transport 1.1.1 §6.4.3). */
function targetOf(operation: Operation): LwM2mPath {
  if (operation.type === "create") return operation.path.slice(0, 1);
  return "path" in operation ? operation.path : [];
}

function fetchOf(
  paths: readonly LwM2mPath[],
  observe: number | undefined,
  path: readonly CoapOption[],
  { format, rootPath }: RequestContext,
): CoapRequest {
  const options = [
    ...(observe === undefined ? [] : [uintOption(OPTION.OBSERVE, observe)]),
    ...path,
    uintOption(OPTION.CONTENT_FORMAT, format),
    uintOption(OPTION.ACCEPT, format),
  ];
  return { code: CODE.FETCH, options, payload: encodePaths(format, paths, rootPath) };
}

/** The payload of a Create. @throws {UnencodableContentError} an instance without an id, unless it is the only one and TLV */
function encodeInstances(
  format: number,
  path: LwM2mPath,
  instances: readonly NewInstance[],
  rootPath: readonly string[],
): Uint8Array {
  const [objectId = Number.NaN, pathInstanceId] = path;
  const nodes: ObjectInstanceNode[] = [];
  for (const { id = pathInstanceId, resources } of instances) {
    if (id === undefined && format === CONTENT_FORMAT.LWM2M_TLV && instances.length === 1) {
      // Resources that no Object Instance encloses leave its id to the device (OMA LwM2M Core 1.1.1 §6.3.6).
      return encodeContent(format, { type: "objectInstance", id: 0, resources }, [objectId, 0]);
    }
    if (id === undefined) {
      const used = `using ${formatContentFormat(format)} content format`;
      throw new UnencodableContentError(`Missing object instance id for CREATE request (/${objectId}) ${used}.`);
    }
    nodes.push({ type: "objectInstance", id, resources });
  }
  return encodeContent(format, { type: "object", id: objectId, instances: nodes }, [objectId], rootPath);
}

function observeOptions(observe: number, path: readonly CoapOption[], format: number): CoapOption[] {
  return [uintOption(OPTION.OBSERVE, observe), ...path, uintOption(OPTION.ACCEPT, format)];
}

/** The one success code of each operation (OMA LwM2M Transport 1.1.1 §6.4.3, §6.4.4). */
const SUCCESS: Readonly<Record<Operation["type"], number>> = {
  read: CODE.CONTENT,
  discover: CODE.CONTENT,
  write: CODE.CHANGED,
  writeAttributes: CODE.CHANGED,
  execute: CODE.CHANGED,
  observe: CODE.CONTENT,
  cancelObservation: CODE.CONTENT,
  create: CODE.CREATED,
  delete: CODE.DELETED,
  readComposite: CODE.CONTENT,
  observeComposite: CODE.CONTENT,
  cancelCompositeObservation: CODE.CONTENT,
  writeComposite: CODE.CHANGED,
};

/**
 * What a device's response means for an operation; a refusal (4.xx, 5.xx) is an outcome too.
 *
 * `nowMs` (ms since 1970) makes relative times absolute; names in SenML may begin with the device's `rootPath`.
 * @throws {UnexpectedResponseError} a success code of another kind, another content format, or a payload that cannot be decoded
 */
export function fromCoapResponse(
  operation: Operation,
  response: CoapResponse,
  models: ModelView,
  nowMs?: number,
  rootPath?: readonly string[],
): OperationOutcome {
  if (codeClass(response.code) !== SUCCESS_CLASS) return outcomeOf(response);
  const code = decimalCode(response.code);
  checkSuccess(operation.type, response);
  switch (operation.type) {
    case "read":
    case "cancelObservation":
      return { code, node: nodeOf(operation.path, response, models, nowMs, rootPath) };
    case "observe":
      return {
        code,
        node: nodeOf(operation.path, response, models, nowMs, rootPath),
        observing: findOption(response.options, OPTION.OBSERVE) !== undefined,
      };
    case "discover":
      return { code, links: linksOf(response) };
    case "create": {
      const location = locationOf(response);
      return location === "" ? { code } : { code, location };
    }
    case "readComposite":
    case "cancelCompositeObservation":
      return { code, nodes: nodesOf(operation.paths, response, models, nowMs, rootPath) };
    case "observeComposite":
      return {
        code,
        nodes: nodesOf(operation.paths, response, models, nowMs, rootPath),
        observing: findOption(response.options, OPTION.OBSERVE) !== undefined,
      };
    default:
      return { code };
  }
}

/** @throws {UnexpectedResponseError} a success code of another kind than the operation's */
export function checkSuccess(operation: Operation["type"], response: CoapResponse): void {
  if (response.code === SUCCESS[operation]) return;
  throw unexpected(response, "code", `unexpected response code ${formatCode(response.code)} for ${operation}`);
}

const SUCCESS_CLASS = 2;

/** A response by its code, and of a refusal its diagnostic. */
export function outcomeOf(response: CoapResponse): OperationOutcome {
  const code = decimalCode(response.code);
  if (codeClass(response.code) === SUCCESS_CLASS || response.payload.length === 0) return { code };
  return { code, diagnostic: diagnosticOf(response.payload) };
}

/** 205 for 2.05. */
function decimalCode(code: number): number {
  return codeClass(code) * 100 + (code & 0x1f);
}

/** Longest diagnostic that is kept; devices send a sentence at most. */
const MAX_DIAGNOSTIC_BYTES = 1024;

/** A diagnostic payload is text for humans (RFC 7252 §5.5.2): what is not UTF-8 in it is replaced. */
function diagnosticOf(payload: Uint8Array): string {
  return new TextDecoder().decode(payload.subarray(0, MAX_DIAGNOSTIC_BYTES));
}

function nodeOf(
  path: LwM2mPath,
  response: CoapResponse,
  models: ModelView,
  nowMs: number | undefined,
  rootPath: readonly string[] | undefined,
): LwM2mNode {
  const format = readUintOption(response.options, OPTION.CONTENT_FORMAT) ?? assumedFormat(path, models);
  if (!CONTENT_FORMATS.some(({ id }) => id === format)) {
    throw unexpected(response, "contentFormat", `unexpected content format ${format}`);
  }
  return decoded(response, () => decodeContent(format, response.payload, path, models, nowMs, rootPath));
}

/** The nodes at `paths` in the answer to a composite operation; values that nobody asked for are left out. */
function nodesOf(
  paths: readonly LwM2mPath[],
  response: CoapResponse,
  models: ModelView,
  nowMs: number | undefined,
  rootPath: readonly string[] | undefined,
): readonly CompositeNode[] {
  const format = compositeFormatOf(response);
  return decoded(response, () => decodeComposite(format, response.payload, paths, models, nowMs, rootPath));
}

function compositeFormatOf(response: CoapResponse): number {
  const format = readUintOption(response.options, OPTION.CONTENT_FORMAT) ?? assumedCompositeFormat(response.payload);
  if (COMPOSITE_FORMATS.includes(format)) return format;
  throw unexpected(response, "contentFormat", `unexpected content format ${format}`);
}

/** `19/1` of a Location-Path (OMA LwM2M Transport 1.1.1 §6.4.3). */
function locationOf({ options }: CoapResponse): string {
  return readStringOptions(options, OPTION.LOCATION_PATH).join("/");
}

/** The links of a Discover. @throws {UnexpectedResponseError} another Content-Format, or a payload that `decode` refuses with an UndecodableContentError */
export function linksOf(
  response: CoapResponse,
  decode: (payload: Uint8Array) => string = (payload) => decodeLinkFormat(payload),
): string {
  const format = readUintOption(response.options, OPTION.CONTENT_FORMAT) ?? CONTENT_FORMAT.LINK_FORMAT;
  if (format !== CONTENT_FORMAT.LINK_FORMAT) {
    throw unexpected(response, "contentFormat", `unexpected content format ${format}`);
  }
  return decoded(response, () => decode(response.payload));
}

function decoded<T>(response: CoapResponse, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof UndecodableContentError) throw unexpected(response, "payload", error.message, error);
    throw error;
  }
}

function unexpected(
  response: CoapResponse,
  reason: UnexpectedResponseError["reason"],
  message: string,
  cause?: UndecodableContentError,
): UnexpectedResponseError {
  const contentFormat = readUintOption(response.options, OPTION.CONTENT_FORMAT);
  const facts = { reason, responseCode: decimalCode(response.code), contentFormat };
  return new UnexpectedResponseError(message, facts, cause && { cause });
}
