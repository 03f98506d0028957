import {
  type DescField,
  type DescMessage,
  fromBinary,
  type JsonObject,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import type { ResourceValue } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { lwm2m } from "../generated/lwm2m.js";
import { readSchema } from "../golden/schema.ts";
import { CONTENT_TYPE, toJsonValue } from "./json.ts";
import { anyInstances, anyText, anyValue } from "./value-fixture.ts";
import { encodeAttributes, encodeTelemetry, type TelemetryValues, type ValueSample } from "./value-record.ts";
import { toWireValue } from "./wire-value.ts";

const { AttributesRecord, TelemetryRecord } = lwm2m.v1;
const { protobuf, json } = CONTENT_TYPE;

const count = fc.oneof(fc.constant(0), fc.nat(), fc.maxSafeNat());
const timeMs = fc.oneof(fc.constant(0), fc.integer({ min: 1.6e12, max: 2e12 }), fc.maxSafeInteger());

const anySample: fc.Arbitrary<ValueSample> = fc.record({
  key: anyText,
  path: fc.constantFrom("", "/3_1.2/0/9", "/3/0/11"),
  value: fc.oneof(anyValue, anyInstances),
  timeMs,
  deviceTime: fc.boolean(),
  unit: fc.constantFrom("", "%", "Cel", "°C"),
  partial: fc.boolean(),
});

const anyRecord: fc.Arbitrary<TelemetryValues> = fc.record({
  context: fc.record({
    eventId: fc.uint8Array({ maxLength: 16 }),
    tenant: anyText,
    endpoint: anyText,
    registrationId: anyText,
    ownerEpoch: count,
    sequence: count,
    node: anyText,
    bootId: anyText,
    ingestTimeMs: timeMs,
  }),
  samples: fc.array(anySample, { maxLength: 12 }),
  source: fc.nat(5),
  stale: fc.boolean(),
});

/** A record with one sample, in which nothing is zero or empty. */
function fullRecord(value: ValueSample["value"]): TelemetryValues {
  return {
    context: {
      eventId: new Uint8Array(16).fill(1),
      tenant: "default",
      endpoint: "urn:imei:1",
      registrationId: "KvAAAAAAAAAAAA",
      ownerEpoch: 458_752_000_000_003,
      sequence: 7,
      node: "transport-0",
      bootId: "0123456789abcdef",
      ingestTimeMs: 1_795_000_000_123,
    },
    samples: [
      { key: "k", path: "/3/0/9", value, timeMs: 1_795_000_000_000, deviceTime: true, unit: "%", partial: true },
    ],
    source: 1,
    stale: true,
  };
}

/** One of each member of `lwm2m.v1.Value`. */
const EACH_VALUE: readonly ValueSample["value"][] = [
  ...([
    { type: "STRING", value: "x" },
    { type: "INTEGER", value: -1 },
    { type: "UNSIGNED_INTEGER", value: 1 },
    { type: "FLOAT", value: 0.5 },
    { type: "BOOLEAN", value: true },
    { type: "OPAQUE", value: Uint8Array.of(1) },
    { type: "TIME", value: 1000 },
    { type: "OBJLNK", value: { objectId: 3, objectInstanceId: 1 } },
    { type: "CORELINK", value: "</3/0>" },
  ] satisfies ResourceValue[]),
  {
    type: "multipleResource",
    id: 11,
    dataType: "INTEGER",
    instances: [{ type: "resourceInstance", id: 1, value: { type: "INTEGER", value: 1 } }],
  },
];

function generated({ samples, ...rest }: TelemetryValues): Uint8Array {
  const message = { ...rest, samples: samples.map((sample) => ({ ...sample, value: toWireValue(sample.value) })) };
  return TelemetryRecord.encode(message).finish();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

describe("a telemetry record", () => {
  it("is byte for byte what the generated code makes", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(hex(encodeTelemetry(record, protobuf))).toBe(hex(generated(record)));
      }),
      { numRuns: 500 },
    );
  });

  it.each<ResourceValue>([
    { type: "INTEGER", value: 0 },
    { type: "INTEGER", value: Number.MAX_SAFE_INTEGER },
    { type: "INTEGER", value: Number.MIN_SAFE_INTEGER },
    { type: "INTEGER", value: 2n ** 63n - 1n },
    { type: "INTEGER", value: -(2n ** 63n) },
    { type: "UNSIGNED_INTEGER", value: 2n ** 64n - 1n },
    { type: "TIME", value: 8.64e15 },
    { type: "TIME", value: -8.64e15 },
    { type: "FLOAT", value: -0 },
    { type: "FLOAT", value: Number.NaN },
    { type: "FLOAT", value: Number.NEGATIVE_INFINITY },
    { type: "STRING", value: "" },
    { type: "OPAQUE", value: new Uint8Array(0) },
    ...[63, 64, 65, 127, 128, 16_383, 16_384, 100_000].map(
      (length): ResourceValue => ({ type: "STRING", value: "é".repeat(length / 2).padEnd(length, "x") }),
    ),
    { type: "OPAQUE", value: new Uint8Array(200_000).fill(7) },
  ])("holds $type to its bounds, and records before and after it are whole", (value) => {
    const record = fullRecord(value);
    const before = encodeTelemetry(fullRecord({ type: "STRING", value: "before" }), protobuf);
    expect(hex(encodeTelemetry(record, protobuf))).toBe(hex(generated(record)));
    const after = fullRecord({ type: "STRING", value: "after" });
    expect(hex(encodeTelemetry(after, protobuf))).toBe(hex(generated(after)));
    expect(hex(before)).toBe(hex(generated(fullRecord({ type: "STRING", value: "before" }))));
  });

  it("has U+FFFD for what is no Unicode, so that every consumer can read it", () => {
    const record = fullRecord({ type: "STRING", value: "a\ud800b" });
    expect(TelemetryRecord.decode(encodeTelemetry(record, protobuf)).samples[0]?.value?.string).toBe("a\ufffdb");
  });

  it("says in JSON what it says in protobuf", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const decoded = TelemetryRecord.decode(encodeTelemetry(record, protobuf));
        expect(Buffer.from(encodeTelemetry(record, json)).toString()).toBe(
          JSON.stringify(toJsonValue(TelemetryRecord, decoded)),
        );
      }),
    );
  });
});

