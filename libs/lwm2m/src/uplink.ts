import { CODE, CONTENT_FORMAT, type CoapOption, OPTION, readUintOption, uriPath, uriQuery } from "@ferry/coap";
import { decodeUtf8 } from "./bytes.ts";
import { COMPOSITE_FORMATS } from "./content/content-format.ts";
import { ObjectLinksError } from "./errors.ts";
import { parseObjectLinks } from "./object-links.ts";
import {
  type LwM2mVersion,
  parseRegisterParameters,
  parseUpdateParameters,
  RefusedError,
} from "./registration-parameters.ts";

/** What a device asks on the registration and reporting interfaces (OMA LwM2M Core 1.1.1 §6.2, §6.4.5), or why it is refused. */
export type Uplink = Register | Update | Deregister | Send | Refusal;

/** POST /rd. */
export interface Register {
  readonly type: "register";
  /** Undefined when the device left it to its credentials; over NoSec that is refused, with {@link MISSING_ENDPOINT}. */
  readonly endpoint: string | undefined;
  /** 86400 when the device named none. */
  readonly lifetimeS: number;
  readonly lwm2mVersion: LwM2mVersion;
  /** Letters of `b`, without `Q`; `U` when the device named none. */
  readonly bindingMode: string;
  readonly queueMode: boolean;
  readonly smsNumber?: string;
  /** Objects and Object Instances as the device sent them; they have been checked with `parseObjectLinks`. */
  readonly objectLinks: string;
  /** Query parameters that the standard does not know. */
  readonly additionalParameters: Readonly<Record<string, string>>;
}

/** POST /rd/{id}: what is absent stays as it was. */
export interface Update {
  readonly type: "update";
  readonly registrationId: string;
  readonly lifetimeS?: number;
  /** Letters of `b`, without `Q`. */
  readonly bindingMode?: string;
  /** Whether `b` had `Q`; in an Update it counts for LwM2M 1.0 only: from 1.1 on, Register alone decides (OMA LwM2M Core 1.1.1 §6.2.2). */
  readonly queueMode?: boolean;
  readonly smsNumber?: string;
  readonly objectLinks?: string;
  readonly additionalParameters: Readonly<Record<string, string>>;
}

/** DELETE /rd/{id}. */
export interface Deregister {
  readonly type: "deregister";
  readonly registrationId: string;
}

/** POST /dp: values that the device reports unasked. */
export interface Send {
  readonly type: "send";
  readonly contentFormat: number;
  readonly payload: Uint8Array;
}

/** The request cannot be served. */
export interface Refusal {
  readonly type: "refusal";
  /** CoAP code as on the wire: `CODE.BAD_REQUEST` and so on. */
  readonly code: number;
  /** What is wrong, for the payload of the answer. */
  readonly diagnostic: string;
}

/** The refusal of a Register whose `ep` is needed and absent. */
export const MISSING_ENDPOINT: Refusal = {
  type: "refusal",
  code: CODE.BAD_REQUEST,
  diagnostic: "ep is missing: over NoSec the endpoint name is needed",
};

/** Longest link list that is taken. */
const MAX_OBJECT_LINKS_BYTES = 64 * 1024;
/** Longest registration id that is looked at; ours have 14 characters. */
const MAX_REGISTRATION_ID_CHARACTERS = 64;

/** Parses a request of a device: its CoAP code, options and whole body. Never throws. */
export function parseUplink(code: number, options: readonly CoapOption[], payload: Uint8Array): Uplink {
  const [interfaceName, id, ...rest] = uriPath(options);
  if (interfaceName === "rd" && rest.length === 0) {
    if (id === undefined)
      return code === CODE.POST ? refusing(() => parseRegister(options, payload)) : methodNotAllowed();
    if (id === "" || id.length > MAX_REGISTRATION_ID_CHARACTERS) return notFound();
    if (code === CODE.POST) return refusing(() => parseUpdate(id, options, payload));
    return code === CODE.DELETE ? { type: "deregister", registrationId: id } : methodNotAllowed();
  }
  if (interfaceName === "dp" && id === undefined) {
    return code === CODE.POST ? refusing(() => parseSend(options, payload)) : methodNotAllowed();
  }
  return notFound();
}

