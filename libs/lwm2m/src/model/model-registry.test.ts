import { describe, expect, it } from "@jest/globals";
import { ModelRegistry } from "./model-registry.ts";
import type { ObjectModel } from "./object-model.ts";

const model = (id: number, version: string, name = "system"): ObjectModel => ({
  id,
  name,
  version,
  lwm2mVersion: "1.0",
  urn: `urn:oma:lwm2m:x:${id}:${version}`,
  multiple: false,
  mandatory: false,
  resources: new Map(),
});
const supporting = (objects: Record<number, string>) => ({
  objects: new Map(Object.entries(objects).map(([id, version]) => [Number(id), { version, instances: [0] }])),
});

describe("the model of an object version", () => {
  const registry = new ModelRegistry(["1.0", "1.2", "1.10", "2.0"].map((version) => model(3, version)));

  it.each([
    ["1.2", "1.2", true],
    ["1.1", "1.10", false],
    ["1.11", "1.10", false],
    ["2.5", "2.0", false],
  ])("%s is %s, exact: %p; else the highest of the same major", (version, expected, exact) => {
    const resolved = registry.resolve("default", 3, version);
    expect(resolved).toMatchObject({ model: { version: expected }, exact });
  });

  it.each([
    ["an object that nobody defined", 4, "1.0"],
    ["a later major version than any that is defined", 3, "3.0"],
    ["an earlier one", 3, "0.9"],
  ])("is undefined for %s", (_, objectId, version) => {
    expect(registry.resolve("default", objectId, version)).toBeUndefined();
  });

  it("is the tenant's own before the system's, and only the tenant's", () => {
    const own = new ModelRegistry([model(3, "1.0"), model(3, "1.1")]);
    own.put("acme", model(3, "1.1", "acme"));
    expect(own.resolve("acme", 3, "1.1")?.model.name).toBe("acme");
    expect(own.resolve("acme", 3, "1.0")?.model.name).toBe("system");
    expect(own.resolve("other", 3, "1.1")?.model.name).toBe("system");
    expect(own.list("acme").map(({ version, name }) => [version, name])).toEqual([
      ["1.0", "system"],
      ["1.1", "acme"],
    ]);
    expect(own.remove("acme", 3, "1.1")).toBe(true);
    expect(own.remove("acme", 3, "1.1")).toBe(false);
    expect(own.resolve("acme", 3, "1.1")?.model.name).toBe("system");
  });
});

describe("the models of all versions of an object", () => {
  it("are the tenant's own and the system's, ascending", () => {
    const registry = new ModelRegistry([model(3, "1.10"), model(3, "1.2"), model(4, "1.0")]);
    registry.put("acme", model(3, "1.2", "acme"));
    registry.put("other", model(3, "1.3", "other"));
    expect(registry.versionsOf("acme", 3).map(({ version, name }) => [version, name])).toEqual([
      ["1.2", "acme"],
      ["1.10", "system"],
    ]);
    expect(registry.versionsOf("acme", 40000)).toEqual([]);
  });
});

describe("a view", () => {
  it("is shared by the devices of a tenant that registered the same object versions", () => {
    const registry = new ModelRegistry([model(3, "1.0"), model(3, "1.1")]);
    const view = registry.view("a", supporting({ 3: "1.1" }));
    expect(registry.view("a", supporting({ 3: "1.1" }))).toBe(view);
    expect(registry.view("b", supporting({ 3: "1.1" }))).not.toBe(view);
    expect(registry.view("a", supporting({ 3: "1.0" })).object(3)?.version).toBe("1.0");
    expect(view.object(3)?.version).toBe("1.1");
    expect(view.object(4)).toBeUndefined();
  });

  it("is shared too where other versions, or objects that nobody defined, come to the same definitions", () => {
    const registry = new ModelRegistry([model(3, "1.0")]);
    const view = registry.view("a", supporting({ 3: "1.0" }));
    expect(registry.view("a", supporting({ 3: "1.7", 40000: "1.0" }))).toBe(view);
  });

  it("is made anew after a change, which the version tells", () => {
    const registry = new ModelRegistry();
    const before = registry.view("a", supporting({ 3: "1.1" }));
    const { version } = registry;
    registry.put(undefined, model(3, "1.0"));
    expect(registry.version).toBeGreaterThan(version);
    expect(before.object(3)).toBeUndefined();
    expect(registry.view("a", supporting({ 3: "1.1" })).object(3)?.version).toBe("1.0");
  });
});
