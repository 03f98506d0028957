import type { CoapOption } from "@ferry/coap";
import type { NotificationAttributes } from "./attributes.ts";
import type { ModelView } from "./model/object-model.ts";
import type { LwM2mNode } from "./node.ts";
import type { LwM2mPath } from "./path.ts";

/** A device-management or information-reporting operation, ready to be sent (OMA LwM2M Core 1.1.1 §6.3, §6.4). */
export type Operation =
  | { readonly type: "read"; readonly path: LwM2mPath }
  | { readonly type: "discover"; readonly path: LwM2mPath }
  /** Replace is PUT, update (partial) is POST; `node` is what `path` names, with the values to write. */
  | { readonly type: "write"; readonly mode: "replace" | "update"; readonly path: LwM2mPath; readonly node: LwM2mNode }
  | { readonly type: "writeAttributes"; readonly path: LwM2mPath; readonly attributes: NotificationAttributes }
  | { readonly type: "execute"; readonly path: LwM2mPath; readonly arguments: string | undefined }
  | { readonly type: "observe"; readonly path: LwM2mPath }
  /** GET with Observe 1 (RFC 7641 §3.6). */
  | { readonly type: "cancelObservation"; readonly path: LwM2mPath };

/** What a device answered. */
export interface OperationOutcome {
  /** CoAP code as class * 100 + detail: 205 for 2.05. */
  readonly code: number;
  /** For Read and Observe: the values. */
  readonly node?: LwM2mNode;
  /** For Discover: the links as the device sent them. */
  readonly links?: string;
  /** For Observe: the device holds the observation (its answer had the Observe option). */
  readonly observing?: boolean;
  /** Diagnostic payload of a refusal, as text. */
  readonly diagnostic?: string;
}

/** A request as `CoapStack` takes it; codes are as on the wire. */
export interface CoapRequest {
  readonly code: number;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

/** A response as `CoapStack` gives it. */
export interface CoapResponse {
  readonly code: number;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

/** What the request of an operation depends on besides the operation. */
export interface RequestContext {
  /** Content-Format of the values to read (Accept) or to write, by `chooseFormat`. */
  readonly format: number;
  /** Segments of the device's alternate root path: `SupportedObjects.rootPath`. */
  readonly rootPath: readonly string[];
}

/** The CoAP request of an operation (OMA LwM2M Core 1.1.1 §6.3, LwM2M Transport 1.1.1 §6.4). @throws {UnencodableContentError} */
export declare function toCoapRequest(operation: Operation, context: RequestContext): CoapRequest;

/**
 * What a device's response means for an operation; a refusal (4.xx, 5.xx) is an outcome too.
 *
 * @throws {UnexpectedResponseError}
 */
export declare function fromCoapResponse(
  operation: Operation,
  response: CoapResponse,
  models: ModelView,
  nowMs?: number,
): OperationOutcome;
