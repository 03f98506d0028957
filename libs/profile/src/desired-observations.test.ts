import { operationPaths, type SupportedObjects } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import { desiredAttributes, desiredObservations, initialExchange, initialReads } from "./desired-observations.ts";
import { parseDeviceProfile } from "./device-profile.ts";
import { KeyMap } from "./key-map.ts";

/** Objects as a device registered them: `{ "3": ["1.1", [0]] }`. */
function supported(objects: { [id: string]: [version: string, instances: number[]] }): SupportedObjects {
  return {
    lwm2mVersion: "1.1",
    rootPath: [],
    contentFormats: [],
    objects: new Map(Object.entries(objects).map(([id, [version, instances]]) => [Number(id), { version, instances }])),
  };
}

const PROFILE = parseDeviceProfile({
  resources: {
    "/3/0/0": { key: "manufacturer", attribute: true },
    "/3/0/9": { key: "batteryLevel", telemetry: true, observe: true, attributes: { pmin: 10 } },
    "/4_1.3/0/2": { key: "rssi", telemetry: true },
    "/3303_1.1/0/5700": { key: "temperature0", telemetry: true },
    "/3303_1.1/7/5700": { key: "temperature7", telemetry: true },
  },
  objects: { "/3303_1.1": { observe: true, attributes: { pmin: 60 } } },
});

const DEVICE = supported({ "3": ["1.1", [0]], "4": ["1.2", [0]], "3303": ["1.1", [0, 1]] });

describe("what a device is asked for", () => {
  it("is what the profile names and the device registered: attributes, then observations, then reads of the rest", () => {
    expect(initialExchange(PROFILE, DEVICE)).toEqual([
      { type: "writeAttributes", path: [3, 0, 9], attributes: { pmin: 10 } },
      { type: "writeAttributes", path: [3303], attributes: { pmin: 60 } },
      { type: "observe", path: [3, 0, 9] },
      { type: "observe", path: [3303] },
      { type: "read", path: [3, 0, 0] },
      { type: "read", path: [4, 0, 2] },
    ]);
  });

  it("is read before it is observed where the profile says so", () => {
    const { entries, ...rest } = PROFILE;
    const exchange = initialExchange({ ...rest, entries, afterConnect: "readThenObserve" }, DEVICE);
    expect(
      exchange.map((operation) => `${operation.type} ${operationPaths(operation).join().replaceAll(",", "/")}`),
    ).toEqual([
      "writeAttributes 3/0/9",
      "writeAttributes 3303",
      "read 3/0/0",
      "read 3/0/9",
      "read 4/0/2",
      "read 3303/0/5700",
      "observe 3/0/9",
      "observe 3303",
    ]);
  });

  it("is nothing of an object that it did not register, or registered with another major version", () => {
    const device = supported({ "3303": ["2.0", [0]] });
    expect(desiredObservations(PROFILE, device)).toEqual([]);
    expect(initialReads(PROFILE, device)).toEqual([]);
    expect(desiredAttributes(PROFILE, device)).toEqual([]);
  });

  it("covers any instance of an object that is listed without instances", () => {
    const profile = parseDeviceProfile({ resources: { "/3303/5/5700": { observe: true } } });
    expect(desiredObservations(profile, supported({ "3303": ["1.0", []] }))).toEqual([[3303, 5, 5700]]);
    expect(desiredObservations(profile, supported({ "3303": ["1.0", [0]] }))).toEqual([]);
  });
});

describe("of several versions of a path", () => {
  const profile = parseDeviceProfile({
    resources: {
      "/3_1.1/0/9": { key: "of1.1" },
      "/3_1.0/0/9": { key: "of1.0" },
      "/3_2.0/0/9": { key: "of2.0" },
      "/4/0/2": { key: "any" },
      "/4_1.3/0/2": { key: "of1.3" },
    },
  });

  it.each([
    ["the registered one", "3", "1.0", "of1.0"],
    ["the highest of the same major version", "3", "1.2", "of1.1"],
    ["the one without a version before another of the same major version", "4", "1.2", "any"],
    ["the registered one before the one without a version", "4", "1.3", "of1.3"],
  ])("%s applies", (_, objectId, version, key) => {
    const keys = new KeyMap(profile, supported({ [objectId]: [version, [0]] }));
    const path = objectId === "3" ? [3, 0, 9] : [4, 0, 2];
    expect(keys.keyOfPath(path)).toBe(key);
    expect(keys.pathOfKey(key)).toMatchObject({ type: "found", entry: { path } });
  });

  it("a key of another version is told from an unknown one", () => {
    const keys = new KeyMap(profile, supported({ "3": ["3.0", [0]] }));
    expect(keys.pathOfKey("of2.0")).toMatchObject({ type: "otherVersion", registered: "3.0" });
    expect(keys.pathOfKey("of1.3")).toMatchObject({ type: "otherVersion", registered: undefined });
    expect(keys.pathOfKey("OF2.0")).toEqual({ type: "unknown" });
    expect(keys.keyOfPath([3, 0, 9])).toBeUndefined();
  });
});
