import { CborFloat, type CborInput, type CborValue, decodeCbor, decodeLeadingItems, encodeCbor } from "../cbor.ts";
import { UndecodableContentError } from "../errors.ts";
import type { TimedValue } from "../node.ts";
import type { LwM2mPath } from "../path.ts";
import { cborScalar } from "./cbor-value.ts";
import { type Decoding, refuse } from "./decoding.ts";
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
export function decodeSenmlCbor(payload: Uint8Array, decoding: Decoding): TimedValue[] {
  return resolveSenml(parsePack(payload, decoding.onFault), toRecord, decoding);
}

/** The paths that a pack without values names. @throws {UndecodableContentError} */
export function decodeSenmlCborPaths(payload: Uint8Array, rootPath: readonly string[]): LwM2mPath[] {
  return resolvePaths(parsePack(payload, refuse).map(toRecord), rootPath);
}

function parsePack(payload: Uint8Array, onFault: Decoding["onFault"]): readonly CborValue[] {
  const pack = decodeItems(payload, onFault);
  if (!Array.isArray(pack)) throw new UndecodableContentError("SenML CBOR is no array of records");
  return pack;
}

function decodeItems(payload: Uint8Array, onFault: Decoding["onFault"]): CborValue {
  try {
    return decodeCbor(payload);
  } catch (error) {
    if (!(error instanceof UndecodableContentError)) throw error;
    const leading = decodeLeadingItems(payload);
    if (leading === undefined) throw error;
    onFault(`SenML record ${leading.length}: ${error.message}; the records after it are left out`);
    return leading;
  }
}

function toRecord(item: CborValue): SenmlRecord {
  if (!(item instanceof Map)) throw new UndecodableContentError("is no CBOR map");
  const record: SenmlRecord = {};
  for (const [label, value] of item) {
    const field = FIELD_BY_LABEL.get(label);
    if (field === undefined) checkUnknownField(record, label);
    else setField(record, field, cborScalar(value));
  }
  return record;
}

/** Encodes values under their common base path. */
export function encodeSenmlCbor(
  values: readonly TimedValue[],
  base: LwM2mPath,
  rootPath: readonly string[],
): Uint8Array {
  return encodeRecords(toRecords(values, base, rootPath), values);
}

/** Encodes paths as records without values. */
export function encodeSenmlCborPaths(paths: readonly LwM2mPath[], rootPath: readonly string[]): Uint8Array {
  return encodeRecords(toPathRecords(paths, rootPath), []);
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
