import { CONTENT_FORMAT } from "@ferry/coap";
import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { loadCoreModels } from "../core-models.ts";
import { ModelRegistry } from "../model/model-registry.ts";
import type { ModelView, ResourceModel } from "../model/object-model.ts";
import { parsePath } from "../path.ts";
import type { DataType, ResourceValue } from "../value.ts";
import { decodeContent, decodeTimedValues } from "./decode.ts";
import { encodeContent } from "./encode.ts";

const registry = new ModelRegistry(loadCoreModels());
const models = registry.view("default", {
  objects: new Map([1, 2, 3].map((id) => [id, { version: "1.0", instances: [0] }])),
});
const NO_MODELS: ModelView = { object: () => undefined };

const decode = (bytes: Uint8Array, path: string, view: ModelView = models) =>
  decodeContent(CONTENT_FORMAT.LWM2M_TLV, bytes, parsePath(path), view);

/** OMA LwM2M Core 1.1.1 §7.4.5.1: Read of /3/0. */
const DEVICE = hex(`
  c8 00 14 4f 70 65 6e 20 4d 6f 62 69 6c 65 20 41 6c 6c 69 61 6e 63 65        # 0 Manufacturer
  c8 01 16 4c 69 67 68 74 77 65 69 67 68 74 20 4d 32 4d 20 43 6c 69 65 6e 74  # 1 Model Number
  c8 02 09 33 34 35 30 30 30 31 32 33                                        # 2 Serial Number
  c3 03 31 2e 30                                                             # 3 Firmware Version
  86 06  41 00 01  41 01 05                                                  # 6 Available Power Sources
  88 07 08  42 00 0e d8  42 01 13 88                                         # 7 Power Source Voltage
  87 08  41 00 7d  42 01 03 84                                               # 8 Power Source Current
  c1 09 64                                                                   # 9 Battery Level
  c1 0a 0f                                                                   # 10 Memory Free
  83 0b  41 00 00                                                            # 11 Error Code
  c4 0d 51 82 42 8f                                                          # 13 Current Time
  c6 0e 2b 30 32 3a 30 30                                                    # 14 UTC Offset
  c1 10 55                                                                   # 16 Supported Binding and Modes
`);

