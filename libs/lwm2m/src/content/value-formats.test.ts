import { CONTENT_FORMAT } from "@ferry/coap";
import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import type { ModelView } from "../model/object-model.ts";
import type { DataType, ResourceValue } from "../value.ts";
import { decodeContent } from "./decode.ts";
import { encodeContent } from "./encode.ts";

const PATH = [40_000, 0, 0];
const { TEXT_PLAIN, OCTET_STREAM, CBOR, LINK_FORMAT, SENML_JSON } = CONTENT_FORMAT;

/** A view in which resource 0 of every object is of `type`; without a type it knows nothing. */
function only(type: DataType | undefined): ModelView {
  if (type === undefined) return { object: () => undefined };
  const resource = { id: 0, name: "V", operations: "RW", multiple: false, mandatory: false, type };
  const resources = new Map([[0, { ...resource, rangeEnumeration: "", units: "" }]]);
  return {
    object: (id) => ({
      id,
      name: "O",
      version: "1.0",
      lwm2mVersion: "1.0",
      urn: "u",
      multiple: true,
      mandatory: false,
      resources,
    }),
  };
}

const decode = (format: number, payload: Uint8Array, type: DataType | undefined) =>
  decodeContent(format, payload, PATH, only(type));
const encode = (format: number, value: ResourceValue) =>
  encodeContent(format, { type: "singleResource", id: 0, value }, PATH);
const utf8 = (text: string) => new TextEncoder().encode(text);

describe("text", () => {
  it.each<[DataType | undefined, string, ResourceValue["value"]]>([
    ["STRING", "Kiyv/Europe", "Kiyv/Europe"],
    [undefined, "20", "20"],
    ["INTEGER", "-5", -5],
    ["INTEGER", "+5", 5],
    ["INTEGER", "9223372036854775807", 9_223_372_036_854_775_807n],
    ["UNSIGNED_INTEGER", "18446744073709551615", 18_446_744_073_709_551_615n],
    ["FLOAT", "42.2", 42.2],
    ["FLOAT", "5", 5],
    ["FLOAT", "1.5e-7", 1.5e-7],
    ["BOOLEAN", "1", true],
    ["BOOLEAN", "0", false],
    ["TIME", "1625146789", 1_625_146_789_000],
    ["OPAQUE", "AKw=", Uint8Array.of(0, 0xac)],
    ["OPAQUE", "AKw", Uint8Array.of(0, 0xac)],
    ["OBJLNK", "3:0", { objectId: 3, objectInstanceId: 0 }],
    ["CORELINK", "</3/0>", "</3/0>"],
  ])("of %p: %p is %p (Core 1.1.1 appendix C.2)", (type, text, value) => {
    expect(decode(TEXT_PLAIN, utf8(text), type)).toMatchObject({ value: { type: type ?? "STRING", value } });
  });

  it.each<[ResourceValue, string]>([
    [{ type: "FLOAT", value: 1e21 }, "1000000000000000000000"],
    [{ type: "FLOAT", value: 1.5e-7 }, "0.00000015"],
    [{ type: "FLOAT", value: -2.5e22 }, "-25000000000000000000000"],
    [{ type: "TIME", value: 1_625_146_789_999 }, "1625146789"],
    [{ type: "OPAQUE", value: Uint8Array.of(0, 0xac) }, "AKw="],
    [{ type: "BOOLEAN", value: true }, "1"],
    [{ type: "OBJLNK", value: { objectId: 65_535, objectInstanceId: 65_535 } }, "65535:65535"],
  ])("of %p is %s: no exponent, whole seconds", (value, text) => {
    expect(Buffer.from(encode(TEXT_PLAIN, value)).toString()).toBe(text);
  });

  it.each<[DataType, string]>([
    ["INTEGER", "5.0"],
    ["INTEGER", ""],
    ["INTEGER", "9223372036854775808"],
    ["UNSIGNED_INTEGER", "-1"],
    ["FLOAT", "NaN"],
    ["BOOLEAN", "true"],
    ["TIME", "yesterday"],
    ["TIME", "8640000000001"],
    ["TIME", "-8640000000001"],
    ["OPAQUE", "AKw*"],
    ["OBJLNK", "3/0"],
    ["OBJLNK", "70000:0"],
  ])("of %s cannot be %p", (type, text) => {
    expect(() => decode(TEXT_PLAIN, utf8(text), type)).toThrow(new RegExp(`^/40000/0/0: .* is no ${type}$`));
  });

  it("cannot carry what is not finite", () => {
    expect(() => encode(TEXT_PLAIN, { type: "FLOAT", value: Number.NaN })).toThrow("text cannot carry NaN");
    expect(() => encode(SENML_JSON, { type: "FLOAT", value: Number.POSITIVE_INFINITY })).toThrow(
      "SenML JSON cannot carry Infinity",
    );
  });
});