function parseRegister(options: readonly CoapOption[], payload: Uint8Array): Register {
  const { endpoint, lifetimeS, lwm2mVersion, binding, queueMode, smsNumber, additionalParameters } =
    parseRegisterParameters(uriQuery(options));
  const objectLinks = parseLinkList(options, payload);
  if (objectLinks === undefined) throw new RefusedError(CODE.BAD_REQUEST, "the link list of Objects is missing");
  checkLinks(objectLinks, lwm2mVersion);
  return {
    type: "register",
    endpoint,
    lifetimeS,
    lwm2mVersion,
    bindingMode: binding,
    queueMode,
    ...(smsNumber !== undefined && { smsNumber }),
    objectLinks,
    additionalParameters,
  };
}

function parseUpdate(registrationId: string, options: readonly CoapOption[], payload: Uint8Array): Update {
  const parameters = parseUpdateParameters(uriQuery(options));
  const objectLinks = parseLinkList(options, payload);
  // The version only decides defaults, and the registration has it: here the list is just checked.
  if (objectLinks !== undefined) checkLinks(objectLinks, "1.0");
  return { type: "update", registrationId, ...parameters, ...(objectLinks !== undefined && { objectLinks }) };
}

function parseSend(options: readonly CoapOption[], payload: Uint8Array): Send {
  const contentFormat = readUintOption(options, OPTION.CONTENT_FORMAT);
  if (contentFormat === undefined) throw new RefusedError(CODE.BAD_REQUEST, "Send needs a Content-Format");
  // OMA LwM2M Core 1.1.1 §6.4.5: the values carry full paths.
  if (!COMPOSITE_FORMATS.includes(contentFormat)) {
    throw new RefusedError(CODE.UNSUPPORTED_CONTENT_FORMAT, `Content-Format ${contentFormat} is not one of Send`);
  }
  if (payload.length === 0) throw new RefusedError(CODE.BAD_REQUEST, "Send has no payload");
  return { type: "send", contentFormat, payload };
}

/** The link list in the body; undefined when the body is empty. */
function parseLinkList(options: readonly CoapOption[], payload: Uint8Array): string | undefined {
  if (payload.length === 0) return undefined;
  const format = readUintOption(options, OPTION.CONTENT_FORMAT) ?? CONTENT_FORMAT.LINK_FORMAT;
  if (format !== CONTENT_FORMAT.LINK_FORMAT) {
    throw new RefusedError(CODE.UNSUPPORTED_CONTENT_FORMAT, `Content-Format ${format} is no link list`);
  }
  if (payload.length > MAX_OBJECT_LINKS_BYTES) {
    throw new RefusedError(
      CODE.REQUEST_ENTITY_TOO_LARGE,
      `the link list has ${payload.length} bytes, at most ${MAX_OBJECT_LINKS_BYTES} are taken`,
    );
  }
  const links = decodeUtf8(payload);
  if (links === undefined) throw new RefusedError(CODE.BAD_REQUEST, "the link list is not UTF-8");
  return links;
}

function checkLinks(links: string, lwm2mVersion: LwM2mVersion): void {
  try {
    parseObjectLinks(links, lwm2mVersion);
  } catch (error) {
    if (error instanceof ObjectLinksError) throw new RefusedError(CODE.BAD_REQUEST, error.message);
    throw error;
  }
}

/** What `parse` gives, or the refusal that it throws. */
export function refusing<T>(parse: () => T): T | Refusal {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RefusedError) return { type: "refusal", code: error.refusalCode, diagnostic: error.message };
    throw error;
  }
}

export function notFound(): Refusal {
  return { type: "refusal", code: CODE.NOT_FOUND, diagnostic: "no such LwM2M interface" };
}

export function methodNotAllowed(): Refusal {
  return { type: "refusal", code: CODE.METHOD_NOT_ALLOWED, diagnostic: "method not allowed on this path" };
}
