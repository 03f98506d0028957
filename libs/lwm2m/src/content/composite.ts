import { CONTENT_FORMAT } from "@ferry/coap";
import { UndecodableContentError, UnencodableContentError } from "../errors.ts";
import type { ModelView } from "../model/object-model.ts";
import type { LwM2mNode, TimedValue } from "../node.ts";
import { isWithin, type LwM2mPath } from "../path.ts";
import { formatContentFormat } from "./content-format.ts";
import { decodeTimedValues } from "./decode.ts";
import { decodeLwm2mCborPaths, encodeLwm2mCborPaths } from "./lwm2m-cbor.ts";
import { buildNode } from "./node-tree.ts";
import { decodeSenmlCborPaths, encodeSenmlCborPaths } from "./senml-cbor.ts";
import { decodeSenmlJsonPaths, encodeSenmlJsonPaths } from "./senml-json.ts";

/** A list of paths as a payload, by content format. */
interface PathListCodec {
  readonly encode: (paths: readonly LwM2mPath[], rootPath: readonly string[]) => Uint8Array;
  readonly decode: (payload: Uint8Array, rootPath: readonly string[]) => LwM2mPath[];
}

const PATH_LIST_CODECS: ReadonlyMap<number, PathListCodec> = new Map<number, PathListCodec>([
  [CONTENT_FORMAT.SENML_CBOR, { encode: encodeSenmlCborPaths, decode: decodeSenmlCborPaths }],
  [CONTENT_FORMAT.SENML_JSON, { encode: encodeSenmlJsonPaths, decode: decodeSenmlJsonPaths }],
  [CONTENT_FORMAT.LWM2M_CBOR, { encode: encodeLwm2mCborPaths, decode: decodeLwm2mCborPaths }],
]);

/** The payload of a FETCH: the paths that a composite operation is about (OMA LwM2M Core 1.1.1 §6.3.8). @throws {UnencodableContentError} */
export function encodePaths(format: number, paths: readonly LwM2mPath[], rootPath: readonly string[] = []): Uint8Array {
  const codec = PATH_LIST_CODECS.get(format);
  if (codec !== undefined) return codec.encode(paths, rootPath);
  throw new UnencodableContentError(`${formatContentFormat(format)} cannot carry a list of paths`);
}

/** Most paths of one composite operation that are taken from a payload. */
const MAX_PATHS = 256;

/** The inverse of {@link encodePaths}. @throws {UndecodableContentError} also when there are more than 256 paths */
export function decodePaths(format: number, payload: Uint8Array, rootPath: readonly string[] = []): LwM2mPath[] {
  const codec = PATH_LIST_CODECS.get(format);
  if (codec === undefined) {
    throw new UndecodableContentError(`${formatContentFormat(format)} cannot carry a list of paths`);
  }
  const paths = codec.decode(payload, rootPath);
  if (paths.length <= MAX_PATHS) return paths;
  throw new UndecodableContentError(`the payload lists ${paths.length} paths, at most ${MAX_PATHS} are taken`);
}

/** A path that a composite operation asked for, with its node where the device has one. */
export interface CompositeNode {
  readonly path: LwM2mPath;
  readonly node: LwM2mNode | undefined;
}

/**
 * Decodes the answer to a composite operation: the nodes at `paths`, in that order. Values that nobody asked for are left out.
 *
 * Parameters as for `decodeContent`.
 * @throws {UndecodableContentError}
 */
export function decodeComposite(
  format: number,
  payload: Uint8Array,
  paths: readonly LwM2mPath[],
  models: ModelView,
  nowMs?: number,
  rootPath: readonly string[] = [],
): readonly CompositeNode[] {
  const values = decodeTimedValues(format, payload, [], models, nowMs, rootPath);
  return paths.map((path) => ({ path, node: nodeAt(path, values, models) }));
}

function nodeAt(path: LwM2mPath, values: readonly TimedValue[], models: ModelView): LwM2mNode | undefined {
  const own = values.filter((value) => isWithin(value.path, path));
  return own.length === 0 ? undefined : buildNode(path, own, [], models);
}

/** SenML JSON begins with a bracket, which in CBOR begins no list. */
const JSON_ARRAY = 0x5b;

/** What a composite payload without a Content-Format is taken for. */
export function assumedCompositeFormat(payload: Uint8Array): number {
  return payload[0] === JSON_ARRAY ? CONTENT_FORMAT.SENML_JSON : CONTENT_FORMAT.SENML_CBOR;
}
