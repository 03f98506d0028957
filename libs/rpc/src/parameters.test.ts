import { CONTENT_FORMAT } from "@ferry/coap";
import {
  type LwM2mNode,
  type LwM2mPath,
  type Operation,
  preferredFormats,
  type ResourceNode,
  type ResourceValue,
  toCoapRequest,
} from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { METHODS } from "./method.ts";
import { buildOperation } from "./parameters.ts";
import type { OperationContext } from "./target.ts";
import { FS, FT, ONLY_SENML_JSON, ONLY_TLV } from "./test-devices.ts";

/** The operation of a request, or `RESULT: error` of its refusal. */
function build(context: OperationContext, method: string, params: string): unknown {
  const built = buildOperation(method, params, context);
  if (built.type === "refused") return `${built.result}: ${built.error}`;
  return built.type === "local" ? built.ask : built.operation;
}

const bytes = (hex: string): ResourceValue => ({ type: "OPAQUE", value: Uint8Array.from(Buffer.from(hex, "hex")) });
const text = (value: string): ResourceValue => ({ type: "STRING", value });
const single = (id: number, value: ResourceValue): ResourceNode => ({ type: "singleResource", id, value });
function multiple(id: number, values: { readonly [instanceId: number]: ResourceValue }): ResourceNode {
  const instances = Object.entries(values).map(
    ([instanceId, value]) => ({ type: "resourceInstance", id: Number(instanceId), value }) as const,
  );
  const dataType = instances[0]?.value.type ?? "OPAQUE";
  return { type: "multipleResource", id, dataType, instances };
}
const replace = (path: LwM2mPath, node: LwM2mNode) => ({ type: "write", mode: "replace", path, node });
const update = (path: LwM2mPath, node: LwM2mNode) => ({ type: "write", mode: "update", path, node });
const instance = (...resources: ResourceNode[]): LwM2mNode => ({ type: "objectInstance", id: 0, resources });

/** Rows of the reference page: what is sent. */
const SEED_ROWS: [row: string, method: string, params: string, operation: object][] = [
  ["S1", "Read", '{"id":"/3/0/9"}', { type: "read", path: [3, 0, 9] }],
  ["S2", "Read", '{"id":"/3_1.0/0/9"}', { type: "read", path: [3, 0, 9] }],
  ["S3", "Read", '{"key":"batteryLevel"}', { type: "read", path: [3, 0, 9] }],
  ["S4", "Read", '{"id":"/3/0"}', { type: "read", path: [3, 0] }],
  ["S5", "Discover", '{"id":"/3"}', { type: "discover", path: [3] }],
  ["S7", "Discover", '{"id":"/3/0"}', { type: "discover", path: [3, 0] }],
  ["S8", "Discover", '{"id":"/3/0/1"}', { type: "discover", path: [3, 0, 1] }],
  ["S9", "Discover", '{"key":"batteryLevel"}', { type: "discover", path: [3, 0, 9] }],
  [
    "S10",
    "WriteUpdate",
    '{"id":"/3/0","value":{"14":"+5","15":"Kiyv/Europe"}}',
    update([3, 0], instance(single(14, text("+5")), single(15, text("Kiyv/Europe")))),
  ],
  [
    "S11",
    "WriteUpdate",
    '{"id":"/19/0","value":{"0":{"0":"00ad456756","25":"25ad456756"}}}',
    update([19, 0], instance(multiple(0, { 0: bytes("00ad456756"), 25: bytes("25ad456756") }))),
  ],
  [
    "S12",
    "WriteUpdate",
    '{"id":"/19/0/0","value":{"0":"00ad456756","25":"25ad456756"}}',
    update([19, 0, 0], multiple(0, { 0: bytes("00ad456756"), 25: bytes("25ad456756") })),
  ],
  ["S13", "WriteReplace", '{"id":"/19/0/0","value":"0081"}', replace([19, 0, 0], multiple(0, { 0: bytes("0081") }))],
  ["S14", "WriteReplace", '{"key":"timezone","value":"+10"}', replace([3, 0, 14], single(14, text("+10")))],
  [
    "S16",
    "WriteAttributes",
    '{"id":"/19/0/0","attributes":{"pmax":120, "pmin":10}}',
    { type: "writeAttributes", path: [19, 0, 0], attributes: { pmax: 120, pmin: 10 } },
  ],
  ["S22", "Execute", '{"id":"5/0/2"}', { type: "execute", path: [5, 0, 2], arguments: undefined }],
  ["S24", "Observe", '{"id":"/3/0/9"}', { type: "observe", path: [3, 0, 9] }],
  ["S25", "Observe", '{"id":"/3/0"}', { type: "observe", path: [3, 0] }],
  ["S26", "ObserveCancel", '{"id":"/5/0/7"}', { type: "observeCancel", path: [5, 0, 7], id: "/5/0/7" }],
  ["S27", "ObserveCancel", '{"key":"updateResult"}', { type: "observeCancel", path: [5, 0, 5], id: "/5_1.0/0/5" }],
];

const METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED: Unsupported operation type:";
const NOT_JSON = "BAD_REQUEST: The given string value cannot be transformed to Json object:";
const NO_TARGET = "BAD_REQUEST: Can't find 'key' or 'id' in the requestParams parameters!";
const UPDATE_BASE =
  "BAD_REQUEST: Resource /3_1.2/0. This operation can only be used for ObjectInstance or Multi-Instance Resource !";

/** Rows of the black-box tests and of the conversions, with the recommended outcome, on the device of the black-box tests. */
const FT_ROWS: [row: string, method: string, params: string, outcome: unknown][] = [
  [
    "S15",
    "WriteReplace",
    '{"id":"/19_1.1/0/0","value":{"0":"00ad456797","25":"25ad456700"}}',
    replace([19, 0, 0], multiple(0, { 0: bytes("00ad456797"), 25: bytes("25ad456700") })),
  ],
  ["S30", "Read", '{"id":"/3/0/9"}', { type: "read", path: [3, 0, 9] }],
  [
    "B13",
    "WriteReplace",
    '{"id":"/19_1.1/0/0/0","value":"QUJDREVGRw"}',
    replace([19, 0, 0, 0], { type: "resourceInstance", id: 0, value: bytes("41424344454647") }),
  ],
  [
    "B20",
    "WriteReplace",
    '{"id":"/19_1.1/0/0","value":{"0":"1525ad45675600cdef","15":2147483647}}',
    replace([19, 0, 0], multiple(0, { 0: bytes("1525ad45675600cdef"), 15: bytes("7fffffff") })),
  ],
  [
    "B22",
    "WriteReplace",
    '{"id":"/19_1.1/0/0","value":{"0":"01234567890CABFF"}}',
    replace([19, 0, 0], multiple(0, { 0: bytes("01234567890cabff") })),
  ],
  [
    "B23",
    "WriteUpdate",
    '{"id":"/3_1.2/0","value":{"14":"+5","15":"Kiyv/Europe"}}',
    update([3, 0], instance(single(14, text("+5")), single(15, text("Kiyv/Europe")))),
  ],
  ["B29", "Execute", '{"id":"/3_1.2/0/4"}', { type: "execute", path: [3, 0, 4], arguments: undefined }],
  ["B31", "Execute", '{"id":"/3_1.2/0/4","value":5}', { type: "execute", path: [3, 0, 4], arguments: "5" }],
  [
    "B32",
    "Execute",
    '{"id":"/3_1.2/0/5","value":"2=\'60\'"}',
    { type: "execute", path: [3, 0, 5], arguments: "2='60'" },
  ],
  [
    "B34",
    "Execute",
    '{"id":"/3_1.2/0/5","value":"0,1,2,3,4,5,6,7,8,9"}',
    { type: "execute", path: [3, 0, 5], arguments: "0,1,2,3,4,5,6,7,8,9" },
  ],
  [
    "B35",
    "Execute",
    '{"id":"/3_1.2/0/5","value":"\'60\'"}',
    "BAD_REQUEST: Invalid Execute request : [Unable to parse Arguments ['60'] : Invalid digit ['] (an integer between 0 and 9 is expected)]",
  ],
  ["B37", "Execute", '{"id":"/1/0/9"}', { type: "execute", path: [1, 0, 9], arguments: undefined }],
  [
    "B40",
    "Execute",
    '{"id":"/50/0/3"}',
    "BAD_REQUEST: Specified object id 50 absent in the list supported objects of the client or is security object!",
  ],
  [
    "B41",
    "Execute",
    '{"id":"/0_1.1/0/3"}',
    "BAD_REQUEST: Specified object id 0 absent in the list supported objects of the client or is security object!",
  ],
  ["B53", "Discover", '{"id":"/3303_1.0/0/5700"}', { type: "discover", path: [3303, 0, 5700] }],
  [
    "B55",
    "Discover",
    '{"id":"/3_1.2/0/6/1"}',
    "BAD_REQUEST: Discover request cannot target resource instance path: /3/0/6/1",
  ],
  [
    "B58",
    "WriteAttributes",
    '{"id":"/3_1.2","attributes":{"ver":1.3}}',
    "BAD_REQUEST: Attribute ver is of class PROPERTIES but only NOTIFICATION attribute can be used in WRITE ATTRIBUTE request.",
  ],
  [
    "B59",
    "WriteAttributes",
    '{"id":"/3_1.2/0/7","attributes":{"gt":50,"lt":42.2,"st":0.5}}',
    { type: "writeAttributes", path: [3, 0, 7], attributes: { gt: 50, lt: 42.2, st: 0.5 } },
  ],
  [
    "B62",
    "Observe",
    '{"id":"/3_32767.32767/0/13"}',
    "BAD_REQUEST: Specified resource id /3_32767.32767/0/13 is not valid version! Must be version: 1.2",
  ],
  ["C1", "read", '{"id":"/3/0/9"}', `${METHOD_NOT_ALLOWED} read`],
  ["C1", "FirmwareUpdate", "{}", `${METHOD_NOT_ALLOWED} FirmwareUpdate`],
  ["C1", "ReadDiscover", "{}", `${METHOD_NOT_ALLOWED} ReadDiscover`],
  ["C2", "Read", "{}", NO_TARGET],
  ["C2", "Read", '{"id":""}', NO_TARGET],
  ["C3", "Read", '"abc"', `${NOT_JSON} "abc"`],
  ["params is a number", "Read", "5", `${NOT_JSON} 5`],
  ["params is an array", "Read", "[]", `${NOT_JSON} []`],
  ["id is an object", "Read", '{"id":{}}', `${NOT_JSON} {"id":{}}`],
  ["C4", "Read", "null", NO_TARGET],
  ["C4", "Read", "", NO_TARGET],
  ["C5", "Read", '{"key":"nope"}', "BAD_REQUEST: nope is not configured in the device profile!"],
  ["C6", "Read", '{"key":"batteryLevel","id":"/3_1.2/0/14"}', { type: "read", path: [3, 0, 9] }],
  ["C7", "Read", '{"id":"3_1.2/0/9"}', { type: "read", path: [3, 0, 9] }],
  ["C8", "Read", '{"id":"/a/0"}', "BAD_REQUEST: Invalid path /a/0: object id a is not in 0..65535"],
  [
    "C9",
    "Read",
    '{"id":"/3_1.0/0/9"}',
    "BAD_REQUEST: Specified resource id /3_1.0/0/9 is not valid version! Must be version: 1.2",
  ],
  ["C10", "Read", '{"id":"3"}', { type: "read", path: [3] }],
  ["number as id", "Read", '{"id":3}', { type: "read", path: [3] }],
  [
    "root",
    "Read",
    '{"id":"/"}',
    "BAD_REQUEST: Specified object id null absent in the list supported objects of the client or is security object!",
  ],
  [
    "C21",
    "WriteReplace",
    '{"id":"/38000/0/1","value":-1}',
    replace([38000, 0, 1], single(1, { type: "INTEGER", value: -1 })),
  ],
  [
    "C22",
    "WriteReplace",
    '{"id":"/1/0/2","value":2147483648}',
    replace([1, 0, 2], single(2, { type: "INTEGER", value: 2147483648 })),
  ],
  [
    "C23",
    "WriteReplace",
    '{"id":"/1/0/2","value":"abc"}',
    "BAD_REQUEST: Resource id=/1/0/2, value = abc, class = String. Format value is bad. Value for this Single Resource must be INTEGER!",
  ],
  [
    "C24",
    "WriteReplace",
    '{"id":"/38000/0/2","value":13}',
    replace([38000, 0, 2], single(2, { type: "UNSIGNED_INTEGER", value: 13 })),
  ],
  [
    "C25",
    "WriteReplace",
    '{"id":"/38000/0/4","value":1}',
    replace([38000, 0, 4], single(4, { type: "BOOLEAN", value: true })),
  ],
  [
    "C26",
    "WriteReplace",
    '{"id":"/38000/0/4","value":"TRUE"}',
    replace([38000, 0, 4], single(4, { type: "BOOLEAN", value: true })),
  ],
  [
    "C27",
    "WriteReplace",
    '{"id":"/3_1.2/0/13","value":1625146789000}',
    replace([3, 0, 13], single(13, { type: "TIME", value: 1625146789000 })),
  ],
  [
    "C28",
    "WriteUpdate",
    '{"id":"/3_1.2/0","value":{"13":1625146789}}',
    update([3, 0], instance(single(13, { type: "TIME", value: 1625146789000 }))),
  ],
  [
    "C29",
    "WriteReplace",
    '{"id":"/3_1.2/0/13","value":1625146789}',
    replace([3, 0, 13], single(13, { type: "TIME", value: 1625146789000 })),
  ],
  ["C30", "WriteReplace", '{"id":"/38000/0/5","value":"QUJD"}', replace([38000, 0, 5], single(5, bytes("414243")))],
  [
    "C31",
    "WriteReplace",
    '{"id":"/38000/0/7","value":"3:0"}',
    replace([38000, 0, 7], single(7, { type: "OBJLNK", value: { objectId: 3, objectInstanceId: 0 } })),
  ],
  [
    "C32",
    "WriteReplace",
    '{"id":"/19/0/0","value":{"0":"12345678"}}',
    replace([19, 0, 0], multiple(0, { 0: bytes("12345678") })),
  ],
  ["C33", "WriteReplace", '{"id":"/19/0/0","value":{"0":"25"}}', replace([19, 0, 0], multiple(0, { 0: bytes("25") }))],
  [
    "C34",
    "WriteReplace",
    '{"id":"/38000/0/10","value":{"0":"hello world"}}',
    replace([38000, 0, 10], multiple(10, { 0: text("hello world") })),
  ],
  [
    "C35",
    "WriteReplace",
    '{"id":"/38000/0/10","value":{"0":"5.10"}}',
    replace([38000, 0, 10], multiple(10, { 0: text("5.10") })),
  ],
  [
    "C36",
    "WriteReplace",
    '{"id":"/38000/0/11","value":{"0":5}}',
    replace([38000, 0, 11], multiple(11, { 0: { type: "INTEGER", value: 5 } })),
  ],
  [
    "C37",
    "WriteReplace",
    '{"id":"/38000/0/13","value":{"0":42.5}}',
    replace([38000, 0, 13], multiple(13, { 0: { type: "FLOAT", value: 42.5 } })),
  ],
  [
    "C38",
    "WriteReplace",
    '{"id":"/19/0/0/1","value":"aa"}',
    replace([19, 0, 0, 1], { type: "resourceInstance", id: 1, value: bytes("aa") }),
  ],
  [
    "C39",
    "WriteReplace",
    '{"id":"/3_1.2/0","value":{}}',
    "BAD_REQUEST: Resource /3_1.2/0. This operation can only be used for Resource or ResourceInstance!",
  ],
  [
    "C40",
    "WriteReplace",
    '{"id":"/3_1.2/0/99","value":1}',
    "BAD_REQUEST: Resource /3_1.2/0/99 is not configured in the device profile!",
  ],
  ["no value", "WriteReplace", '{"id":"/3_1.2/0/14"}', "BAD_REQUEST: The value of this resource must not be null."],
  [
    "C41",
    "WriteUpdate",
    '{"id":"/3_1.2/0/14","value":"x"}',
    "BAD_REQUEST: Resource /3_1.2/0/14. This operation can only be used for ObjectInstance or Multi-Instance Resource !",
  ],
  [
    "C42",
    "WriteUpdate",
    '{"id":"/19_1.1/0/0","value":"0081"}',
    "BAD_REQUEST: Resource /19_1.1/0/0. This operation can only be used for ObjectInstance or Multi-Instance Resource ! Resource id=/19/0/0, class = String, value = 0081 is bad. Value of Multi-Instance Resource must be in Json format!",
  ],
  ["C43", "WriteUpdate", '{"id":"/3_1.2/0","value":{"99":1}}', `${UPDATE_BASE} No resources to update!`],
  [
    "unknown resource beside a known one",
    "WriteUpdate",
    '{"id":"/3_1.2/0","value":{"14":"x","99":1}}',
    `${UPDATE_BASE} Resource /3_1.2/0/99 is not configured in the device profile!`,
  ],
  [
    "C44",
    "WriteUpdate",
    '{"id":"/3_1.2","value":{}}',
    "BAD_REQUEST: Resource /3_1.2. This operation can only be used for ObjectInstance or Resource (multiple)",
  ],
  [
    "C45",
    "WriteUpdate",
    '{"id":"/19_1.1/0","value":{"1":5}}',
    update([19, 0], instance(single(1, { type: "INTEGER", value: 5 }))),
  ],
  ["C46", "WriteUpdate", '{"id":"/3_1.2/0","value":null}', "BAD_REQUEST: The value of this resource must not be null."],
  [
    "value is no object",
    "WriteUpdate",
    '{"id":"/3_1.2/0","value":5}',
    "BAD_REQUEST: The value of this resource must be in Map format and size > 0",
  ],
  [
    "member of another type",
    "WriteUpdate",
    '{"id":"/19/0","value":{"1":true}}',
    "BAD_REQUEST: Invalid value type for resource /19/0/1, expected INTEGER, got BOOLEAN",
  ],
  [
    "scalar for a multiple-instance member",
    "WriteUpdate",
    '{"id":"/19/0","value":{"0":"00"}}',
    "BAD_REQUEST: Resource id=0, class = String, value = 00 is bad. Value of Multi-Instance Resource must be in Json format!",
  ],
  [
    "C57",
    "Execute",
    '{"id":"/3_1.2/0/5","value":{"a":1}}',
    "BAD_REQUEST: Unsupported parameter type: LinkedHashMap. Only simple types (String, Integer, Boolean, etc.) are allowed for Execute arguments.",
  ],
  [
    "C58",
    "Execute",
    '{"id":"/3_1.2/0/5","value":"0,0"}',
    "BAD_REQUEST: Invalid Execute request : [Unable to parse Arguments [0,0] : Unable to build Arguments : digit [0] exists more than once ]",
  ],
  ["not executable", "Execute", '{"id":"/3_1.2/0/9"}', "BAD_REQUEST: Resource with /3_1.2/0/9 is not executable."],
  ["not a resource", "Execute", '{"id":"/3_1.2/0"}', "BAD_REQUEST: Invalid path /3/0 : Only resource can be executed."],
  [
    "no model",
    "Execute",
    '{"id":"/31024/0/1"}',
    "BAD_REQUEST: ResourceModel with /31024/0/1 is absent in the system. Need to add Model with id= 31024  ver=1.0  to profile.",
  ],
  ["C59", "WriteAttributes", '{"id":"/3_1.2/0/9"}', "BAD_REQUEST: Attributes to write are not specified!"],
  [
    "C60",
    "WriteAttributes",
    '{"id":"/3_1.2/0","attributes":{"gt":1}}',
    "BAD_REQUEST: Some attributes are not valid for the path /3/0. gt attribute is only applicable to [RESOURCE, RESOURCE_INSTANCE], and so can not be attached to /3/0",
  ],
  [
    "C60",
    "WriteAttributes",
    '{"id":"/3_1.2/0/9","attributes":{"pmin":10,"pmax":1}}',
    "BAD_REQUEST: Some attributes are not valid for the path /3/0/9. Attributes doesn't fulfill 'pmin'<= 'pmax' condition",
  ],
  [
    "C61",
    "WriteAttributes",
    '{"id":"/3_1.2/0/9","attributes":{"pmin":-1}}',
    "BAD_REQUEST: 'pmin' attribute value must not be negative",
  ],
  [
    "C61",
    "WriteAttributes",
    '{"id":"/3_1.2/0/9","attributes":{"foo":1}}',
    `${NOT_JSON} {"id":"/3_1.2/0/9","attributes":{"foo":1}}`,
  ],
  [
    "dim out of range",
    "WriteAttributes",
    '{"id":"/3_1.2/0/9","attributes":{"dim":256}}',
    "BAD_REQUEST: 'Dimension' attribute value must be between [0-255]",
  ],
  [
    "ver of one part",
    "WriteAttributes",
    '{"id":"/3_1.2/0/9","attributes":{"ver":"abc"}}',
    "BAD_REQUEST: version (abc) MUST be composed of 2 parts",
  ],
  [
    "numbers as text, null to clear",
    "WriteAttributes",
    '{"id":"/3/0/9","attributes":{"pmin":"10","pmax":null}}',
    { type: "writeAttributes", path: [3, 0, 9], attributes: { pmin: 10, pmax: null } },
  ],
  [
    "no attributes at all",
    "WriteAttributes",
    '{"id":"/3/0/9","attributes":{}}',
    { type: "writeAttributes", path: [3, 0, 9], attributes: {} },
  ],
];

