import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { lwm2m } from "../generated/lwm2m.js";
import { CONTENT_TYPE } from "./json.ts";
import { parseRpcRequest } from "./rpc-request.ts";

const json = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const READ = { requestId: "r1", endpoint: "meter", method: "Read", params: { id: "/3/0/9" } };
const DEFAULTS = { tenant: "default", expiresAtMs: 0, oneWay: false, persistent: false, failFast: false };

describe("parseRpcRequest", () => {
  it("reads JSON with params as an object or as text, and fills in what is absent", () => {
    const request = { ...DEFAULTS, ...READ, params: '{"id":"/3/0/9"}' };
    expect(parseRpcRequest(json(READ), undefined)).toEqual({
      type: "request",
      contentType: CONTENT_TYPE.json,
      request,
    });
    expect(parseRpcRequest(json({ ...READ, params: '{"id":"/3/0/9"}' }), CONTENT_TYPE.json)).toMatchObject({ request });
    expect(parseRpcRequest(json({ ...READ, params: undefined }), undefined)).toMatchObject({ request: { params: "" } });
  });

  it("reads protobuf, also without a header", () => {
    const full = {
      ...READ,
      params: "{}",
      tenant: "acme",
      expiresAtMs: 1795000000000,
      oneWay: true,
      persistent: true,
      retries: 0,
      failFast: true,
    };
    const bytes = lwm2m.v1.RpcRequest.encode(full).finish();
    for (const header of [undefined, CONTENT_TYPE.protobuf]) {
      expect(parseRpcRequest(bytes, header)).toEqual({
        type: "request",
        contentType: CONTENT_TYPE.protobuf,
        request: full,
      });
    }
    const minimal = lwm2m.v1.RpcRequest.encode({ ...READ, params: "" }).finish();
    expect(parseRpcRequest(minimal, undefined)).toEqual({
      type: "request",
      contentType: CONTENT_TYPE.protobuf,
      request: { ...DEFAULTS, ...READ, params: "" },
    });
  });

  it.each([
    ['{"requestId":"r1","endpoint":"meter","method":"Read","method":"Execute"}', "method"],
    ['{"requestId":"r1","endpoint":"meter","method":"Read","params":{"id":"/3","id":"/1"}}', "params.id"],
  ])("names a member that comes twice: of two values neither is the right one", (text, member) => {
    expect(parseRpcRequest(json(text), undefined)).toMatchObject({
      type: "invalid",
      requestId: "r1",
      reason: `Member "${member}" occurs more than once: name it once.`,
    });
  });

  it("keeps numbers of params as they were written", () => {
    const text =
      '{"requestId":"r1","endpoint":"meter","method":"WriteReplace","params":{"value":9223372036854775807,"b":[1.0,-0]}}';
    expect(parseRpcRequest(json(text), undefined)).toMatchObject({
      request: { params: '{"value":9223372036854775807,"b":[1.0,-0]}' },
    });
  });

  it.each([
    ["requestId", "", "1 to 128 characters"],
    ["requestId", "x".repeat(129), "1 to 128 characters"],
    ["requestId", 5, "1 to 128 characters"],
    ["requestId", "\ud800", "1 to 128 characters"],
    ["endpoint", "a\udfff", "1 to 255 bytes"],
    ["method", "\ud800", "1 to 64 characters"],
    ["tenant", "a/b", "a letter or digit first"],
    ["endpoint", undefined, "1 to 255 bytes"],
    ["endpoint", "é".repeat(128), "1 to 255 bytes"],
    ["method", "x".repeat(65), "1 to 64 characters"],
    ["params", 5, "an object, or text that holds one"],
    ["params", [], "an object, or text that holds one"],
    ["params", "x".repeat(1_048_577), "1048576 bytes"],
    ["expiresAtMs", 1795000000, "ms since 1970"],
    ["expiresAtMs", "1795000000000", "ms since 1970"],
    ["expiresAtMs", 1e16, "ms since 1970"],
    ["expiresAtMs", -1, "ms since 1970"],
    ["oneWay", 1, "true or false"],
    ["persistent", "true", "true or false"],
    ["retries", -1, "0 to 100"],
    ["retries", 1.5, "0 to 100"],
    ["failFast", {}, "true or false"],
    ["timeout", 5000, "not a member"],
  ])("names the member that is wrong: %s of %p", (field, value, reason) => {
    expect(parseRpcRequest(json({ ...READ, [field]: value }), undefined)).toEqual({
      type: "invalid",
      contentType: CONTENT_TYPE.json,
      field,
      reason: expect.stringContaining(reason),
      requestId: field === "requestId" ? undefined : "r1",
      tenant: "default",
      endpoint: field === "endpoint" ? "" : "meter",
    });
  });

  it("takes a tenant or endpoint that the request leaves out from the record's key", () => {
    const { endpoint, ...rest } = READ;
    expect(parseRpcRequest(json(rest), undefined, "acme/site/7")).toMatchObject({
      request: { tenant: "acme", endpoint: "site/7" },
    });
    expect(parseRpcRequest(json({ ...READ, tenant: "other" }), undefined, "acme/site")).toMatchObject({
      request: { tenant: "other", endpoint },
    });
    expect(parseRpcRequest(json("{"), undefined, "acme/site/7")).toMatchObject({ tenant: "acme", endpoint: "site/7" });
  });

  it.each([
    ["no JSON", '{"requestId":"r1","endpoint":', "is not JSON", "r1"],
    ["no JSON and no id", "{", "is not JSON", undefined],
    ["an id that is too long", `{"requestId":"${"x".repeat(129)}",`, "is not JSON", undefined],
    ["no object", "[]", "is not a JSON object", undefined],
  ])("answers what is no request with the reason and the id that it shows: %s", (_, text, reason, requestId) => {
    expect(parseRpcRequest(json(text), CONTENT_TYPE.json)).toMatchObject({
      type: "invalid",
      field: "",
      reason: expect.stringContaining(reason),
      requestId,
    });
  });

  it("refuses text that is not UTF-8 and protobuf that is cut", () => {
    expect(parseRpcRequest(Uint8Array.of(0x7b, 0xff), undefined)).toMatchObject({
      reason: "The request is not UTF-8.",
    });
    expect(parseRpcRequest(Uint8Array.of(0x0a, 0x05, 0x61), undefined)).toMatchObject({
      type: "invalid",
      reason: expect.stringContaining("no lwm2m.v1.RpcRequest"),
    });
    expect(parseRpcRequest(new Uint8Array(), undefined)).toMatchObject({ type: "invalid", field: "requestId" });
  });

  it("refuses protobuf whose text is not UTF-8", () => {
    expect(parseRpcRequest(Uint8Array.of(18, 1, 128), undefined)).toMatchObject({ type: "invalid" });
  });

  it("takes any bytes without throwing", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map(json),
      fc
        .record(Object.fromEntries(Object.keys({ ...READ, ...DEFAULTS }).map((name) => [name, fc.jsonValue()])))
        .map(json),
    );
    fc.assert(
      fc.property(bytes, fc.constantFrom(undefined, CONTENT_TYPE.json, CONTENT_TYPE.protobuf), (value, header) => {
        expect(["request", "invalid"]).toContain(parseRpcRequest(value, header).type);
      }),
      { numRuns: 300 },
    );
  });
});
