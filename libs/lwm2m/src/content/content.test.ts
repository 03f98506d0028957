import { CONTENT_FORMAT } from "@ferry/coap";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { ModelView, ObjectModel, ResourceModel } from "../model/object-model.ts";
import type { LwM2mNode, ObjectInstanceNode, ResourceNode, TimedValue } from "../node.ts";
import { exactInteger, INT64_MAX, INT64_MIN, type ResourceValue, UINT64_MAX } from "../value.ts";
import { decodeContent, decodeTimedValues } from "./decode.ts";
import { encodeContent, encodeTimedValues } from "./encode.ts";

/** A text that any format carries; NUL has no place in a device's text but must not hurt. */
const text = fc.string({ unit: "binary" });

/** Values of every type. FLOAT is finite: JSON and text have no other. TIME is in whole seconds, as TLV and text have it. */
const VALUES: Readonly<Record<ResourceValue["type"], fc.Arbitrary<ResourceValue>>> = {
  STRING: text.map((value) => ({ type: "STRING", value })),
  INTEGER: fc
    .oneof(fc.integer(), fc.bigInt({ min: INT64_MIN, max: INT64_MAX }))
    .map((value) => ({ type: "INTEGER", value: exactInteger(BigInt(value)) })),
  UNSIGNED_INTEGER: fc
    .oneof(fc.nat(), fc.bigInt({ min: 0n, max: UINT64_MAX }))
    .map((value) => ({ type: "UNSIGNED_INTEGER", value: exactInteger(BigInt(value)) })),
  FLOAT: fc
    .oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.float({ noNaN: true, noDefaultInfinity: true }))
    .map((value) => ({ type: "FLOAT", value })),
  BOOLEAN: fc.boolean().map((value) => ({ type: "BOOLEAN", value })),
  OPAQUE: fc.uint8Array({ maxLength: 300 }).map((value) => ({ type: "OPAQUE", value })),
  TIME: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).map((seconds) => ({ type: "TIME", value: seconds * 1000 })),
  OBJLNK: fc
    .tuple(fc.nat(65_535), fc.nat(65_535))
    .map(([objectId, objectInstanceId]) => ({ type: "OBJLNK", value: { objectId, objectInstanceId } })),
  CORELINK: fc.nat(65_535).map((id) => ({ type: "CORELINK", value: `</${id}>` })),
};
const TYPES = Object.keys(VALUES) as ResourceValue["type"][]; // Its keys are the types.

/** Object 40000: resource n is a single one of the n-th type, resource 100 + n a multiple one. */
const OBJECT_ID = 40_000;
const MODEL: ObjectModel = {
  id: OBJECT_ID,
  name: "All types",
  version: "1.0",
  lwm2mVersion: "1.1",
  urn: "urn:oma:lwm2m:x:40000",
  multiple: true,
  mandatory: false,
  resources: new Map(TYPES.flatMap((type, n) => [resource(n, type, false), resource(100 + n, type, true)])),
};
const MODELS: ModelView = { object: (id) => (id === OBJECT_ID ? MODEL : undefined) };

function resource(id: number, type: ResourceValue["type"], multiple: boolean): [number, ResourceModel] {
  return [id, { id, name: type, operations: "RW", multiple, mandatory: false, type, rangeEnumeration: "", units: "" }];
}

const single: fc.Arbitrary<ResourceNode> = fc
  .nat(TYPES.length - 1)
  .chain((n) => value(n).map((v) => ({ type: "singleResource", id: n, value: v })));
const multiple: fc.Arbitrary<ResourceNode> = fc.nat(TYPES.length - 1).chain((n) =>
  fc
    .uniqueArray(fc.tuple(fc.nat(65_535), value(n)), { minLength: 1, maxLength: 4, selector: ([id]) => id })
    .map((entries) => ({
      type: "multipleResource",
      id: 100 + n,
      dataType: typeOf(n),
      instances: entries.sort(([a], [b]) => a - b).map(([id, v]) => ({ type: "resourceInstance", id, value: v })),
    })),
);
const instance = (id: number): fc.Arbitrary<ObjectInstanceNode> =>
  fc
    .uniqueArray(fc.oneof(single, multiple), { minLength: 1, maxLength: 6, selector: (node) => node.id })
    .map((resources) => ({ type: "objectInstance", id, resources: resources.sort((a, b) => a.id - b.id) }));
