import type { ModelView, ResourceModel, ResourceValue, SupportedObjects, TimedValue } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parseDeviceProfile } from "./device-profile.ts";
import { ValueMap, ValueMaps } from "./value-map.ts";

const SUPPORTED: SupportedObjects = {
  lwm2mVersion: "1.1",
  rootPath: [],
  contentFormats: [],
  objects: new Map([
    [3, { version: "1.2", instances: [0] }],
    [5, { version: "1.1", instances: [0] }],
    [9, { version: "1.0", instances: [0, 1] }],
    [3303, { version: "1.1", instances: [0] }],
    [65535, { version: "1.0", instances: [65534] }],
  ]),
};

/** Models in which only resource 5700 of object 3303 has a unit. */
const MODELS: ModelView = {
  object: (id) =>
    id !== 3303
      ? undefined
      : {
          id,
          name: "Temperature",
          version: "1.1",
          lwm2mVersion: "1.0",
          urn: "",
          multiple: true,
          mandatory: false,
          resources: new Map([[5700, { id: 5700, units: "Cel" } as ResourceModel]]), // Nothing else of it is read.
        },
};

const PROFILE = parseDeviceProfile({
  resources: {
    "/3_1.2/0/9": { key: "batteryLevel", telemetry: true, attribute: true },
    "/3/0/7": { key: "voltages", telemetry: true },
    "/3/0/8": { key: "currents", attribute: true },
    "/3/0/0": { key: "manufacturer", attribute: true },
    "/3/0/1": { key: "forRpcOnly" },
    "/3303/0/5700": { key: "temperature", telemetry: true },
    "/65535/65534/65535": { key: "last", telemetry: true },
    "/5_1.1/0/3": { key: "fwState", telemetry: true, attribute: true },
    "/5_1.1/0/5": { key: "fwResult", telemetry: true },
    "/5_1.1/0/9": { key: "fwDelivery", telemetry: true },
    "/9/0/7": { key: "swState", telemetry: true },
    "/9/1/9": { key: "swResult", telemetry: true },
  },
});

const integer = (value: number): ResourceValue => ({ type: "INTEGER", value });

