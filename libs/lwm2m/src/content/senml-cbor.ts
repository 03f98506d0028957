import { CborFloat, type CborInput, type CborValue, decodeCbor, encodeCbor } from "../cbor.ts";
import { UndecodableContentError } from "../errors.ts";
import type { ModelView } from "../model/object-model.ts";
import type { TimedValue } from "../node.ts";
import type { LwM2mPath } from "../path.ts";
import { cborScalar } from "./cbor-value.ts";
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

const FIELD_BY_LABEL: ReadonlyMap<CborValue, SenmlField> = new Map<CborValue, SenmlField>(
  SENML_FIELDS.map((field) => [field.label, field]),
);

/** Decodes a SenML CBOR pack (RFC 8428 §6). @throws {UndecodableContentError} */
export function decodeSenmlCbor(
  payload: Uint8Array,
  path: LwM2mPath,
  models: ModelView,
  nowMs: number | undefined,
): TimedValue[] {
  return resolveSenml(parseRecords(payload), path, models, nowMs);
}

/** The paths that a pack without values names. @throws {UndecodableContentError} */
export function decodeSenmlCborPaths(payload: Uint8Array): LwM2mPath[] {
  return resolvePaths(parseRecords(payload));
}

function parseRecords(payload: Uint8Array): SenmlRecord[] {
  const pack = decodeCbor(payload);
  if (!Array.isArray(pack)) throw new UndecodableContentError("SenML CBOR is no array of records");
  return pack.map(toRecord);
}

function toRecord(item: CborValue, index: number): SenmlRecord {
  if (!(item instanceof Map)) throw new UndecodableContentError(`SenML record ${index} is no CBOR map`);
  const record: SenmlRecord = {};
  for (const [label, value] of item) {
    const field = FIELD_BY_LABEL.get(label);
    if (field === undefined) checkUnknownField(label, index);
    else setField(record, field, cborScalar(value), index);
  }
  return record;
}

/** Encodes values under their common base path. */
export function encodeSenmlCbor(values: readonly TimedValue[], base: LwM2mPath): Uint8Array {
  return encodeRecords(toRecords(values, base), values);
}

/** Encodes paths as records without values. */
export function encodeSenmlCborPaths(paths: readonly LwM2mPath[]): Uint8Array {
  return encodeRecords(toPathRecords(paths), []);
}

function encodeRecords(records: readonly SenmlRecord[], values: readonly TimedValue[]): Uint8Array {
  return encodeCbor(
    records.map((record, index) => {
      const isFloat = values[index]?.value.type === "FLOAT";
      const map = new Map<CborInput, CborInput>();
      for (const { name, label } of SENML_FIELDS) {
        const value = record[name];
        if (value !== undefined) map.set(label, name === "v" && isFloat ? new CborFloat(Number(value)) : value);
      }
      return map;
    }),
  );
}
