import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parseDeviceProfile } from "./device-profile.ts";
import { ProfileError } from "./errors.ts";

const OBSERVE_ATTR = {
  keyName: { "/3_1.2/0/9": "batteryLevel", "/3303_1.1/0/5700": "temperature", "/3_1.2/0/0": "manufacturer" },
  observe: ["/3_1.2/0/9", "/3303_1.1/0/5700"],
  attribute: ["/3_1.2/0/0"],
  telemetry: ["/3_1.2/0/9", "/3303_1.1/0/5700"],
  attributeLwm2m: {
    "/3303_1.1": { pmin: 10, pmax: 3600, dim: null },
    "/3303_1.1/0/5700": { pmin: 60, pmax: 900, gt: 40.0, lt: -5.0, st: 0.5, ver: "1.0" },
  },
  initAttrTelAsObsStrategy: false,
  observeStrategy: "SINGLE",
};

const TRANSPORT_CONFIGURATION = {
  type: "LWM2M",
  observeAttr: OBSERVE_ATTR,
  bootstrapServerUpdateEnable: true,
  bootstrap: [
    { securityMode: "PSK", bootstrapServerIs: false, shortServerId: 123, host: "lwm2m.example.org", port: 5686 },
  ],
  clientLwM2mSettings: {
    clientOnlyObserveAfterConnect: 2,
    defaultObjectIDVer: "1.0",
    powerMode: "E_DRX",
    edrxCycle: 81000,
    pagingTransmissionWindow: 10000,
    psmActivityTimer: null,
    useObject19ForOtaInfo: false,
    fwUpdateStrategy: 2,
    fwUpdateResource: "coap://lwm2m.example.org:5685",
    swUpdateStrategy: 1,
    swUpdateResource: null,
  },
};

const THINGSBOARD = {
  name: "NB-IoT water meter",
  type: "DEFAULT",
  transportType: "LWM2M",
  profileData: { configuration: { type: "DEFAULT" }, alarms: null, transportConfiguration: TRANSPORT_CONFIGURATION },
};

const FERRY = {
  resources: {
    "/3_1.2/0/9": { key: "batteryLevel", observe: true, telemetry: true },
    "/3303_1.1/0/5700": {
      key: "temperature",
      observe: true,
      telemetry: true,
      attributes: { pmin: 60, pmax: 900, gt: 40, lt: -5, st: 0.5 },
    },
    "/3_1.2/0/0": { key: "manufacturer", attribute: true },
  },
  objects: { "/3303_1.1": { attributes: { pmin: 10, pmax: 3600 } } },
  strategy: "single",
  afterConnect: "readThenObserve",
  defaultObjectVersion: "1.0",
  power: { mode: "edrx", cycleMs: 81000, pagingWindowMs: 10000 },
  firmware: { strategy: "url", baseUrl: "coap://lwm2m.example.org:5685" },
  bootstrap: {
    servers: [{ shortServerId: 123, security: "psk", host: "lwm2m.example.org", port: 5686, minPeriodS: 1 }],
  },
};

/** The entry of `/3_1.2/0/9` in both forms. */
const BATTERY_LEVEL = {
  id: "/3_1.2/0/9",
  path: [3, 0, 9],
  version: "1.2",
  key: "batteryLevel",
  observe: true,
  attribute: false,
  telemetry: true,
  attributes: undefined,
};

