import {
  formatPath,
  type LwM2mNode,
  type LwM2mPath,
  type Operation,
  type OperationOutcome,
  operationPaths,
  type UnexpectedResponseError,
} from "@ferry/lwm2m";
import type { Refusal, ResultName } from "./errors.ts";
import { type FormatOptions, formatNode } from "./format-node.ts";

/** How a request ended, by the names of `lwm2m.v1.RpcFinalStatus`. */
export type FinalStatus = "SUCCESSFUL" | "FAILED" | "REJECTED" | "TIMEOUT" | "CANCELLED";

/** The final answer to a request. */
export interface RpcResult {
  readonly status: FinalStatus;
  /** Name of the CoAP code; empty when the device did not answer. */
  readonly result: ResultName | "";
  /** CoAP code of the device's answer as class * 100 + detail; 0 when it did not answer. */
  readonly code: number;
  readonly value?: string;
  readonly error?: string;
  /** The values that were read, typed. */
  readonly nodes: readonly NodeAtPath[];
}

/** A node and where it is. */
export interface NodeAtPath {
  readonly path: LwM2mPath;
  readonly node: LwM2mNode;
}

const RESULT_NAMES: ReadonlyMap<number, ResultName> = new Map([
  [201, "CREATED"],
  [202, "DELETED"],
  [204, "CHANGED"],
  [205, "CONTENT"],
  [400, "BAD_REQUEST"],
  [401, "UNAUTHORIZED"],
  [403, "FORBIDDEN"],
  [404, "NOT_FOUND"],
  [405, "METHOD_NOT_ALLOWED"],
  [406, "NOT_ACCEPTABLE"],
  [408, "REQUEST_ENTITY_INCOMPLETE"],
  [412, "PRECONDITION_FAILED"],
  [413, "REQUEST_ENTITY_TOO_LARGE"],
  [415, "UNSUPPORTED_CONTENT_FORMAT"],
  [500, "INTERNAL_SERVER_ERROR"],
]);

/** Result name of a CoAP code (class * 100 + detail). */
export function resultName(code: number): ResultName {
  return RESULT_NAMES.get(code) ?? "UNKNOWN";
}

/** `4.04` of 404. */
function dotted(code: number): string {
  return `${Math.floor(code / 100)}.${String(code % 100).padStart(2, "0")}`;
}

/** The answer to a request that the device answered. */
export function formatOutcome(operation: Operation, outcome: OperationOutcome, options: FormatOptions): RpcResult {
  const { code, node, links, diagnostic } = outcome;
  const result = resultName(code);
  if (code >= 300) {
    const error = [result === "UNKNOWN" ? dotted(code) : "", diagnostic ?? ""].filter((part) => part !== "").join(" ");
    return { status: "FAILED", result, code, ...(error !== "" && { error }), nodes: [] };
  }
  const value = node === undefined ? (links ?? "") : formatNode(node, options);
  const [path = []] = operationPaths(operation);
  const nodes = node === undefined ? [] : [{ path, node }];
  return { status: "SUCCESSFUL", result, code, ...(value !== "" && { value }), nodes };
}

/** The answer to a request that was not carried out. */
export function formatRefusal({ status, result, error }: Refusal): RpcResult {
  return { status, result, code: 0, error, nodes: [] };
}

/** The answer to a method that is answered without the device: how many observations a cancel ended, for one. */
export function formatLocalValue(value: string): RpcResult {
  return { status: "SUCCESSFUL", result: "CONTENT", code: 0, ...(value !== "" && { value }), nodes: [] };
}

/** The answer when the device's response does not fit the operation. */
export function formatUnexpectedResponse(
  operation: Operation,
  endpoint: string,
  { reason, responseCode, contentFormat }: UnexpectedResponseError,
): RpcResult {
  const request = `${requestName(operation)} ${uriOf(operation)}`;
  const texts = {
    code: `Client [${endpoint}] returned unexpected response code [${dotted(responseCode)}] for [${request}]`,
    contentFormat: `Client [${endpoint}] returned unexpected content format [${contentFormat}] for [${request}]`,
    payload: `Unable to decode response payload of request [${request}] from client [${endpoint}]`,
  };
  return failure("FAILED", texts[reason], responseCode);
}

/** The path of an operation as texts have it; of a composite one its paths: `/3/0/9, /1`. */
function uriOf(operation: Operation): string {
  return operationPaths(operation).map(formatPath).join(", ");
}

/** Why a request got no answer of the device. */
export type NoAnswer = "timeout" | "reset" | "cancelled" | "notConnected" | "notSent";

/** The answer when the device did not answer. */
export function formatNoAnswer(operation: Operation, why: NoAnswer): RpcResult {
  const uri = uriOf(operation);
  switch (why) {
    case "timeout":
      return { status: "TIMEOUT", result: "", code: 0, error: `Request ${uri} timed out`, nodes: [] };
    case "reset":
      return failure("FAILED", `Request ${uri} rejected`);
    case "cancelled":
      return failure("CANCELLED", `Request ${uri} cancelled`);
    case "notConnected":
      return failure("FAILED", `Unable to send request ${uri} : peer is not connected`);
    case "notSent":
      return failure("FAILED", `Unable to send request ${uri}`);
  }
}

function failure(status: FinalStatus, error: string, code = 0): RpcResult {
  return { status, result: "INTERNAL_SERVER_ERROR", code, error, nodes: [] };
}

const REQUEST_NAMES: { readonly [Type in Operation["type"]]: string } = {
  read: "ReadRequest",
  discover: "DiscoverRequest",
  write: "WriteRequest",
  writeAttributes: "WriteAttributesRequest",
  execute: "ExecuteRequest",
  observe: "ObserveRequest",
  cancelObservation: "CancelObservationRequest",
  create: "CreateRequest",
  delete: "DeleteRequest",
  readComposite: "ReadCompositeRequest",
  observeComposite: "ObserveCompositeRequest",
  cancelCompositeObservation: "CancelCompositeObservationRequest",
  writeComposite: "WriteCompositeRequest",
};

/** Name of an operation's request in log lines and errors, such as `ReadRequest`. */
export function requestName(operation: Operation): string {
  return REQUEST_NAMES[operation.type];
}