describe("TLV", () => {
  it("of /3/0 is that of the standard (Core 1.1.1 §7.4.5.1)", () => {
    const integer = (value: number): ResourceValue => ({ type: "INTEGER", value });
    const instance = (id: number, value: number) => ({ type: "resourceInstance", id, value: integer(value) });
    const single = (id: number, value: ResourceValue) => ({ type: "singleResource", id, value });
    const multiple = (id: number, ...instances: unknown[]) => ({
      type: "multipleResource",
      id,
      dataType: "INTEGER",
      instances,
    });
    const node = decode(DEVICE, "/3/0");
    expect(node).toEqual({
      type: "objectInstance",
      id: 0,
      resources: [
        single(0, { type: "STRING", value: "Open Mobile Alliance" }),
        single(1, { type: "STRING", value: "Lightweight M2M Client" }),
        single(2, { type: "STRING", value: "345000123" }),
        single(3, { type: "STRING", value: "1.0" }),
        multiple(6, instance(0, 1), instance(1, 5)),
        multiple(7, instance(0, 3800), instance(1, 5000)),
        multiple(8, instance(0, 125), instance(1, 900)),
        single(9, integer(100)),
        single(10, integer(15)),
        multiple(11, instance(0, 0)),
        single(13, { type: "TIME", value: 1_367_491_215_000 }),
        single(14, { type: "STRING", value: "+02:00" }),
        single(16, { type: "STRING", value: "U" }),
      ],
    });
    expect(toHex(encodeContent(CONTENT_FORMAT.LWM2M_TLV, node, [3, 0]))).toBe(toHex(DEVICE));
  });

  it("of a multiple-instance object has Object Instances, and ids of two bytes (Core 1.1.1 §7.4.5.2)", () => {
    const bytes = hex(`
      08 00 0e  c1 00 01  c1 01 00  83 02  41 7f 07               c1 03 7f
      08 02 12  c1 00 03  c1 01 00  87 02  41 7f 07  61 01 36 01  c1 03 7f
    `);
    const values = decodeTimedValues(CONTENT_FORMAT.LWM2M_TLV, bytes, [2], models, 0);
    expect(values.map(({ path, value }) => `${path.join("/")}=${String(value.value)}`)).toEqual([
      "2/0/0=1",
      "2/0/1=0",
      "2/0/2/127=7",
      "2/0/3=127",
      "2/2/0=3",
      "2/2/1=0",
      "2/2/2/127=7",
      "2/2/2/310=1",
      "2/2/3=127",
    ]);
    expect(toHex(encodeContent(CONTENT_FORMAT.LWM2M_TLV, decode(bytes, "/2"), [2]))).toBe(toHex(bytes));
  });

  it("of /1 has integers in as few bytes as are exact", () => {
    const bytes = hex("08 00 0f  c1 00 01  c4 01 00 01 51 80  c1 06 01  c1 07 55");
    const node = decode(bytes, "/1");
    expect(JSON.stringify(node)).toContain('{"type":"INTEGER","value":86400}');
    expect(toHex(encodeContent(CONTENT_FORMAT.LWM2M_TLV, node, [1]))).toBe(toHex(bytes));
  });

  it("is the same under its old number 1542", () => {
    expect(decodeContent(1542, DEVICE, [3, 0], models)).toEqual(decode(DEVICE, "/3/0"));
  });

  it("may repeat the levels of the path, or leave them out", () => {
    const battery = { type: "singleResource", id: 9, value: { type: "INTEGER", value: 100 } };
    expect(decode(hex("c1 09 64"), "/3/0/9")).toEqual(battery);
    expect(decode(hex("03 00  c1 09 64"), "/3/0/9")).toEqual(battery);
    expect(decode(hex("03 00  c1 09 64"), "/3/0")).toEqual({ type: "objectInstance", id: 0, resources: [battery] });
    expect(decode(hex("c1 09 64"), "/3")).toMatchObject({
      type: "object",
      instances: [{ id: 0, resources: [battery] }],
    });
  });

  it("of a resource instance stands alone or in its resource", () => {
    const expected = { type: "resourceInstance", id: 1, value: { type: "INTEGER", value: 5 } };
    expect(decode(hex("41 01 05"), "/3/0/6/1")).toEqual(expected);
    expect(decode(hex("83 06  41 01 05"), "/3/0/6/1")).toEqual(expected);
  });

  it("of empty containers keeps them", () => {
    expect(decode(hex("80 06"), "/3/0/6")).toEqual({
      type: "multipleResource",
      id: 6,
      dataType: "INTEGER",
      instances: [],
    });
    expect(decode(hex("00 00"), "/2")).toEqual({
      type: "object",
      id: 2,
      instances: [{ type: "objectInstance", id: 0, resources: [] }],
    });
    expect(decode(new Uint8Array(), "/3/0")).toEqual({ type: "objectInstance", id: 0, resources: [] });
  });

  it("without a model gives OPAQUE", () => {
    expect(decode(hex("c2 09 01 02"), "/3/0/9", NO_MODELS)).toMatchObject({
      value: { type: "OPAQUE", value: Uint8Array.of(1, 2) },
    });
  });

  it.each<[DataType, string, ResourceValue["value"]]>([
    ["INTEGER", "c1 00 80", -128],
    ["INTEGER", "c2 00 80 00", -32_768],
    ["INTEGER", "c4 00 80 00 00 00", -2_147_483_648],
    ["INTEGER", "c8 00 08 00 20 00 00 00 00 00 00", 9_007_199_254_740_992n],
    ["INTEGER", "c8 00 08 00 1f ff ff ff ff ff ff", 9_007_199_254_740_991],
    ["INTEGER", "c8 00 08 80 00 00 00 00 00 00 00", -9_223_372_036_854_775_808n],
    ["UNSIGNED_INTEGER", "c1 00 ff", 255],
    ["UNSIGNED_INTEGER", "c4 00 ff ff ff ff", 4_294_967_295],
    ["UNSIGNED_INTEGER", "c8 00 08 ff ff ff ff ff ff ff ff", 18_446_744_073_709_551_615n],
    ["FLOAT", "c4 00 41 bc 00 00", 23.5],
    ["FLOAT", "c8 00 08 40 37 19 99 99 99 99 9a", 23.1],
    ["BOOLEAN", "c1 00 01", true],
    ["TIME", "c4 00 60 dd c5 a5", 1_625_146_789_000],
    ["OBJLNK", "c4 00 00 03 00 00", { objectId: 3, objectInstanceId: 0 }],
    ["OBJLNK", "c4 00 ff ff ff ff", { objectId: 65_535, objectInstanceId: 65_535 }],
    ["CORELINK", "c5 00 3c 2f 33 3e 2c", "</3>,"],
  ])("of %s: %s is %p, both ways (Core 1.1.1 appendix C)", (type, bytes, value) => {
    const node = decode(hex(bytes), "/40000/0/0", only(type));
    expect(node).toEqual({ type: "singleResource", id: 0, value: { type, value } });
    expect(toHex(encodeContent(CONTENT_FORMAT.LWM2M_TLV, node, [40_000, 0, 0]))).toBe(toHex(hex(bytes)));
  });

  it.each([
    ["/3/0", "c8 00 28 41", "TLV length 40 exceeds the 1 bytes left at byte 3 (/3/0)"],
    ["/3/0", "c8 00", "TLV at byte 0 is cut off in its header (/3/0)"],
    ["/3/0", "c1 09 64 e1", "TLV at byte 3 is cut off in its header (/3/0)"],
    ["/3/0", "c3 09 00 00 64", "/3/0/9: 3 bytes are no INTEGER"],
    ["/3/0", "c8 0d 08 00 00 07 db a8 21 80 01", "/3/0/13: 8 bytes of 8640000000001 s are no TIME"],
    ["/3/0", "c0 09", "/3/0/9: 0 bytes are no INTEGER"],
    ["/3/0", "c2 00 c3 28", "/3/0/0: 2 bytes that are not UTF-8 are no STRING"],
    ["/3/0", "41 00 01", "TLV at byte 0 is a Resource Instance out of place (/3/0)"],
    ["/3/0", "83 06 c1 00 01", "TLV at byte 2 is a Resource out of place (/3/0)"],
    ["/3/0", "02 00 00 00", "TLV at byte 2 is a Object Instance out of place (/3/0)"],
    ["/3/0", "03 01 c1 09 64", "TLV at byte 0 is Object Instance 1, not 0 (/3/0)"],
    ["/3/0/9", "c1 0a 64", "TLV at byte 0 is Resource 10, not 9 (/3/0/9)"],
    ["/3/0/6/1", "c1 06 05", "TLV at byte 0 is a Resource without instances (/3/0/6/1)"],
    ["/3/0/6/1", "41 00 05", "TLV at byte 0 is Resource Instance 0, not 1 (/3/0/6/1)"],
    ["/3/0/9", "", "the payload has no value of /3/0/9"],
    ["/", "c1 09 64", "TLV cannot carry the root: it has no object ids"],
  ])("for %s, %s is refused: %s", (path, bytes, message) => {
    expect(() => decode(hex(bytes), path)).toThrow(message);
  });
});

/** A view with one object, 40000, whose resource 0 is of `type`. */
function only(type: DataType): ModelView {
  const resource: ResourceModel = {
    id: 0,
    name: "Value",
    operations: "RW",
    multiple: false,
    mandatory: false,
    type,
    rangeEnumeration: "",
    units: "",
  };
  return {
    object: (id) => ({
      id,
      name: "Test",
      version: "1.0",
      lwm2mVersion: "1.0",
      urn: `urn:oma:lwm2m:x:${id}`,
      multiple: true,
      mandatory: false,
      resources: new Map([[0, resource]]),
    }),
  };
}