describe("ValueMap", () => {
  const map = new ValueMap(PROFILE, MODELS, SUPPORTED);

  it("puts values under their keys, with the path of the profile, the unit of the model and the device's time", () => {
    const temperature: ResourceValue = { type: "FLOAT", value: 21.5 };
    expect(map.map([{ path: [3303, 0, 5700], value: temperature, timeMs: 5 }])).toEqual({
      telemetry: [{ key: "temperature", path: "/3303/0/5700", value: temperature, timeMs: 5, unit: "Cel" }],
      attributes: [],
    });
  });

  it("publishes a resource as what the profile says: telemetry, attribute, both or nothing", () => {
    const paths = [
      [3, 0, 0],
      [3, 0, 1],
      [3, 0, 9],
      [3, 0, 99],
      [3, 1, 9],
      [65535, 65534, 65535],
    ];
    const { telemetry, attributes } = map.map(paths.map((path) => ({ path, value: integer(1) })));
    expect(telemetry.map(({ key, path }) => [key, path])).toEqual([
      ["batteryLevel", "/3_1.2/0/9"],
      ["last", "/65535/65534/65535"],
    ]);
    expect(attributes.map(({ key }) => key)).toEqual(["manufacturer", "batteryLevel"]);
  });

  it("makes the instances of a resource one value in ascending order, one for each time", () => {
    const values: TimedValue[] = [
      { path: [3, 0, 7, 1], value: integer(11) },
      { path: [3, 0, 9], value: integer(75) },
      { path: [3, 0, 7, 0], value: integer(10) },
      { path: [3, 0, 7, 0], value: integer(20), timeMs: 8 },
    ];
    const { telemetry } = map.map(values);
    expect(
      telemetry.map(({ key, timeMs, value }) => [key, timeMs, "instances" in value ? value.instances : value]),
    ).toEqual([
      [
        "voltages",
        undefined,
        [
          { type: "resourceInstance", id: 0, value: integer(10) },
          { type: "resourceInstance", id: 1, value: integer(11) },
        ],
      ],
      ["batteryLevel", undefined, integer(75)],
      ["voltages", 8, [{ type: "resourceInstance", id: 0, value: integer(20) }]],
    ]);
  });

  it("gives of an attribute the latest value only, and of its instances the latest of each", () => {
    const values: TimedValue[] = [
      { path: [3, 0, 0], value: integer(2), timeMs: 2 },
      { path: [3, 0, 0], value: integer(1), timeMs: 1 },
      { path: [3, 0, 8, 1], value: integer(11), timeMs: 2 },
      { path: [3, 0, 8, 0], value: integer(10), timeMs: 1 },
      { path: [3, 0, 8, 1], value: integer(12) },
    ];
    const { attributes } = map.map(values);
    expect(attributes).toMatchObject([
      { key: "manufacturer", timeMs: 2, value: integer(2) },
      {
        key: "currents",
        timeMs: undefined,
        value: {
          instances: [
            { id: 0, value: integer(10) },
            { id: 1, value: integer(12) },
          ],
        },
      },
    ]);
  });

  it("publishes states and results of updates by their names, and a number that has none as it is", () => {
    const given: [number[], number | bigint][] = [
      [[5, 0, 3], 2],
      [[5, 0, 5], 9],
      [[5, 0, 5], 11],
      [[5, 0, 5], 200],
      [[5, 0, 9], 2],
      [[9, 0, 7], 4],
      [[9, 1, 9], 53],
      [[9, 1, 9], 2n ** 63n],
    ];
    const values = given.map(
      ([path, value]): TimedValue => ({ path, value: { type: "INTEGER", value: value as number } }),
    );
    const { telemetry, attributes } = map.map(values);
    expect(telemetry.map(({ key, value }) => [key, "value" in value ? value.value : undefined])).toEqual([
      ["fwState", "Downloaded"],
      ["fwResult", "Unsupported protocol"],
      ["fwResult", "Firmware update deferred"],
      ["fwResult", 200],
      ["fwDelivery", 2],
      ["swState", "Installed"],
      ["swResult", "Package integrity check failure."],
      ["swResult", 2n ** 63n],
    ]);
    expect(attributes).toMatchObject([{ key: "fwState", value: { type: "STRING", value: "Downloaded" } }]);
  });

  it.each<ResourceValue>([
    { type: "STRING", value: "x" },
    { type: "INTEGER", value: -(2n ** 63n) },
    { type: "UNSIGNED_INTEGER", value: 2n ** 64n - 1n },
    { type: "FLOAT", value: -0.5 },
    { type: "BOOLEAN", value: false },
    { type: "OPAQUE", value: new Uint8Array([0, 255]) },
    { type: "TIME", value: 1_700_000_000_000 },
    { type: "OBJLNK", value: { objectId: 3, objectInstanceId: 0 } },
    { type: "CORELINK", value: "</3/0>" },
  ])("publishes a value of every type as it is: $type", (value) => {
    const { telemetry, attributes } = map.map([
      { path: [3, 0, 9], value },
      { path: [3, 0, 7, 2], value },
    ]);
    expect(telemetry.map((sample) => sample.value)).toEqual([
      value,
      {
        type: "multipleResource",
        id: 7,
        dataType: value.type,
        instances: [{ type: "resourceInstance", id: 2, value }],
      },
    ]);
    expect(attributes.map((sample) => sample.value)).toEqual([value]);
  });

  it("keeps every value of a published resource", () => {
    const path = fc.tuple(fc.constant(3), fc.constant(0), fc.constantFrom(7, 9));
    const values = fc.array(
      fc.record({
        path: fc
          .tuple(path, fc.option(fc.nat(20)))
          .map(([ids, instance]) => (instance === null ? ids : [...ids, instance])),
        value: fc.integer().map(integer),
      }),
    );
    fc.assert(
      fc.property(values, (given) => {
        const { telemetry } = map.map(given);
        const count = telemetry.reduce(
          (sum, { value }) => sum + ("instances" in value ? value.instances.length : 1),
          0,
        );
        expect(count).toBe(given.length);
      }),
      { numRuns: 200 },
    );
  });
});

it("ValueMaps shares one map among devices with one profile and one view of the models", () => {
  const maps = new ValueMaps();
  expect(maps.of(PROFILE, MODELS, SUPPORTED)).toBe(maps.of(PROFILE, MODELS, SUPPORTED));
  expect(maps.of(PROFILE, { ...MODELS }, SUPPORTED)).not.toBe(maps.of(PROFILE, MODELS, SUPPORTED));
});
