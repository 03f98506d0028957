import type { IncomingRecord } from "@ferry/bus";
import { CONTENT_TYPE, CONTENT_TYPE_HEADER, type ContentType, contentTypeOf, lwm2m, toSafeNumber } from "@ferry/proto";

/** A request that can be routed. */
export interface Request {
  readonly requestId: string;
  readonly tenant: string;
  readonly endpoint: string;
  readonly method: string;
  /** JSON text. */
  readonly params: string;
  /** 0: the router's default. */
  readonly expiresAtMs: number;
  readonly oneWay: boolean;
  readonly persistent: boolean;
  readonly retries: number | undefined;
  readonly failFast: boolean;
}

/** What a record of lwm2m.rpc.request.v1 turned out to be. */
export type ParsedRequest =
  | { readonly type: "request"; readonly request: Request; readonly contentType: ContentType }
  /** `requestId` where one could be read: the caller then gets an answer. */
  | {
      readonly type: "invalid";
      readonly reason: string;
      readonly requestId: string | undefined;
      readonly tenant: string;
      readonly endpoint: string;
      readonly contentType: ContentType;
    };

/** Longest request id, characters; longest endpoint name and params, bytes. */
const MAX_REQUEST_ID = 128;
const MAX_ENDPOINT_BYTES = 255;
const MAX_PARAMS_BYTES = 262_144;
const MAX_METHOD = 64;
const TENANT = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** Parses and checks a request, in protobuf or JSON. A tenant or endpoint that it leaves out is that of the record's key. */
export function parseRequest({ key, value, headers }: IncomingRecord): ParsedRequest {
  const bytes = value ?? new Uint8Array();
  const contentType = contentTypeOf(bytes, headers[CONTENT_TYPE_HEADER]);
  const [keyTenant = "", keyEndpoint = ""] = splitKey(key ?? "");
  const members = contentType === CONTENT_TYPE.json ? decodeJson(bytes) : decodeProtobuf(bytes);
  const requestId = typeof members?.requestId === "string" && members.requestId !== "" ? members.requestId : undefined;
  const request = {
    tenant: keyTenant || "default",
    endpoint: keyEndpoint,
    ...without(members ?? {}, (member) => member === undefined || member === null || member === ""),
  };
  const reason = members === undefined ? `is not an RpcRequest in ${contentType}` : problemOf(request);
  if (reason === undefined) return { type: "request", request: complete(request as Partial<Request>), contentType };
  return {
    type: "invalid",
    reason,
    requestId: requestId?.slice(0, MAX_REQUEST_ID),
    tenant: String(request.tenant).slice(0, MAX_ENDPOINT_BYTES),
    endpoint: String(request.endpoint).slice(0, MAX_ENDPOINT_BYTES),
    contentType,
  };
}

type Members = Readonly<Record<string, unknown>>;

function decodeProtobuf(bytes: Uint8Array): Members | undefined {
  try {
    const { expiresAtMs, retries, ...request } = lwm2m.v1.RpcRequest.decode(bytes);
    return { ...request, expiresAtMs: toSafeNumber(expiresAtMs), retries };
  } catch {
    // protobufjs throws Error, RangeError and TypeError for bytes that are no message.
    return undefined;
  }
}

/** JSON with `params` as text: its numbers as they were written, so that none of 64 bits loses a digit. */
function decodeJson(bytes: Uint8Array): Members | undefined {
  const text = Buffer.from(bytes).toString();
  try {
    const members: unknown = JSON.parse(text);
    if (typeof members !== "object" || members === null || Array.isArray(members)) return undefined;
    const { params, ...request } = members as Members;
    return {
      ...request,
      params: typeof params === "string" || params === undefined ? params : exactText(text, "params"),
    };
  } catch (error) {
    // RangeError: nested too deeply to be read.
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** `JSON.parse` with its reviver's third argument and `JSON.rawJSON` (ECMAScript 2026), which TypeScript's library does not declare yet. */
const exactJson = JSON as unknown as {
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { readonly source: string }) => unknown,
  ): Members;
  rawJSON(text: string): unknown;
};

function exactText(text: string, member: string): string {
  const exact = exactJson.parse(text, (_, value, { source }) =>
    typeof value === "number" ? exactJson.rawJSON(source) : value,
  );
  return JSON.stringify(exact[member]);
}

/** What is wrong with a request, or undefined. */
function problemOf({
  requestId,
  tenant,
  endpoint,
  method,
  params = "",
  expiresAtMs = 0,
  retries = 0,
  ...rest
}: Members): string | undefined {
  if (requestId === undefined) return "requestId is missing";
  if (typeof requestId !== "string" || requestId.length > MAX_REQUEST_ID)
    return `requestId is not a text of 1 to ${MAX_REQUEST_ID} characters`;
  if (typeof tenant !== "string" || !TENANT.test(tenant)) return 'tenant is not 1 to 64 letters, digits, "-" or "_"';
  if (endpoint === "") return "endpoint is missing";
  if (typeof endpoint !== "string" || Buffer.byteLength(endpoint) > MAX_ENDPOINT_BYTES)
    return `endpoint is not a text of 1 to ${MAX_ENDPOINT_BYTES} bytes`;
  if (typeof method !== "string" || method.length > MAX_METHOD) return "method is missing: it is a text such as Read";
  if (typeof params !== "string") return "params is neither an object nor text";
  if (Buffer.byteLength(params) > MAX_PARAMS_BYTES) return `params has more than ${MAX_PARAMS_BYTES} bytes`;
  if (!isCount(expiresAtMs)) return "expiresAtMs is not a whole number of ms since 1970";
  if (!isCount(retries)) return "retries is not a whole number";
  const flag = ["oneWay", "persistent", "failFast"].find(
    (name) => rest[name] !== undefined && typeof rest[name] !== "boolean",
  );
  return flag === undefined ? undefined : `${flag} is not true or false`;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function complete(request: Partial<Request>): Request {
  const { requestId = "", tenant = "", endpoint = "", method = "", params = "", expiresAtMs = 0, retries } = request;
  const { oneWay = false, persistent = false, failFast = false } = request;
  return { requestId, tenant, endpoint, method, params, expiresAtMs, oneWay, persistent, retries, failFast };
}

function splitKey(key: string): readonly [tenant: string, endpoint: string] | readonly [] {
  const slash = key.indexOf("/");
  return slash < 0 ? [] : [key.slice(0, slash), key.slice(slash + 1)];
}

function without(members: Members, unwanted: (value: unknown) => boolean): Members {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => !unwanted(value)));
}
