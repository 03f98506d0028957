import type { IncomingRecord } from "@ferry/bus";
import { lwm2m } from "@ferry/proto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parseRequest } from "./parse-request.ts";

function record(value: Uint8Array | string | null, key: string | null = "default/demo", headers = {}): IncomingRecord {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return { topic: "t", partition: 0, offset: 0, key, value: bytes, headers, timestampMs: 0 };
}

const READ = { requestId: "r-1", endpoint: "demo", method: "Read", params: { id: "/3/0/9" } };

describe("a request record", () => {
  it("is JSON when it begins with {", () => {
    expect(parseRequest(record(JSON.stringify(READ)))).toEqual({
      type: "request",
      contentType: "application/json",
      request: {
        requestId: "r-1",
        tenant: "default",
        endpoint: "demo",
        method: "Read",
        params: '{"id":"/3/0/9"}',
        expiresAtMs: 0,
        oneWay: false,
        persistent: false,
        retries: undefined,
        failFast: false,
      },
    });
  });

  it("is protobuf otherwise, with the same members", () => {
    const message = { ...READ, params: '{"id":"/3/0/9"}', tenant: "acme", expiresAtMs: 5, retries: 0, oneWay: true };
    const parsed = parseRequest(record(lwm2m.v1.RpcRequest.encode(message).finish()));
    expect(parsed).toMatchObject({
      type: "request",
      contentType: "application/x-protobuf",
      request: { tenant: "acme", expiresAtMs: 5, retries: 0, oneWay: true, params: '{"id":"/3/0/9"}' },
    });
  });

  it("says by its header what it is", () => {
    const parsed = parseRequest(
      record(` ${JSON.stringify(READ)}`, "default/demo", { "content-type": "application/json" }),
    );
    expect(parsed.type).toBe("request");
  });

  it("keeps 64-bit numbers of params exact", () => {
    const parsed = parseRequest(
      record(
        '{"requestId":"r","endpoint":"demo","method":"WriteReplace","params":{"value":9223372036854775807,"x":1.50}}',
      ),
    );
    expect(parsed).toMatchObject({ request: { params: '{"value":9223372036854775807,"x":1.50}' } });
  });

  it("may have params as text", () => {
    const parsed = parseRequest(record(JSON.stringify({ ...READ, params: '{"id":"/3/0/9"}' })));
    expect(parsed).toMatchObject({ request: { params: '{"id":"/3/0/9"}' } });
  });

  it("gets what it leaves out of tenant and endpoint from its key", () => {
    const { endpoint, ...rest } = READ;
    expect(parseRequest(record(JSON.stringify(rest), "acme/valve-1"))).toMatchObject({
      request: { tenant: "acme", endpoint: "valve-1" },
    });
  });

  it.each([
    ["no requestId", { ...READ, requestId: undefined }, "requestId is missing"],
    [
      "a requestId that is too long",
      { ...READ, requestId: "x".repeat(129) },
      "requestId is not a text of 1 to 128 characters",
    ],
    ["a tenant with a slash", { ...READ, tenant: "a/b" }, "tenant is not"],
    [
      "an endpoint that is too long",
      { ...READ, endpoint: "x".repeat(256) },
      "endpoint is not a text of 1 to 255 bytes",
    ],
    ["no method", { ...READ, method: undefined }, "method is missing"],
    ["an expiry that is no time", { ...READ, expiresAtMs: "soon" }, "expiresAtMs is not a whole number"],
    ["negative retries", { ...READ, retries: -1 }, "retries is not a whole number"],
    ["a flag that is none", { ...READ, oneWay: "yes" }, "oneWay is not true or false"],
  ])("with %s is not valid", (_, message, reason) => {
    const parsed = parseRequest(record(JSON.stringify(message)));
    expect(parsed).toMatchObject({ type: "invalid", reason: expect.stringContaining(reason) });
  });

  it("without an endpoint in value or key is not valid", () => {
    const { endpoint, ...rest } = READ;
    expect(parseRequest(record(JSON.stringify(rest), null))).toMatchObject({
      type: "invalid",
      reason: "endpoint is missing",
      requestId: "r-1",
    });
  });

  it.each(["{nope", "[]", "{}"])("of %s is not valid and has no request id", (text) => {
    expect(parseRequest(record(text))).toMatchObject({ type: "invalid", requestId: undefined });
  });

  it("that is nested too deeply is not valid", () => {
    const deep = `{"requestId":"r","endpoint":"demo","method":"Read","params":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    expect(parseRequest(record(deep))).toMatchObject({
      type: "invalid",
      reason: "is not an RpcRequest in application/json",
    });
  });

  it("is parsed to a request or a reason, whatever bytes it holds", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 100 }),
          fc.json().map((json) => Buffer.from(`{"a":${json}}`)),
        ),
        (value) => {
          parseRequest(record(value));
        },
      ),
      { numRuns: 300 },
    );
  });
});
