import { CONTENT_FORMAT } from "@ferry/coap";
import { describe, expect, it } from "@jest/globals";
import { loadCoreModels } from "../core-models.ts";
import { ModelRegistry } from "../model/model-registry.ts";
import type { LwM2mPath } from "../path.ts";
import { OLD_JSON } from "./content-format.ts";
import { decodeContent, decodeTimedValues } from "./decode.ts";
import { encodeContent, encodeTimedValues } from "./encode.ts";

const models = new ModelRegistry(loadCoreModels()).view("default", {
  objects: new Map([3, 5, 19, 3303].map((id) => [id, { version: "1.0", instances: [0] }])),
});
const { LWM2M_JSON } = CONTENT_FORMAT;
const NOW_MS = 1_700_000_000_000;

const bytes = (text: string) => new TextEncoder().encode(text);
const values = (text: string, path: LwM2mPath = [], format: number = LWM2M_JSON) =>
  decodeTimedValues(format, bytes(text), path, models, NOW_MS);
const line = (text: string, path?: LwM2mPath, format?: number) =>
  values(text, path, format).map(
    ({ path: p, value, timeMs }) => `/${p.join("/")}=${String(value.value)}@${timeMs ?? "-"}`,
  );

describe("LwM2M JSON (LwM2M 1.0.2 §6.4.4)", () => {
  const DEVICE =
    '{"bn":"/3/0/","e":[{"n":"0","sv":"Ferry"},{"n":"6/0","v":1},{"n":"6/1","v":5},{"n":"9","v":100},{"n":"13","v":1367491215}]}';
  const EXPECTED = ["/3/0/0=Ferry@-", "/3/0/6/0=1@-", "/3/0/6/1=5@-", "/3/0/9=100@-", "/3/0/13=1367491215000@-"];

  it("of an Object Instance has one base name and an entry for each value", () => {
    expect(line(DEVICE, [3, 0])).toEqual(EXPECTED);
    expect(line(DEVICE, [3, 0], OLD_JSON)).toEqual(EXPECTED);
  });

  it.each<[string, LwM2mPath]>([
    ['{"e":[{"n":"9","v":1}]}', [3, 0]],
    ['{"e":[{"v":1}]}', [3, 0, 9]],
    ['{"e":[{"n":"","v":1}]}', [3, 0, 9]],
    ['{"bn":"/3/0","e":[{"n":"9","v":1}]}', [3, 0]],
    ['{"bn":"/3/0/","e":[{"n":"/9","v":1}]}', [3, 0]],
    ['{"bn":"/3/0/9","e":[{"v":1}]}', [3, 0, 9]],
    ['{"bn":"/3/0/9/","e":[{"n":"","v":1}]}', [3, 0, 9]],
    ['{"bn":"/","e":[{"n":"3/0/9","v":1}]}', []],
    ['{"bn":"","e":[{"n":"/3/0/9","v":1}]}', []],
  ])("%s of %p is /3/0/9: without a base name, names are below what was asked for", (text, path) => {
    expect(line(text, path)).toEqual(["/3/0/9=1@-"]);
  });

  it("times are base time plus time; zero and less are relative to now", () => {
    const pack = (bt: string) => `{"bn":"/3303/0/5700",${bt}"e":[{"v":1,"t":-5},{"v":2,"t":0},{"v":3}]}`;
    expect(line(pack('"bt":25462634,'))).toEqual([
      "/3303/0/5700=1@25462629000",
      "/3303/0/5700=2@25462634000",
      "/3303/0/5700=3@25462634000",
    ]);
    expect(line(pack(""))).toEqual([`/3303/0/5700=1@${NOW_MS - 5000}`, `/3303/0/5700=2@${NOW_MS}`, "/3303/0/5700=3@-"]);
  });

  it("has bytes as Base64 text, and integers of 64 bits exact", () => {
    expect(values('{"bn":"/5/0/0","e":[{"sv":"AKz/"}]}')[0]?.value).toEqual({
      type: "OPAQUE",
      value: Uint8Array.of(0, 0xac, 0xff),
    });
    expect(values('{"bn":"/3/0/10","e":[{"v":9223372036854775807}]}')[0]?.value.value).toBe(9_223_372_036_854_775_807n);
  });

  it("gives resources without a model the type that the entry has", () => {
    const pack =
      '{"bn":"/40000/0/","e":[{"n":"0","v":5},{"n":"1","v":5.5},{"n":"2","sv":"a"},{"n":"3","bv":true},{"n":"4","ov":"3:0"}]}';
    expect(values(pack).map(({ value }) => value.type)).toEqual(["INTEGER", "FLOAT", "STRING", "BOOLEAN", "OBJLNK"]);
  });

  it("is written with the base name of what it is of", () => {
    const node = decodeContent(LWM2M_JSON, bytes(DEVICE), [3, 0], models);
    expect(Buffer.from(encodeContent(LWM2M_JSON, node, [3, 0])).toString()).toBe(DEVICE);
    const battery = { type: "singleResource", id: 9, value: { type: "INTEGER", value: 1 } } as const;
    expect(Buffer.from(encodeContent(LWM2M_JSON, battery, [3, 0, 9])).toString()).toBe('{"bn":"/3/0/9","e":[{"v":1}]}');
    expect(
      Buffer.from(
        encodeTimedValues(LWM2M_JSON, [
          { path: [3, 0, 22], value: { type: "OBJLNK", value: { objectId: 3, objectInstanceId: 0 } }, timeMs: 1500 },
        ]),
      ).toString(),
    ).toBe('{"bn":"/","e":[{"n":"3/0/22","ov":"3:0","t":1.5}]}');
  });

  it.each([
    ["[", "LwM2M JSON: "],
    ["[]", "is no JSON object"],
    ["{}", 'LwM2M JSON: "e" is no array of entries'],
    ['{"bn":5,"e":[]}', '"bn" is no string'],
    ['{"bt":"x","e":[]}', '"bt" is no time in seconds'],
    ['{"e":[1]}', "LwM2M JSON entry 0: is no JSON object"],
    ['{"e":[{"n":"3/0/9"}]}', "LwM2M JSON entry 0: has 0 values instead of one"],
    ['{"e":[{"n":"3/0/9","v":1,"sv":"a"}]}', "LwM2M JSON entry 0: has 2 values instead of one"],
    ['{"e":[{"n":"3/0/9","v":"1"}]}', 'LwM2M JSON entry 0: "v" is of another type'],
    ['{"e":[{"n":"3/0/9","sv":"1"}]}', 'LwM2M JSON entry 0: /3/0/9: "1" is no INTEGER'],
    ['{"e":[{"n":"3/0","v":1}]}', 'LwM2M JSON entry 0: "/3/0" names no resource'],
    ['{"e":[{"n":"3/0/9","v":1,"t":1e300}]}', "ms since 1970 is no time"],
  ])("%s is refused: %s", (text, message) => {
    expect(() => values(text)).toThrow(message);
  });

  it("must stay within what was asked for", () => {
    expect(() => values('{"bn":"/5/0/1","e":[{"sv":"a"}]}', [3, 0])).toThrow("/5/0/1 is not within /3/0");
  });

  it("cannot say a time that would be relative", () => {
    const value = { type: "INTEGER", value: 1 } as const;
    expect(() => encodeTimedValues(LWM2M_JSON, [{ path: [3, 0, 9], value, timeMs: 0 }])).toThrow("relative to now");
  });
});
