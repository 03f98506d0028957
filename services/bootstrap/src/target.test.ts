import { loadCoreModels } from "@ferry/lwm2m/core-models";
import { type BootstrapSettings, parseDeviceProfile } from "@ferry/profile";
import { lwm2m, provisioningKey } from "@ferry/proto";
import {
  type DeviceCredential,
  type DeviceDeclaration,
  parseProvisioningRecord,
  parseSealingKeys,
  SealingError,
  sealSecret,
} from "@ferry/provisioning";
import { describe, expect, it } from "@jest/globals";
import { deviceKeys } from "./device-keys.ts";
import { bootstrapTarget, type DeviceKeys, type OpenKeys, withServerKeys } from "./target.ts";

const NO_KEYS: DeviceKeys = { server: { type: "noSec" }, isServerMade: false, bootstrapServer: { type: "noSec" } };
const ADDRESS = { host: "lwm2m.example.org", port: 5683, weight: 1 };
const ACCOUNT = { addresses: [ADDRESS], serverPublicKey: undefined, holdOffS: 1 };
const SERVER = {
  ...ACCOUNT,
  security: "noSec",
  shortServerId: 101,
  lifetimeS: 300,
  minPeriodS: 1,
  maxPeriodS: undefined,
  disableTimeoutS: undefined,
  storesNotifications: true,
  binding: "U",
} as const;
const SETTINGS: BootstrapSettings = { servers: [SERVER], bootstrapServer: undefined, objects: [] };
const PRIVATE = Uint8Array.of(1);
const PUBLIC = Uint8Array.of(2);
const SERVERS = Uint8Array.of(3);
const models = loadCoreModels();

const targetOf = (bootstrap: Partial<BootstrapSettings>, keys: DeviceKeys = NO_KEYS, endpoint = "ep-1") =>
  bootstrapTarget({
    endpoint,
    profileName: "meter",
    bootstrap: { ...SETTINGS, ...bootstrap },
    keys,
    modelsOf: (objectId) => models.filter(({ id }) => id === objectId),
  });
/** What a device with a pre-shared key gets by the accounts that docs/profiles.md shows. */
const documented = (): ReturnType<typeof targetOf> => {
  const hosts = [{ host: "eu.lwm2m.example.org", weight: 3 }, { host: "us.lwm2m.example.org" }];
  const { bootstrap } = parseDeviceProfile({
    resources: {},
    bootstrap: {
      servers: [
        { shortServerId: 123, security: "psk", hosts, port: 5686, lifetimeS: 86400 },
        { shortServerId: 124, security: "noSec", host: "backup.example.org", port: 5685 },
      ],
      bootstrapServer: { security: "psk", host: "bootstrap.example.org", port: 5688, holdOffS: 10 },
    },
  });
  const key: OpenKeys = { type: "psk", identity: "id-1", key: PRIVATE };
  return targetOf(bootstrap, { server: key, isServerMade: false, bootstrapServer: key });
};
const reasonOf = (...given: Parameters<typeof targetOf>): string => {
  const outcome = targetOf(...given);
  return outcome.type === "refused" ? outcome.reason : "none";
};

