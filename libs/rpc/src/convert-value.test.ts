import type { DataType } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { convertValue } from "./convert-value.ts";
import { type Json, parseJson } from "./json.ts";

function convert(json: string, type: DataType): unknown {
  const value = convertValue(parseJson(json) as Json, type)?.value; // The tests' JSON is valid.
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}

const REFUSED = undefined;

const ROWS: [type: DataType, json: string, value: unknown][] = [
  ["STRING", '"+5"', "+5"],
  ["STRING", '""', ""],
  ["STRING", "5.10", "5.10"],
  ["STRING", "true", "true"],
  ["STRING", "{}", REFUSED],
  ["STRING", "[]", REFUSED],
  ["STRING", "null", REFUSED],
  ["INTEGER", "-1", -1],
  ["INTEGER", '"+5"', 5],
  ["INTEGER", '"007"', 7],
  ["INTEGER", "5.0", 5],
  ["INTEGER", "-0", 0],
  ["INTEGER", "5.5", REFUSED],
  ["INTEGER", '"5.0"', REFUSED],
  ["INTEGER", '""', REFUSED],
  ["INTEGER", "true", REFUSED],
  ["INTEGER", "9007199254740991", 9007199254740991],
  ["INTEGER", "9007199254740993", 9007199254740993n],
  ["INTEGER", "9223372036854775807", 2n ** 63n - 1n],
  ["INTEGER", "9223372036854775808", REFUSED],
  ["INTEGER", "-9223372036854775809", REFUSED],
  ["UNSIGNED_INTEGER", "18446744073709551615", 2n ** 64n - 1n],
  ["UNSIGNED_INTEGER", "18446744073709551616", REFUSED],
  ["UNSIGNED_INTEGER", "-1", REFUSED],
  ["UNSIGNED_INTEGER", "-1.0", REFUSED],
  ["FLOAT", "5", 5],
  ["FLOAT", "42.2", 42.2],
  ["FLOAT", '"23.5"', 23.5],
  ["FLOAT", '"1e-3"', 0.001],
  ["FLOAT", '"NaN"', Number.NaN],
  ["FLOAT", '"-Infinity"', Number.NEGATIVE_INFINITY],
  ["FLOAT", "1e999", REFUSED],
  ["FLOAT", '"0x10"', REFUSED],
  ["FLOAT", '""', REFUSED],
  ["BOOLEAN", "true", true],
  ["BOOLEAN", '"FALSE"', false],
  ["BOOLEAN", "1", true],
  ["BOOLEAN", '"0"', false],
  ["BOOLEAN", '"yes"', REFUSED],
  ["BOOLEAN", "2", REFUSED],
  ["OPAQUE", '"00AD"', "00ad"],
  ["OPAQUE", '"25"', "25"],
  ["OPAQUE", '""', ""],
  ["OPAQUE", '"ABCDEFG"', "0010831051"],
  ["OPAQUE", '"QUI="', "4142"],
  ["OPAQUE", '"QUI"', "4142"],
  ["OPAQUE", '"Q"', REFUSED],
  ["OPAQUE", '"QUJD="', REFUSED],
  ["OPAQUE", '"a b"', REFUSED],
  ["OPAQUE", "1234566", "0012d686"],
  ["OPAQUE", "2147483647", "7fffffff"],
  ["OPAQUE", "-2147483648", "80000000"],
  ["OPAQUE", "4406483977", "0000000106a59c09"],
  ["OPAQUE", "9223372036854775807", "7fffffffffffffff"],
  ["OPAQUE", "-9223372036854775808", "8000000000000000"],
  ["OPAQUE", "9223372036854775808", REFUSED],
  ["OPAQUE", "1.5", "3fc00000"],
  ["OPAQUE", "-1.5", "bff8000000000000"],
  ["OPAQUE", "1.7976931348623157E308", "7fefffffffffffff"],
  ["OPAQUE", "4.9E-324", "0000000000000001"],
  ["OPAQUE", "true", REFUSED],
  ["TIME", "1625146789000", 1625146789000],
  ["TIME", "1625146789", 1625146789000],
  ["TIME", '"1625146789"', 1625146789000],
  ["TIME", "-1", -1000],
  ["TIME", '"2021-07-01T13:39:49Z"', 1625146789000],
  ["TIME", '"2021-07-01T13:39:49"', 1625146789000],
  ["TIME", '"2021-07-01T16:39:49.5+03:00"', 1625146789500],
  ["TIME", '"2021-07-01"', 1625097600000],
  ["TIME", '"2021-13-01"', REFUSED],
  ["TIME", '"yesterday"', REFUSED],
  ["TIME", "1e300", REFUSED],
  ["TIME", "true", REFUSED],
  ["OBJLNK", '"/3/0"', { objectId: 3, objectInstanceId: 0 }],
  ["OBJLNK", '"3/0"', { objectId: 3, objectInstanceId: 0 }],
  ["OBJLNK", '"3:0"', { objectId: 3, objectInstanceId: 0 }],
  ["OBJLNK", '"/"', { objectId: 65535, objectInstanceId: 65535 }],
  ["OBJLNK", '""', { objectId: 65535, objectInstanceId: 65535 }],
  ["OBJLNK", '"3"', REFUSED],
  ["OBJLNK", '"65536/0"', REFUSED],
  ["OBJLNK", "3", REFUSED],
  ["CORELINK", '"</3/0>;ver=1.1,</1>;x=\\"a,b\\""', '</3/0>;ver=1.1,</1>;x="a,b"'],
  ["CORELINK", '""', ""],
  ["CORELINK", '"/3/0"', REFUSED],
  ["CORELINK", '"</3/0>,"', REFUSED],
];

