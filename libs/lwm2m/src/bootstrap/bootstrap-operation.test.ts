import { CODE, CONTENT_FORMAT, formatCode, OPTION, readUintOption, uintOption, uriPath } from "@ferry/coap";
import { describe, expect, it } from "@jest/globals";
import { encodeContent } from "../content/encode.ts";
import { UnexpectedResponseError } from "../errors.ts";
import type { LwM2mNode } from "../node.ts";
import {
  type BootstrapOperation,
  fromBootstrapResponse,
  isSuccess,
  toBootstrapRequest,
} from "./bootstrap-operation.ts";
import { shortServerIdsOf } from "./short-server-id.ts";

const TLV = CONTENT_FORMAT.LWM2M_TLV;
const SENML_CBOR = CONTENT_FORMAT.SENML_CBOR;
const text = (value: string) => new TextEncoder().encode(value);
const SERVER: LwM2mNode = {
  type: "objectInstance",
  id: 2,
  resources: [{ type: "singleResource", id: 0, value: { type: "INTEGER", value: 7 } }],
};

/** `PUT /1/2 11542 c10007`: method, path, Accept or Content-Format, payload. */
function shown(operation: BootstrapOperation, format: number = TLV): string {
  const { code, options, payload } = toBootstrapRequest(operation, format);
  const accept = readUintOption(options, OPTION.ACCEPT);
  const contentFormat = readUintOption(options, OPTION.CONTENT_FORMAT);
  return [
    METHOD[code],
    `/${uriPath(options).join("/")}`,
    ...(accept === undefined ? [] : [`accept ${accept}`]),
    ...(contentFormat === undefined ? [] : [contentFormat]),
    Buffer.from(payload).toString("hex"),
  ].join(" ");
}
const METHOD: Readonly<Record<number, string>> = { 1: "GET", 2: "POST", 3: "PUT", 4: "DELETE" };

describe("a request of the bootstrap interface (Transport 1.1.1 table 6.4.2-1)", () => {
  it.each<[BootstrapOperation, string]>([
    [{ type: "discover", path: [] }, "GET / accept 40 "],
    [{ type: "discover", path: [0] }, "GET /0 accept 40 "],
    [{ type: "read", path: [1] }, "GET /1 accept 11542 "],
    [{ type: "read", path: [2, 0] }, "GET /2/0 accept 11542 "],
    [{ type: "delete", path: [] }, "DELETE / "],
    [{ type: "delete", path: [0, 1] }, "DELETE /0/1 "],
    [{ type: "write", path: [1, 2], node: SERVER }, "PUT /1/2 11542 c10007"],
    [{ type: "write", path: [1], node: { type: "object", id: 1, instances: [SERVER] } }, "PUT /1 11542 0302c10007"],
    [{ type: "finish" }, "POST /bs "],
  ])("%j is %s", (operation, expected) => {
    expect(shown(operation)).toBe(expected);
  });

  it("writes in the format that it is given", () => {
    expect(shown({ type: "write", path: [1, 2], node: SERVER }, SENML_CBOR)).toMatch(/^PUT \/1\/2 112 8/);
  });
});

describe("an answer of the bootstrap interface", () => {
  const answer = (code: number, payload: Uint8Array = new Uint8Array(), format?: number) => ({
    code,
    options: format === undefined ? [] : [uintOption(OPTION.CONTENT_FORMAT, format)],
    payload,
  });

  it("to Discover has the links also as LwM2M 1.0 writes them, which RFC 6690 does not know", () => {
    const links = 'lwm2m="1.0",</0/0>';
    const outcome = fromBootstrapResponse({ type: "discover", path: [] }, answer(CODE.CONTENT, text(links), 40));
    expect(outcome).toEqual({ code: 205, links });
    const notText = answer(CODE.CONTENT, Uint8Array.of(0xff), 40);
    expect(() => fromBootstrapResponse({ type: "discover", path: [] }, notText)).toThrow("not UTF-8");
  });

  it("to Discover has the links, with or without their Content-Format", () => {
    const operation = { type: "discover", path: [] } as const;
    const links = text("</0/0>;ssid=1");
    expect(fromBootstrapResponse(operation, answer(CODE.CONTENT, links, 40))).toEqual({
      code: 205,
      links: "</0/0>;ssid=1",
    });
    expect(fromBootstrapResponse(operation, answer(CODE.CONTENT, links))).toMatchObject({ code: 205 });
    expect(() => fromBootstrapResponse(operation, answer(CODE.CONTENT, links, TLV))).toThrow(UnexpectedResponseError);
    expect(() => fromBootstrapResponse(operation, answer(CODE.CHANGED))).toThrow(UnexpectedResponseError);
  });

  it.each([TLV, SENML_CBOR, CONTENT_FORMAT.SENML_JSON])(
    "to Read of Server in format %i has the short server ids",
    (format) => {
      const node: LwM2mNode = {
        type: "object",
        id: 1,
        instances: [
          SERVER,
          {
            type: "objectInstance",
            id: 5,
            resources: [
              { type: "singleResource", id: 0, value: { type: "INTEGER", value: 65_534 } },
              { type: "singleResource", id: 7, value: { type: "STRING", value: "U" } },
            ],
          },
          {
            type: "objectInstance",
            id: 6,
            resources: [{ type: "singleResource", id: 0, value: { type: "INTEGER", value: 0 } }],
          },
        ],
      } as const;
      const response = answer(CODE.CONTENT, encodeContent(format, node, [1]), format);
      const outcome = fromBootstrapResponse({ type: "read", path: [1] }, response);
      expect(outcome.node && [...shortServerIdsOf(outcome.node)]).toEqual([
        [2, 7],
        [5, 65_534],
      ]);
    },
  );

  it.each([CODE.CHANGED, CODE.CREATED, CODE.DELETED])(
    "to Write, Delete and Finish is a success with any 2.xx",
    (code) => {
      for (const operation of [
        { type: "write", path: [1, 2], node: SERVER },
        { type: "delete", path: [0, 1] },
        { type: "finish" },
      ] satisfies BootstrapOperation[]) {
        expect(`${formatCode(code)} ${isSuccess(fromBootstrapResponse(operation, answer(code)))}`).toMatch(/true$/);
      }
    },
  );

  it("that refuses says why, as text", () => {
    const outcome = fromBootstrapResponse({ type: "finish" }, answer(CODE.NOT_ACCEPTABLE, text("no server")));
    expect(outcome).toEqual({ code: 406, diagnostic: "no server" });
    expect(isSuccess(outcome)).toBe(false);
  });
});
