import {
  CODE,
  CONTENT_FORMAT,
  type CoapOption,
  OPTION,
  readUintOption,
  stringOption,
  uintOption,
  uriPath,
  uriQuery,
} from "@ferry/coap";
import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { loadCoreModels } from "./core-models.ts";
import { ModelRegistry } from "./model/model-registry.ts";
import type { SingleResourceNode } from "./node.ts";
import { fromCoapResponse, type Operation, operationPaths, toCoapRequest } from "./operation.ts";

const { TEXT_PLAIN, LWM2M_CBOR, SENML_CBOR, SENML_JSON, LWM2M_TLV, LINK_FORMAT } = CONTENT_FORMAT;
const models = new ModelRegistry(loadCoreModels()).view("default", {
  objects: new Map([[3, { version: "1.0", instances: [0] }]]),
});
const battery = (value: number): SingleResourceNode => ({
  type: "singleResource",
  id: 9,
  value: { type: "INTEGER", value },
});
const READ: Operation = { type: "read", path: [3, 0, 9] };
const OBSERVE: Operation = { type: "observe", path: [3, 0, 9] };
const DISCOVER: Operation = { type: "discover", path: [3] };
const text = (value: string) => new TextEncoder().encode(value);

/** A request in one line: method, path, query, then options and payload where there are any. */
function line(operation: Operation, format: number = LWM2M_TLV, rootPath: readonly string[] = []): string {
  const { code, options, payload } = toCoapRequest(operation, { format, rootPath });
  const method = Object.entries(CODE).find(([, value]) => value === code)?.[0];
  const query = uriQuery(options);
  const numbers = [
    ["observe", OPTION.OBSERVE],
    ["accept", OPTION.ACCEPT],
    ["format", OPTION.CONTENT_FORMAT],
  ] as const;
  return [
    method,
    `/${uriPath(options).join("/")}${query.length > 0 ? `?${query.join("&")}` : ""}`,
    ...numbers.flatMap(([name, number]) => {
      const value = readUintOption(options, number);
      return value === undefined ? [] : [`${name}=${value}`];
    }),
    ...(payload.length > 0 ? [toHex(payload)] : []),
  ].join(" ");
}

