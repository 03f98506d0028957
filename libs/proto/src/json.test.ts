import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { lwm2m } from "../generated/lwm2m.js";
import { toWireInt64 } from "./int64.ts";
import { CONTENT_TYPE, contentTypeOf, encodeMessage, toJsonValue } from "./json.ts";
import { TOPICS } from "./topics.ts";

const { RpcStatusRecord, TelemetryRecord, ValueSource, RpcProgress } = lwm2m.v1;

it("maps a message to JSON as protobuf says: camelCase, enums by name, bytes as Base64, 64-bit integers as text, absent fields left out", () => {
  const record = {
    context: { eventId: Buffer.from([0, 255]), tenant: "default", ownerEpoch: toWireInt64(2n ** 60n + 1n, true) },
    samples: [
      {
        key: "uptime",
        path: "/3_1.2/0/13",
        value: { int64: toWireInt64(-(2n ** 60n) - 1n) },
        timeMs: 1_795_000_000_123,
      },
      { key: "blob", value: { bytes: Buffer.from("hi") } },
      { key: "on", value: { bool: false } },
    ],
    source: ValueSource.VALUE_SOURCE_NOTIFY,
  };
  expect(toJsonValue(TOPICS.telemetry.type ?? TelemetryRecord, record)).toEqual({
    context: { eventId: "AP8=", tenant: "default", ownerEpoch: "1152921504606846977" },
    samples: [
      { key: "uptime", path: "/3_1.2/0/13", value: { int64: "-1152921504606846977" }, timeMs: "1795000000123" },
      { key: "blob", value: { bytes: "aGk=" } },
      { key: "on", value: { bool: false } },
    ],
    source: "VALUE_SOURCE_NOTIFY",
  });
});

it("encodes a message as its content type says", () => {
  const type = TOPICS.rpcStatus.type ?? RpcStatusRecord;
  const record = { requestId: "r-1", progress: RpcProgress.RPC_PROGRESS_SENT };
  expect(Buffer.from(encodeMessage(type, record, CONTENT_TYPE.json)).toString()).toBe(
    '{"requestId":"r-1","progress":"RPC_PROGRESS_SENT"}',
  );
  expect(RpcStatusRecord.decode(encodeMessage(type, record, CONTENT_TYPE.protobuf))).toMatchObject(record);
});

it.each([
  ['{"a":1}', undefined, CONTENT_TYPE.json],
  ['{"a":1}', "application/x-protobuf", CONTENT_TYPE.protobuf],
  ["\n\u0003r-1", undefined, CONTENT_TYPE.protobuf],
  ["\n\u0003r-1", "application/json; charset=utf-8", CONTENT_TYPE.json],
  ["", undefined, CONTENT_TYPE.protobuf],
])("takes the value %j with content-type %s for %s", (value, header, contentType) => {
  expect(contentTypeOf(Buffer.from(value), header)).toBe(contentType);
});

it("reads back from JSON what it wrote", () => {
  const type = TOPICS.rpcStatus.type ?? RpcStatusRecord;
  fc.assert(
    fc.property(
      fc.record({
        requestId: fc.string({ minLength: 1, unit: "grapheme" }),
        progress: fc.constantFrom(RpcProgress.RPC_PROGRESS_QUEUED, RpcProgress.RPC_PROGRESS_DELIVERED),
        context: fc.record({
          endpoint: fc.string({ minLength: 1 }),
          eventId: fc.uint8Array({ minLength: 1, maxLength: 16 }),
        }),
      }),
      (record) => {
        const json = JSON.parse(Buffer.from(encodeMessage(type, record, CONTENT_TYPE.json)).toString());
        const back = type.fromObject(json);
        expect(Buffer.from(type.encode(back).finish())).toEqual(Buffer.from(type.encode(record).finish()));
      },
    ),
    { numRuns: 200 },
  );
});
