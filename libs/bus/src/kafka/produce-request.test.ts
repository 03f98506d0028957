import { createRequire } from "node:module";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Message } from "kafkajs";
import { ByteWriter } from "./byte-writer.ts";
import { crc32c } from "./crc32c.ts";
import { frameRequest } from "./frame-request.ts";
import { type Produce, produceRequest, writeRecordBatch } from "./produce-request.ts";

const require = createRequire(import.meta.url);
const record = require("kafkajs/src/protocol/recordBatch/record/v0") as (message: object) => object;
const { RecordBatch } = require("kafkajs/src/protocol/recordBatch/v0") as {
  RecordBatch(batch: object): Promise<{ buffer: Buffer }>;
};
const NOW_MS = 1_780_000_000_000;

/** The batch as kafkajs itself encodes it. */
async function kafkajsBatch(messages: readonly Message[], batch: object): Promise<Buffer> {
  const times = messages.map(({ timestamp }) => Number(timestamp ?? NOW_MS));
  const [firstTimestamp, maxTimestamp] = [Math.min(...times), Math.max(...times)];
  const records = messages.map((message, offsetDelta) =>
    record({ ...message, offsetDelta, timestampDelta: (times[offsetDelta] as number) - firstTimestamp }),
  );
  const facts = { records, firstTimestamp, maxTimestamp, lastOffsetDelta: messages.length - 1, ...batch };
  return (await RecordBatch(facts)).buffer;
}

function ourBatch(messages: readonly Message[], facts: { producerId: string; producerEpoch: number }): Buffer {
  const writer = new ByteWriter(16);
  writeRecordBatch(writer, { acks: -1, timeout: 1000, ...facts }, { partition: 0, firstSequence: 7, messages }, NOW_MS);
  return writer.bytes;
}

const text = fc.string({ unit: "grapheme", maxLength: 300 });
const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value));
const message: fc.Arbitrary<Message> = fc.record(
  {
    key: fc.oneof(text, bytes, fc.constant(null)),
    value: fc.oneof(text, bytes, fc.constant(null)),
    headers: fc.dictionary(text, fc.oneof(text, bytes, fc.array(text, { maxLength: 3 })), { maxKeys: 3 }),
    timestamp: fc.integer({ min: 0, max: 2 * NOW_MS }).map(String),
  },
  { requiredKeys: ["value"] },
);

it("encodes a record batch byte for byte as kafkajs does", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { minLength: 1, maxLength: 20 }),
      fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }),
      fc.integer({ min: 0, max: 0x7fff }),
      async (messages, id, producerEpoch) => {
        const producerId = String(id);
        const expected = await kafkajsBatch(messages, { producerId, producerEpoch, firstSequence: 7 });
        expect(ourBatch(messages, { producerId, producerEpoch }).equals(expected)).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});

/** What a request puts behind its header. */
async function bodyOf(produce: Partial<Produce>): Promise<Buffer> {
  const writer = new ByteWriter(16);
  await produceRequest({ acks: -1, timeout: 1000, topicData: [], ...produce }, 7).write(writer);
  return writer.bytes;
}

describe("a Produce request", () => {
  const messages: Message[] = [{ key: "a", value: Buffer.from("one"), headers: { unit: "m" } }, { value: null }];

  it("lists topics, their partitions and the size of each batch", async () => {
    const body = await bodyOf({ topicData: [{ topic: "t", partitions: [{ partition: 3, messages }] }] });
    expect(body.subarray(0, 23).toString("hex")).toBe("ffffffff000003e80000000100017400000001" + "00000003");
    expect(body.readInt32BE(23)).toBe(body.length - 27);
    expect(body.readUInt32BE(27 + 17)).toBe(crc32c(body, 27 + 21, body.length));
  });

  it("carries the records of a compressed batch as one gzip stream", async () => {
    const topicData = [{ topic: "t", partitions: [{ partition: 3, messages }] }];
    const plain = await bodyOf({ topicData });
    const packed = await bodyOf({ topicData, compression: 1 });
    expect(packed.readInt16BE(27 + 21)).toBe(1);
    expect(gunzipSync(packed.subarray(27 + 61)).equals(plain.subarray(27 + 61))).toBe(true);
  });

  it("expects no response without acknowledgements", () => {
    expect(produceRequest({ acks: 0, timeout: 1, topicData: [] }, 7).expectResponse()).toBe(false);
    expect(produceRequest({ acks: -1, timeout: 1, topicData: [] }, 7).expectResponse()).toBe(true);
  });
});

describe("a request on its way", () => {
  const body = Buffer.of(1, 2, 3);
  const header = { apiKey: 3, apiVersion: 5 };
  const framed = "0000000f" + "00030005" + "00000009" + "00026d65" + "010203";

  it("has its header in front, whether its body comes encoded or is written behind it", async () => {
    for (const request of [
      { ...header, encode: async () => ({ buffer: body }) },
      { ...header, room: 0, write: async (writer: ByteWriter) => writer.raw(body) },
    ]) {
      expect((await frameRequest({ correlationId: 9, clientId: "me", request })).buffer.toString("hex")).toBe(framed);
      const anonymous = await frameRequest({ correlationId: 9, clientId: null, request });
      expect(anonymous.buffer.subarray(12).toString("hex")).toBe("ffff010203");
    }
  });
});

it("computes CRC-32C (RFC 3720 §B.4)", () => {
  expect(crc32c(new Uint8Array(32), 0, 32)).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff), 0, 32)).toBe(0x62a8ab43);
  expect(crc32c(Buffer.from("x123456789"), 1, 10)).toBe(0xe3069283);
  expect(
    crc32c(
      Uint8Array.from({ length: 32 }, (_, n) => n),
      0,
      32,
    ),
  ).toBe(0x46dd794e);
  expect(
    crc32c(
      Uint8Array.from({ length: 32 }, (_, n) => 31 - n),
      0,
      32,
    ),
  ).toBe(0x113fdb5c);
});