describe("an operation as a request (LwM2M Transport 1.1.1 §6.4)", () => {
  it.each<[Operation, string]>([
    [READ, "GET /3/0/9 accept=11542"],
    [{ type: "read", path: [3] }, "GET /3 accept=11542"],
    [DISCOVER, "GET /3 accept=40"],
    [OBSERVE, "GET /3/0/9 observe=0 accept=11542"],
    [{ type: "cancelObservation", path: [3, 0, 9] }, "GET /3/0/9 observe=1 accept=11542"],
    [{ type: "write", mode: "replace", path: [3, 0, 9], node: battery(100) }, "PUT /3/0/9 format=11542 c10964"],
    [
      { type: "write", mode: "update", path: [3, 0], node: { type: "objectInstance", id: 0, resources: [battery(1)] } },
      "POST /3/0 format=11542 c10901",
    ],
    [
      { type: "writeAttributes", path: [3, 0, 9], attributes: { pmin: 10, pmax: 60, gt: null } },
      "PUT /3/0/9?pmax=60&pmin=10&gt",
    ],
    [{ type: "writeAttributes", path: [3, 0], attributes: {} }, "PUT /3/0"],
    [{ type: "execute", path: [3, 0, 4], arguments: undefined }, "POST /3/0/4"],
    [{ type: "execute", path: [3, 0, 4], arguments: "" }, "POST /3/0/4"],
    [{ type: "execute", path: [3, 0, 4], arguments: "0='a'" }, "POST /3/0/4 format=0 303d276127"],
    [
      { type: "create", path: [3], instances: [{ id: undefined, resources: [battery(1)] }] },
      "POST /3 format=11542 c10901",
    ],
    [{ type: "create", path: [3], instances: [{ id: 2, resources: [battery(1)] }] }, "POST /3 format=11542 0302c10901"],
    [{ type: "create", path: [3, 2], instances: [{ id: undefined, resources: [] }] }, "POST /3 format=11542 0002"],
    [{ type: "create", path: [3], instances: [] }, "POST /3 format=11542"],
    [{ type: "delete", path: [3, 2] }, "DELETE /3/2"],
  ])("%p is %s", (operation, expected) => {
    expect(line(operation)).toBe(expected);
  });

  it("on several paths goes to the root, with their list in SenML (LwM2M Core 1.1.1 §6.3.8)", () => {
    const paths = [[3, 0, 9], [1]];
    const list = toHex(text('[{"n":"/3/0/9"},{"n":"/1"}]'));
    const both = "accept=110 format=110";
    expect(line({ type: "readComposite", paths }, SENML_JSON)).toBe(`FETCH / ${both} ${list}`);
    expect(line({ type: "observeComposite", paths }, SENML_JSON)).toBe(`FETCH / observe=0 ${both} ${list}`);
    expect(line({ type: "cancelCompositeObservation", paths }, SENML_JSON)).toBe(`FETCH / observe=1 ${both} ${list}`);
    expect(line({ type: "readComposite", paths: [[], [3]] }, SENML_JSON, ["a"])).toBe(
      `FETCH /a ${both} ${toHex(text('[{"n":"/a"},{"n":"/a/3"}]'))}`,
    );
    expect(line({ type: "readComposite", paths }, LWM2M_CBOR)).toBe(
      "FETCH / accept=11544 format=11544 a283030009f601f6",
    );
    expect(line({ type: "readComposite", paths }, SENML_CBOR)).toBe(
      "FETCH / accept=112 format=112 82a100662f332f302f39a100622f31",
    );
    const nodes = [
      { path: [3, 0, 9], node: battery(7) },
      { path: [5, 0, 1], node: { type: "singleResource", id: 1, value: { type: "STRING", value: "a" } } },
    ] as const;
    expect(line({ type: "writeComposite", nodes }, SENML_JSON, ["root"])).toBe(
      `IPATCH /root format=110 ${toHex(text('[{"bn":"/root/","n":"3/0/9","v":7},{"n":"5/0/1","vs":"a"}]'))}`,
    );
  });

  it("that creates names the instance, unless TLV leaves its id to the device", () => {
    const create: Operation = { type: "create", path: [19], instances: [{ id: undefined, resources: [battery(1)] }] };
    expect(() => line(create, SENML_JSON)).toThrow(
      "Missing object instance id for CREATE request (/19) using SENML_JSON(110) content format.",
    );
    const two: Operation = { ...create, instances: [...create.instances, { id: 1, resources: [] }] };
    expect(() => line(two)).toThrow("Missing object instance id for CREATE request (/19) using TLV(11542)");
  });

  it("has the paths that it is about", () => {
    expect(operationPaths(READ)).toEqual([[3, 0, 9]]);
    expect(operationPaths({ type: "readComposite", paths: [[3], [4, 0]] })).toEqual([[3], [4, 0]]);
    expect(operationPaths({ type: "writeComposite", nodes: [{ path: [3, 0, 9], node: battery(1) }] })).toEqual([
      [3, 0, 9],
    ]);
  });

  it("names values below the device's root path in SenML too (LwM2M Transport 1.1.1 §6.4.1)", () => {
    const write: Operation = { type: "write", mode: "replace", path: [3, 0, 9], node: battery(1) };
    const pack = text('[{"bn":"/a/3/0/9","v":1}]');
    expect(line(write, SENML_JSON, ["a"])).toBe(`PUT /a/3/0/9 format=110 ${toHex(pack)}`);
    const response = { code: CODE.CONTENT, options: [uintOption(OPTION.CONTENT_FORMAT, SENML_JSON)] };
    for (const payload of [pack, text('[{"bn":"/a/","n":"3/0/9","v":1}]'), text('[{"n":"/3/0/9","v":1}]')]) {
      expect(fromCoapResponse(READ, { ...response, payload }, models, 0, ["a"])).toMatchObject({ node: battery(1) });
    }
  });

  it("goes below the device's root path", () => {
    expect(line(READ, TEXT_PLAIN, ["lwm2m", "a"])).toBe("GET /lwm2m/a/3/0/9 accept=0");
  });

  it("has its options in ascending order, as the codec needs them", () => {
    for (const operation of [READ, OBSERVE, DISCOVER]) {
      const { options } = toCoapRequest(operation, { format: SENML_JSON, rootPath: ["a"] });
      const numbers = options.map(({ number }) => number);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
  });

  it("that its format cannot carry is refused", () => {
    const write: Operation = {
      type: "write",
      mode: "replace",
      path: [3, 0],
      node: { type: "objectInstance", id: 0, resources: [] },
    };
    expect(() => line(write, TEXT_PLAIN)).toThrow("/3/0 is no single value");
  });
});

describe("a response", () => {
  const answer = (operation: Operation, code: number, payload: Uint8Array, options: readonly CoapOption[] = []) =>
    fromCoapResponse(operation, { code, options, payload }, models);
  const format = (value: number) => uintOption(OPTION.CONTENT_FORMAT, value);
  const observe = uintOption(OPTION.OBSERVE, 12);

  it("to a Read is a node; without a Content-Format it is text for one value", () => {
    expect(answer(READ, CODE.CONTENT, hex("c10964"), [format(LWM2M_TLV)])).toEqual({ code: 205, node: battery(100) });
    expect(answer(READ, CODE.CONTENT, text("100"))).toEqual({ code: 205, node: battery(100) });
  });

  it("to an Observe tells whether the device holds it (RFC 7641 §3.1)", () => {
    expect(answer(OBSERVE, CODE.CONTENT, text("1"), [observe])).toMatchObject({ code: 205, observing: true });
    expect(answer(OBSERVE, CODE.CONTENT, text("1"))).toMatchObject({ code: 205, observing: false });
  });

  it("to a Discover is the link list as it was sent", () => {
    const links = "</3>;ver=1.2,</3/0>;pmax=65;pmin=5,</3/0/6>;dim=3";
    expect(answer(DISCOVER, CODE.CONTENT, text(links), [format(LINK_FORMAT)])).toEqual({ code: 205, links });
  });

  it("to a composite operation is each path with its node, or none where the device has no value", () => {
    const paths = [
      [3, 0, 9],
      [1, 0, 1],
      [3, 0, 6],
    ];
    const pack = text('[{"bn":"/3/0/","n":"6/0","v":5},{"n":"9","v":80},{"bn":"/4/0/2","v":1}]');
    const nodes = [
      { path: [3, 0, 9], node: battery(80) },
      { path: [1, 0, 1], node: undefined },
      {
        path: [3, 0, 6],
        node: {
          type: "multipleResource",
          id: 6,
          dataType: "INTEGER",
          instances: [{ type: "resourceInstance", id: 0, value: { type: "INTEGER", value: 5 } }],
        },
      },
    ];
    const read: Operation = { type: "readComposite", paths };
    expect(answer(read, CODE.CONTENT, pack, [format(SENML_JSON)])).toEqual({ code: 205, nodes });
    expect(answer(read, CODE.CONTENT, pack)).toEqual({ code: 205, nodes });
    const observeAll: Operation = { type: "observeComposite", paths };
    expect(answer(observeAll, CODE.CONTENT, pack, [observe])).toEqual({ code: 205, nodes, observing: true });
    expect(answer(observeAll, CODE.CONTENT, pack)).toEqual({ code: 205, nodes, observing: false });
  });

  it("to a Create has the location, when the device says it", () => {
    const create: Operation = { type: "create", path: [19], instances: [] };
    const location = ["19", "1"].map((segment) => stringOption(OPTION.LOCATION_PATH, segment));
    expect(answer(create, CODE.CREATED, text(""), location)).toEqual({ code: 201, location: "19/1" });
    expect(answer(create, CODE.CREATED, text(""))).toEqual({ code: 201 });
  });

  it("to anything else is its code", () => {
    expect(answer({ type: "delete", path: [3, 2] }, CODE.DELETED, text(""))).toEqual({ code: 202 });
    expect(answer({ type: "writeComposite", nodes: [] }, CODE.CHANGED, text(""))).toEqual({ code: 204 });
    expect(answer({ type: "execute", path: [3, 0, 4], arguments: undefined }, CODE.CHANGED, text(""))).toEqual({
      code: 204,
    });
    expect(answer({ type: "writeAttributes", path: [3], attributes: {} }, CODE.CHANGED, text(""))).toEqual({
      code: 204,
    });
  });

  it("that refuses has a code and perhaps a diagnostic", () => {
    expect(answer(READ, CODE.NOT_FOUND, text(""))).toEqual({ code: 404 });
    expect(answer(READ, CODE.INTERNAL_SERVER_ERROR, text("no sensor"))).toEqual({ code: 500, diagnostic: "no sensor" });
    expect(answer(READ, CODE.BAD_REQUEST, Uint8Array.of(0x61, 0xff))).toEqual({ code: 400, diagnostic: "a\ufffd" });
  });

  it.each<[string, Operation, number, Uint8Array, CoapOption[], object]>([
    ["success code", READ, CODE.CHANGED, text(""), [], { reason: "code", responseCode: 204, contentFormat: undefined }],
    [
      "content format",
      READ,
      CODE.CONTENT,
      text("1"),
      [format(50)],
      { reason: "contentFormat", responseCode: 205, contentFormat: 50 },
    ],
    [
      "content format",
      { type: "readComposite", paths: [] },
      CODE.CONTENT,
      text("1"),
      [format(LWM2M_TLV)],
      { reason: "contentFormat", contentFormat: LWM2M_TLV },
    ],
    ["content format", DISCOVER, CODE.CONTENT, text("1"), [format(0)], { reason: "contentFormat", contentFormat: 0 }],
    ["payload", READ, CODE.CONTENT, hex("c109"), [format(LWM2M_TLV)], { reason: "payload", contentFormat: LWM2M_TLV }],
    ["payload", DISCOVER, CODE.CONTENT, text("<"), [], { reason: "payload", contentFormat: undefined }],
  ])("of an unexpected %s is an error with the facts", (_what, operation, code, payload, options, facts) => {
    expect(() => answer(operation, code, payload, options)).toThrow(
      expect.objectContaining({ code: "LWM2M_UNEXPECTED_RESPONSE", ...facts }),
    );
  });
});
