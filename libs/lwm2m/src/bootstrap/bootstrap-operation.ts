import { CODE, OPTION, stringOption } from "@ferry/coap";
import { decodeUtf8 } from "../bytes.ts";
import { UndecodableContentError } from "../errors.ts";
import type { LwM2mNode } from "../node.ts";
import {
  type CoapRequest,
  type CoapResponse,
  checkSuccess,
  fromCoapResponse,
  linksOf,
  type OperationOutcome,
  outcomeOf,
  toCoapRequest,
} from "../operation.ts";
import type { LwM2mPath } from "../path.ts";
import { SHORT_SERVER_ID_MODELS } from "./short-server-id.ts";

/** What a bootstrap server asks of a device (OMA LwM2M Core 1.1.1 §6.1.7). Paths never have an alternate root (Transport 1.1.1 §6.4.1). */
export type BootstrapOperation =
  /** An Object, or the root for all of them. */
  | { readonly type: "discover"; readonly path: LwM2mPath }
  /** An Object or Object Instance of Server (1) or Access Control (2), from LwM2M 1.1 on. */
  | { readonly type: "read"; readonly path: LwM2mPath }
  /** An Object Instance, an Object, or the root: the account of the bootstrap server and the Device object stay. */
  | { readonly type: "delete"; readonly path: LwM2mPath }
  /** Replaces what `path` names, which need not be there. */
  | { readonly type: "write"; readonly path: LwM2mPath; readonly node: LwM2mNode }
  | { readonly type: "finish" };

/** Path of Bootstrap-Request and Bootstrap-Finish. */
export const BOOTSTRAP_PATH = "bs";

/**
 * The CoAP request of an operation; `format` is the Content-Format of what is written, or that a Read accepts.
 *
 * @throws {UnencodableContentError} when the format cannot carry the node to write
 */
export function toBootstrapRequest(operation: BootstrapOperation, format: number): CoapRequest {
  if (operation.type === "finish") {
    return { code: CODE.POST, options: [stringOption(OPTION.URI_PATH, BOOTSTRAP_PATH)], payload: new Uint8Array() };
  }
  const context = { format, rootPath: [] };
  return toCoapRequest(operation.type === "write" ? { ...operation, mode: "replace" } : operation, context);
}

/**
 * What a device's response means; a refusal (4.xx, 5.xx) is an outcome too.
 *
 * Any 2.xx is a success of Write, Delete and Finish: clients do not agree on which it is.
 * @throws {UnexpectedResponseError} an answer to Discover or Read that cannot be decoded
 */
export function fromBootstrapResponse(operation: BootstrapOperation, response: CoapResponse): OperationOutcome {
  if (operation.type === "read") return fromCoapResponse(operation, response, SHORT_SERVER_ID_MODELS);
  const outcome = outcomeOf(response);
  if (operation.type !== "discover" || !isSuccess(outcome)) return outcome;
  checkSuccess("discover", response);
  return { ...outcome, links: linksOf(response, decodeLinks) };
}

/** Clients of LwM2M 1.0 answer with what is no list of links by RFC 6690: `parseBootstrapDiscovery` knows what they mean. */
function decodeLinks(payload: Uint8Array): string {
  const links = decodeUtf8(payload);
  if (links === undefined) throw new UndecodableContentError("the links are not UTF-8");
  return links;
}

/** Whether an outcome is a success. */
export function isSuccess({ code }: OperationOutcome): boolean {
  return code >= 200 && code < 300;
}