describe("CBOR", () => {
  it.each<[DataType | undefined, string, ResourceValue]>([
    ["INTEGER", "1864", { type: "INTEGER", value: 100 }],
    ["INTEGER", "fb4059000000000000", { type: "INTEGER", value: 100 }],
    ["FLOAT", "05", { type: "FLOAT", value: 5 }],
    ["TIME", "1a60ddc5a5", { type: "TIME", value: 1_625_146_789_000 }],
    ["TIME", "c11a60ddc5a5", { type: "TIME", value: 1_625_146_789_000 }],
    ["TIME", "c074323032312d30372d30315431333a33393a34395a", { type: "TIME", value: 1_625_146_789_000 }],
    [undefined, "c11a60ddc5a5", { type: "TIME", value: 1_625_146_789_000 }],
    ["OBJLNK", "63333a30", { type: "OBJLNK", value: { objectId: 3, objectInstanceId: 0 } }],
    [undefined, "1bffffffffffffffff", { type: "UNSIGNED_INTEGER", value: 18_446_744_073_709_551_615n }],
    [undefined, "4200ac", { type: "OPAQUE", value: Uint8Array.of(0, 0xac) }],
    [undefined, "f5", { type: "BOOLEAN", value: true }],
    [undefined, "fb3ff199999999999a", { type: "FLOAT", value: 1.1 }],
  ])("of %p: %s", (type, bytes, value) => {
    expect(decode(CBOR, hex(bytes), type)).toMatchObject({ value });
  });

  it("has TIME under the tag of seconds since 1970 (RFC 8949 §3.4.2), FLOAT always as a float", () => {
    expect(toHex(encode(CBOR, { type: "TIME", value: 1_625_146_789_000 }))).toBe("c11a60ddc5a5");
    expect(toHex(encode(CBOR, { type: "FLOAT", value: 5 }))).toBe("fa40a00000");
  });

  it.each<[DataType | undefined, string, string]>([
    ["INTEGER", "6135", '/40000/0/0: "5" is no INTEGER'],
    ["INTEGER", "fb3ff199999999999a", "/40000/0/0: 1.1 is no INTEGER"],
    ["BOOLEAN", "01", "/40000/0/0: 1 is no BOOLEAN"],
    ["STRING", "4100", "/40000/0/0: 1 bytes is no STRING"],
    ["STRING", "18", "CBOR is cut off"],
    ["STRING", "80", "/40000/0/0: CBOR item is no single value"],
    [undefined, "3bffffffffffffffff", "/40000/0/0: -18446744073709551616 is no value of any type"],
  ])("of %p cannot be %s: %s", (type, bytes, message) => {
    expect(() => decode(CBOR, hex(bytes), type)).toThrow(message);
  });
});

describe("opaque and link format", () => {
  it("carry their one type", () => {
    expect(decode(OCTET_STREAM, hex("00ac"), "OPAQUE")).toMatchObject({ value: { value: hex("00ac") } });
    expect(decode(LINK_FORMAT, utf8("</3/0>"), "CORELINK")).toMatchObject({ value: { value: "</3/0>" } });
    expect(toHex(encode(OCTET_STREAM, { type: "OPAQUE", value: hex("00ac") }))).toBe("00ac");
  });

  it("refuse another", () => {
    expect(() => decode(OCTET_STREAM, hex("00"), "STRING")).toThrow("/40000/0/0: OPAQUE(42) cannot carry STRING");
    expect(() => decode(LINK_FORMAT, utf8("<"), "CORELINK")).toThrow("link format:");
    expect(() => encode(OCTET_STREAM, { type: "STRING", value: "a" })).toThrow("OPAQUE(42) cannot carry STRING");
  });
});

describe("a format of one value", () => {
  it("cannot carry an Object Instance", () => {
    expect(() => decodeContent(TEXT_PLAIN, utf8("1"), [3, 0], only("STRING"))).toThrow("/3/0 is no single value");
    expect(() => encodeContent(CBOR, { type: "objectInstance", id: 0, resources: [] }, [3, 0])).toThrow(
      "/3/0 is no single value",
    );
  });

  it("that is not known is refused", () => {
    expect(() => decode(50, utf8("{}"), "STRING")).toThrow("content format 50 is not supported");
    expect(() => encode(50, { type: "STRING", value: "a" })).toThrow("content format 50 is not supported");
  });
});
