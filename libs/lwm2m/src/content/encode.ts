import { CONTENT_FORMAT } from "@ferry/coap";
import { encodeUtf8 } from "../bytes.ts";
import { UnencodableContentError } from "../errors.ts";
import type { LwM2mNode, TimedValue } from "../node.ts";
import { formatPath, type LwM2mPath } from "../path.ts";
import type { ResourceValue } from "../value.ts";
import { encodeCborValue } from "./cbor-value.ts";
import { formatContentFormat } from "./content-format.ts";
import { encodeLwm2mCbor } from "./lwm2m-cbor.ts";
import { encodeLwm2mJson } from "./lwm2m-json.ts";
import { flattenNode } from "./node-tree.ts";
import { encodeSenmlCbor } from "./senml-cbor.ts";
import { encodeSenmlJson } from "./senml-json.ts";
import { encodeText } from "./text.ts";
import { encodeTlv } from "./tlv.ts";

type Encoder = (node: LwM2mNode, path: LwM2mPath, rootPath: readonly string[]) => Uint8Array;

const ENCODERS: ReadonlyMap<number, Encoder> = new Map<number, Encoder>([
  [CONTENT_FORMAT.LWM2M_TLV, encodeTlv],
  [CONTENT_FORMAT.LWM2M_CBOR, (node, path) => encodeLwm2mCbor(flattenNode(path, node), path)],
  [CONTENT_FORMAT.LWM2M_JSON, (node, path) => encodeLwm2mJson(flattenNode(path, node), path)],
  [CONTENT_FORMAT.SENML_CBOR, (node, path, rootPath) => encodeSenmlCbor(flattenNode(path, node), path, rootPath)],
  [CONTENT_FORMAT.SENML_JSON, (node, path, rootPath) => encodeSenmlJson(flattenNode(path, node), path, rootPath)],
  [CONTENT_FORMAT.CBOR, oneValue(encodeCborValue)],
  [CONTENT_FORMAT.TEXT_PLAIN, oneValue(encodeText)],
  [CONTENT_FORMAT.OCTET_STREAM, oneValue(encodeOpaque)],
  [CONTENT_FORMAT.LINK_FORMAT, oneValue(encodeLinks)],
]);

/**
 * Encodes the node that `path` names; `format` is a CoAP Content-Format.
 *
 * Names in SenML begin with `rootPath`, the device's alternate root path (OMA LwM2M Transport 1.1.1 §6.4.1).
 * @throws {UnencodableContentError}
 */
export function encodeContent(
  format: number,
  node: LwM2mNode,
  path: LwM2mPath,
  rootPath: readonly string[] = [],
): Uint8Array {
  const encode = ENCODERS.get(format);
  if (encode === undefined) throw new UnencodableContentError(`content format ${format} is not supported`);
  return encode(node, path, rootPath);
}

/** Encodes values of any paths and times, as a Send or a notification with history has them; LwM2M CBOR has no times. @throws {UnencodableContentError} */
export function encodeTimedValues(
  format: number,
  values: readonly TimedValue[],
  rootPath: readonly string[] = [],
): Uint8Array {
  if (format === CONTENT_FORMAT.SENML_CBOR) return encodeSenmlCbor(values, [], rootPath);
  if (format === CONTENT_FORMAT.SENML_JSON) return encodeSenmlJson(values, [], rootPath);
  if (format === CONTENT_FORMAT.LWM2M_JSON) return encodeLwm2mJson(values, []);
  if (format === CONTENT_FORMAT.LWM2M_CBOR && values.every(({ timeMs }) => timeMs === undefined)) {
    return encodeLwm2mCbor(values, []);
  }
  throw new UnencodableContentError(`${formatContentFormat(format)} cannot carry values of several paths and times`);
}

/** An encoder of a format that holds just one value. */
function oneValue(encode: (value: ResourceValue) => Uint8Array): Encoder {
  return (node, path) => {
    if (node.type === "singleResource" || node.type === "resourceInstance") return encode(node.value);
    throw new UnencodableContentError(`${formatPath(path)} is no single value`);
  };
}

function encodeOpaque(value: ResourceValue): Uint8Array {
  if (value.type === "OPAQUE") return value.value;
  throw new UnencodableContentError(`${formatContentFormat(CONTENT_FORMAT.OCTET_STREAM)} cannot carry ${value.type}`);
}

function encodeLinks(value: ResourceValue): Uint8Array {
  if (value.type === "CORELINK") return encodeUtf8(value.value);
  throw new UnencodableContentError(`${formatContentFormat(CONTENT_FORMAT.LINK_FORMAT)} cannot carry ${value.type}`);
}