const object: fc.Arbitrary<LwM2mNode> = fc
  .uniqueArray(fc.nat(65_534), { minLength: 1, maxLength: 3 })
  .chain((ids) => fc.tuple(...ids.sort((a, b) => a - b).map(instance)))
  .map((instances) => ({ type: "object", id: OBJECT_ID, instances }));

function typeOf(n: number): ResourceValue["type"] {
  return TYPES[n] as ResourceValue["type"]; // Callers stay within the list.
}

function value(n: number): fc.Arbitrary<ResourceValue> {
  return VALUES[typeOf(n)];
}

const NODE_FORMATS = [
  CONTENT_FORMAT.LWM2M_TLV,
  CONTENT_FORMAT.SENML_CBOR,
  CONTENT_FORMAT.SENML_JSON,
  CONTENT_FORMAT.LWM2M_JSON,
  CONTENT_FORMAT.LWM2M_CBOR,
];
const VALUE_FORMATS = [...NODE_FORMATS, CONTENT_FORMAT.CBOR, CONTENT_FORMAT.TEXT_PLAIN];

describe.each(NODE_FORMATS)("content format %p", (format) => {
  const roundTrip = (node: LwM2mNode, path: number[]) =>
    expect(decodeContent(format, encodeContent(format, node, path), path, MODELS)).toEqual(node);

  it("gives back the object that was encoded", () => {
    fc.assert(fc.property(object, (node) => roundTrip(node, [OBJECT_ID])));
  });

  it("gives back the Object Instance that was encoded", () => {
    fc.assert(fc.property(instance(7), (node) => roundTrip(node, [OBJECT_ID, 7])));
  });

  it("gives back the resource that was encoded", () => {
    fc.assert(fc.property(fc.oneof(single, multiple), (node) => roundTrip(node, [OBJECT_ID, 7, node.id])));
  });

  it("gives back the resource instance that was encoded", () => {
    fc.assert(
      fc.property(
        fc.nat(TYPES.length - 1).chain((n) => fc.tuple(fc.constant(n), value(n))),
        ([n, v]) => roundTrip({ type: "resourceInstance", id: 3, value: v }, [OBJECT_ID, 7, 100 + n, 3]),
      ),
    );
  });

  it("gives back a container without values", () => {
    const empty: LwM2mNode = { type: "multipleResource", id: 101, dataType: typeOf(1), instances: [] };
    roundTrip(empty, [OBJECT_ID, 7, 101]);
    roundTrip({ type: "objectInstance", id: 7, resources: [] }, [OBJECT_ID, 7]);
  });
});

describe.each(VALUE_FORMATS)("content format %p", (format) => {
  it.each(TYPES.map((type, n) => [type, n] as const))("gives back a single %s", (_type, n) => {
    fc.assert(
      fc.property(value(n), (v) => {
        const node: LwM2mNode = { type: "singleResource", id: n, value: v };
        const path = [OBJECT_ID, 7, n];
        expect(decodeContent(format, encodeContent(format, node, path), path, MODELS)).toEqual(node);
      }),
    );
  });
});

describe("a format of values with times", () => {
  const timed: fc.Arbitrary<TimedValue> = fc.nat(TYPES.length - 1).chain((n) =>
    fc.tuple(value(n), fc.option(fc.integer({ min: 2 ** 29, max: 2 ** 33 }))).map(([v, seconds]) => ({
      path: [OBJECT_ID, 7, n],
      value: v,
      ...(seconds !== null && { timeMs: seconds * 1000 + 250 }),
    })),
  );

  it.each([CONTENT_FORMAT.SENML_CBOR, CONTENT_FORMAT.SENML_JSON, CONTENT_FORMAT.LWM2M_JSON])(
    "%p keeps every value with its time and order",
    (format) => {
      fc.assert(
        fc.property(fc.array(timed, { maxLength: 8 }), (values) => {
          expect(decodeTimedValues(format, encodeTimedValues(format, values), [], MODELS, 0)).toEqual(values);
        }),
      );
    },
  );
});