describe("what a device is to have", () => {
  it.each<[string, OpenKeys, object]>([
    ["psk", { type: "psk", identity: "id-1", key: PRIVATE }, { type: "psk", identity: "id-1", key: PRIVATE }],
    [
      "rawPublicKey",
      { type: "rawPublicKey", publicKey: PUBLIC, privateKey: PRIVATE },
      { type: "rawPublicKey", publicKey: PUBLIC, privateKey: PRIVATE, serverPublicKey: SERVERS },
    ],
    [
      "x509",
      { type: "x509", publicKey: PUBLIC, privateKey: PRIVATE },
      { type: "x509", publicKey: PUBLIC, privateKey: PRIVATE, serverPublicKey: SERVERS },
    ],
  ])("has its own keys and the server's, with %s, at a coaps address", (security, server, keys) => {
    const account = { ...SERVER, security, serverPublicKey: security === "psk" ? undefined : SERVERS };
    expect(targetOf({ servers: [account as typeof SERVER] }, { ...NO_KEYS, server })).toMatchObject({
      type: "target",
      target: { servers: [{ uri: "coaps://lwm2m.example.org:5683", keys }], bootstrapServer: undefined },
    });
  });

  it("has what the profile of docs/profiles.md says: a server and the bootstrap server by the device's key, another in the clear", () => {
    const [outcome, key] = [documented(), { type: "psk", identity: "id-1", key: PRIVATE }];
    expect(outcome).toMatchObject({
      type: "target",
      target: {
        servers: [
          { shortServerId: 123, uri: expect.stringMatching(/^coaps:/), keys: key },
          { shortServerId: 124, uri: "coap://backup.example.org:5685", keys: { type: "noSec" } },
        ],
        bootstrapServer: { uri: "coaps://bootstrap.example.org:5688", keys: key },
      },
    });
  });

  it("has a key that was made for it only where the account takes one", () => {
    const [outcome, made] = [documented(), { type: "psk", identity: "made", key: PUBLIC } as const];
    const servers = outcome.type === "target" ? withServerKeys(outcome.target, made).servers : [];
    expect(servers.map(({ keys }) => keys)).toEqual([made, { type: "noSec" }]);
  });

  it("has a server in the clear also where none of its keys could be given", () => {
    const server: OpenKeys = { type: "unknown", reason: "there are none" };
    expect(targetOf({}, { ...NO_KEYS, server })).toMatchObject({ target: { servers: [{ keys: { type: "noSec" } }] } });
  });

  it("has one address of each server, by its endpoint name: a fleet is spread over all of them", () => {
    const addresses = [ADDRESS, { ...ADDRESS, host: "other.example.org" }];
    const uris = Array.from({ length: 40 }, (_, index) => {
      const outcome = targetOf({ servers: [{ ...SERVER, addresses }] }, NO_KEYS, `ep-${index}`);
      return outcome.type === "target" ? outcome.target.servers[0]?.uri : undefined;
    });
    expect(new Set(uris)).toEqual(new Set(["coap://lwm2m.example.org:5683", "coap://other.example.org:5683"]));
    expect(targetOf({ servers: [{ ...SERVER, addresses }] })).toEqual(
      targetOf({ servers: [{ ...SERVER, addresses }] }),
    );
  });

  it("has an IPv6 address in its brackets", () => {
    const addresses = [{ ...ADDRESS, host: "[2001:db8::1]" }];
    expect(targetOf({ servers: [{ ...SERVER, addresses }] })).toMatchObject({
      target: { servers: [{ uri: "coap://[2001:db8::1]:5683" }] },
    });
  });

  it("has objects beside accounts, at their paths", () => {
    expect(targetOf({ objects: [{ path: [3, 0], resources: { "14": "+02:00" } }] })).toMatchObject({
      target: { objects: [{ path: [3, 0], node: { type: "objectInstance", id: 0 } }] },
    });
  });
});

describe("what cannot be given is refused, and the field is named", () => {
  it.each<[string, string, string]>([
    ["psk", "noSec", "a pre-shared key, and bootstrap.server of the device has no security: make them agree"],
    ["x509", "psk", "a certificate, and bootstrap.server of the device has a pre-shared key: make them agree"],
  ])("a server of %s for a device of %s", (security, type, sentence) => {
    const keys = { type, identity: "id-1", key: PRIVATE } as OpenKeys;
    expect(reasonOf({ servers: [{ ...SERVER, security } as typeof SERVER] }, { ...NO_KEYS, server: keys })).toBe(
      `bootstrap.servers: server 101 of the profile asks for ${sentence}`,
    );
  });

  it("a profile without servers", () => {
    expect(reasonOf({ servers: [] })).toBe(
      'the profile "meter" names no LwM2M servers: give it some under bootstrap.servers',
    );
  });

  it("objects that no device can take, with all that is wrong", () => {
    const objects = [{ path: [3, 0], resources: { "13": "soon", "99": 1 } }] as const;
    expect(reasonOf({ objects })).toBe(
      "bootstrap /3/0/13: Current Time is TIME, which this string is not; bootstrap /3/0/99: object 3 (Device) has no resource 99",
    );
  });
});

