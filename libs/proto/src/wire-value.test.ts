import type { LwM2mNode, ResourceInstanceNode, ResourceValue } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { lwm2m } from "../generated/lwm2m.js";
import { toJsonValue } from "./json.ts";
import { anyValue } from "./value-fixture.ts";
import { fromWireNode, toWireNode } from "./wire-node.ts";
import { fromWireValue, toWireValue } from "./wire-value.ts";

const { Node, Value } = lwm2m.v1;

/** What arrives on the other side of the bus. */
function throughWire(value: ResourceValue): ResourceValue | undefined {
  return fromWireValue(Value.decode(Value.encode(toWireValue(value)).finish()));
}

/** Buffers and byte arrays with equal content are equal here. */
function comparable(value: ResourceValue | undefined): unknown {
  return value?.type === "OPAQUE" ? { ...value, value: Buffer.from(value.value).toString("hex") } : value;
}

describe("values on the wire", () => {
  it("come back as they went, 64-bit integers exact", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(comparable(throughWire(value))).toEqual(comparable(value));
      }),
      { numRuns: 300 },
    );
  });

  it.each<[ResourceValue, object]>([
    [{ type: "INTEGER", value: 0 }, { int64: "0" }],
    [{ type: "INTEGER", value: -(2n ** 63n) }, { int64: "-9223372036854775808" }],
    [{ type: "UNSIGNED_INTEGER", value: 2n ** 64n - 1n }, { uint64: "18446744073709551615" }],
    [{ type: "TIME", value: 1625146789000 }, { timeMs: "1625146789000" }],
    [{ type: "OPAQUE", value: Uint8Array.of(0, 0xad) }, { bytes: "AK0=" }],
    [
      { type: "OBJLNK", value: { objectId: 3, objectInstanceId: 1 } },
      { objectLink: { objectId: 3, objectInstanceId: 1 } },
    ],
  ])("%p is %p in JSON", (value, json) => {
    expect(toJsonValue(Value, toWireValue(value))).toEqual(json);
  });

  it("a multiple-instance resource is one value", () => {
    const instance = (instanceId: number, value: number): ResourceInstanceNode => ({
      type: "resourceInstance",
      id: instanceId,
      value: { type: "INTEGER", value },
    });
    const wire = toWireValue({
      type: "multipleResource",
      id: 7,
      dataType: "INTEGER",
      instances: [instance(0, 5), instance(65535, 6)],
    });
    expect(toJsonValue(Value, wire)).toEqual({ instances: { values: { 0: { int64: "5" }, 65535: { int64: "6" } } } });
    expect(fromWireValue(wire)).toBeUndefined();
  });
});

describe("nodes on the wire", () => {
  const device: LwM2mNode = {
    type: "object",
    id: 3,
    instances: [
      {
        type: "objectInstance",
        id: 0,
        resources: [
          { type: "singleResource", id: 9, value: { type: "INTEGER", value: 75 }, timeMs: 1625146789000 },
          {
            type: "multipleResource",
            id: 11,
            dataType: "INTEGER",
            instances: [{ type: "resourceInstance", id: 0, value: { type: "INTEGER", value: 1 } }],
          },
          { type: "multipleResource", id: 12, dataType: "STRING", instances: [] },
        ],
      },
    ],
  };

  it("carry path, type and device time, and come back as they went", () => {
    const wire = toWireNode([3], device);
    expect(toJsonValue(Node, wire)).toMatchObject({
      path: "/3",
      children: {
        nodes: [
          {
            path: "/3/0",
            children: {
              nodes: [
                { path: "/3/0/9", type: "INTEGER", value: { int64: "75" }, deviceTimeMs: "1625146789000" },
                { path: "/3/0/11", type: "INTEGER", children: { nodes: [{ path: "/3/0/11/0" }] } },
                { path: "/3/0/12", type: "STRING", children: {} },
              ],
            },
          },
        ],
      },
    });
    expect(fromWireNode(Node.decode(Node.encode(wire).finish()))).toEqual(device);
  });

  it("a resource instance alone is a value at a path of four ids", () => {
    const node: LwM2mNode = { type: "resourceInstance", id: 1, value: { type: "STRING", value: "x" } };
    expect(fromWireNode(toWireNode([3, 0, 11, 1], node))).toEqual(node);
  });

  it.each([
    [{ path: "/" }],
    [{ path: "/3", value: { string: "x" } }],
    [{ path: "/3/0/9/0", children: { nodes: [] } }],
    [{ path: "/3/0", children: { nodes: [{ path: "/" }] } }],
  ])("%p is no node", (wire) => {
    expect(fromWireNode(wire)).toBeUndefined();
  });
});
