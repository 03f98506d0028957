import { CODE } from "@ferry/coap";
import type { LwM2mNode, ResourceValue } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import { ObjectTree } from "./object-tree.ts";
import { standardObjects } from "./objects/standard-objects.ts";

const tree = (): ObjectTree => new ObjectTree(standardObjects(300));
const integer = (value: number): ResourceValue => ({ type: "INTEGER", value });
const text = (value: string): ResourceValue => ({ type: "STRING", value });
const opaque = (...bytes: number[]): ResourceValue => ({ type: "OPAQUE", value: Uint8Array.from(bytes) });
const single = (id: number, value: ResourceValue): LwM2mNode => ({ type: "singleResource", id, value });

/** The CoAP code that an operation is refused with. */
function refusal(operation: () => unknown): unknown {
  try {
    operation();
    return undefined;
  } catch (error) {
    return (error as { response?: number }).response;
  }
}

describe("ObjectTree", () => {
  it("reads a resource, an instance of one, an Object Instance and an Object", () => {
    expect(tree().read([3, 0, 9])).toEqual(single(9, integer(100)));
    expect(tree().read([3, 0, 11, 0])).toEqual({ type: "resourceInstance", id: 0, value: integer(0) });
    expect(tree().read([6, 0])).toMatchObject({ type: "objectInstance", resources: [{ id: 0 }, { id: 1 }, { id: 5 }] });
    expect(tree().read([19])).toMatchObject({ type: "object", instances: [{ id: 0 }, { id: 1 }] });
  });

  it("leaves out of a Read what may not be read", () => {
    expect(tree().read([5, 0])).not.toMatchObject({ resources: expect.arrayContaining([{ id: 1 }]) });
  });

  it.each([
    ["an object it does not have", [77], CODE.NOT_FOUND],
    ["an instance that is not there", [3, 1], CODE.NOT_FOUND],
    ["a resource that is not there", [3303, 0, 5603], CODE.NOT_FOUND],
    ["a resource that nobody defined", [3, 0, 99], CODE.NOT_FOUND],
    ["a resource instance that is not there", [3, 0, 11, 5], CODE.NOT_FOUND],
    ["what can only be executed", [3, 0, 4], CODE.METHOD_NOT_ALLOWED],
    ["what can only be written", [5, 0, 0], CODE.METHOD_NOT_ALLOWED],
    ["the credentials of object 0", [0, 0, 3], CODE.UNAUTHORIZED],
  ])("does not read %s", (_, path, code) => {
    expect(refusal(() => tree().read(path))).toBe(code);
  });

  it("writes a resource, and one that had no value yet", () => {
    const it = tree();
    it.write([3, 0, 14], "replace", single(14, text("+10")));
    it.write([19, 0, 3], "replace", single(3, text("meter")));
    expect(it.read([3, 0, 14])).toEqual(single(14, text("+10")));
    expect(it.read([19, 0, 3])).toEqual(single(3, text("meter")));
  });

  it("replaces or merges the instances of a resource as the mode says (§6.3.3)", () => {
    const it = tree();
    const at25: LwM2mNode = {
      type: "multipleResource",
      id: 0,
      dataType: "OPAQUE",
      instances: [{ type: "resourceInstance", id: 25, value: opaque(1) }],
    };
    it.write([19, 0, 0], "update", at25);
    expect(it.read([19, 0, 0])).toMatchObject({ instances: [{ id: 0 }, { id: 25 }] });
    it.write([19, 0, 0], "replace", at25);
    expect(it.read([19, 0, 0])).toMatchObject({ instances: [{ id: 25 }] });
  });

  it("takes a single value for a multiple-instance resource as its instance 0", () => {
    const it = tree();
    it.write([19, 0, 0], "replace", single(0, opaque(0, 0x81)));
    expect(it.read([19, 0, 0])).toMatchObject({
      type: "multipleResource",
      instances: [{ id: 0, value: opaque(0, 0x81) }],
    });
  });

  it("replaces the writable resources of an Object Instance and keeps the others", () => {
    const it = tree();
    it.write([3, 0], "replace", {
      type: "objectInstance",
      id: 0,
      resources: [{ type: "singleResource", id: 15, value: text("UTC") }],
    });
    expect(it.read([3, 0, 15])).toEqual(single(15, text("UTC")));
    expect(refusal(() => it.read([3, 0, 14]))).toBe(CODE.NOT_FOUND);
    expect(it.read([3, 0, 9])).toEqual(single(9, integer(100)));
  });

  it("writes all of an Object Instance or nothing", () => {
    const it = tree();
    const resources = [
      { type: "singleResource", id: 14, value: text("+10") },
      { type: "singleResource", id: 9, value: integer(1) },
    ] as const;
    expect(refusal(() => it.write([3, 0], "update", { type: "objectInstance", id: 0, resources }))).toBe(
      CODE.METHOD_NOT_ALLOWED,
    );
    expect(it.read([3, 0, 14])).toEqual(single(14, text("+00")));
  });

  it("executes only what can be executed", () => {
    expect(refusal(() => tree().execute([3, 0, 4]))).toBeUndefined();
    expect(refusal(() => tree().execute([3, 0, 9]))).toBe(CODE.METHOD_NOT_ALLOWED);
  });

  it("creates and deletes instances of objects that can have several, and only those", () => {
    const it = tree();
    expect(it.freeInstanceId(19)).toBe(2);
    it.create(19, [{ type: "objectInstance", id: 2, resources: [] }]);
    expect(refusal(() => it.create(19, [{ type: "objectInstance", id: 2, resources: [] }]))).toBe(CODE.BAD_REQUEST);
    it.delete([19, 2]);
    expect(refusal(() => it.read([19, 2]))).toBe(CODE.NOT_FOUND);
    expect(refusal(() => it.create(3, [{ type: "objectInstance", id: 1, resources: [] }]))).toBe(
      CODE.METHOD_NOT_ALLOWED,
    );
    expect(refusal(() => it.delete([3, 0]))).toBe(CODE.METHOD_NOT_ALLOWED);
  });

  it("tells whether a value that was set is another one", () => {
    const it = tree();
    expect([it.set([3, 0, 9], integer(100)), it.set([3, 0, 9], integer(99)), it.set([3, 7, 9], integer(1))]).toEqual([
      false,
      true,
      false,
    ]);
  });
});