describe("the keys of a device", () => {
  const SEALING = parseSealingKeys(Buffer.alloc(32, 1).toString("base64"));
  const SECRET = Buffer.alloc(16, 7);
  const seal = (device: string) => ({ sealed: sealSecret(SEALING, SECRET, device, (size) => new Uint8Array(size)) });
  const DEVICE = { tenant: "default", endpoint: "ep-1" };

  function declarationOf(device: lwm2m.v1.Device.$Properties): DeviceDeclaration {
    const body = { endpoint: "ep-1", profile: "meter", ...device };
    const value = lwm2m.v1.ProvisioningRecord.encode({ tenant: "default", id: "ep-1", device: body }).finish();
    const record = parseProvisioningRecord(provisioningKey("device", "default", "ep-1"), value);
    if (record.kind !== "device") throw new TypeError(record.kind);
    return record.device;
  }
  const keysOf = (device: lwm2m.v1.Device.$Properties, sealingKeys: typeof SEALING | undefined = SEALING): DeviceKeys =>
    deviceKeys({ device: DEVICE, declaration: declarationOf(device), generated: undefined, sealingKeys });

  it("are those of its credentials where nothing is declared for bootstrapping, opened where they are sealed", () => {
    const key = { type: "psk", identity: "id-1", key: SECRET };
    const credentials = [{ psk: { identity: "id-1", key: seal("default/ep-1") } }];
    expect(keysOf({ credentials })).toEqual({ server: key, isServerMade: false, bootstrapServer: key });
  });

  it("cannot be opened with another key, in another device's record, or without a key", () => {
    const credentials = [{ psk: { identity: "id-1", key: seal("default/ep-2") } }];
    expect(() => keysOf({ credentials })).toThrow(SealingError);
    const own = [{ psk: { identity: "id-1", key: seal("default/ep-1") } }];
    const parts = { device: DEVICE, declaration: declarationOf({ credentials: own }), generated: undefined };
    expect(() => deviceKeys({ ...parts, sealingKeys: undefined })).toThrow(/PROVISIONING_SEALING_KEY_FILE/);
  });

  it("are those that Ferry made where it did", () => {
    const credentials = [{ psk: { identity: "id-1", key: { plain: SECRET } } }];
    const declaration = declarationOf({ credentials });
    const made = { type: "psk", identity: "made", key: { type: "plain", bytes: Buffer.alloc(16, 9) } } as const;
    const keys = deviceKeys({ device: DEVICE, declaration, generated: [made], sealingKeys: undefined });
    expect(keys.server).toEqual({ type: "psk", identity: "made", key: Buffer.alloc(16, 9) });
    expect(keys.bootstrapServer).toMatchObject({ identity: "id-1" });
  });

  it("that Ferry made are named as such where they do not fit, with how to take them back: what is declared may well fit", () => {
    const pair = { publicKey: PUBLIC, privateKey: { type: "plain", bytes: PRIVATE } } as const;
    const declaration: DeviceDeclaration = {
      ...declarationOf({ credentials: [{ psk: { identity: "id-1", key: { plain: SECRET } } }] }),
      bootstrap: { server: { type: "rawPublicKey", ...pair }, bootstrapServer: undefined },
    };
    const made = { type: "psk", identity: "made", key: { type: "plain", bytes: SECRET } } as const;
    const keys = (generated: DeviceCredential[] | undefined): DeviceKeys =>
      deviceKeys({ device: DEVICE, declaration, generated, sealingKeys: undefined });
    const servers = [{ ...SERVER, security: "rawPublicKey", serverPublicKey: SERVERS } as unknown as typeof SERVER];
    expect(reasonOf({ servers }, keys([made]))).toBe(
      "bootstrap.servers: server 101 of the profile asks for a raw public key, and the key that Ferry made for the device (`ferry delete credential ep-1` takes it back) is a pre-shared key: make them agree",
    );
    expect(reasonOf({ servers }, keys(undefined))).toBe("none");
  });

  it("are unknown where only a public key is declared, and the reason says what to do", () => {
    const server = { ...SERVER, security: "psk" } as unknown as typeof SERVER;
    const keys: DeviceKeys = { ...NO_KEYS, server: { type: "unknown", reason: "there are none" } };
    expect(reasonOf({ servers: [server] }, keys)).toBe(
      "bootstrap.servers: server 101 of the profile asks for a pre-shared key, and there are none",
    );
  });
});

it("The settings of this test are those that a profile parses to", () => {
  const { bootstrap } = parseDeviceProfile({
    resources: {},
    bootstrap: {
      servers: [{ shortServerId: 101, security: "noSec", host: "lwm2m.example.org", port: 5683, minPeriodS: 1 }],
    },
  });
  expect(bootstrap).toEqual(SETTINGS);
});