describe("parseDeviceProfile", () => {
  it("reads ThingsBoard's profile and Ferry's form of it as the same profile", () => {
    const profile = parseDeviceProfile(THINGSBOARD);
    expect(profile).toEqual(parseDeviceProfile(FERRY));
    expect(profile.entries[0]).toEqual(BATTERY_LEVEL);
    expect(profile.power).toEqual({
      mode: "E_DRX",
      psmActivityTimerMs: undefined,
      edrxCycleMs: 81000,
      pagingTransmissionWindowMs: 10000,
      queueModeAwakeTimeMs: undefined,
    });
  });

  it("reads the transport configuration alone as the whole profile", () => {
    expect(parseDeviceProfile(TRANSPORT_CONFIGURATION)).toEqual(parseDeviceProfile(THINGSBOARD));
  });

  it("gives everything a default", () => {
    const profile = parseDeviceProfile({});
    expect(profile).toEqual(parseDeviceProfile({ observeAttr: {} }));
    expect(profile).toEqual({
      entries: [],
      observeStrategy: "single",
      initialReadsAsObserved: false,
      afterConnect: "observe",
      defaultObjectVersion: undefined,
      power: {
        mode: "DRX",
        psmActivityTimerMs: undefined,
        edrxCycleMs: undefined,
        pagingTransmissionWindowMs: undefined,
        queueModeAwakeTimeMs: undefined,
      },
      transportLog: undefined,
      contentFormats: undefined,
      muteSend: undefined,
      limits: { uplinksPerDevice: undefined },
      reachability: { flowWindowMs: undefined },
      requestExpiryMs: undefined,
      firmwareUpdate: { strategy: "push", baseUrl: undefined },
      softwareUpdate: { strategy: "push", baseUrl: undefined },
      otaInfoInObject19: false,
      bootstrap: { servers: [], bootstrapServer: undefined, objects: [] },
    });
  });

  it.each([
    [0, "single"],
    [1, "compositeAll"],
    [2, "compositeByObject"],
    ["SINGLE", "single"],
    ["COMPOSITE_ALL", "compositeAll"],
    ["COMPOSITE_BY_OBJECT", "compositeByObject"],
  ])("takes ThingsBoard's observe strategy %p as %s", (observeStrategy, expected) => {
    expect(parseDeviceProfile({ observeAttr: { observeStrategy } }).observeStrategy).toBe(expected);
  });

  it("takes timers of zero as unset, as ThingsBoard does", () => {
    const { power } = parseDeviceProfile({ clientLwM2mSettings: { powerMode: "PSM", psmActivityTimer: 0 } });
    expect(power.psmActivityTimerMs).toBeUndefined();
  });

  it("says how such devices are treated beyond what ThingsBoard's form can say", () => {
    expect(
      parseDeviceProfile({
        power: { mode: "psm", activityTimerMs: 20_000, queueModeAwakeTimeMs: 30_000 },
        transportLog: "summary",
        contentFormats: ["SENML_CBOR", "TLV"],
        muteSend: true,
        limits: { uplinksPerDevice: "10:1,300:60" },
        reachability: { flowWindowMs: 15_000 },
        requestExpiryMs: 3_600_000,
      }),
    ).toMatchObject({
      power: { mode: "PSM", psmActivityTimerMs: 20_000, queueModeAwakeTimeMs: 30_000 },
      transportLog: "summary",
      contentFormats: [112, 11542],
      muteSend: true,
      limits: {
        uplinksPerDevice: [
          { capacity: 10, periodMs: 1000 },
          { capacity: 300, periodMs: 60_000 },
        ],
      },
      reachability: { flowWindowMs: 15_000 },
      requestExpiryMs: 3_600_000,
    });
  });

  it("takes the attributes of LwM2M 1.1 and 1.2 in both forms", () => {
    const attributes = { epmin: 1, epmax: 10, edge: 1, con: 1, hqmax: 50 };
    const ferry = parseDeviceProfile({ resources: { "/3/0/9": { attributes } } });
    expect(ferry.entries[0]?.attributes).toEqual(attributes);
    expect(parseDeviceProfile({ observeAttr: { attributeLwm2m: { "/3/0/9": attributes } } }).entries).toEqual(
      ferry.entries,
    );
  });

  it("takes paths without version, and null to clear an attribute", () => {
    const { entries } = parseDeviceProfile({ resources: { "3/0/9/": { attributes: { pmin: null } } } });
    expect(entries[0]).toMatchObject({ id: "/3/0/9", version: undefined, attributes: { pmin: null } });
  });

  it.each([
    ["no object", [], "", "object with `resources`"],
    ["unknown member", { resorces: {} }, "resorces", "there is no such member; there are resources, objects, strategy"],
    [
      "unknown member of a resource",
      { resources: { "/3/0/9": { obsrve: true } } },
      'resources["/3/0/9"].obsrve',
      "no such member",
    ],
    [
      "wrong type",
      { resources: { "/3/0/9": { observe: "yes" } } },
      'resources["/3/0/9"].observe',
      "expected boolean, received string",
    ],
    ["malformed path", { resources: { "/x/0/9": {} } }, 'resources["/x/0/9"]', "Invalid path /x/0/9"],
    [
      "object as resource",
      { resources: { "/3303": {} } },
      'resources["/3303"]',
      "path of no resource; write one such as",
    ],
    ["resource as object", { objects: { "/3/0/9": {} } }, 'objects["/3/0/9"]', "path of no object or object instance"],
    [
      "published without a key",
      { resources: { "/3/0/9": { telemetry: true } } },
      'resources["/3/0/9"].key',
      "needs a key",
    ],
    ["empty key", { resources: { "/3/0/9": { key: "" } } }, 'resources["/3/0/9"]', "1 to 255 characters"],
    [
      "key of two resources",
      { resources: { "/3/0/9": { key: "a" }, "/3/0/1": { key: "a" } } },
      'resources["/3/0/1"].key',
      '"a" is the key of /3/0/9 already',
    ],
    [
      "one path in two spellings",
      { resources: { "/3/0/9": {}, "3/0/9": {} } },
      'resources["3/0/9"]',
      "another member names the same path",
    ],
    [
      "gt on an object",
      { objects: { "/3303": { attributes: { gt: 1 } } } },
      'objects["/3303"]',
      "gt attribute is only applicable to",
    ],
    [
      "negative pmin",
      { resources: { "/3/0/9": { attributes: { pmin: -1 } } } },
      'resources["/3/0/9"].attributes.pmin',
      ">=0",
    ],
    [
      "pmin above pmax",
      { resources: { "/3/0/9": { attributes: { pmin: 9, pmax: 1 } } } },
      'resources["/3/0/9"]',
      "'pmin'<= 'pmax'",
    ],
    ["strategy", { strategy: "SINGLE" }, "strategy", '"single"|"compositeAll"|"compositeByObject"'],
    ["version", { defaultObjectVersion: "one" }, "defaultObjectVersion", "major.minor"],
    ["ThingsBoard strategy", { observeAttr: { observeStrategy: 3 } }, "observeAttr.observeStrategy", "COMPOSITE_ALL"],
    [
      "ThingsBoard version",
      { clientLwM2mSettings: { defaultObjectIDVer: "1" } },
      "clientLwM2mSettings.defaultObjectIDVer",
      "major.minor",
    ],
    ["log level", { transportLog: "all" }, "transportLog", "is off, summary or full"],
    [
      "content format",
      { contentFormats: ["XML"] },
      "contentFormats[0]",
      '"XML" is no content format; there are TEXT, ',
    ],
    ["no content format", { contentFormats: [] }, "contentFormats", "leave it out"],
    ["content format twice", { contentFormats: ["TLV", "TLV"] }, "contentFormats", "names a format twice"],
    ["muteSend", { muteSend: 1 }, "muteSend", "expected boolean"],
    [
      "edge",
      { resources: { "/3/0/9": { attributes: { edge: 2 } } } },
      'resources["/3/0/9"].attributes.edge',
      "is 0 or 1",
    ],
    ["rate limit", { limits: { uplinksPerDevice: "10" } }, "limits.uplinksPerDevice", "is not capacity:seconds["],
    ["rate limit as a number", { limits: { uplinksPerDevice: 10 } }, "limits.uplinksPerDevice", "expected string"],
    ["flow window", { reachability: { flowWindowMs: 0 } }, "reachability.flowWindowMs", ">0"],
    ["expiry", { requestExpiryMs: 1.5 }, "requestExpiryMs", "int"],
    ["expiry beyond what a timer takes", { requestExpiryMs: 2 ** 31 }, "requestExpiryMs", "<=2147483647"],
    ["power mode", { power: { mode: "PSM" } }, "power.mode", '"drx"|"psm"|"edrx"'],
    [
      "timer of another mode",
      { power: { mode: "psm", cycleMs: 1 } },
      "power.cycleMs",
      "is a timer of mode edrx, and the mode is psm",
    ],
    ["another transport", { transportType: "MQTT", profileData: {} }, "transportType", "is not LWM2M"],
    ["no transport configuration", { profileData: {} }, "profileData.transportConfiguration", "expected object"],
    [
      "malformed path of ThingsBoard",
      { profileData: { transportConfiguration: { observeAttr: { observe: ["/3/0/9", "/3/0/x"] } } } },
      "profileData.transportConfiguration.observeAttr.observe[1]",
      "Invalid path /3/0/x",
    ],
    [
      "key name of an object",
      { observeAttr: { keyName: { "/3_1.2": "device" } } },
      'observeAttr.keyName["/3_1.2"]',
      "path of no resource",
    ],
  ])("names field and reason: %s", (_, input, field, reason) => {
    let error: unknown;
    try {
      parseDeviceProfile(input);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ProfileError);
    expect(error).toMatchObject({ field, reason: expect.stringContaining(reason) });
  });

  it("takes a thousand paths and not one more", () => {
    const resources = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, id) => [`/3303/0/${id}`, { observe: true }]));
    expect(parseDeviceProfile({ resources: resources(1000) }).entries).toHaveLength(1000);
    expect(() => parseDeviceProfile({ resources: resources(1001) })).toThrow("at most 1000 paths");
  });

  it("takes any document as a profile or refuses it with a ProfileError", () => {
    const member = fc.oneof(fc.constantFrom(...Object.keys(FERRY), "observeAttr", "profileData"), fc.string());
    fc.assert(
      fc.property(fc.dictionary(member, fc.jsonValue()), (document) => {
        try {
          parseDeviceProfile(document);
        } catch (error) {
          expect(error).toBeInstanceOf(ProfileError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
