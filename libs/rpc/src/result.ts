import {
  formatPath,
  type LwM2mNode,
  type LwM2mPath,
  type Operation,
  type OperationOutcome,
  operationPaths,
  type UnexpectedResponseError,
} from "@ferry/lwm2m";
import { FAILURES, quotePaths, type Refusal, type ResultName } from "./errors.ts";
import { type FormatOptions, formatComposite, formatNode } from "./format-node.ts";

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
  const { code, diagnostic = "" } = outcome;
  const result = resultName(code);
  if (code >= 300) {
    const error = result === "UNKNOWN" ? FAILURES.unnamedCode(dotted(code), diagnostic) : diagnostic;
    return { status: "FAILED", result, code, ...(error !== "" && { error }), nodes: [] };
  }
  const value = textOf(outcome, options);
  return {
    status: "SUCCESSFUL",
    result: result === "DELETED" && options.compat === "seed" ? "DELETE" : result,
    code,
    ...(value !== "" && { value }),
    nodes: nodesOf(operation, outcome),
  };
}

function textOf({ node, nodes, links, location }: OperationOutcome, options: FormatOptions): string {
  if (node !== undefined) return formatNode(node, options);
  if (nodes !== undefined) return formatComposite(nodes, options);
  return location === undefined ? (links ?? "") : `location=${location}`;
}

function nodesOf(operation: Operation, { node, nodes = [] }: OperationOutcome): readonly NodeAtPath[] {
  const [path = []] = operationPaths(operation);
  const all = node === undefined ? nodes : [{ path, node }];
  return all.flatMap(({ path: nodePath, node: read }) => (read === undefined ? [] : [{ path: nodePath, node: read }]));
}

/** The answer to a request that was not carried out. */
export function formatRefusal({ status, result, error }: Refusal): RpcResult {
  return { status, result, code: 0, error, nodes: [] };
}

/** The answer when the device's response does not fit the operation. */
export function formatUnexpectedResponse(
  operation: Operation,
  endpoint: string,
  { reason, responseCode, contentFormat }: UnexpectedResponseError,
): RpcResult {
  const request = `${requestName(operation)} ${uriOf(operation)}`;
  const texts = {
    code: FAILURES.unexpectedCode(endpoint, dotted(responseCode), request),
    contentFormat: FAILURES.unexpectedFormat(endpoint, contentFormat, request),
    payload: FAILURES.undecodable(endpoint, request),
  };
  return failure("FAILED", texts[reason], responseCode);
}

/** The answer when a value cannot be told in the Content-Format that the device takes, or that was asked for. */
export function formatUnencodable(operation: Operation, reason: string): RpcResult {
  const error = FAILURES.unencodable(`${requestName(operation)} ${uriOf(operation)}`, reason);
  return { status: "FAILED", result: "BAD_REQUEST", code: 0, error, nodes: [] };
}

function uriOf(operation: Operation): string {
  return quotePaths(operationPaths(operation).map(formatPath));
}

/** Why a request got no answer of the device. */
export type NoAnswer = "timeout" | "reset" | "cancelled" | "notConnected" | "notSent";

/** The answer when the device did not answer. */
export function formatNoAnswer(operation: Operation, why: NoAnswer): RpcResult {
  const error = FAILURES[why](uriOf(operation));
  if (why === "timeout") return { status: "TIMEOUT", result: "", code: 0, error, nodes: [] };
  return failure(why === "cancelled" ? "CANCELLED" : "FAILED", error);
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