describe("convertValue", () => {
  it.each(ROWS)("%s of %s is %p", (type, json, value) => {
    expect(convert(json, type)).toEqual(value);
  });

  it.each([
    ["INTEGER", -(2n ** 63n), 2n ** 63n - 1n],
    ["UNSIGNED_INTEGER", 0n, 2n ** 64n - 1n],
  ] as const)("%s keeps every integer of its range, and no other", (type, min, max) => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 66n), 2n ** 66n), (integer) => {
        const value = convert(integer.toString(), type) as number | bigint | undefined;
        expect(value === undefined ? undefined : BigInt(value)).toBe(
          integer >= min && integer <= max ? integer : undefined,
        );
        expect(convert(`"${integer}"`, type)).toBe(value);
      }),
      { numRuns: 200 },
    );
  });

  it("FLOAT keeps every double", () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        (double) => convert(`${double}`, "FLOAT") === double || double === 0,
      ),
    );
  });

  it("OPAQUE takes what hex and Base64 write", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const buffer = Buffer.from(bytes);
        expect(convert(JSON.stringify(buffer.toString("hex")), "OPAQUE")).toBe(buffer.toString("hex"));
      }),
      { numRuns: 100 },
    );
  });

  it.each<DataType>([
    "STRING",
    "INTEGER",
    "UNSIGNED_INTEGER",
    "FLOAT",
    "BOOLEAN",
    "OPAQUE",
    "TIME",
    "OBJLNK",
    "CORELINK",
  ])("%s reads a megabyte of whatever in one pass", (type) => {
    for (const unit of ["1", "1.", "=", "ab", "</1>,", ";a=b", '\\"', "+", "e1"]) {
      const text = unit.repeat(1_000_000 / unit.length);
      const converted = convert(`"${text}"`, type) as string | undefined;
      if (type === "STRING") expect(converted).toHaveLength(JSON.parse(`"${text}"`).length);
      else if (type !== "OPAQUE" && type !== "FLOAT") expect(converted).toBeUndefined();
      expect(convert(`"${text}x"`, "FLOAT")).toBeUndefined();
    }
  });
});
