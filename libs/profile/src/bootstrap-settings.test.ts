import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { BootstrapSettings } from "./bootstrap-settings.ts";
import { parseDeviceProfile } from "./device-profile.ts";
import { ProfileError } from "./errors.ts";

const ferry = (bootstrap: unknown): BootstrapSettings => parseDeviceProfile({ bootstrap }).bootstrap;
const thingsBoard = (bootstrap: unknown, bootstrapServerUpdateEnable: unknown = false): BootstrapSettings =>
  parseDeviceProfile({ observeAttr: {}, bootstrapServerUpdateEnable, bootstrap }).bootstrap;

const spki = (namedCurve: string): Buffer =>
  generateKeyPairSync("ec", { namedCurve }).publicKey.export({ format: "der", type: "spki" });
const PUBLIC_KEY = spki("P-256");
/** `openssl req -x509 -newkey ec:<(openssl ecparam -name prime256v1) -nodes -days 36500 -subj /CN=lwm2m.example.org` */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUfKZT27E6Np0d9TTye+ttcV8x/QAwCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRbHdtMm0uZXhhbXBsZS5vcmcwIBcNMjYxMTIzMjA1MzM3WhgP
MjEyNjEwMzAyMDUzMzdaMBwxGjAYBgNVBAMMEWx3bTJtLmV4YW1wbGUub3JnMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HMPtxCdW5BNP4bP4hy9QyUzCFoyHpso
7JGNG0OIERZTej8Tlw18ASn3/u2XAmUMOW/P/ch6LQ4/4qY2uhLXAaNTMFEwHQYD
VR0OBBYEFOUV5jNsv0RygE8rw8dHpf8cm4WDMB8GA1UdIwQYMBaAFOUV5jNsv0Ry
gE8rw8dHpf8cm4WDMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIh
AM5XmPj+8yqLhXJfXMucqgviBnwyN+QEh4OdmscjP/hEAiACVYjyK/hu0Er6N//r
dy9Q4iT3APfuzrDTNaBGvJUEWA==
-----END CERTIFICATE-----
`;
/** As `CERTIFICATE`, of secp384r1. */
const P384_CERTIFICATE =
  "MIIByzCCAVKgAwIBAgIUHehXUzdfd2swJzqLKXtNr+9LXNMwCgYIKoZIzj0EAwIwHDEaMBgGA1UEAwwRbHdtMm0uZXhhbXBsZS5vcmcwIBcNMjYxMTIzMjA1MzM3WhgPMjEyNjEwMzAyMDUzMzdaMBwxGjAYBgNVBAMMEWx3bTJtLmV4YW1wbGUub3JnMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEtvPgS60qK1HVl01+4NbxF2KWb9MqUdzMo57e/yWsclCxds4sW1wNQ17dnYiZFZ7lDswXrHHT5taUf1+kkwQlOTrN7IN5vIOs4NCbpLZ1K9qFPB3frR4qeX52r4ShFBcro1MwUTAdBgNVHQ4EFgQUdPV87DGeEn1cyEK0G4QnSRMYZgAwHwYDVR0jBBgwFoAUdPV87DGeEn1cyEK0G4QnSRMYZgAwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNnADBkAjB+XU44o5eQJ3FRZpHhLVgTXiZ9DKDuCtS8G6rjtPza2hyc586b0yx0dZEIIyuvI74CMDyhhkq7S2WtDqCg+huFFs/3Nz1RCJFRPpq6kVS4NFlfn3b19QOUNbPjMJ6XhDwXIQ==";

const SERVER = { shortServerId: 123, security: "noSec", host: "lwm2m.example.org", port: 5685 };
const ENTRY = { securityMode: "NO_SEC", shortServerId: 123, host: "lwm2m.example.org", port: 5685 };
const BOOTSTRAP_ENTRY = { ...ENTRY, shortServerId: null, bootstrapServerIs: true, port: 5687 };

function refusalOf(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    return error;
  }
}

describe("what a profile has devices given at bootstrap", () => {
  it("is nothing by default", () => {
    const nothing = { servers: [], bootstrapServer: undefined, objects: [] };
    expect(ferry(undefined)).toEqual(nothing);
    expect(ferry({})).toEqual(nothing);
    expect(thingsBoard(null, null)).toEqual(nothing);
    expect(thingsBoard([], true)).toEqual(nothing);
  });

  it("is the same in ThingsBoard's form and in Ferry's, all of it as it is written", () => {
    const settings = thingsBoard(
      [
        {
          ...{ securityMode: "PSK", bootstrapServerIs: false, shortServerId: 1, host: "A.example.org", port: 5686 },
          ...{ serverPublicKey: "", serverCertificate: "", clientHoldOffTime: 7, bootstrapServerAccountTimeout: 9 },
          ...{ lifetime: 86400, defaultMinPeriod: 5, notifIfDisabled: false, binding: "UQ", securityHost: "0.0.0.0" },
        },
        {
          securityMode: "RPK",
          shortServerId: 2,
          host: "::1",
          port: 5686,
          serverPublicKey: PUBLIC_KEY.toString("base64"),
        },
        {
          ...{ securityMode: "X509", bootstrapServerIs: true, shortServerId: 0, host: "192.0.2.1", port: 5688 },
          ...{ serverPublicKey: CERTIFICATE, clientHoldOffTime: 3, bootstrapServerAccountTimeout: 60, lifetime: 0 },
        },
      ],
      true,
    );
    expect(settings).toEqual(
      ferry({
        servers: [
          {
            ...{ shortServerId: 1, security: "psk", host: "a.example.org", port: 5686, holdOffS: 7 },
            ...{ lifetimeS: 86400, minPeriodS: 5, storesNotifications: false, binding: "UQ" },
          },
          {
            ...{ shortServerId: 2, security: "rawPublicKey", host: "[::1]", port: 5686, minPeriodS: 1 },
            serverPublicKey: PUBLIC_KEY.toString("hex"),
          },
        ],
        bootstrapServer: {
          ...{ security: "x509", host: "192.0.2.1", port: 5688, serverPublicKey: CERTIFICATE },
          ...{ holdOffS: 3, accountTimeoutS: 60 },
        },
      }),
    );
    expect(settings.servers[0]).toEqual({
      shortServerId: 1,
      security: "psk",
      addresses: [{ host: "a.example.org", port: 5686, weight: 1 }],
      serverPublicKey: undefined,
      holdOffS: 7,
      lifetimeS: 86400,
      minPeriodS: 5,
      maxPeriodS: undefined,
      disableTimeoutS: undefined,
      storesNotifications: false,
      binding: "UQ",
    });
    expect(settings.servers[1]?.serverPublicKey).toEqual(PUBLIC_KEY);
    expect(settings.bootstrapServer).toMatchObject({ security: "x509", holdOffS: 3, accountTimeoutS: 60 });
  });

  it("has ThingsBoard's defaults, in Ferry's form but for the minimum period, which is left out", () => {
    const defaults = { lifetimeS: 300, storesNotifications: true, binding: "U", holdOffS: 1 };
    const { shortServerId, ...entry } = ENTRY;
    expect(thingsBoard([entry]).servers[0]).toMatchObject({ ...defaults, shortServerId, minPeriodS: 1 });
    const nulls = { clientHoldOffTime: null, lifetime: null, defaultMinPeriod: null, notifIfDisabled: null };
    expect(thingsBoard([{ ...entry, ...nulls, binding: null, serverPublicKey: null }])).toEqual(thingsBoard([entry]));
    expect(ferry({ servers: [SERVER] }).servers[0]).toMatchObject({ ...defaults, minPeriodS: undefined });
    expect(thingsBoard([ENTRY, BOOTSTRAP_ENTRY], true).bootstrapServer).toMatchObject({
      holdOffS: 1,
      accountTimeoutS: 0,
    });
  });

  it("spreads devices over several addresses of a server by weights", () => {
    const { host, ...server } = SERVER;
    const hosts = [
      { host, weight: 3 },
      { host: "b.example.org", port: 15_685 },
    ];
    expect(ferry({ servers: [{ ...server, hosts }] }).servers[0]?.addresses).toEqual([
      { host, port: 5685, weight: 3 },
      { host: "b.example.org", port: 15_685, weight: 1 },
    ]);
  });

  it("has values of other objects as they are, for the models to convert", () => {
    const resources = { 0: "internet", 3: 15, "6/0": true };
    expect(ferry({ servers: [SERVER], objects: { "/10/0": resources, "2/1/": {} } }).objects).toEqual([
      { path: [10, 0], resources },
      { path: [2, 1], resources: {} },
    ]);
  });

  it.each([1, 65_534])("takes short server id %p", (shortServerId) => {
    expect(ferry({ servers: [{ ...SERVER, shortServerId }] }).servers[0]).toMatchObject({ shortServerId });
  });

  it("has at most 16 servers, 16 addresses of each, and 32 objects", () => {
    const servers = (count: number) =>
      Array.from({ length: count }, (_, id) => ({ ...SERVER, shortServerId: id + 1, port: id + 1 }));
    const hosts = (count: number) => Array.from({ length: count }, (_, id) => ({ host: `h${id}.example.org` }));
    const objects = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, id) => [`/10/${id}`, {}]));
    const { host, ...server } = SERVER;
    const full = { servers: [...servers(15), { ...server, hosts: hosts(16) }], objects: objects(32) };
    expect(ferry(full)).toMatchObject({ servers: { length: 16 }, objects: { length: 32 } });
    expect(() => ferry({ servers: servers(17) })).toThrow("bootstrap.servers: has 17 LwM2M servers, at most 16");
    expect(() => ferry({ servers: [{ ...server, hosts: hosts(17) }] })).toThrow(
      "bootstrap.servers[0].hosts: has more than 16 addresses",
    );
    expect(() => ferry({ servers: [SERVER], objects: objects(33) })).toThrow("bootstrap.objects: has 33 objects");
    const resources = Object.fromEntries(Array.from({ length: 257 }, (_, id) => [id, 1]));
    expect(() => ferry({ servers: [SERVER], objects: { "/10/0": resources } })).toThrow("has 257 resources");
  });

  it.each([
    ["no object", null, "bootstrap", "expected object, received null"],
    ["unknown member", { server: [] }, "bootstrap.server", "there are servers, bootstrapServer, objects"],
    [
      "unknown member of a server",
      { servers: [{ ...SERVER, lifetime: 1 }] },
      "bootstrap.servers[0].lifetime",
      "lifetimeS",
    ],
    [
      "no servers",
      { bootstrapServer: { security: "noSec", host: "b.example.org", port: 5687 } },
      "bootstrap.servers",
      "needs one to go to",
    ],
    ["id 0", { servers: [{ ...SERVER, shortServerId: 0 }] }, "bootstrap.servers[0].shortServerId", "from 1 to 65534"],
    [
      "id 65535",
      { servers: [{ ...SERVER, shortServerId: 65_535 }] },
      "bootstrap.servers[0].shortServerId",
      "from 1 to",
    ],
    [
      "no id",
      { servers: [{ ...SERVER, shortServerId: undefined }] },
      "bootstrap.servers[0].shortServerId",
      "is missing: a whole number from 1 to 65534",
    ],
    [
      "one id twice",
      { servers: [SERVER, { ...SERVER, port: 1 }] },
      "bootstrap.servers[1].shortServerId",
      "is 123, which bootstrap.servers[0] has already",
    ],
    [
      "one address twice",
      { servers: [SERVER, { ...SERVER, shortServerId: 2, host: "LWM2M.example.org" }] },
      "bootstrap.servers[1].host",
      "lwm2m.example.org:5685 is the address of bootstrap.servers[0].host already",
    ],
    [
      "one address twice in one server",
      { servers: [{ ...SERVER, host: undefined, hosts: [{ host: "::1" }, { host: "[::1]" }] }] },
      "bootstrap.servers[0].hosts[1]",
      "[::1]:5685 is the address of bootstrap.servers[0].hosts[0] already",
    ],
    [
      "address of the bootstrap server",
      { servers: [SERVER], bootstrapServer: { security: "noSec", host: SERVER.host, port: SERVER.port } },
      "bootstrap.bootstrapServer.host",
      "is the address of bootstrap.servers[0].host already",
    ],
    [
      "security",
      { servers: [{ ...SERVER, security: "PSK" }] },
      "bootstrap.servers[0].security",
      "is one of psk, rawPublicKey, x509, noSec",
    ],
    ["no host", { servers: [{ ...SERVER, host: undefined }] }, "bootstrap.servers[0].host", "is missing: write host"],
    ["no port", { servers: [{ ...SERVER, port: undefined }] }, "bootstrap.servers[0].port", "is missing: write host"],
    [
      "no port of one of several",
      { servers: [{ ...SERVER, host: undefined, port: undefined, hosts: [{ host: "a", port: 1 }, { host: "b" }] }] },
      "bootstrap.servers[0].hosts[1].port",
      "is missing",
    ],
    [
      "host and hosts",
      { servers: [{ ...SERVER, hosts: [{ host: "a" }] }] },
      "bootstrap.servers[0].host",
      "stands beside hosts",
    ],
    [
      "no hosts",
      { servers: [{ ...SERVER, host: undefined, hosts: [] }] },
      "bootstrap.servers[0].hosts",
      "is empty: name the addresses",
    ],
    [
      "weight",
      { servers: [{ ...SERVER, host: undefined, hosts: [{ host: "a", weight: 1001 }] }] },
      "bootstrap.servers[0].hosts[0].weight",
      "is not a whole number from 1 to 1000",
    ],
    [
      "host of a listener",
      { servers: [{ ...SERVER, host: "0.0.0.0" }] },
      "bootstrap.servers[0].host",
      "write the name or address by which devices reach the server",
    ],
    ["port", { servers: [{ ...SERVER, port: 0 }] }, "bootstrap.servers[0].port", "from 1 to 65535"],
    ["lifetime", { servers: [{ ...SERVER, lifetimeS: 0 }] }, "bootstrap.servers[0].lifetimeS", "from 1 to 2147483647"],
    ["hold-off", { servers: [{ ...SERVER, holdOffS: -1 }] }, "bootstrap.servers[0].holdOffS", "from 0 to 2147483647"],
    [
      "periods",
      { servers: [{ ...SERVER, minPeriodS: 10, maxPeriodS: 9 }] },
      "bootstrap.servers[0].minPeriodS",
      "is more than maxPeriodS, 9",
    ],
    ["binding", { servers: [{ ...SERVER, binding: "Q" }] }, "bootstrap.servers[0].binding", "is no binding mode"],
    [
      "no raw public key",
      { servers: [{ ...SERVER, security: "rawPublicKey" }] },
      "bootstrap.servers[0].serverPublicKey",
      "is missing: the server's, a public key (SubjectPublicKeyInfo, RFC 7250), as Base64, hex or PEM",
    ],
    [
      "no certificate",
      { servers: [{ ...SERVER, security: "x509", serverPublicKey: "" }] },
      "bootstrap.servers[0].serverPublicKey",
      "is missing: the server's, a certificate",
    ],
    [
      "public key with PSK",
      { servers: [{ ...SERVER, security: "psk", serverPublicKey: PUBLIC_KEY.toString("hex") }] },
      "bootstrap.servers[0].serverPublicKey",
      "belongs to raw public keys and certificates alone: take it out",
    ],
    [
      "public key of another curve",
      { servers: [{ ...SERVER, security: "rawPublicKey", serverPublicKey: spki("P-384").toString("base64") }] },
      "bootstrap.servers[0].serverPublicKey",
      "P-256 (prime256v1)",
    ],
    [
      "public key with more behind it",
      { servers: [{ ...SERVER, security: "rawPublicKey", serverPublicKey: `${PUBLIC_KEY.toString("hex")}00` }] },
      "bootstrap.servers[0].serverPublicKey",
      "P-256 (prime256v1)",
    ],
    [
      "certificate for a public key",
      { servers: [{ ...SERVER, security: "rawPublicKey", serverPublicKey: CERTIFICATE }] },
      "bootstrap.servers[0].serverPublicKey",
      "is PEM of a CERTIFICATE: give that of a PUBLIC KEY",
    ],
    [
      "public key for a certificate",
      { servers: [{ ...SERVER, security: "x509", serverPublicKey: PUBLIC_KEY.toString("base64") }] },
      "bootstrap.servers[0].serverPublicKey",
      "is not a certificate",
    ],
    [
      "certificate of another curve",
      { servers: [{ ...SERVER, security: "x509", serverPublicKey: P384_CERTIFICATE }] },
      "bootstrap.servers[0].serverPublicKey",
      "P-256 (prime256v1)",
    ],
    [
      "more than a certificate",
      { servers: [{ ...SERVER, security: "x509", serverPublicKey: `30${"00".repeat(8192)}` }] },
      "bootstrap.servers[0].serverPublicKey",
      "has 8193 bytes, at most 8192",
    ],
    [
      "text",
      { servers: [{ ...SERVER, security: "x509", serverPublicKey: "server.pem" }] },
      "bootstrap.servers[0].serverPublicKey",
      "is neither hex nor Base64 nor PEM",
    ],
    ["Security", objects({ "/0/1": {} }), 'bootstrap.objects["/0/1"]', "is written from `servers` and"],
    ["Server", objects({ "/1/0": {} }), 'bootstrap.objects["/1/0"]', "is written from `servers`: say it there"],
    ["OSCORE", objects({ "/21/0": {} }), 'bootstrap.objects["/21/0"]', "is OSCORE, which is not served"],
    ["an object", objects({ "/10": {} }), 'bootstrap.objects["/10"]', "write one such as /10/0"],
    ["a resource as object", objects({ "/10/0/1": {} }), 'bootstrap.objects["/10/0/1"]', "path of no object instance"],
    [
      "a version",
      objects({ "/10_1.0/0": {} }),
      'bootstrap.objects["/10_1.0/0"]',
      "a version (1.0) is not allowed here",
    ],
    ["one instance twice", objects({ "/10/0": {}, "10/0": {} }), 'bootstrap.objects["10/0"]', "names the instance of"],
    ["a name", objects({ "/10/0": { apn: "" } }), 'bootstrap.objects["/10/0"].apn', "is no resource: write its id"],
    ["leading zeros", objects({ "/10/0": { "01": 1 } }), 'bootstrap.objects["/10/0"].01', "is no resource"],
    [
      "an id too great",
      objects({ "/10/0": { "6/65536": 1 } }),
      'bootstrap.objects["/10/0"]["6/65536"]',
      "is no resource",
    ],
    [
      "an instance and the whole",
      objects({ "/10/0": { 6: 1, "6/0": 1 } }),
      'bootstrap.objects["/10/0"]["6/0"]',
      "is an instance of 6, which has a value itself",
    ],
    ["null", objects({ "/10/0": { 0: null } }), 'bootstrap.objects["/10/0"].0', "is no text, number or boolean"],
    ["a list", objects({ "/10/0": { 6: [1] } }), 'bootstrap.objects["/10/0"].6', '"6/0"'],
  ])("names field and fix: %s", (_, bootstrap, field, reason) => {
    const error = refusalOf(() => ferry(bootstrap));
    expect(error).toBeInstanceOf(ProfileError);
    expect(error).toMatchObject({ field, reason: expect.stringContaining(reason) });
  });

  it.each([
    ["no list", {}, true, "bootstrap", "expected array"],
    ["no entry", [1], true, "bootstrap[0]", "expected object"],
    ["security mode", [{ ...ENTRY, securityMode: "psk" }], true, "bootstrap[0].securityMode", "PSK, RPK, X509, NO_SEC"],
    ["id", [{ ...ENTRY, shortServerId: 65_535 }], true, "bootstrap[0].shortServerId", "from 1 to 65534"],
    ["no id", [{ ...ENTRY, shortServerId: null }], true, "bootstrap[0].shortServerId", "from 1 to 65534"],
    [
      "one id twice",
      [ENTRY, { ...ENTRY, port: 1 }],
      true,
      "bootstrap[1].shortServerId",
      "is 123, which bootstrap[0] has already: each server needs one of its own",
    ],
    [
      "one address twice",
      [ENTRY, { ...BOOTSTRAP_ENTRY, port: ENTRY.port }],
      true,
      "bootstrap[1].host",
      "lwm2m.example.org:5685 is the address of bootstrap[0].host already",
    ],
    ["host", [{ ...ENTRY, host: "0.0.0.0" }], true, "bootstrap[0].host", "by which devices reach the server"],
    [
      "bootstrap server that is not to be updated",
      [ENTRY, BOOTSTRAP_ENTRY],
      false,
      "bootstrap[1].bootstrapServerIs",
      "is true, but bootstrapServerUpdateEnable is not",
    ],
    [
      "two bootstrap servers",
      [BOOTSTRAP_ENTRY, BOOTSTRAP_ENTRY],
      true,
      "bootstrap[1].bootstrapServerIs",
      "is true for bootstrap[0] already",
    ],
    [
      "id of a bootstrap server",
      [ENTRY, { ...BOOTSTRAP_ENTRY, shortServerId: 111 }],
      true,
      "bootstrap[1].shortServerId",
      "belongs to LwM2M servers alone: write null",
    ],
    ["bootstrap server alone", [BOOTSTRAP_ENTRY], true, "bootstrap", "has no LwM2M server"],
    ["RPK without key", [{ ...ENTRY, securityMode: "RPK" }], true, "bootstrap[0].serverPublicKey", "is missing"],
    [
      "X.509 without certificate",
      [{ ...ENTRY, securityMode: "X509", serverPublicKey: "", serverCertificate: CERTIFICATE }],
      true,
      "bootstrap[0].serverPublicKey",
      "is missing",
    ],
    ["hold-off", [{ ...ENTRY, clientHoldOffTime: 0.5 }], true, "bootstrap[0].clientHoldOffTime", "whole number"],
    [
      "account timeout",
      [ENTRY, { ...BOOTSTRAP_ENTRY, bootstrapServerAccountTimeout: -1 }],
      true,
      "bootstrap[1].bootstrapServerAccountTimeout",
      "whole number",
    ],
  ])("names field and fix in ThingsBoard's form: %s", (_, bootstrap, update, field, reason) => {
    const error = refusalOf(() => thingsBoard(bootstrap, update));
    expect(error).toBeInstanceOf(ProfileError);
    expect(error).toMatchObject({ field, reason: expect.stringContaining(reason) });
  });

  it("names the whole field of a whole profile of ThingsBoard", () => {
    const transportConfiguration = { bootstrap: [{ ...ENTRY, port: 0 }] };
    const error = refusalOf(() => parseDeviceProfile({ profileData: { transportConfiguration } }));
    expect(error).toMatchObject({ field: "profileData.transportConfiguration.bootstrap[0].port" });
  });

  it("takes any document, or refuses it with a ProfileError", () => {
    const values = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom("psk", "rawPublicKey", "x509", "noSec", "PSK", "RPK", "X509", "a.example.org", "::1", "[", "%"),
      fc.constantFrom(PUBLIC_KEY.toString("hex"), CERTIFICATE, P384_CERTIFICATE, "30", "MA==", "-----BEGIN x-----"),
      fc.integer({ min: 0, max: 70_000 }),
    );
    const changed = (document: object) =>
      fc.dictionary(fc.constantFrom(...Object.keys(document)), values).map((changes) => ({ ...document, ...changes }));
    const full = { ...SERVER, serverPublicKey: "", hosts: [], minPeriodS: 1, maxPeriodS: 2, binding: "U" };
    const bootstraps = fc.record({
      servers: fc.oneof(values, fc.array(changed(full))),
      bootstrapServer: fc.oneof(values, changed({ ...full, accountTimeoutS: 0 })),
      objects: fc.oneof(values, fc.dictionary(fc.string(), fc.dictionary(fc.string(), values))),
    });
    const entries = fc.array(changed({ ...BOOTSTRAP_ENTRY, serverPublicKey: "", binding: "U", lifetime: 1 }));
    fc.assert(
      fc.property(
        fc.oneof(bootstraps, fc.record({ servers: fc.array(changed(SERVER)) })),
        entries,
        (bootstrap, list) => {
          for (const parse of [() => ferry(bootstrap), () => thingsBoard(list, true)]) {
            const result = refusalOf(parse);
            if (Error.isError(result)) expect(result).toBeInstanceOf(ProfileError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

function objects(given: object): object {
  return { servers: [SERVER], objects: given };
}
