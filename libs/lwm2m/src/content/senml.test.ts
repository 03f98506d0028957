import { CONTENT_FORMAT } from "@ferry/coap";
import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { loadCoreModels } from "../core-models.ts";
import { ModelRegistry } from "../model/model-registry.ts";
import type { LwM2mNode } from "../node.ts";
import { decodeContent, decodeTimedValues } from "./decode.ts";
import { encodeContent } from "./encode.ts";

const models = new ModelRegistry(loadCoreModels()).view("default", {
  objects: new Map([3, 4, 19, 3303].map((id) => [id, { version: "1.0", instances: [0] }])),
});
const NOW_MS = 1_700_000_000_000;

const values = (pack: unknown, path: number[] = []) =>
  decodeTimedValues(
    CONTENT_FORMAT.SENML_JSON,
    new TextEncoder().encode(typeof pack === "string" ? pack : JSON.stringify(pack)),
    path,
    models,
    NOW_MS,
  );
const line = (pack: unknown, path?: number[]) =>
  values(pack, path).map(({ path: p, value, timeMs }) => `/${p.join("/")}=${String(value.value)}@${timeMs ?? "-"}`);

describe("a SenML pack", () => {
  it("of /3/0 has one base name (Core 1.1.1 §7.4.4)", () => {
    const pack = [
      { bn: "/3/0/", n: "0", vs: "Open Mobile Alliance" },
      { n: "6/0", v: 1 },
      { n: "6/1", v: 5 },
      { n: "9", v: 100 },
      { n: "13", v: 1_367_491_215 },
    ];
    expect(line(pack, [3, 0])).toEqual([
      "/3/0/0=Open Mobile Alliance@-",
      "/3/0/6/0=1@-",
      "/3/0/6/1=5@-",
      "/3/0/9=100@-",
      "/3/0/13=1367491215000@-",
    ]);
  });

  it("names are base name and name joined; a base stays until another comes (RFC 8428 §4.5.1)", () => {
    expect(line([{ bn: "/3/0/9", v: 1 }, { v: 2 }, { bn: "/3303/0/", n: "5700", v: 23.5 }])).toEqual([
      "/3/0/9=1@-",
      "/3/0/9=2@-",
      "/3303/0/5700=23.5@-",
    ]);
    expect(line([{ n: "3/0/9", v: 1 }])).toEqual(["/3/0/9=1@-"]);
  });

  it("times are base time plus time; below 2^28 they are relative to now (RFC 8428 §4.5.3)", () => {
    const pack = [
      { bn: "/3303/0/5700", bt: 1_600_000_000, v: 1 },
      { t: 0.5, v: 2 },
      { bt: -10, v: 3 },
      { t: 5, v: 4 },
    ];
    expect(line(pack)).toEqual([
      "/3303/0/5700=1@1600000000000",
      "/3303/0/5700=2@1600000000500",
      `/3303/0/5700=3@${NOW_MS - 10_000}`,
      `/3303/0/5700=4@${NOW_MS - 5_000}`,
    ]);
  });

  it("a time that no date has is refused", () => {
    for (const bt of [8.64e12 + 1, 1e300, -1e300]) {
      expect(() => values([{ bn: "/3/0/9", bt, v: 1 }])).toThrow(/^SenML record 0: .* ms since 1970 is no time$/);
    }
  });

  it("values are base value plus value (RFC 8428 §4.5.4)", () => {
    expect(
      line([
        { bn: "/3/0/", bv: 20, n: "9", v: 1 },
        { n: "0", vs: "a" },
      ]),
    ).toEqual(["/3/0/9=21@-", "/3/0/0=a@-"]);
    expect(line('[{"bn":"/3/0/10","bv":9007199254740993,"v":1}]')).toEqual(["/3/0/10=9007199254740994@-"]);
  });

  it("keeps 64-bit integers exact", () => {
    expect(values('[{"n":"/3/0/10","v":9223372036854775807}]')).toEqual([
      { path: [3, 0, 10], value: { type: "INTEGER", value: 9_223_372_036_854_775_807n } },
    ]);
  });

  it("may carry fields that are not known, unless they end in _ (RFC 8428 §4.4)", () => {
    expect(line([{ n: "/3/0/9", v: 1, u: "%", ut: 5, later: true }])).toEqual(["/3/0/9=1@-"]);
    expect(() => values([{ n: "/3/0/9", v: 1, later_: true }])).toThrow(
      'SenML record 0: field "later_" must be understood and is not',
    );
  });

  it("gives resources without a model the type that the record has", () => {
    const pack = [
      { bn: "/40000/0/", n: "0", v: 5 },
      { n: "1", v: 5.5 },
      { n: "2", vs: "a" },
      { n: "3", vb: true },
      { n: "4", vd: "AKw" },
      { n: "5", vlo: "3:0" },
    ];
    expect(values(pack).map(({ value }) => value.type)).toEqual([
      "INTEGER",
      "FLOAT",
      "STRING",
      "BOOLEAN",
      "OPAQUE",
      "OBJLNK",
    ]);
  });

  it("with several values of a resource makes a node of the latest", () => {
    const node = (pack: unknown) =>
      decodeContent(
        CONTENT_FORMAT.SENML_JSON,
        new TextEncoder().encode(JSON.stringify(pack)),
        [3, 0, 9],
        models,
        NOW_MS,
      );
    const bn = "/3/0/9";
    const value = (v: number) => ({ type: "singleResource", id: 9, value: { type: "INTEGER", value: v } });
    expect(
      node([
        { bn, bt: 1.7e9, v: 1 },
        { t: 20, v: 2 },
        { t: 10, v: 3 },
      ]),
    ).toEqual({
      ...value(2),
      timeMs: 1_700_000_020_000,
    });
    expect(node([{ bn, v: 1 }, { v: 2 }])).toEqual(value(2));
    expect(
      node([
        { bn, v: 1 },
        { t: 1.6e9, v: 2 },
      ]),
    ).toEqual(value(1));
  });

  it.each([
    ["{", "SenML JSON: "],
    ["{}", "SenML JSON is no array of records"],
    ["[1]", "SenML record 0: is no JSON object"],
    ['[{"n":"/3/0/9","v":"1"}]', 'SenML record 0: "v" is no number'],
    ['[{"n":5,"v":1}]', 'SenML record 0: "n" is no string'],
    ['[{"n":"/3/0/0","vd":"*"}]', 'SenML record 0: "vd" is no bytes'],
    ['[{"n":"/3/0/9"}]', 'SenML record 0: "/3/0/9" has no value'],
    ['[{"bver":11,"n":"/3/0/9","v":1}]', "SenML record 0: version 11 is newer than 10"],
    ['[{"n":"urn:dev:ow:10e2073a01080063","v":1}]', 'SenML record 0: "urn:dev:ow:10e2073a01080063" names no resource'],
    ['[{"bn":"/abc/","n":"9","v":1}]', 'SenML record 0: base name "/abc/" is no path'],
    ['[{"n":"/3/0","v":1}]', 'SenML record 0: "/3/0" names no resource'],
    ['[{"n":"/3/0/9/1/2","v":1}]', 'SenML record 0: "/3/0/9/1/2" names no resource'],
    ['[{"n":"/3/0/99999","v":1}]', 'SenML record 0: "/3/0/99999" names no resource'],
    ['[{"n":"/3/0/9","vs":"a"}]', '/3/0/9: "a" is no INTEGER'],
    ['[{"n":"/3/0/9","v":1.5}]', "/3/0/9: 1.5 is no INTEGER"],
  ])("%s is refused: %s", (pack, message) => {
    expect(() => values(pack)).toThrow(message);
  });

  it("must stay within what was asked for", () => {
    expect(() => values([{ n: "/5/0/1", vs: "a" }], [3, 0])).toThrow("SenML record 0: /5/0/1 is not within /3/0");
  });
});

