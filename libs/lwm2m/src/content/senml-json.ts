import { decodeUtf8, encodeUtf8 } from "../bytes.ts";
import { UndecodableContentError, UnencodableContentError } from "../errors.ts";
import type { ModelView } from "../model/object-model.ts";
import type { TimedValue } from "../node.ts";
import type { LwM2mPath } from "../path.ts";
import { exactInteger } from "../value.ts";
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

const FIELD_BY_NAME: ReadonlyMap<string, SenmlField> = new Map(SENML_FIELDS.map((field) => [field.name, field]));

/** Decodes a SenML JSON pack (RFC 8428 §5). @throws {UndecodableContentError} */
export function decodeSenmlJson(
  payload: Uint8Array,
  path: LwM2mPath,
  models: ModelView,
  nowMs: number | undefined,
): TimedValue[] {
  return resolveSenml(parseRecords(payload), path, models, nowMs);
}

/** The paths that a pack without values names. @throws {UndecodableContentError} */
export function decodeSenmlJsonPaths(payload: Uint8Array): LwM2mPath[] {
  return resolvePaths(parseRecords(payload));
}

function parseRecords(payload: Uint8Array): SenmlRecord[] {
  const pack = parseJson(payload);
  if (!Array.isArray(pack)) throw new UndecodableContentError("SenML JSON is no array of records");
  return pack.map(toRecord);
}

function parseJson(payload: Uint8Array): unknown {
  const text = decodeUtf8(payload);
  if (text === undefined) throw new UndecodableContentError("SenML JSON is not UTF-8");
  try {
    // Only integers of 16 digits and more can lose some as a number.
    return /\d{16}/.test(text) ? JSON.parse(text, exactNumber) : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new UndecodableContentError(`SenML JSON: ${error.message}`, { cause: error });
    throw error;
  }
}

/** A reviver that reads integers from their source text; TypeScript's declaration of `JSON.parse` does not have `context` yet. */
function exactNumber(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || Number.isSafeInteger(value) || source === undefined) return value;
  return /^-?\d+$/.test(source) ? exactInteger(BigInt(source)) : value;
}

function toRecord(item: unknown, index: number): SenmlRecord {
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    throw new UndecodableContentError(`SenML record ${index} is no JSON object`);
  }
  const record: SenmlRecord = {};
  for (const [name, value] of Object.entries(item)) {
    const field = FIELD_BY_NAME.get(name);
    if (field === undefined) checkUnknownField(name, index);
    else setField(record, field, field.kind === "bytes" ? parseBase64Url(value) : value, index);
  }
  return record;
}

/** The bytes of a base64url text; padding is tolerated (RFC 8428 §5: there is none). */
function parseBase64Url(value: unknown): Scalar | undefined {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]*={0,2}$/.test(value)) return undefined;
  return Uint8Array.from(Buffer.from(value, "base64url"));
}

/** Encodes values under their common base path. @throws {UnencodableContentError} FLOAT that is not finite */
export function encodeSenmlJson(values: readonly TimedValue[], base: LwM2mPath): Uint8Array {
  return formatRecords(toRecords(values, base));
}

/** Encodes paths as records without values. */
export function encodeSenmlJsonPaths(paths: readonly LwM2mPath[]): Uint8Array {
  return formatRecords(toPathRecords(paths));
}

function formatRecords(records: readonly SenmlRecord[]): Uint8Array {
  const texts = records.map((record) => {
    const members = Object.entries(record).map(([name, value]) => `${JSON.stringify(name)}:${formatJson(value)}`);
    return `{${members.join(",")}}`;
  });
  return encodeUtf8(`[${texts.join(",")}]`);
}

function formatJson(value: Scalar): string {
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString("base64url")}"`;
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "number") return JSON.stringify(value);
  if (!Number.isFinite(value)) throw new UnencodableContentError(`SenML JSON cannot carry ${value}`);
  return Object.is(value, -0) ? "-0" : String(value);
}
