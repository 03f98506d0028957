import { lwm2m } from "../generated/lwm2m.js";
import { CONTENT_TYPE, type ContentType, toJsonValue } from "./json.ts";

const { RpcResponse } = lwm2m.v1;

/**
 * Encodes the final answer to a request as the request was encoded.
 *
 * In JSON it is flat, for people and scripts: requestId, tenant, endpoint, status, then what applies of result, value, error (in the text form of the RPC
 * specification), code and nodes; last, eventId and what else the record context says. Absent members are left out, never null.
 */
export function encodeRpcResponse(response: lwm2m.v1.RpcResponse.$Properties, contentType: ContentType): Uint8Array {
  if (contentType === CONTENT_TYPE.protobuf) return RpcResponse.encode(response).finish();

  const { context, requestId, status, result, value, error, code, nodes } = toJsonValue(RpcResponse, response);
  const { tenant, endpoint, ...provenance } = (context ?? {}) as { [key: string]: unknown };
  // JSON.stringify leaves out what is undefined.
  return Buffer.from(
    JSON.stringify({ requestId, tenant, endpoint, status, result, value, error, code, nodes, ...provenance }),
  );
}
