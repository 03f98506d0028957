import { CODE, CONTENT_FORMAT, type CoapOption, OPTION, readUintOption, uriPath, uriQuery } from "@ferry/coap";
import { decodePaths, InvalidPathError, type LwM2mPath, parsePath } from "@ferry/lwm2m";
import { badRequest, notAllowed, RequestRefusedError } from "./errors.ts";

/** What a server asks of a device, as its CoAP request says it (OMA LwM2M Transport 1.1.1 §6.4). */
export type Downlink = Observing | DeviceOperation;

/** Starts or ends a relation (RFC 7641). Several paths, or one in a composite observation: `composite`. */
export interface Observing {
  readonly type: "observe" | "cancelObservation";
  readonly paths: readonly LwM2mPath[];
  readonly composite: boolean;
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
  | { readonly type: "delete"; readonly path: LwM2mPath }
  | { readonly type: "readComposite"; readonly paths: readonly LwM2mPath[]; readonly accept: number | undefined }
  | { readonly type: "writeComposite"; readonly contentFormat: number | undefined; readonly payload: Uint8Array };

interface Content {
  readonly path: LwM2mPath;
  readonly contentFormat: number | undefined;
  readonly payload: Uint8Array;
}

/** What a device is able to. */
export interface Abilities {
  /** Content formats that it has, by preference. */
  readonly contentFormats: readonly number[];
  readonly composites: boolean;
  /** Attributes of Write-Attributes that it knows. */
  readonly attributeNames: readonly string[];
}

/** Paths in one composite request beyond these are refused. */
const MAX_PATHS = 256;

/**
 * Tells what a request asks.
 *
 * @throws {RequestRefusedError | Lwm2mError} it asks nothing that the device knows
 */
export function parseDownlink(
  code: number,
  options: readonly CoapOption[],
  payload: Uint8Array,
  abilities: Abilities,
): Downlink {
  const path = parseUriPath(options);
  const accept = readUintOption(options, OPTION.ACCEPT);
  const contentFormat = readUintOption(options, OPTION.CONTENT_FORMAT);
  const observe = readUintOption(options, OPTION.OBSERVE);
  const query = uriQuery(options);
  switch (code) {
    case CODE.GET: {
      if (accept === CONTENT_FORMAT.LINK_FORMAT) return { type: "discover", path };
      const observing = observingOf(observe, [path], false, accept);
      return observing ?? { type: "read", path, accept };
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
    case CODE.FETCH: {
      checkComposite(path, abilities);
      const paths = decodePaths(requireFormat(contentFormat, abilities), payload);
      if (paths.length === 0 || paths.length > MAX_PATHS) throw badRequest(`${paths.length} paths`);
      return observingOf(observe, paths, true, accept) ?? { type: "readComposite", paths, accept };
    }
    case CODE.IPATCH:
      checkComposite(path, abilities);
      return { type: "writeComposite", contentFormat, payload };
    default:
      throw notAllowed("this method");
  }
}

function checkComposite(path: LwM2mPath, { composites }: Abilities): void {
  if (!composites) throw notAllowed("a composite operation");
  if (path.length > 0) throw badRequest("a composite request goes to the root");
}

/** The Content-Format of a request. @throws {RequestRefusedError} the device does not have it */
export function requireFormat(
  format: number | undefined,
  { contentFormats }: Pick<Abilities, "contentFormats">,
): number {
  if (format !== undefined && contentFormats.includes(format)) return format;
  throw new RequestRefusedError(CODE.UNSUPPORTED_CONTENT_FORMAT, `content format ${format}`, "");
}

/** Values of the Observe option in a request (RFC 7641 §2). */
const OBSERVE_REGISTER = 0;
const OBSERVE_DEREGISTER = 1;

function observingOf(
  observe: number | undefined,
  paths: readonly LwM2mPath[],
  composite: boolean,
  accept: number | undefined,
): Observing | undefined {
  if (observe === OBSERVE_REGISTER) return { type: "observe", paths, composite, accept };
  return observe === OBSERVE_DEREGISTER ? { type: "cancelObservation", paths, composite, accept } : undefined;
}

/** What the Uri-Path names. @throws {RequestRefusedError} it is no path */
export function parseUriPath(options: readonly CoapOption[]): LwM2mPath {
  try {
    return parsePath(`/${uriPath(options).join("/")}`);
  } catch (error) {
    if (error instanceof InvalidPathError) throw badRequest(error.message);
    throw error;
  }
}
