import { lwm2m } from "../generated/lwm2m.js";
import { toSafeNumber } from "./int64.ts";
import { CONTENT_TYPE, type ContentType, contentTypeOf } from "./json.ts";
import { readJsonRecord } from "./json-record.ts";

/** A request as it is worked on: every member is present and within its limits. Fits `lwm2m.v1.RpcRequest`. */
export interface RpcRequest {
  readonly requestId: string;
  /** `default` where the caller named none. */
  readonly tenant: string;
  readonly endpoint: string;
  readonly method: string;
  /** JSON text; empty when there are no parameters. */
  readonly params: string;
  /** ms since 1970; 0 means the router's default. */
  readonly expiresAtMs: number;
  readonly oneWay: boolean;
  readonly persistent: boolean;
  /** Absent means the router's default. */
  readonly retries?: number;
  readonly failFast: boolean;
}

/** A record of the request topic, taken apart. */
export type ParsedRpcRequest =
  | { readonly type: "request"; readonly contentType: ContentType; readonly request: RpcRequest }
  | {
      readonly type: "invalid";
      readonly contentType: ContentType;
      /** The member that is wrong; empty for the record as a whole. */
      readonly field: string;
      /** What is wrong with it, as a sentence after the field's name. */
      readonly reason: string;
      /** The request's id where one can be read: the request is then answered REJECTED. */
      readonly requestId: string | undefined;
      /** Whose device was meant, as far as record or key tell: `default` and empty where they do not. */
      readonly tenant: string;
      readonly endpoint: string;
    };

const MAX_REQUEST_ID_CHARACTERS = 128;
/** Tenants are part of keys and topic names. */
const TENANT = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const MAX_ENDPOINT_BYTES = 255;
const MAX_METHOD_CHARACTERS = 64;
const MAX_PARAMS_BYTES = 1_048_576;
const MAX_RETRIES = 100;
/** 1973: a smaller number is a time in seconds. */
const LEAST_EXPIRY_MS = 1e11;
const MAX_EXPIRY_MS = 8.64e15;

/** A request before its members are checked. */
type Draft = { readonly [Name in keyof RpcRequest]?: unknown };

/**
 * Parses a record of the request topic: protobuf, or JSON with `params` as an object or as text that holds one.
 *
 * A tenant or endpoint that the request leaves out is that of the record's key, `tenant/endpoint`.
 */
export function parseRpcRequest(
  bytes: Uint8Array,
  contentTypeHeader: string | undefined,
  key: string | null = null,
): ParsedRpcRequest {
  const contentType = contentTypeOf(bytes, contentTypeHeader);
  const decoded = contentType === CONTENT_TYPE.json ? readJsonRecord(bytes, "The request") : draftOfProtobuf(bytes);
  const named = deviceOfKey(key);
  if (typeof decoded === "string") {
    const requestId = contentType === CONTENT_TYPE.json ? findRequestId(bytes) : undefined;
    return { type: "invalid", contentType, field: "", reason: decoded, requestId, ...named };
  }

  const { tenant, endpoint } = decoded;
  const draft: Draft = { ...decoded, tenant: tenant || named.tenant, endpoint: endpoint || named.endpoint };
  const problem = problemOf(draft);
  if (problem === undefined) return { type: "request", contentType, request: requestOf(draft) };
  return {
    type: "invalid",
    contentType,
    ...problem,
    requestId: checkRequestId(draft.requestId) === undefined ? (draft.requestId as string) : undefined,
    tenant: checkTenant(tenant) === undefined ? (tenant as string) : named.tenant,
    endpoint: checkEndpoint(endpoint) === undefined ? (endpoint as string) : named.endpoint,
  };
}

function deviceOfKey(key: string | null): { readonly tenant: string; readonly endpoint: string } {
  const slash = key?.indexOf("/") ?? -1;
  if (key === null || slash < 0) return { tenant: "default", endpoint: "" };
  return { tenant: key.slice(0, slash), endpoint: key.slice(slash + 1) };
}

function problemOf(draft: Draft): { field: string; reason: string } | undefined {
  for (const [field, check] of CHECKS) {
    const reason = check(draft[field]);
    if (reason !== undefined) return { field, reason };
  }
  const unknown = Object.keys(draft).find((name) => !NAMES.has(name));
  return unknown === undefined ? undefined : { field: unknown, reason: "is not a member of a request" };
}

