import { CODE, formatCode, OPTION, uintOption, uriOptions } from "@ferry/coap";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parseBootstrapUplink } from "./bootstrap-uplink.ts";

const parse = (code: number, uri: string, accept?: number) =>
  parseBootstrapUplink(code, [
    ...uriOptions(uri),
    ...(accept === undefined ? [] : [uintOption(OPTION.ACCEPT, accept)]),
  ]);
const answer = (uplink: ReturnType<typeof parse>) =>
  uplink.type === "refusal" ? `${formatCode(uplink.code)} ${uplink.diagnostic}` : uplink;

describe("a Bootstrap-Request (Core 1.1.1 §6.1.7.1)", () => {
  it("has an endpoint and from 1.1 on a preferred Content-Format; both may be missing", () => {
    expect(parse(CODE.POST, "/bs?ep=urn:imei:1&pct=112")).toEqual({
      type: "bootstrapRequest",
      endpoint: "urn:imei:1",
      preferredFormat: 112,
    });
    expect(parse(CODE.POST, "/bs")).toEqual({
      type: "bootstrapRequest",
      endpoint: undefined,
      preferredFormat: undefined,
    });
  });

  it("may have parameters that are not known", () => {
    expect(parse(CODE.POST, "/bs?ep=a&x=1")).toMatchObject({ type: "bootstrapRequest", endpoint: "a" });
  });

  it.each([
    ["/bs?ep=", "4.00 ep is empty"],
    ["/bs?ep=a&ep=b", '4.00 "ep" is given twice'],
    ["/bs?ep=a&pct=", '4.00 pct "" is no Content-Format number, 0..65535'],
    ["/bs?ep=a&pct=cbor", '4.00 pct "cbor" is no Content-Format number, 0..65535'],
    ["/bs?ep=a&pct=65536", '4.00 pct "65536" is no Content-Format number, 0..65535'],
    ["/bs/1?ep=a", "4.04 no such LwM2M interface"],
    ["/rd?ep=a&lwm2m=1.1", "4.04 no such LwM2M interface"],
    ["/", "4.04 no such LwM2M interface"],
  ])("%s is refused: %s", (uri, expected) => {
    expect(answer(parse(CODE.POST, uri))).toBe(expected);
  });

  it("is a POST", () => {
    expect(answer(parse(CODE.GET, "/bs?ep=a"))).toBe("4.05 method not allowed on this path");
  });
});

describe("a Bootstrap-Pack-Request (Core 1.2 §6.1.7.7)", () => {
  it("has an endpoint, a Content-Format, and the instances of the account that the pack must not take", () => {
    expect(parse(CODE.GET, "/bspack?ep=a&acc=1,3", 110)).toEqual({
      type: "packRequest",
      endpoint: "a",
      acceptedFormat: 110,
      accountInstances: [1, 3],
    });
  });

  it("is answered in SenML CBOR when it accepts anything", () => {
    expect(parse(CODE.GET, "/bspack")).toEqual({
      type: "packRequest",
      endpoint: undefined,
      acceptedFormat: 112,
      accountInstances: [],
    });
  });

  it.each([
    [CODE.GET, "/bspack?ep=a", 11_542, "4.06 Accept 11542 is not one of a Bootstrap-Pack"],
    [CODE.GET, "/bspack?ep=a&acc=x", 112, '4.00 acc "x" is no list of Object Instance ids'],
    [CODE.GET, "/bspack?ep=a&acc=65535", 112, '4.00 acc "65535" is no list of Object Instance ids'],
    [
      CODE.GET,
      `/bspack?acc=${"1,".repeat(16)}1`,
      112,
      '4.00 acc "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1" is no list of Object Instance ids',
    ],
    [CODE.POST, "/bspack?ep=a", 112, "4.05 method not allowed on this path"],
    [CODE.GET, "/bspack/1?ep=a", 112, "4.04 no such LwM2M interface"],
  ])("%i %s is refused: %s", (code, uri, accept, expected) => {
    expect(answer(parse(code, uri, accept))).toBe(expected);
  });
});

it("any request is parsed or refused", () => {
  const option = fc.record({ number: fc.integer({ min: 0, max: 65_535 }), value: fc.uint8Array({ maxLength: 20 }) });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom("/bs?ep=a&pct=1", "/bspack?acc=1", "/x"),
      fc.array(option),
      (code, uri, options) => {
        const { type } = parseBootstrapUplink(code, [...uriOptions(uri), ...options]);
        expect(["bootstrapRequest", "packRequest", "refusal"]).toContain(type);
      },
    ),
  );
});
