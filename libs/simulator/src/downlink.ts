import { CODE, CONTENT_FORMAT, type CoapOption, OPTION, readUintOption, uriPath, uriQuery } from "@ferry/coap";
import { InvalidPathError, type LwM2mPath, parsePath } from "@ferry/lwm2m";
import { badRequest, notAllowed } from "./errors.ts";

/** What a server asks of a device, as its CoAP request says it (OMA LwM2M Transport 1.1.1 §6.4). */
export type Downlink = Observing | DeviceOperation;

/** Starts or ends a relation (RFC 7641). */
export interface Observing {
  readonly type: "observe" | "cancelObservation";
  readonly path: LwM2mPath;
  readonly accept: number | undefined;
}

/** Is done once it is answered. */
export type DeviceOperation =
  | { readonly type: "read"; readonly path: LwM2mPath; readonly accept: number | undefined }
  | { readonly type: "discover"; readonly path: LwM2mPath }
  | ({ readonly type: "write"; readonly mode: "replace" | "update" } & Content)
  | { readonly type: "writeAttributes"; readonly path: LwM2mPath; readonly query: readonly string[] }
  | { readonly type: "execute"; readonly path: LwM2mPath; readonly arguments: string }
  | ({ readonly type: "create" } & Content)
  | { readonly type: "delete"; readonly path: LwM2mPath };

interface Content {
  readonly path: LwM2mPath;
  readonly contentFormat: number | undefined;
  readonly payload: Uint8Array;
}

/** Tells what a request asks. @throws {RequestRefusedError} it asks nothing that LwM2M knows */
export function parseDownlink(code: number, options: readonly CoapOption[], payload: Uint8Array): Downlink {
  const path = parseUriPath(options);
  const accept = readUintOption(options, OPTION.ACCEPT);
  const contentFormat = readUintOption(options, OPTION.CONTENT_FORMAT);
  const query = uriQuery(options);
  switch (code) {
    case CODE.GET: {
      if (accept === CONTENT_FORMAT.LINK_FORMAT) return { type: "discover", path };
      const observe = readUintOption(options, OPTION.OBSERVE);
      if (observe === 0 || observe === 1)
        return { type: observe === 0 ? "observe" : "cancelObservation", path, accept };
      return { type: "read", path, accept };
    }
    case CODE.PUT:
      if (payload.length === 0 && contentFormat === undefined) return { type: "writeAttributes", path, query };
      return { type: "write", mode: "replace", path, contentFormat, payload };
    case CODE.POST:
      if (path.length === 1) return { type: "create", path, contentFormat, payload };
      if (path.length === 3 && (contentFormat === undefined || contentFormat === CONTENT_FORMAT.TEXT_PLAIN)) {
        return { type: "execute", path, arguments: Buffer.from(payload).toString("utf8") };
      }
      return { type: "write", mode: "update", path, contentFormat, payload };
    case CODE.DELETE:
      return { type: "delete", path };
    default:
      throw notAllowed("this method");
  }
}

function parseUriPath(options: readonly CoapOption[]): LwM2mPath {
  try {
    return parsePath(`/${uriPath(options).join("/")}`);
  } catch (error) {
    if (error instanceof InvalidPathError) throw badRequest(error.message);
    throw error;
  }
}
