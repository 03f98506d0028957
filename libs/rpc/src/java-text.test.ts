import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { formatJavaDouble, formatJavaValue, javaClassName } from "./java-text.ts";
import { type Json, parseJson } from "./json.ts";

describe("formatJavaDouble", () => {
  it.each([
    [23, "23.0"],
    [0, "0.0"],
    [-0, "-0.0"],
    [1e10, "1.0E10"],
    [1e-5, "1.0E-5"],
    [0.001, "0.001"],
    [0.0012, "0.0012"],
    [0.000999, "9.99E-4"],
    [9999999, "9999999.0"],
    [1e7, "1.0E7"],
    [12345678, "1.2345678E7"],
    [1234567.125, "1234567.125"],
    [42.20000076293945, "42.20000076293945"],
    [-5.5, "-5.5"],
    [-0.05, "-0.05"],
    [100, "100.0"],
    [1.7976931348623157e308, "1.7976931348623157E308"],
    [5e-324, "4.9E-324"],
    [2e23, "2.0E23"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
  ])("%p prints as %s", (value, text) => {
    expect(formatJavaDouble(value)).toBe(text);
  });

  it("reads back as the same double, in plain form exactly from 10^-3 to below 10^7", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = formatJavaDouble(value);
        expect(Number(text)).toBe(value);
        expect(text).toMatch(/^-?\d+\.\d+(E-?\d+)?$/);
        const magnitude = Math.abs(value);
        expect(text.includes("E")).toBe(value !== 0 && (magnitude < 1e-3 || magnitude >= 1e7));
      }),
      { numRuns: 300 },
    );
  });
});

describe("quoted values", () => {
  it.each([
    ["5", "5", "Integer"],
    ["-0", "0", "Integer"],
    ["2147483648", "2147483648", "Long"],
    ["9223372036854775808", "9223372036854775808", "BigInteger"],
    ["1e3", "1000.0", "Double"],
    ["true", "true", "Boolean"],
    ['"a"', "a", "String"],
    ['{"0":"a","1":[1,{}]}', "{0=a, 1=[1, {}]}", "LinkedHashMap"],
    ["[]", "[]", "ArrayList"],
  ])("%s prints as %s of class %s", (json, text, className) => {
    const value = parseJson(json) as Json; // The tests' JSON is valid.
    expect(formatJavaValue(value)).toBe(text);
    expect(javaClassName(value)).toBe(className);
  });
});
