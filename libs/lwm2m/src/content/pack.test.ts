import { CONTENT_FORMAT } from "@ferry/coap";
import { hex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { encodeCbor } from "../cbor.ts";
import { loadCoreModels } from "../core-models.ts";
import { ModelRegistry } from "../model/model-registry.ts";
import type { LwM2mPath } from "../path.ts";
import { decodePack } from "./decode.ts";

const models = new ModelRegistry(loadCoreModels()).view("default", {
  objects: new Map([3, 6, 19, 3303].map((id) => [id, { version: "1.0", instances: [0] }])),
});
const NOW_MS = 1_700_000_000_000;
const { SENML_JSON, SENML_CBOR, LWM2M_CBOR, LWM2M_JSON, LWM2M_TLV } = CONTENT_FORMAT;

function decode(format: number, payload: Uint8Array, path: LwM2mPath = []) {
  const { values, faults } = decodePack(format, payload, path, models, NOW_MS);
  return { values: values.map(({ path: p, value }) => `/${p.join("/")}=${String(value.value)}`), faults };
}
const json = (pack: unknown, format: number = SENML_JSON) =>
  decode(format, new TextEncoder().encode(JSON.stringify(pack)));
const cbor = (bytes: string) => decode(SENML_CBOR, hex(bytes));

const FIRST = { bn: "/3/0/", n: "9", v: 1 };
const LAST = { n: "10", v: 2 };
const KEPT = ["/3/0/9=1", "/3/0/10=2"];

describe("a pack with a fault keeps its other records and names the fault:", () => {
  it.each<[string, unknown, string]>([
    ["another type", { n: "11/0", vs: "a" }, '/3/0/11/0: "a" is no INTEGER'],
    ["a value that is none", { n: "11/0", v: "NaN" }, '"v" is no number'],
    ["a value out of the range of its type", { n: "11/0", v: 1e30 }, "/3/0/11/0: 1e+30 is no INTEGER"],
    ["no value", { n: "11/0" }, '"11/0" has no value'],
    ["a name that is no path", { n: "x", v: 1 }, '"/3/0/x" names no resource'],
    ["a time that no date has", { n: "9", v: 1, t: 1e300 }, "1e+303 ms since 1970 is no time"],
  ])("%s", (_what, record, fault) => {
    expect(json([FIRST, record, LAST])).toEqual({ values: KEPT, faults: [`SenML record 1: ${fault}`] });
  });

  it("a base name that is no path, until another comes", () => {
    const pack = [FIRST, { bn: "/abc/", n: "9", v: 1 }, { n: "9", v: 1 }, { bn: "/3/0/", ...LAST }];
    expect(json(pack)).toEqual({
      values: KEPT,
      faults: ['SenML record 1: base name "/abc/" is no path', 'SenML record 2: base name "/abc/" is no path'],
    });
  });

  it("NaN and infinity in CBOR", () => {
    expect(
      cbor(`83 a2 00 66 2f362f302f30 02 f97e00 a2 00 66 2f362f302f31 02 f97c00 a2 00 66 2f362f302f31 02 f93c00`),
    ).toEqual({
      values: ["/6/0/1=1"],
      faults: ['SenML record 0: "v" is NaN', 'SenML record 1: "v" is Infinity'],
    });
  });

  it("an Object Instance outside of what was asked for", () => {
    const payload = new TextEncoder().encode(JSON.stringify([FIRST, { bn: "/6/0/", n: "0", v: 1 }]));
    expect(decode(SENML_JSON, payload, [3, 0])).toEqual({
      values: ["/3/0/9=1"],
      faults: ["SenML record 1: /6/0/0 is not within /3/0"],
    });
  });

  it("one value of an Object Instance in TLV, JSON and LwM2M CBOR", () => {
    expect(decode(LWM2M_TLV, hex("c30a616263 c10901"), [3, 0])).toEqual({
      values: ["/3/0/9=1"],
      faults: ["/3/0/10: 3 bytes are no INTEGER"],
    });
    expect(
      json(
        {
          e: [
            { n: "3/0/9", v: 1 },
            { n: "3/0/10", sv: "x" },
          ],
        },
        LWM2M_JSON,
      ),
    ).toEqual({
      values: ["/3/0/9=1"],
      faults: ['LwM2M JSON entry 1: /3/0/10: "x" is no INTEGER'],
    });
    expect(decode(LWM2M_CBOR, hex("a1 03 a1 00 a3 09 01 0a 61 78 61 78 05"))).toEqual({
      values: ["/3/0/9=1"],
      faults: ['LwM2M CBOR: /3/0/10: "x" is no INTEGER', "LwM2M CBOR: a key below /3/0 is no id, nor an array of ids"],
    });
  });
});

describe("a pack whose records cannot be told apart from there on keeps those before:", () => {
  it.each<[string, unknown, string]>([
    ["a record that is none", 5, "is no JSON object"],
    ["a base name that is no text", { bn: 5, n: "9", v: 1 }, '"bn" is no string'],
    ["a base time that is no number", { bt: "now", n: "9", v: 1 }, '"bt" is no number'],
  ])("%s", (_what, record, fault) => {
    expect(json([FIRST, record, LAST, LAST])).toEqual({
      values: ["/3/0/9=1"],
      faults: [`SenML record 1: ${fault}; the 2 records after it are left out`],
    });
  });

  it("a record that nests too deep, has a key twice or a text that is not UTF-8", () => {
    const nested = `${"81".repeat(40)}00`;
    for (const [record, fault] of [
      [`a2 00 ${nested} 02 01`, "CBOR nests deeper than 16"],
      [`bf 00 9f ${nested} ff 02 01 ff`, "CBOR nests deeper than 16"],
      ["a2 02 01 02 01", "CBOR repeats map key 2"],
      ["a1 00 61 ff", "CBOR has a text that is not UTF-8"],
    ] as const) {
      for (const [head, end] of [
        ["83", ""],
        ["9f", "ff"],
      ]) {
        const pack = cbor(`${head} a2 00 66 2f332f302f39 02 01 ${record} a2 00 66 2f332f302f39 02 01 ${end}`);
        expect(pack.values).toEqual(["/3/0/9=1"]);
        expect(pack.faults).toEqual([
          expect.stringMatching(`^SenML record 1: ${fault}.*; the records after it are left out$`),
        ]);
      }
    }
  });
});

describe("a pack is refused as a whole", () => {
  it.each([
    ["when CBOR is cut off", "82 a2 00 66 2f332f302f39 02 01 a2 00"],
    ["when CBOR has bytes after it", "81 a2 00 66 2f332f302f39 02 01 00"],
    ["when CBOR announces more than there is", "9a00ffffff a2 00 66 2f332f302f39 02 01"],
  ])("%s", (_when, bytes) => {
    expect(() => cbor(bytes)).toThrow(expect.objectContaining({ code: "LWM2M_UNDECODABLE_CONTENT" }));
  });

  it("when JSON nests deeper than its parser goes with integers of 64 bits", () => {
    const nested = `${"[".repeat(20_000)}1234567890123456${"]".repeat(20_000)}`;
    for (const format of [CONTENT_FORMAT.SENML_JSON, CONTENT_FORMAT.LWM2M_JSON]) {
      expect(() => decodePack(format, Buffer.from(nested), [3], models, 0)).toThrow(/is nested too deep$/);
    }
  });

  it("when it is of a later version or has a field that must be understood (RFC 8428 §4.4)", () => {
    expect(() => json([FIRST, { ...LAST, bver: 11 }])).toThrow("version 11 is newer than 10");
    expect(() => json([FIRST, { ...LAST, later_: 1 }])).toThrow('field "later_" must be understood and is not');
  });

  it("when nothing of it is left", () => {
    expect(() => json([{ n: "/3/0/9" }, { n: "x", v: 1 }])).toThrow(
      'SenML record 0: "/3/0/9" has no value; SenML record 1: "x" names no resource',
    );
  });
});

describe("a pack is bounded:", () => {
  it("of many faults sixteen are told and the others counted", () => {
    const { faults } = json([FIRST, ...Array.from({ length: 50 }, () => ({ n: "x", v: 1 }))]);
    expect(faults).toHaveLength(17);
    expect(faults.at(-1)).toBe("34 more faults");
  });

  it("of more than 10 000 records the first are taken", () => {
    const item = new Map<number, string | number>([
      [0, "/3/0/9"],
      [2, 1],
    ]);
    const { values, faults } = decode(SENML_CBOR, encodeCbor(Array.from({ length: 10_001 }, () => item)));
    expect(values).toHaveLength(10_000);
    expect(faults).toEqual(["10001 SenML records, at most 10000 are taken"]);
  });
});

it("a pack without faults has none", () => {
  expect(json([FIRST, LAST])).toEqual({ values: KEPT, faults: [] });
  expect(json([])).toEqual({ values: [], faults: [] });
  expect(cbor("80")).toEqual({ values: [], faults: [] });
});
