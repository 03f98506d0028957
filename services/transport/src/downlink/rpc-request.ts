import { type ContentType, lwm2m, toSafeNumber } from "@ferry/proto";
import type { DeviceRef, OpenRequest } from "@ferry/state";

/** What names a request, and how its answer is encoded. */
export interface RequestRef extends DeviceRef {
  readonly requestId: string;
  readonly contentType: ContentType;
}

/** A request, as the router hands it over or the store holds it. */
export interface Request extends RequestRef {
  readonly method: string;
  readonly params: string;
  readonly expiresAtMs: number;
  readonly oneWay: boolean;
  readonly persistent: boolean;
  readonly retries: number | undefined;
  readonly failFast: boolean;
  /** The same on the wire. */
  readonly message: lwm2m.v1.RpcRequest.$Properties;
}

/** A request of a command. */
export function requestOf(message: lwm2m.v1.RpcRequest.$Properties, contentType: string): Request {
  return {
    tenant: message.tenant ?? "",
    endpoint: message.endpoint ?? "",
    requestId: message.requestId ?? "",
    contentType: contentType as ContentType, // The router wrote it.
    method: message.method ?? "",
    params: message.params ?? "",
    expiresAtMs: toSafeNumber(message.expiresAtMs),
    oneWay: message.oneWay ?? false,
    persistent: message.persistent ?? false,
    retries: message.retries ?? undefined,
    failFast: message.failFast ?? false,
    message,
  };
}

/** A request of the store. @throws {Error} its bytes are damaged */
export function storedRequest({ request, contentType }: OpenRequest): Request {
  return requestOf(lwm2m.v1.RpcRequest.decode(request), contentType);
}

/** One text per request. */
export function nameOf({ tenant, endpoint, requestId }: RequestRef): string {
  return `${tenant}/${endpoint}\n${requestId}`;
}