it("an attributes record is byte for byte what the generated code makes", () => {
  fc.assert(
    fc.property(anyRecord, ({ context, source, samples: attributes }) => {
      const wire = attributes.map((sample) => ({ ...sample, value: toWireValue(sample.value) }));
      const expected = AttributesRecord.encode({ context, source, attributes: wire }).finish();
      const record = { context, source, attributes };
      expect(hex(encodeAttributes(record, protobuf))).toBe(hex(expected));
      expect(JSON.parse(Buffer.from(encodeAttributes(record, json)).toString())).toEqual(
        JSON.parse(JSON.stringify(toJsonValue(AttributesRecord, AttributesRecord.decode(expected)))),
      );
    }),
  );
});

/** The messages that value-record.ts writes. */
const MESSAGES = [
  "TelemetryRecord",
  "AttributesRecord",
  "RecordContext",
  "Sample",
  "Value",
  "ObjectLink",
  "InstanceMap",
];
/** Fields of theirs that Ferry fills nowhere. */
const UNFILLED = ["RecordContext.traceParent"];

it("every field of the contract is written: one that is added needs its line in value-record.ts", () => {
  const schema = readSchema();
  const typeOf = (name: string): DescMessage => schema.getMessage(`lwm2m.v1.${name}`) as DescMessage; // Else its fields fail.
  const contract = MESSAGES.flatMap((name) => typeOf(name).fields.map(({ jsonName }) => `${name}.${jsonName}`));
  const read = (type: DescMessage, bytes: Uint8Array): string[] =>
    fieldsOf(type, toJson(type, fromBinary(type, bytes)));
  const written = EACH_VALUE.flatMap((value) => {
    const { samples, ...rest } = fullRecord(value);
    return [
      ...read(typeOf("TelemetryRecord"), encodeTelemetry({ samples, ...rest }, protobuf)),
      ...read(typeOf("AttributesRecord"), encodeAttributes({ attributes: samples, ...rest }, protobuf)),
    ];
  });
  expect(contract.filter((field) => !written.includes(field))).toEqual(UNFILLED);
});

/** The fields that a message in JSON has, and those of the messages in it, as `Sample.key`. */
function fieldsOf(type: DescMessage, json: JsonValue): string[] {
  return type.fields.flatMap((field) => {
    const value = (json as JsonObject)[field.jsonName];
    if (value === undefined) return [];
    const { message } = field;
    const below = message === undefined ? [] : itemsOf(field, value).flatMap((item) => fieldsOf(message, item));
    return [`${type.name}.${field.jsonName}`, ...below];
  });
}

/** The messages of a field in JSON: one, or those of a list or map. */
function itemsOf({ fieldKind }: DescField, value: JsonValue): readonly JsonValue[] {
  if (fieldKind === "list") return value as JsonValue[];
  return fieldKind === "map" ? Object.values(value as JsonObject) : [value];
}
