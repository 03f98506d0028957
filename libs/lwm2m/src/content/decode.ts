import { CONTENT_FORMAT, CoapFormatError, parseLinkFormat } from "@ferry/coap";
import { decodeUtf8 } from "../bytes.ts";
import { UndecodableContentError } from "../errors.ts";
import type { ModelView } from "../model/object-model.ts";
import type { LwM2mNode, TimedValue } from "../node.ts";
import { formatPath, type LwM2mPath } from "../path.ts";
import type { DataType, ResourceValue } from "../value.ts";
import { decodeCborValue } from "./cbor-value.ts";
import { formatContentFormat, OLD_JSON, OLD_TLV } from "./content-format.ts";
import { type Decoding, refuse } from "./decoding.ts";
import { decodeLwm2mCbor } from "./lwm2m-cbor.ts";
import { decodeLwm2mJson } from "./lwm2m-json.ts";
import { buildNode } from "./node-tree.ts";
import { decodeSenmlCbor } from "./senml-cbor.ts";
import { decodeSenmlJson } from "./senml-json.ts";
import { decodeText } from "./text.ts";
import { decodeTlv } from "./tlv.ts";

/** Decodes a payload into values, in payload order. */
type Decoder = (payload: Uint8Array, decoding: Decoding) => TimedValue[];

const DECODERS: ReadonlyMap<number, Decoder> = new Map<number, Decoder>([
  [CONTENT_FORMAT.LWM2M_TLV, decodeTlv],
  [OLD_TLV, decodeTlv],
  [CONTENT_FORMAT.LWM2M_CBOR, decodeLwm2mCbor],
  [CONTENT_FORMAT.LWM2M_JSON, decodeLwm2mJson],
  [OLD_JSON, decodeLwm2mJson],
  [CONTENT_FORMAT.SENML_CBOR, decodeSenmlCbor],
  [CONTENT_FORMAT.SENML_JSON, decodeSenmlJson],
  [CONTENT_FORMAT.CBOR, oneValue(decodeCborValue)],
  [CONTENT_FORMAT.TEXT_PLAIN, oneValue(decodeText)],
  [CONTENT_FORMAT.OCTET_STREAM, oneValue(decodeOpaque)],
  [CONTENT_FORMAT.LINK_FORMAT, oneValue(decodeLinks)],
]);

/** Devices without an alternate root path. */
const NO_ROOT_PATH: readonly string[] = [];

/**
 * Decodes a payload into the node that `path` names; of several values of one resource it keeps the latest.
 *
 * `format` is a CoAP Content-Format. Relative times become absolute by `nowMs` (ms since 1970); without it they are dropped.
 * Names in SenML may begin with `rootPath`, the device's alternate root path.
 * Resources without a model: TLV gives OPAQUE, text STRING, CBOR, SenML and JSON what the item itself is.
 * @throws {UndecodableContentError}
 */
export function decodeContent(
  format: number,
  payload: Uint8Array,
  path: LwM2mPath,
  models: ModelView,
  nowMs?: number,
  rootPath: readonly string[] = NO_ROOT_PATH,
): LwM2mNode {
  const empties: LwM2mPath[] = [];
  const values = decoderOf(format)(payload, { path, models, nowMs, rootPath, empties, onFault: refuse });
  return buildNode(path, values, empties, models);
}

/**
 * Decodes a payload into its values, in the order in which it lists them: all of them, also when one resource has several.
 *
 * Parameters as for {@link decodeContent}; the root path `[]` is for Send, where the payload has full names.
 * @throws {UndecodableContentError} when anything in it is wrong
 */
export function decodeTimedValues(
  format: number,
  payload: Uint8Array,
  path: LwM2mPath,
  models: ModelView,
  nowMs: number | undefined,
  rootPath: readonly string[] = NO_ROOT_PATH,
): readonly TimedValue[] {
  return decoderOf(format)(payload, { path, models, nowMs, rootPath, empties: [], onFault: refuse });
}

/** What a payload of several values says, and what of it is left out. */
export interface DecodedPack {
  readonly values: readonly TimedValue[];
  /** What is wrong, one sentence for each value that is left out: `SenML record 3: base name "/abc/" is no path`. At most 17. */
  readonly faults: readonly string[];
}

/** Faults of one payload that are told one by one; the last one then counts the others. */
const MAX_FAULTS = 16;

/**
 * Decodes a payload as {@link decodeTimedValues} does, but for what single values are wrong: those are left out and named.
 *
 * For Send and Notify, whose values the device would not send again.
 * @throws {UndecodableContentError} when the payload is broken as a whole, or nothing of it is left
 */
export function decodePack(
  format: number,
  payload: Uint8Array,
  path: LwM2mPath,
  models: ModelView,
  nowMs: number | undefined,
  rootPath: readonly string[] = NO_ROOT_PATH,
): DecodedPack {
  const faults: string[] = [];
  let untold = 0;
  const onFault = (text: string) => {
    if (faults.length < MAX_FAULTS) faults.push(text);
    else untold++;
  };
  const values = decoderOf(format)(payload, { path, models, nowMs, rootPath, empties: [], onFault });
  if (values.length === 0 && faults.length > 0) throw new UndecodableContentError(faults.join("; "));
  if (untold > 0) faults.push(`${untold} more faults`);
  return { values, faults };
}

function decoderOf(format: number): Decoder {
  const decoder = DECODERS.get(format);
  if (decoder === undefined) throw new UndecodableContentError(`content format ${format} is not supported`);
  return decoder;
}

/** A decoder of a format that holds just one value. */
function oneValue(
  decode: (payload: Uint8Array, path: LwM2mPath, type: DataType | undefined) => ResourceValue,
): Decoder {
  return (payload, { path, models }) => {
    const [objectId, , resourceId] = path;
    if (objectId === undefined || resourceId === undefined) {
      throw new UndecodableContentError(`${formatPath(path)} is no single value`);
    }
    return [{ path, value: decode(payload, path, models.object(objectId)?.resources.get(resourceId)?.type) }];
  };
}

function decodeOpaque(payload: Uint8Array, path: LwM2mPath, type: DataType = "OPAQUE"): ResourceValue {
  requireType(CONTENT_FORMAT.OCTET_STREAM, "OPAQUE", type, path);
  return { type: "OPAQUE", value: payload.slice() };
}

function decodeLinks(payload: Uint8Array, path: LwM2mPath, type: DataType = "CORELINK"): ResourceValue {
  requireType(CONTENT_FORMAT.LINK_FORMAT, "CORELINK", type, path);
  return { type: "CORELINK", value: decodeLinkFormat(payload) };
}

function requireType(format: number, carried: DataType, type: DataType, path: LwM2mPath): void {
  if (type === carried) return;
  throw new UndecodableContentError(`${formatPath(path)}: ${formatContentFormat(format)} cannot carry ${type}`);
}

/** The text of a link-format payload, once it has been checked (RFC 6690). @throws {UndecodableContentError} */
export function decodeLinkFormat(payload: Uint8Array): string {
  const text = decodeUtf8(payload);
  if (text === undefined) throw new UndecodableContentError("link format is not UTF-8");
  try {
    parseLinkFormat(text);
  } catch (error) {
    if (error instanceof CoapFormatError) throw new UndecodableContentError(error.message, { cause: error });
    throw error;
  }
  return text;
}