/** Some quotes, and the text around them. */
const MOST_CHARACTERS = 5000;

describe("buildOperation", () => {
  it.each(SEED_ROWS)("%s: %s %s", (_, method, params, operation) => {
    expect(build(FS, method, params)).toEqual(operation);
  });

  it.each(FT_ROWS)("%s: %s %s", (_, method, params, outcome) => {
    expect(build(FT, method, params)).toEqual(outcome);
  });

  it.each(METHODS)("$name: its example is a request that can be carried out", ({ name, example }) => {
    expect(buildOperation(name, example, FT).type).not.toBe("refused");
  });

  it("tells a key of another version and a key of an object that is not there from an unknown key", () => {
    expect(build(FS, "Read", '{"key":"modelOfV2"}')).toBe(
      "BAD_REQUEST: modelOfV2 is not configured in the device profile! It is configured as /3_2.0/0/1, and the device registered version 1.0.",
    );
    expect(build(FS, "Read", '{"key":"ofObject50"}')).toBe(
      "BAD_REQUEST: Specified object id 50 absent in the list supported objects of the client or is security object!",
    );
  });

  it("cancels an observation whatever version its path names: it is found by its plain path", () => {
    expect(build(FT, "ObserveCancel", '{"id":"/3_9.9/0/9"}')).toMatchObject({ path: [3, 0, 9] });
  });

  it("gives the target as the caller wrote it, or as the profile has it for a key", () => {
    expect(buildOperation("ObserveCancel", '{"id":"3/0/9"}', FT)).toMatchObject({ ask: { id: "3/0/9" } });
    expect(buildOperation("ObserveCancel", '{"key":"batteryLevel"}', FT)).toMatchObject({
      ask: { id: "/3_1.2/0/9" },
    });
  });

  it("says REJECTED of what no device could do and FAILED of what this one cannot", () => {
    expect(buildOperation("Fly", "{}", FT)).toMatchObject({ status: "REJECTED" });
    expect(buildOperation("Read", '{"id":"/x"}', FT)).toMatchObject({ status: "REJECTED" });
    expect(buildOperation("Read", '{"id":"/50"}', FT)).toMatchObject({ status: "FAILED" });
  });

  it("quotes at most 1000 characters of what it refuses", () => {
    expect(build(FT, "Read", `"${"x".repeat(5000)}"`)).toHaveLength(NOT_JSON.length + 1 + 1000 + 1);
  });

  it("keeps 64-bit integers exact", () => {
    for (const value of ["9223372036854775807", "-9223372036854775808"]) {
      const node = single(1, { type: "INTEGER", value: BigInt(value) });
      expect(build(FT, "WriteReplace", `{"id":"/38000/0/1","value":${value}}`)).toEqual(replace([38000, 0, 1], node));
    }
  });

  it("never throws, whatever the parameters", () => {
    const id = fc.oneof(
      fc.constantFrom("/3/0", "/3/0/14", "/19/0/0", "/19/0/0/1", "/38000/0/3", "/1/0/9", "/"),
      fc.string(),
    );
    const member = fc.oneof(fc.jsonValue(), fc.constantFrom({ "0": { "0": "00" } }, { "14": 5 }, { pmin: 5, gt: "x" }));
    const ids = fc.oneof(fc.array(fc.oneof(id, fc.constant("batteryLevel"))), fc.jsonValue());
    const members = {
      ...{ id, key: fc.constantFrom("", "batteryLevel", 5), value: member, attributes: member, ids, keys: ids },
      nodes: fc.oneof(fc.dictionary(id, member), member),
      contentFormat: fc.constantFrom("TLV", "TEXT", "SENML_JSON", "XML", 5, null),
    };
    const params = fc.oneof(
      fc.string(),
      fc.json(),
      fc.record(members, { requiredKeys: [] }).map((object) => JSON.stringify(object)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...METHODS.map(({ name }) => name), "?"), params, (method, given) => {
        const built = buildOperation(method, given, FT);
        expect(["operation", "local", "refused"]).toContain(built.type);
        if (built.type === "refused") expect(built.error.length).toBeLessThan(MOST_CHARACTERS);
        if (built.type !== "operation") return;
        // What passes can be encoded; only for NaN and Infinity that hangs on the Content-Format.
        const { operation, format = formatOf(operation) } = built;
        expect(() => toCoapRequest(operation, { format, rootPath: [] })).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  /** What the device is asked in where the caller leaves it to us. */
  function formatOf(operation: Operation): number {
    if (operation.type === "create") return CONTENT_FORMAT.LWM2M_TLV;
    const [first] = "path" in operation ? preferredFormats(operation.path, FT.models, FT.supported) : [];
    return first ?? CONTENT_FORMAT.SENML_JSON;
  }

  it("takes contentFormat where it is legal, and leaves it aside where there are no values", () => {
    const formatOf = (method: string, params: string) => buildOperation(method, params, FT);
    expect(formatOf("Read", '{"id":"/3/0/9","contentFormat":"TEXT"}')).toMatchObject({ format: 0 });
    expect(formatOf("Read", '{"id":"/3/0","contentFormat":"TLV"}')).toMatchObject({ format: 11542 });
    expect(formatOf("ReadComposite", '{"ids":["/3/0"],"contentFormat":"SENML_CBOR"}')).toMatchObject({ format: 112 });
    expect(formatOf("WriteReplace", '{"id":"/38000/0/5","value":"00","contentFormat":"OPAQUE"}')).toMatchObject({
      format: 42,
    });
    expect(formatOf("Create", '{"id":"/19","value":{"0":{"0":"00"}}}')).toMatchObject({ format: 11542 });
    expect(formatOf("Execute", '{"id":"/3/0/4","contentFormat":"TLV"}')).not.toHaveProperty("format");
    expect(formatOf("Read", '{"id":"/3/0/9"}')).not.toHaveProperty("format");
  });

  it("reads composites of a device that lists no format for them when the request names one", () => {
    const params = '{"ids":["/3/0/9"],"contentFormat":"SENML_JSON"}';
    expect(buildOperation("ReadComposite", params, ONLY_TLV)).toMatchObject({ type: "operation", format: 110 });
  });

  it("goes by what the profile says that a device has, beside what the device lists", () => {
    const composite = '{"ids":["/3/0/9"]}';
    expect(buildOperation("ReadComposite", composite, ONLY_TLV)).toMatchObject({ type: "refused" });
    const withSenml = { ...ONLY_TLV, profile: { contentFormats: [112] } };
    expect(buildOperation("ReadComposite", composite, withSenml)).toMatchObject({ type: "operation" });
    const create = '{"id":"/19","value":{"0":{"0":"00AC"}}}';
    expect(buildOperation("Create", create, ONLY_SENML_JSON)).toMatchObject({ type: "refused" });
    const withTlv = { ...ONLY_SENML_JSON, profile: { contentFormats: [11542] } };
    expect(buildOperation("Create", create, withTlv)).toMatchObject({ type: "operation", format: 11542 });
  });

  it("refuses what is nested too deeply to be read", () => {
    expect(build(FT, "Read", `{"id":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)).toContain(NOT_JSON);
    const deep = `{"id":"/38000/0/0","value":${"[".repeat(2000)}${"]".repeat(2000)}}`;
    expect(build(FT, "WriteReplace", deep)).toContain("Format value is bad");
  });
});
