import { CONTENT_FORMAT } from "@ferry/coap";
import { describe, expect, it } from "@jest/globals";
import { loadCoreModels } from "../core-models.ts";
import { ModelRegistry } from "../model/model-registry.ts";
import { parsePath } from "../path.ts";
import { assumedFormat, chooseFormat, preferredFormats } from "./content-format.ts";

const models = new ModelRegistry(loadCoreModels()).view("default", {
  objects: new Map([3, 5, 19].map((id) => [id, { version: "1.0", instances: [0] }])),
});
const { TEXT_PLAIN, OCTET_STREAM, CBOR, SENML_JSON, SENML_CBOR, LWM2M_TLV, LWM2M_JSON, LWM2M_CBOR, LINK_FORMAT } =
  CONTENT_FORMAT;
const ALL = [TEXT_PLAIN, LINK_FORMAT, OCTET_STREAM, CBOR, SENML_JSON, SENML_CBOR, LWM2M_TLV, 11_543];

describe("the content format", () => {
  it.each([
    ["a single value", "/3/0/9", "1.1", ALL, CBOR],
    ["an opaque value", "/5/0/0", "1.1", ALL, OCTET_STREAM],
    ["an object link, never link format", "/3/0/22", "1.1", [LINK_FORMAT, SENML_JSON], SENML_JSON],
    ["an object link of a device with link format only", "/3/0/22", "1.1", [LINK_FORMAT], LWM2M_TLV],
    ["a multiple-instance resource", "/3/0/6", "1.1", ALL, SENML_CBOR],
    ["an instance of it", "/3/0/6/1", "1.1", ALL, SENML_CBOR],
    ["an Object Instance", "/3/0", "1.1", ALL, SENML_CBOR],
    ["an Object", "/3", "1.1", [SENML_JSON, LWM2M_TLV], SENML_JSON],
    ["a resource without a model", "/3/0/999", "1.1", [TEXT_PLAIN, LWM2M_TLV], LWM2M_TLV],
    ["any node of a device that lists none", "/3/0/9", "1.1", [], LWM2M_TLV],
    ["a single value of a device with text only", "/3/0/9", "1.1", [TEXT_PLAIN], TEXT_PLAIN],
    ["an opaque value of a device with text only", "/5/0/0", "1.1", [TEXT_PLAIN], TEXT_PLAIN],
    ["an Object Instance of a device with text only", "/3/0", "1.1", [TEXT_PLAIN], LWM2M_TLV],
    ["any node of LwM2M 1.0", "/3/0/9", "1.0", [], LWM2M_TLV],
    ["a single value of LwM2M 1.0 that lists JSON", "/3/0/9", "1.0", [11_543], LWM2M_TLV],
    ["a single value of LwM2M 1.2", "/3/0/9", "1.2", [SENML_CBOR], SENML_CBOR],
    ["an Object Instance of LwM2M 1.2", "/3/0", "1.2", [LWM2M_TLV, LWM2M_CBOR], LWM2M_CBOR],
    ["an Object Instance whose values have times", "/3/0", "1.2", [LWM2M_CBOR, SENML_CBOR], SENML_CBOR],
    ["an Object Instance, before there was LwM2M CBOR", "/3/0", "1.1", [LWM2M_CBOR, LWM2M_TLV], LWM2M_TLV],
    ["an Object Instance of a device with LwM2M JSON only", "/3/0", "1.1", [LWM2M_JSON], LWM2M_JSON],
  ])("of %s: %s, LwM2M %s, ct %p → %p", (_node, path, lwm2mVersion, contentFormats, expected) => {
    expect(chooseFormat(parsePath(path), models, { lwm2mVersion, contentFormats })).toBe(expected);
  });

  it("has a second choice after 4.06 or 4.15", () => {
    const support = { lwm2mVersion: "1.1", contentFormats: [SENML_JSON] };
    expect(preferredFormats([3, 0], models, support)).toEqual([SENML_JSON, SENML_CBOR, LWM2M_TLV]);
    expect(preferredFormats([3, 0, 9], models, { ...support, contentFormats: [] }).slice(0, 2)).toEqual([
      LWM2M_TLV,
      CBOR,
    ]);
    expect(preferredFormats([3, 0], models, { lwm2mVersion: "1.2", contentFormats: [] })).not.toContain(LWM2M_CBOR);
  });

  it("that LwM2M 1.0 does not list is sought first among those of 1.0", () => {
    const support = { lwm2mVersion: "1.0", contentFormats: [] };
    expect(preferredFormats([3, 0, 9], models, support).slice(0, 3)).toEqual([LWM2M_TLV, TEXT_PLAIN, CBOR]);
    expect(preferredFormats([5, 0, 0], models, support).slice(0, 3)).toEqual([LWM2M_TLV, OCTET_STREAM, TEXT_PLAIN]);
  });

  it("of a payload that has none is text for one value, else TLV", () => {
    const assumed = ["/3/0/9", "/3/0/6/1", "/3/0/6", "/3/0"].map((path) => assumedFormat(parsePath(path), models));
    expect(assumed).toEqual([TEXT_PLAIN, TEXT_PLAIN, LWM2M_TLV, LWM2M_TLV]);
  });
});
