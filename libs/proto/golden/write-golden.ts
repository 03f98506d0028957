/**
 * Writes golden records for messages, and alternatives of a `oneof`, that have none: `node libs/proto/golden/write-golden.ts`.
 * What is there is never written again: it stands for records that users keep.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  ScalarType,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { messagesOf, readSchema } from "./schema.ts";

/** Deep enough for every message to show its members, shallow enough for messages that hold themselves. */
const DEPTH = 3;

const SCALARS: Partial<Record<ScalarType, JsonValue>> = {
  [ScalarType.DOUBLE]: -0.1,
  [ScalarType.BOOL]: true,
  [ScalarType.BYTES]: Buffer.from([0x00, 0x7f, 0x80, 0xff]).toString("base64"),
  [ScalarType.INT32]: -2147483648,
  [ScalarType.UINT32]: 4294967295,
  [ScalarType.INT64]: "9007199254740993",
  [ScalarType.SINT64]: "-9223372036854775808",
  [ScalarType.UINT64]: "18446744073709551615",
};

function exampleOf(message: DescMessage, depth: number, choice?: DescField): JsonObject {
  const chosen = message.fields.filter(({ oneof }) => oneof === undefined || oneof.fields.length === 1);
  for (const { fields } of message.oneofs) {
    const field = choice?.oneof?.fields === fields ? choice : fields[0];
    if (fields.length > 1 && field !== undefined) chosen.push(field);
  }
  const shown = chosen.filter((field) => depth > 0 || field.message === undefined);
  return Object.fromEntries(shown.map((field) => [field.jsonName, valueOfField(field, depth)]));
}

function valueOfField(field: DescField, depth: number): JsonValue {
  if (field.fieldKind === "map") {
    const key = field.mapKey === ScalarType.STRING ? "ключ" : "65535";
    return {
      [key]: field.mapKind === "message" ? exampleOf(field.message, depth - 1) : scalar(field.name, field.scalar),
    };
  }
  const single = field.message
    ? exampleOf(field.message, depth - 1)
    : (field.enum?.values.at(-1)?.name ?? scalar(field.name, field.scalar));
  return field.fieldKind === "list" ? [single, single] : single;
}

function scalar(name: string, type: ScalarType | undefined): JsonValue {
  return SCALARS[type ?? ScalarType.STRING] ?? `${name} ☃`;
}

const schema = readSchema();
for (const message of messagesOf(schema)) {
  const alternatives = message.oneofs.flatMap(({ fields }) => (fields.length > 1 ? fields : []));
  for (const choice of alternatives.length === 0 ? [undefined] : alternatives) {
    const path = join(import.meta.dirname, `${message.name}${choice === undefined ? "" : `.${choice.jsonName}`}`);
    if (existsSync(`${path}.bin`)) continue;
    const example = fromJson(message, exampleOf(message, DEPTH, choice));
    writeFileSync(`${path}.bin`, toBinary(message, example));
    writeFileSync(`${path}.json`, `${JSON.stringify(toJson(message, example), null, 2)}\n`);
  }
}
