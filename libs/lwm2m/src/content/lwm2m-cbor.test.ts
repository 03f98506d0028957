import { CONTENT_FORMAT } from "@ferry/coap";
import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { loadCoreModels } from "../core-models.ts";
import { ModelRegistry } from "../model/model-registry.ts";
import type { LwM2mPath } from "../path.ts";
import { decodePaths, encodePaths } from "./composite.ts";
import { decodeContent, decodeTimedValues } from "./decode.ts";
import { encodeContent, encodeTimedValues } from "./encode.ts";

const models = new ModelRegistry(loadCoreModels()).view("default", {
  objects: new Map([1, 3, 5].map((id) => [id, { version: "1.0", instances: [0] }])),
});
const { LWM2M_CBOR } = CONTENT_FORMAT;

const values = (bytes: string, path: LwM2mPath = []) => decodeTimedValues(LWM2M_CBOR, hex(bytes), path, models, 0);
const line = (bytes: string, path?: LwM2mPath) =>
  values(bytes, path).map(({ path: p, value }) => `/${p.join("/")}=${value.type} ${String(value.value)}`);

describe("LwM2M CBOR (LwM2M Core 1.2 §7.4.4)", () => {
  it.each([
    ["maps in maps", "a1 0d a1 181a a1 01 182a", ["/13/26/1=INTEGER 42"]],
    ["of indefinite length", "bf 0d bf 181a bf 01 182a ff ff ff", ["/13/26/1=INTEGER 42"]],
    ["a key that is a path", "a1 83 0d 181a 01 182a", ["/13/26/1=INTEGER 42"]],
    ["of indefinite length too", "bf 9f 0d 181a 01 ff 182a ff", ["/13/26/1=INTEGER 42"]],
    ["paths of one id", "a1 81 0d a1 81 181a a1 81 01 182a", ["/13/26/1=INTEGER 42"]],
    ["two resources below a path", "a1 82 0d 181a a2 01 182a 02 15", ["/13/26/1=INTEGER 42", "/13/26/2=INTEGER 21"]],
    [
      "the same Object Instance twice",
      "a2 82 0d 181a a1 01 182a 83 0d 181a 02 15",
      ["/13/26/1=INTEGER 42", "/13/26/2=INTEGER 21"],
    ],
    ["a decimal fraction", "a1 84 0d 181a 01 02 c4 82 20 182d", ["/13/26/1/2=FLOAT 4.5"]],
    ["null for no value", "a1 83 0d 181a 01 a2 02 f6 03 05", ["/13/26/1/3=INTEGER 5"]],
    ["chunks of text", "a1 83 03 00 00 7f 61 61 61 62 ff", ["/3/0/0=STRING ab"]],
    ["a tagged time", "a1 03 a1 00 a1 0d c1 1a 60ddc5a5", ["/3/0/13=TIME 1625146789000"]],
    ["an untagged time", "a1 03 a1 00 a1 0d 1a 60ddc5a5", ["/3/0/13=TIME 1625146789000"]],
  ])("has %s", (_what, bytes, expected) => {
    expect(line(bytes)).toEqual(expected);
  });

  it("of a Server instance is its resources by id", () => {
    const server = "a1 01 a1 00 a6 00 1865 01 1a00015180 02 19012c 03 191770 06 f5 07 61 55";
    expect(line(server, [1, 0])).toEqual([
      "/1/0/0=INTEGER 101",
      "/1/0/1=INTEGER 86400",
      "/1/0/2=INTEGER 300",
      "/1/0/3=INTEGER 6000",
      "/1/0/6=BOOLEAN true",
      "/1/0/7=STRING U",
    ]);
    const node = decodeContent(LWM2M_CBOR, hex(server), [1, 0], models);
    expect(toHex(encodeContent(LWM2M_CBOR, node, [1, 0]))).toBe(server.replaceAll(" ", ""));
  });

  it("carries a value of each kind, the time with its tag", () => {
    expect(
      toHex(
        encodeTimedValues(LWM2M_CBOR, [
          { path: [8, 8, 0], value: { type: "INTEGER", value: 25 } },
          { path: [8, 8, 2], value: { type: "TIME", value: 3000 } },
          { path: [8, 8, 5], value: { type: "BOOLEAN", value: false } },
          { path: [8, 8, 6], value: { type: "OBJLNK", value: { objectId: 17, objectInstanceId: 18 } } },
          { path: [8, 8, 7], value: { type: "FLOAT", value: 1.1 } },
          { path: [8, 8, 9, 3], value: { type: "UNSIGNED_INTEGER", value: 2n ** 64n - 1n } },
        ]),
      ),
    ).toBe("a108a108a600181902c10305f4066531373a313807fb3ff199999999999a09a1031bffffffffffffffff");
  });

  it("has no times, and one value of a path", () => {
    const value = { type: "INTEGER", value: 1 } as const;
    expect(() => encodeTimedValues(LWM2M_CBOR, [{ path: [3, 0, 9], value, timeMs: 1 }])).toThrow(
      "several paths and times",
    );
    const twice = [
      { path: [3, 0, 9], value },
      { path: [3, 0, 9], value },
    ];
    expect(() => encodeTimedValues(LWM2M_CBOR, twice)).toThrow("cannot carry more than one value of /3/0/9");
    const below = [
      { path: [3, 0, 9], value },
      { path: [3, 0, 9, 1], value },
    ];
    expect(() => encodeTimedValues(LWM2M_CBOR, below)).toThrow("cannot carry more than one value of /3/0/9/1");
  });

  it("lists paths as keys without values", () => {
    const paths = [[3, 0, 9], [1], [3, 0, 6, 1]];
    expect(toHex(encodePaths(LWM2M_CBOR, paths))).toBe("a383030009f601f68403000601f6");
    expect(decodePaths(LWM2M_CBOR, encodePaths(LWM2M_CBOR, paths))).toEqual(paths);
    expect(() => decodePaths(LWM2M_CBOR, hex("a1 03 05"))).toThrow("/3 has a value in a list of paths");
  });

  it.each([
    ["80", "LwM2M CBOR is no map"],
    ["a1 61 61 01", "LwM2M CBOR: a key below / is no id, nor an array of ids"],
    ["a1 80 01", "a key below / is no id"],
    ["a1 20 01", "a key below / is no id"],
    ["a1 1a00010000 01", "a key below / is no id"],
    ["a1 03 05", "LwM2M CBOR: /3 has a value and is no resource"],
    ["a1 0d a1 181a a1 01 a1 02 a1 03 04", "LwM2M CBOR: /13/26/1/2/3 has more than 4 levels"],
    ["a1 83 03 00 09 61 61", 'LwM2M CBOR: /3/0/9: "a" is no INTEGER'],
    ["a1 83 03 00 09 80", "LwM2M CBOR: /3/0/9 has no single value"],
    ["a1 83 06 00 00 f97e00", "LwM2M CBOR: /6/0/0 is NaN"],
  ])("%s is refused: %s", (bytes, message) => {
    expect(() => values(bytes)).toThrow(message);
  });

  it("must stay within what was asked for", () => {
    expect(() => values("a1 83 05 00 01 61 61", [3, 0])).toThrow("/5/0/1 is not within /3/0");
  });
});