describe("SenML JSON and CBOR", () => {
  const node: LwM2mNode = {
    type: "objectInstance",
    id: 0,
    resources: [
      { type: "singleResource", id: 5700, value: { type: "FLOAT", value: 23 } },
      { type: "singleResource", id: 5701, value: { type: "STRING", value: "Cel" } },
    ],
  };

  it("have the same records", () => {
    expect(Buffer.from(encodeContent(CONTENT_FORMAT.SENML_JSON, node, [3303, 0])).toString()).toBe(
      '[{"bn":"/3303/0/","n":"5700","v":23},{"n":"5701","vs":"Cel"}]',
    );
    expect(toHex(encodeContent(CONTENT_FORMAT.SENML_CBOR, node, [3303, 0]))).toBe(
      toHex(
        hex(`
          82                                    # 2 records
            a3                                  #   3 fields
              21 68 2f33 3330 332f 302f         #     bn "/3303/0/"
              00 64 35373030                    #     n "5700"
              02 fa 41b80000                    #     v 23.0: a FLOAT stays a float
            a2
              00 64 35373031                    #     n "5701"
              03 63 43656c                      #     vs "Cel"
        `),
      ),
    );
  });

  it("of CBOR may be of indefinite length and have half floats, tags and a text label", () => {
    const bytes = hex(`
      9f bf 21 6c 2f33 3330 332f 302f 3537 3030 02 f9 4dc0 ff
         bf 21 67 2f332f302f3232 00 62 2f30 63 766c6f 63 333a30 ff
         bf 21 67 2f332f302f3133 00 60 02 c1 1a 60ddc5a5 ff
      ff
    `);
    expect(decodeTimedValues(CONTENT_FORMAT.SENML_CBOR, bytes, [], models, NOW_MS)).toEqual([
      { path: [3303, 0, 5700], value: { type: "FLOAT", value: 23 } },
      { path: [3, 0, 22, 0], value: { type: "OBJLNK", value: { objectId: 3, objectInstanceId: 0 } } },
      { path: [3, 0, 13], value: { type: "TIME", value: 1_625_146_789_000 } },
    ]);
  });
});
