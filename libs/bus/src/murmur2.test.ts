import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { murmur2, partitionOf } from "./murmur2.ts";

it.each([
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
])("hashes %s as Kafka's UtilsTest says", (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

it("gives the partitions that the Java client gives", () => {
  // -973932308 without its sign bit is 1173551340.
  expect(partitionOf("21", 12)).toBe(1173551340 % 12);
  expect(partitionOf("abc", 64)).toBe(479470107 % 64);
});

it("hashes the UTF-8 form of a key, of whatever length and script", () => {
  const key = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.string({ unit: "grapheme", minLength: 300, maxLength: 400 }),
  );
  fc.assert(
    fc.property(key, (text) => {
      expect(partitionOf(text, 1 << 30)).toBe((murmur2(Buffer.from(text)) & 0x7fffffff) % (1 << 30));
    }),
  );
});
