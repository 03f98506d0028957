import { encodeUtf8 } from "../bytes.ts";
import { UndecodableContentError } from "../errors.ts";
import type { TimedValue } from "../node.ts";
import type { LwM2mPath } from "../path.ts";
import type { Decoding } from "./decoding.ts";
import { formatJsonObject, parseJson } from "./json.ts";
import type { Scalar } from "./scalar.ts";
import {
  checkUnknownField,
  resolvePaths,
  resolveSenml,
  SENML_FIELDS,
  type SenmlField,
  type SenmlRecord,
  setField,
  toPathRecords,
  toRecords,
} from "./senml.ts";

const NAME = "SenML JSON";

const FIELD_BY_NAME: ReadonlyMap<string, SenmlField> = new Map(SENML_FIELDS.map((field) => [field.name, field]));

/** Decodes a SenML JSON pack (RFC 8428 §5). @throws {UndecodableContentError} */
export function decodeSenmlJson(payload: Uint8Array, decoding: Decoding): TimedValue[] {
  return resolveSenml(parsePack(payload), toRecord, decoding);
}

/** The paths that a pack without values names. @throws {UndecodableContentError} */
export function decodeSenmlJsonPaths(payload: Uint8Array, rootPath: readonly string[]): LwM2mPath[] {
  return resolvePaths(parsePack(payload).map(toRecord), rootPath);
}

function parsePack(payload: Uint8Array): readonly unknown[] {
  const pack = parseJson(payload, NAME);
  if (!Array.isArray(pack)) throw new UndecodableContentError(`${NAME} is no array of records`);
  return pack;
}

function toRecord(item: unknown): SenmlRecord {
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    throw new UndecodableContentError("is no JSON object");
  }
  const record: SenmlRecord = {};
  for (const [name, value] of Object.entries(item)) {
    const field = FIELD_BY_NAME.get(name);
    if (field === undefined) checkUnknownField(record, name);
    else setField(record, field, field.kind === "bytes" ? parseBase64Url(value) : value);
  }
  return record;
}

/** The bytes of a base64url text; padding is tolerated (RFC 8428 §5: there is none). */
function parseBase64Url(value: unknown): Scalar | undefined {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]*={0,2}$/.test(value)) return undefined;
  return Uint8Array.from(Buffer.from(value, "base64url"));
}

/** Encodes values under their common base path. @throws {UnencodableContentError} FLOAT that is not finite */
export function encodeSenmlJson(
  values: readonly TimedValue[],
  base: LwM2mPath,
  rootPath: readonly string[],
): Uint8Array {
  return formatRecords(toRecords(values, base, rootPath));
}

/** Encodes paths as records without values. */
export function encodeSenmlJsonPaths(paths: readonly LwM2mPath[], rootPath: readonly string[]): Uint8Array {
  return formatRecords(toPathRecords(paths, rootPath));
}

function formatRecords(records: readonly SenmlRecord[]): Uint8Array {
  const texts = records.map((record) =>
    formatJsonObject(record, NAME, (bytes) => Buffer.from(bytes).toString("base64url")),
  );
  return encodeUtf8(`[${texts.join(",")}]`);
}
