import { ModelRegistry } from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";
import { describe, expect, it } from "@jest/globals";
import { bootstrapObjectNode } from "./bootstrap-object-node.ts";

const MODELS = new ModelRegistry(loadCoreModels()).list("default");
const modelsOf = (objectId: number) => MODELS.filter(({ id }) => id === objectId);

describe("an instance that a profile has written at bootstrap", () => {
  it("has its values by the model, in ascending order, with the instances of a resource together", () => {
    const object = { path: [2, 3] as const, resources: { 3: 1, "2/7": 15, 0: 3, "2/0": "1", 1: 0 } };
    expect(bootstrapObjectNode(object, modelsOf(2))).toEqual({
      type: "node",
      node: {
        type: "objectInstance",
        id: 3,
        resources: [
          { type: "singleResource", id: 0, value: { type: "INTEGER", value: 3 } },
          { type: "singleResource", id: 1, value: { type: "INTEGER", value: 0 } },
          {
            type: "multipleResource",
            id: 2,
            dataType: "INTEGER",
            instances: [
              { type: "resourceInstance", id: 0, value: { type: "INTEGER", value: 1 } },
              { type: "resourceInstance", id: 7, value: { type: "INTEGER", value: 15 } },
            ],
          },
          { type: "singleResource", id: 3, value: { type: "INTEGER", value: 1 } },
        ],
      },
    });
  });

  it("may have what only a later version of the object has", () => {
    const only = modelsOf(5).filter(({ resources }) => !resources.has(10));
    const object = { path: [5, 0] as const, resources: { 11: 1 } };
    expect(only.length).toBeGreaterThan(0);
    expect(bootstrapObjectNode(object, only)).toMatchObject({ type: "refused" });
    expect(bootstrapObjectNode(object, modelsOf(5))).toMatchObject({ type: "node" });
  });

  it("is refused with everything that is wrong, and without the values, which may be secrets", () => {
    const object = { path: [3, 0] as const, resources: { 9: "hidden", 99: "hidden" } };
    expect(bootstrapObjectNode(object, modelsOf(3))).toEqual({
      type: "refused",
      problems: [
        "bootstrap /3/0/9: Battery Level is INTEGER, which this string is not",
        "bootstrap /3/0/99: object 3 (Device) has no resource 99",
      ],
    });
  });
});
