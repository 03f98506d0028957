import { CODE, CONTENT_FORMAT, type CoapOption, OPTION, readUintOption, uriPath, uriQuery } from "@ferry/coap";
import { COMPOSITE_FORMATS } from "../content/content-format.ts";
import { parseEndpoint, printable, RefusedError, splitParameters, take } from "../registration-parameters.ts";
import { methodNotAllowed, notFound, type Refusal, refusing } from "../uplink.ts";
import { BOOTSTRAP_PATH } from "./bootstrap-operation.ts";

/** What a device asks on the bootstrap interface (OMA LwM2M Core 1.1.1 §6.1.7.1, 1.2 §6.1.7.8). */
export type BootstrapUplink = BootstrapRequest | BootstrapPackRequest;

/** POST /bs?ep=&pct=. */
export interface BootstrapRequest {
  readonly type: "bootstrapRequest";
  /** Undefined when the device left it to its credentials; over NoSec that is to be refused, with `MISSING_ENDPOINT`. */
  readonly endpoint: string | undefined;
  /** `pct`: Content-Format in which it would like to be written to. LwM2M 1.0 does not know it. */
  readonly preferredFormat: number | undefined;
}

/** GET /bspack?ep=&acc=, from LwM2M 1.2 on. */
export interface BootstrapPackRequest {
  readonly type: "packRequest";
  readonly endpoint: string | undefined;
  /** Content-Format of the pack: one that carries several paths; SenML CBOR when the device named none. */
  readonly acceptedFormat: number;
  /** `acc`: instances of Security that are the bootstrap server's account; empty when the device named none, which 1.2 before 1.2.1 never does. */
  readonly accountInstances: readonly number[];
}

const PACK_PATH = "bspack";

/** Parses a request of a device on the bootstrap interface: its CoAP code and options. Never throws. */
export function parseBootstrapUplink(code: number, options: readonly CoapOption[]): BootstrapUplink | Refusal {
  const [interfaceName, ...rest] = uriPath(options);
  if (rest.length > 0) return notFound();
  if (interfaceName === BOOTSTRAP_PATH) {
    return code === CODE.POST ? refusing(() => parseRequest(options)) : methodNotAllowed();
  }
  if (interfaceName === PACK_PATH) {
    return code === CODE.GET ? refusing(() => parsePackRequest(options)) : methodNotAllowed();
  }
  return notFound();
}

function parseRequest(options: readonly CoapOption[]): BootstrapRequest {
  const parameters = splitParameters(uriQuery(options));
  return {
    type: "bootstrapRequest",
    endpoint: parseEndpoint(take(parameters, "ep")),
    preferredFormat: parsePreferredFormat(take(parameters, "pct")),
  };
}

function parsePackRequest(options: readonly CoapOption[]): BootstrapPackRequest {
  const parameters = splitParameters(uriQuery(options));
  const endpoint = parseEndpoint(take(parameters, "ep"));
  const accountInstances = parseInstances(take(parameters, "acc"));
  const acceptedFormat = readUintOption(options, OPTION.ACCEPT) ?? CONTENT_FORMAT.SENML_CBOR;
  if (!COMPOSITE_FORMATS.includes(acceptedFormat)) {
    throw new RefusedError(CODE.NOT_ACCEPTABLE, `Accept ${acceptedFormat} is not one of a Bootstrap-Pack`);
  }
  return { type: "packRequest", endpoint, acceptedFormat, accountInstances };
}

function parsePreferredFormat(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const format = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (format <= 0xffff) return format;
  throw new RefusedError(CODE.BAD_REQUEST, `pct ${printable(text)} is no Content-Format number, 0..65535`);
}

/** Most instances that `acc` is taken to name: a device has one account of the bootstrap server. */
const MAX_ACCOUNT_INSTANCES = 16;

function parseInstances(text: string | undefined): readonly number[] {
  if (text === undefined || text === "") return [];
  const ids = text.split(",").map((id) => (/^\d{1,5}$/.test(id) ? Number(id) : Number.NaN));
  if (ids.length <= MAX_ACCOUNT_INSTANCES && ids.every((id) => id <= 65_534)) return ids;
  throw new RefusedError(CODE.BAD_REQUEST, `acc ${printable(text)} is no list of Object Instance ids`);
}
