import { describe, expect, it } from "@jest/globals";
import { loadCoreModels } from "./core-models.ts";

const models = loadCoreModels();

describe("the core models", () => {
  it("have every object in the versions that devices register", () => {
    const versions = new Map<number, string[]>();
    for (const { id, version } of models) versions.set(id, [...(versions.get(id) ?? []), version].sort());
    const core = [0, 1, 2, 3, 4, 5, 6, 7, 9, 19].map((id) => `${id}: ${versions.get(id)?.join(" ")}`);
    expect(core).toEqual([
      "0: 1.0 1.1 1.2",
      "1: 1.0 1.1 1.2",
      "2: 1.0 1.1",
      "3: 1.0 1.1 1.2",
      "4: 1.0 1.1 1.2 1.3",
      "5: 1.0 1.1",
      "6: 1.0",
      "7: 1.0",
      "9: 1.0 1.1",
      "19: 1.0 1.1",
    ]);
    const sensors = [...versions].filter(([id]) => id >= 3200);
    expect(sensors).toHaveLength(36);
    expect(sensors.every(([, list]) => list.join(" ") === "1.0 1.1")).toBe(true);
  });

  it("name each object version once, by its URN", () => {
    expect(new Set(models.map(({ id, version }) => `${id}_${version}`)).size).toBe(models.length);
    for (const { id, version, urn } of models) {
      const organisation = id < 100 ? "oma" : "ext";
      expect(urn).toBe(`urn:oma:lwm2m:${organisation}:${id}${version === "1.0" ? "" : `:${version}`}`);
    }
  });

  it("have the resources of the Device object (Core 1.1.1 appendix E.4)", () => {
    const device = models.find(({ id, version }) => id === 3 && version === "1.1");
    const rows = [...(device?.resources.values() ?? [])].map(({ id, operations, multiple, type }) =>
      [id, operations, multiple ? "multiple" : "single", type ?? "-"].join(" "),
    );
    expect(rows).toEqual([
      "0 R single STRING",
      "1 R single STRING",
      "2 R single STRING",
      "3 R single STRING",
      "4 E single -",
      "5 E single -",
      "6 R multiple INTEGER",
      "7 R multiple INTEGER",
      "8 R multiple INTEGER",
      "9 R single INTEGER",
      "10 R single INTEGER",
      "11 R multiple INTEGER",
      "12 E single -",
      "13 RW single TIME",
      "14 RW single STRING",
      "15 RW single STRING",
      "16 R single STRING",
      "17 R single STRING",
      "18 R single STRING",
      "19 R single STRING",
      "20 R single INTEGER",
      "21 R single INTEGER",
      "22 R multiple OBJLNK",
    ]);
  });
});
