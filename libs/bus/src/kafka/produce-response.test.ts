import { createRequire } from "node:module";
import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { ByteWriter } from "./byte-writer.ts";
import { decodeProduceResponse } from "./produce-response.ts";

const require = createRequire(import.meta.url);

/** How kafkajs itself reads a response. */
interface KafkajsResponse {
  decode(
    bytes: Buffer,
  ): Promise<{ topics: { partitions: { errorCode: number }[] }[]; clientSideThrottleTime?: number }>;
}

const partition = fc.record({
  partition: fc.nat(),
  errorCode: fc.oneof(fc.constant(0), fc.integer({ min: -1, max: 120 })),
});
const topics = fc.array(
  fc.record({ topic: fc.option(fc.string({ maxLength: 40 })), partitions: fc.array(partition, { maxLength: 5 }) }),
  { maxLength: 4 },
);
const version = fc.integer({ min: 3, max: 7 });

function encode(
  given: readonly { topic: string | null; partitions: readonly { partition: number; errorCode: number }[] }[],
  version: number,
  throttleMs: number,
): Buffer {
  const writer = new ByteWriter(16);
  writer.int32(given.length);
  for (const { topic, partitions } of given) {
    writer.string(topic);
    writer.int32(partitions.length);
    for (const { partition, errorCode } of partitions) {
      writer.int32(partition);
      writer.int16(errorCode);
      for (const offset of version < 5 ? [7, -1] : [7, -1, 0]) writer.int64(offset);
    }
  }
  writer.int32(throttleMs);
  return writer.bytes;
}

it("finds the first refusal of a Produce response, and how long to wait, as kafkajs does", async () => {
  await fc.assert(
    fc.asyncProperty(topics, version, fc.nat(60_000), async (given, version, throttleMs) => {
      const bytes = encode(given, version, throttleMs);
      const { decode } = require(`kafkajs/src/protocol/requests/produce/v${version}/response`) as KafkajsResponse;
      const expected = await decode(bytes);
      const refused = expected.topics.flatMap(({ partitions }) => partitions).find(({ errorCode }) => errorCode !== 0);
      expect(decodeProduceResponse(bytes, version)).toEqual({
        topics: [],
        errorCode: refused?.errorCode ?? 0,
        clientSideThrottleTime: expected.clientSideThrottleTime ?? 0,
      });
    }),
  );
});

it("refuses a response that ends too early", () => {
  fc.assert(
    fc.property(
      topics,
      version,
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (given, version, part) => {
        const bytes = encode(given, version, 0);
        const cut = bytes.subarray(0, Math.floor(part * bytes.length));
        expect(() => decodeProduceResponse(cut, version)).toThrow(expect.objectContaining({ name: "RangeError" }));
      },
    ),
  );
});

it("reads any bytes, and stops at their end whatever they count", () => {
  const refusedOnce = encode([{ topic: "t", partitions: [{ partition: 0, errorCode: 3 }] }], 7, 0);
  refusedOnce.writeInt32BE(0x7fffffff, 4 + 3);
  expect(() => decodeProduceResponse(refusedOnce, 7)).toThrow(expect.objectContaining({ name: "RangeError" }));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), version, (bytes, version) => {
      try {
        decodeProduceResponse(Buffer.from(bytes), version);
      } catch (error) {
        expect((error as Error).name).toBe("RangeError");
      }
    }),
  );
});
