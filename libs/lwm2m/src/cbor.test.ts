import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CborFloat, type CborInput, CborTag, type CborValue, decodeCbor, encodeCbor } from "./cbor.ts";

describe("CBOR", () => {
  it.each<[string, CborValue]>([
    ["00", 0],
    ["17", 23],
    ["1818", 24],
    ["1903e8", 1000],
    ["1a000f4240", 1_000_000],
    ["1b000000e8d4a51000", 1_000_000_000_000],
    ["1bffffffffffffffff", 18_446_744_073_709_551_615n],
    ["3bffffffffffffffff", -18_446_744_073_709_551_616n],
    ["20", -1],
    ["3903e7", -1000],
    ["40", new Uint8Array()],
    ["4401020304", Uint8Array.of(1, 2, 3, 4)],
    ["6161", "a"],
    ["62c3bc", "ü"],
    ["80", []],
    ["83010203", [1, 2, 3]],
    ["a0", new Map()],
    [
      "a201020304",
      new Map([
        [1, 2],
        [3, 4],
      ]),
    ],
    ["f4", false],
    ["f5", true],
    ["f6", null],
    ["f7", undefined],
    ["c11a514b67b0", new CborTag(1, 1_363_896_240)],
  ])("%s is the shortest form of its item (RFC 8949 appendix A)", (bytes, item) => {
    expect(decodeCbor(hex(bytes))).toEqual(item);
    expect(toHex(encodeCbor(item))).toBe(bytes);
  });

  it.each<[string, CborValue]>([
    ["f93c00", 1],
    ["f97bff", 65_504],
    ["f90001", 2 ** -24],
    ["f9c400", -4],
    ["f97c00", Number.POSITIVE_INFINITY],
    ["f97e00", Number.NaN],
    ["f98000", -0],
    ["fa47c35000", 100_000],
    ["fb3ff199999999999a", 1.1],
    ["5f42010243030405ff", Uint8Array.of(1, 2, 3, 4, 5)],
    ["7f657374726561646d696e67ff", "streaming"],
    ["9fff", []],
    ["9f018202039f0405ffff", [1, [2, 3], [4, 5]]],
    [
      "bf61610161629f0203ffff",
      new Map<CborValue, CborValue>([
        ["a", 1],
        ["b", [2, 3]],
      ]),
    ],
    ["c074323031332d30332d32315432303a30343a30305a", new CborTag(0, "2013-03-21T20:04:00Z")],
  ])("%s is decoded (RFC 8949 appendix A)", (bytes, item) => {
    expect(decodeCbor(hex(bytes))).toEqual(item);
  });

  it.each([
    ["", "CBOR is cut off at byte 0"],
    ["18", "CBOR is cut off at byte 1"],
    ["44010203", "CBOR announces 4 bytes or items with 3 bytes left at byte 1"],
    ["9bffffffffffffffff", "CBOR has an argument of 18446744073709551615 at byte 9"],
    ["9a7fffffff", "CBOR announces 2147483647 bytes or items with 0 bytes left at byte 5"],
    ["0000", "CBOR has 1 bytes after its data item, from byte 1"],
    ["61ff", "CBOR has a text that is not UTF-8 at byte 2"],
    ["1c", "CBOR has reserved additional information 28 at byte 1"],
    ["ff", "CBOR has simple value or break 31 out of place at byte 1"],
    ["5f6161ff", "CBOR mixes types in the chunks of a string at byte 2"],
    ["a201020103", "CBOR repeats map key 1 at byte 4"],
    ["81".repeat(20), "CBOR nests deeper than 16 at byte 17"],
  ])("%s is refused: %s", (bytes, message) => {
    expect(() => decodeCbor(hex(bytes))).toThrow(message);
  });

  it("gives back what was encoded", () => {
    const { item } = fc.letrec<{ item: CborInput }>((tie) => ({
      item: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
        fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
        fc.maxSafeInteger(),
        fc.string({ unit: "binary" }),
        fc.boolean(),
        fc.uint8Array(),
        fc.constantFrom(null, undefined),
        fc.array(tie("item"), { maxLength: 4 }),
        fc.array(fc.tuple(fc.integer(), tie("item")), { maxLength: 4 }).map((entries) => new Map(entries)),
      ),
    }));
    fc.assert(fc.property(item, (value) => expect(decodeCbor(encodeCbor(value))).toEqual(value)));
  });

  it("keeps every float, in 4 bytes where they are enough", () => {
    fc.assert(fc.property(fc.double(), (value) => expect(decodeCbor(encodeCbor(new CborFloat(value)))).toBe(value)));
    expect(toHex(encodeCbor(new CborFloat(5)))).toBe("fa40a00000");
    expect(toHex(encodeCbor(new CborFloat(1.1)))).toBe("fb3ff199999999999a");
  });
});
