import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { expect, it } from "@jest/globals";
import { lwm2m } from "../generated/lwm2m.js";
import { messagesOf, readSchema } from "../golden/schema.ts";
import { toJsonValue } from "./json.ts";
import type { MessageType } from "./topics.ts";

const GOLDEN = join(import.meta.dirname, "../golden");
const names = globSync("*.bin", { cwd: GOLDEN }).map((file) => basename(file, ".bin"));
const schema = readSchema();

function read(name: string): { bytes: Buffer; json: JsonValue; message: string } {
  return {
    bytes: readFileSync(join(GOLDEN, `${name}.bin`)),
    json: JSON.parse(readFileSync(join(GOLDEN, `${name}.json`), "utf8")) as JsonValue,
    message: name.split(".")[0] as string, // A name has a first part.
  };
}

it("has a golden record of every message and every alternative: node libs/proto/golden/write-golden.ts writes those that are missing", () => {
  const wanted = messagesOf(schema).flatMap((message) => {
    const alternatives = message.oneofs.flatMap(({ fields }) => (fields.length > 1 ? fields : []));
    return alternatives.length === 0
      ? [message.name]
      : alternatives.map(({ jsonName }) => `${message.name}.${jsonName}`);
  });
  expect(names).toEqual(expect.arrayContaining(wanted));
});

it.each(names)("decodes the kept record %s, says the same in JSON, and encodes it to the same bytes", (name) => {
  const { bytes, json, message } = read(name);
  const type = (lwm2m.v1 as unknown as Record<string, MessageType<unknown>>)[message] as MessageType<unknown>; // Generated from the same schema.
  const decoded = type.decode(bytes);
  expect(toJsonValue(type, decoded)).toEqual(json);
  expect(Buffer.from(type.encode(decoded).finish())).toEqual(bytes);
});

it.each(names)("reads the kept record %s as @bufbuild/protobuf does, which shares no code with our encoder", (name) => {
  const { bytes, json, message } = read(name);
  const type = schema.getMessage(`lwm2m.v1.${message}`);
  if (type === undefined) return expect(type).toBeDefined();
  expect(toJson(type, fromBinary(type, bytes))).toEqual(json);
  expect(Buffer.from(toBinary(type, fromJson(type, json)))).toEqual(bytes);
});
