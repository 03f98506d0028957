import type { SupportedObjects } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import { desiredAttributes, desiredMute, desiredObservations, initialReads } from "./desired-observations.ts";
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
  it("is what the profile names and the device registered: attributes, observations, and reads of the rest", () => {
    expect(desiredAttributes(PROFILE, DEVICE)).toEqual([
      { path: [3, 0, 9], attributes: { pmin: 10 } },
      { path: [3303], attributes: { pmin: 60 } },
    ]);
    expect(desiredObservations(PROFILE, DEVICE)).toEqual([[[3, 0, 9]], [[3303]]]);
    expect(initialReads(PROFILE, DEVICE)).toEqual([[[3, 0, 0]], [[4, 0, 2]]]);
  });

  it("is read whether or not it is observed where the profile says so", () => {
    const profile = { ...PROFILE, afterConnect: "readThenObserve" } as const;
    expect(initialReads(profile, DEVICE)).toEqual([[[3, 0, 0]], [[3, 0, 9]], [[4, 0, 2]], [[3303, 0, 5700]]]);
  });

  it("is nothing of an object that it did not register, or registered with another major version", () => {
    const device = supported({ "3303": ["2.0", [0]] });
    expect(desiredObservations(PROFILE, device)).toEqual([]);
    expect(initialReads(PROFILE, device)).toEqual([]);
    expect(desiredAttributes(PROFILE, device)).toEqual([]);
  });

  it("covers any instance of an object that is listed without instances", () => {
    const profile = parseDeviceProfile({ resources: { "/3303/5/5700": { observe: true } } });
    expect(desiredObservations(profile, supported({ "3303": ["1.0", []] }))).toEqual([[[3303, 5, 5700]]]);
    expect(desiredObservations(profile, supported({ "3303": ["1.0", [0]] }))).toEqual([]);
  });
});

describe("how paths are grouped", () => {
  const observe = true;
  const document = {
    resources: {
      "/3303/0/5700": { key: "temperature", telemetry: true, observe },
      "/3/0/13": { key: "time", telemetry: true, observe },
      "/3/0/9": { key: "batteryLevel", telemetry: true, observe },
      "/3/0/0": { key: "manufacturer", attribute: true },
      "/3303/0/5605": { key: "reset", attribute: true },
    },
    initialReads: "asObserved",
  };
  const objects = { "3": ["1.1", [0]], "3303": ["1.1", [0]] } as const;
  const senml = { ...supported(objects as never), contentFormats: [112] };
  const groups = (strategy: string, device: SupportedObjects, more = {}): unknown => {
    const profile = parseDeviceProfile({ ...document, strategy, ...more });
    return [desiredObservations(profile, device), initialReads(profile, device)];
  };

  it("single: every path by itself", () => {
    expect(groups("single", senml)).toEqual([
      [[[3303, 0, 5700]], [[3, 0, 13]], [[3, 0, 9]]],
      [[[3, 0, 0]], [[3303, 0, 5605]]],
    ]);
  });

  it("compositeAll: all together, reads too, in an order that the document does not decide", () => {
    expect(groups("compositeAll", senml)).toEqual([
      [
        [
          [3, 0, 9],
          [3, 0, 13],
          [3303, 0, 5700],
        ],
      ],
      [
        [
          [3, 0, 0],
          [3303, 0, 5605],
        ],
      ],
    ]);
  });

  it("compositeByObject: those of one object together", () => {
    expect(groups("compositeByObject", senml)).toEqual([
      [
        [
          [3, 0, 9],
          [3, 0, 13],
        ],
        [[3303, 0, 5700]],
      ],
      [[[3, 0, 0]], [[3303, 0, 5605]]],
    ]);
  });

  it("reads are single where the profile does not say otherwise", () => {
    expect(groups("compositeAll", senml, { initialReads: "single" })).toMatchObject([
      {},
      [[[3, 0, 0]], [[3303, 0, 5605]]],
    ]);
  });

  it("a device that lists no SenML is asked path by path, unless the profile knows that it has it", () => {
    const plain = supported(objects as never);
    expect(groups("compositeAll", plain)).toEqual(groups("single", plain));
    expect(groups("compositeAll", plain, { contentFormats: ["SENML_JSON"] })).toEqual(groups("compositeAll", senml));
  });

  it("more paths than one request takes become several", () => {
    const resources = Object.fromEntries(Array.from({ length: 130 }, (_, id) => [`/3/0/${id}`, { observe }]));
    const profile = parseDeviceProfile({ resources, strategy: "compositeAll" });
    expect(desiredObservations(profile, senml).map(({ length }) => length)).toEqual([128, 2]);
  });
});

describe("Mute Send", () => {
  it.each([
    ["is written where the profile says so", { "1": ["1.1", [0]] }, true, 1],
    ["is left alone where the profile says nothing", { "1": ["1.1", [0]] }, undefined, 0],
    ["does not exist in LwM2M 1.0", { "1": ["1.0", [0]] }, true, 0],
    ["needs an account to write it to", { "3": ["1.1", [0]] }, true, 0],
    ["is not written where it may be another server's", { "1": ["1.1", [0, 1]] }, true, 0],
  ] as const)("%s", (_, objects, muteSend, writes) => {
    const profile = parseDeviceProfile({ resources: {}, ...(muteSend === undefined ? {} : { muteSend }) });
    expect(desiredMute(profile, supported(objects as never))).toHaveLength(writes);
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