/** Fills in what is absent. Every member was checked. */
function requestOf(draft: Draft): RpcRequest {
  const { requestId, tenant, endpoint, method, params, expiresAtMs, oneWay, persistent, retries, failFast } =
    draft as Partial<RpcRequest>;
  return {
    requestId: requestId as string,
    tenant: tenant as string,
    endpoint: endpoint as string,
    method: method as string,
    params: paramsText(params),
    expiresAtMs: expiresAtMs ?? 0,
    oneWay: oneWay ?? false,
    persistent: persistent ?? false,
    ...(retries != null && { retries }),
    failFast: failFast ?? false,
  };
}

/** What is wrong with a member; undefined when nothing is. */
type Check = (value: unknown) => string | undefined;

const flag: Check = (value) => (value == null || typeof value === "boolean" ? undefined : "must be true or false");

/** The members of a request and their limits, in the order in which they are checked. */
const CHECKS: readonly (readonly [name: keyof RpcRequest, check: Check])[] = [
  ["requestId", checkRequestId],
  ["tenant", checkTenant],
  ["endpoint", checkEndpoint],
  ["method", checkMethod],
  ["params", checkParams],
  ["expiresAtMs", checkExpiry],
  ["oneWay", flag],
  ["persistent", flag],
  ["retries", checkRetries],
  ["failFast", flag],
];
const NAMES: ReadonlySet<string> = new Set(CHECKS.map(([name]) => name));

function checkRequestId(value: unknown): string | undefined {
  return checkText(value, MAX_REQUEST_ID_CHARACTERS);
}

function checkMethod(value: unknown): string | undefined {
  return checkText(value, MAX_METHOD_CHARACTERS);
}

function checkText(value: unknown, maxCharacters: number): string | undefined {
  if (isText(value) && value.length <= maxCharacters) return undefined;
  return `must be text of 1 to ${maxCharacters} characters`;
}

/** Text that has a UTF-8 form: without surrogates that stand alone, which JSON can write (RFC 8259 §8.2). */
function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.isWellFormed();
}

/** What is wrong with the name of a tenant; undefined when nothing is. */
export function checkTenant(value: unknown): string | undefined {
  if (typeof value === "string" && TENANT.test(value)) return undefined;
  return 'must be 1 to 64 letters, digits, "-" or "_", a letter or digit first';
}

/** What is wrong with the name of an endpoint; undefined when nothing is. */
export function checkEndpoint(value: unknown): string | undefined {
  if (isText(value) && Buffer.byteLength(value) <= MAX_ENDPOINT_BYTES) return undefined;
  return `must be text of 1 to ${MAX_ENDPOINT_BYTES} bytes`;
}

function checkParams(value: unknown): string | undefined {
  if (value != null && typeof value !== "string" && (typeof value !== "object" || Array.isArray(value))) {
    return "must be an object, or text that holds one";
  }
  if (Buffer.byteLength(paramsText(value)) <= MAX_PARAMS_BYTES) return undefined;
  return `must not be longer than ${MAX_PARAMS_BYTES} bytes`;
}

function checkExpiry(value: unknown): string | undefined {
  if (value == null || value === 0) return undefined;
  const isTime = Number.isSafeInteger(value) && (value as number) >= LEAST_EXPIRY_MS; // Checked by the first half.
  if (isTime && (value as number) <= MAX_EXPIRY_MS) return undefined;
  return "must be a time in ms since 1970, such as 1795000000000";
}

function checkRetries(value: unknown): string | undefined {
  if (value == null) return undefined;
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_RETRIES) return undefined;
  return `must be a whole number from 0 to ${MAX_RETRIES}`;
}

function paramsText(params: unknown): string {
  if (params == null) return "";
  return typeof params === "string" ? params : JSON.stringify(params);
}

/** The id in a text that is no JSON but was meant to be. */
function findRequestId(bytes: Uint8Array): string | undefined {
  const match = /"requestId"\s*:\s*"([^"\\]{1,128})"/.exec(Buffer.from(bytes).toString("utf8"));
  return match?.[1];
}

/** Members of a protobuf record, or what is wrong with it. */
function draftOfProtobuf(bytes: Uint8Array): Draft | string {
  try {
    const { requestId, tenant, endpoint, method, params, expiresAtMs, oneWay, persistent, retries, failFast } =
      lwm2m.v1.RpcRequest.decode(bytes);
    const expiry = toSafeNumber(expiresAtMs);
    return { requestId, tenant, endpoint, method, params, expiresAtMs: expiry, oneWay, persistent, retries, failFast };
  } catch (error) {
    // protobufjs throws plain errors and range errors of its own, and what TextDecoder throws for text that is not UTF-8. `isError`: under Jest that one is of another realm.
    if (Error.isError(error)) return `The request is no lwm2m.v1.RpcRequest: ${error.message}.`;
    throw error;
  }
}
