import { CODE, CONTENT_FORMAT, type CoapOption, OPTION, stringOption, uintOption } from "@ferry/coap";
import { describe, expect, it } from "@jest/globals";
import { parseDownlink } from "./downlink.ts";
import { VERSION_ABILITIES } from "./lwm2m-versions.ts";

const at = (path: string): CoapOption[] => path.split("/").map((segment) => stringOption(OPTION.URI_PATH, segment));
const accept = (format: number): CoapOption => uintOption(OPTION.ACCEPT, format);
const content = (format: number): CoapOption => uintOption(OPTION.CONTENT_FORMAT, format);
const observe = (value: number): CoapOption => uintOption(OPTION.OBSERVE, value);
const none = new Uint8Array();
const some = Buffer.from("1");
const { LINK_FORMAT, LWM2M_TLV, TEXT_PLAIN } = CONTENT_FORMAT;

describe("parseDownlink (OMA LwM2M Transport 1.1.1 §6.4)", () => {
  it.each([
    ["GET is Read", CODE.GET, at("3/0/9"), none, { type: "read", path: [3, 0, 9] }],
    ["GET for links is Discover", CODE.GET, [...at("3"), accept(LINK_FORMAT)], none, { type: "discover", path: [3] }],
    [
      "GET with Observe 0 is Observe",
      CODE.GET,
      [observe(0), ...at("3/0")],
      none,
      { type: "observe", composite: false },
    ],
    ["GET with Observe 1 is Cancel", CODE.GET, [observe(1), ...at("3/0")], none, { type: "cancelObservation" }],
    ["PUT of values replaces", CODE.PUT, [...at("3/0/14"), content(0)], some, { type: "write", mode: "replace" }],
    [
      "PUT of nothing with a query is Write-Attributes",
      CODE.PUT,
      [...at("3/0/9"), stringOption(OPTION.URI_QUERY, "pmin=1")],
      none,
      { type: "writeAttributes", query: ["pmin=1"] },
    ],
    [
      "POST to an instance updates",
      CODE.POST,
      [...at("3/0"), content(LWM2M_TLV)],
      some,
      { type: "write", mode: "update" },
    ],
    [
      "POST of TLV to a resource updates",
      CODE.POST,
      [...at("19/0/0"), content(LWM2M_TLV)],
      some,
      { type: "write", mode: "update" },
    ],
    [
      "POST of text to a resource executes",
      CODE.POST,
      [...at("3/0/4"), content(TEXT_PLAIN)],
      some,
      { type: "execute", arguments: "1" },
    ],
    ["POST of nothing to a resource executes", CODE.POST, at("3/0/4"), none, { type: "execute", arguments: "" }],
    ["POST to an object creates", CODE.POST, [...at("19"), content(LWM2M_TLV)], some, { type: "create", path: [19] }],
    ["DELETE deletes", CODE.DELETE, at("19/1"), none, { type: "delete", path: [19, 1] }],
  ])("%s", (_, code, options, payload, expected) => {
    expect(parseDownlink(code, options, payload, VERSION_ABILITIES["1.1"])).toMatchObject(expected);
  });

  it("refuses a path that is none with 4.00, and a method that LwM2M does not use with 4.05", () => {
    const refusal = (code: number, path: string): unknown => {
      try {
        return parseDownlink(code, at(path), none, VERSION_ABILITIES["1.1"]);
      } catch (error) {
        return error;
      }
    };
    expect(refusal(CODE.GET, "3/x")).toMatchObject({ response: CODE.BAD_REQUEST });
    expect(refusal(CODE.PATCH, "3")).toMatchObject({ response: CODE.METHOD_NOT_ALLOWED });
  });
});
