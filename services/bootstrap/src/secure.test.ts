import { createSecretKey, type KeyObject, X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DeviceEvent, type DeviceSecurity, type Fleet, startFleet } from "@ferry/simulator";
import { DTLS_KEYS } from "@ferry/testing";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import {
  collectEvents,
  declareDevice,
  declareProfile,
  memorySystem,
  SERVER,
  type System,
  startServer,
  stopAll,
  type TestServer,
  until,
  untilEnd,
} from "./bootstrap-fixture.ts";

const KEY = Buffer.alloc(16, 7);
const PSK_SERVER = { ...SERVER, security: "psk", port: 5686 };
const psk = (identity: string, key: Uint8Array = KEY) => ({ psk: { identity, key: { plain: key } } });

let system: System;
let server: TestServer;
let events: ReturnType<typeof collectEvents>;
let told: DeviceEvent[];

beforeEach(async () => {
  system = await memorySystem();
  events = collectEvents(system);
  told = [];
  await declareProfile(system, { servers: [PSK_SERVER] });
});
afterEach(stopAll);

const start = async (): Promise<void> => {
  server = await startServer(system, {});
};
const security = (identity: string, key: Uint8Array = KEY): DeviceSecurity => ({
  credential: { type: "psk", identity: Buffer.from(identity), key: createSecretKey(key) },
  ownCidLengthBytes: 0,
});

/** A factory-fresh device that asks the bootstrap server. */
async function openFleet(endpoint: string, secured: DeviceSecurity): Promise<Fleet> {
  const fleet = await startFleet({
    server: { host: "127.0.0.1", port: server.dtlsPort ?? 0 },
    count: 1,
    endpoint,
    bootstrap: {},
    security: () => secured,
    onEvent: (_, event) => void told.push(event),
  });
  untilEnd(() => fleet.stop(0));
  return fleet;
}

const ended = () => until(() => events.records.some(({ result }) => result !== 0), "the end of a session");
describe("a device with a pre-shared key", () => {
  it("is bootstrapped by the key of its credentials, and gets it for its servers", async () => {
    await declareDevice(system, "ep-1", { credentials: [psk("id-1")] });
    await start();
    const fleet = await openFleet("ep-1", security("id-1"));
    await ended();
    expect(events.lines.at(-1)).toBe("FINISHED 2.04 SUCCEEDED");
    expect(events.records[0]).toMatchObject({
      securityMode: "PSK",
      servers: [{ shortServerId: 101, uri: "coaps://127.0.0.1:5686", securityMode: "PSK" }],
    });
    await until(() => fleet.progress.bootstraps === 1, "the device's word");
    expect(told).toContainEqual({ type: "bootstrapped", shortServerIds: [101] });
    expect(await server.metric('lwm2m_bootstrap_dtls_handshakes_total{kind="full"}')).toBe(1);
    expect(await system.state.bootstrapAssociations.get({ tenant: "default", endpoint: "ep-1" })).toBeDefined();
    expect(await system.state.associations.get({ tenant: "default", endpoint: "ep-1" })).toBeUndefined();
  });

  it("is bootstrapped by the key that is declared for that, and by no other", async () => {
    const bootstrap = { bootstrapServer: psk("bs-1", Buffer.alloc(16, 9)) };
    await declareDevice(system, "ep-1", { credentials: [psk("id-1")], bootstrap });
    server = await startServer(system, { BOOTSTRAP_DTLS_WRONG_KEY_TIMEOUT: "100ms" });
    await openFleet("ep-1", security("id-1"));
    await server.shows('lwm2m_bootstrap_dtls_handshake_failures_total{reason="unknownIdentity"}', 1);
    await openFleet("ep-1", security("bs-1", Buffer.alloc(16, 9)));
    await ended();
    expect(events.lines.at(-1)).toBe("FINISHED 2.04 SUCCEEDED");
    expect(events.records.every(({ sessionId }) => sessionId === events.records[0]?.sessionId)).toBe(true);
  });

  it("keeps its bootstrap account, which is written anew where the profile has one", async () => {
    const bootstrapServer = { security: "psk", host: "bs.example.org", port: 5688 };
    await declareProfile(system, { servers: [PSK_SERVER], bootstrapServer });
    await declareDevice(system, "ep-1", { credentials: [psk("id-1")] });
    await start();
    await openFleet("ep-1", security("id-1"));
    await ended();
    expect(events.lines.at(-1)).toBe("FINISHED 2.04 SUCCEEDED");
    expect(events.lines.filter((line) => line.startsWith("WRITTEN")).at(-1)).toBe("WRITTEN /0/0 2.04");
    expect(events.records[0]?.servers).toEqual([
      expect.objectContaining({ shortServerId: 101 }),
      expect.objectContaining({ shortServerId: 0, uri: "coaps://bs.example.org:5688" }),
    ]);
  });

  it("is answered 4.03 when it asks under another name, and the owner of the credential is told of it", async () => {
    await declareDevice(system, "ep-1", { credentials: [psk("id-1")] });
    await declareDevice(system, "ep-2", { credentials: [psk("id-2")] });
    await start();
    await openFleet("ep-2", security("id-1"));
    await ended();
    expect(events.records[0]).toMatchObject({
      context: { endpoint: "ep-1" },
      code: "4.03",
      securityMode: "PSK",
      reason: expect.stringMatching(/^the credential is of "ep-1", and the device asks as "ep-2"/),
    });
    expect(await server.metric('lwm2m_bootstrap_requests_total{outcome="anotherIdentity"}')).toBe(1);
  });

  it("is dropped beyond the limit of requests of a device", async () => {
    await declareDevice(system, "ep-1", { credentials: [psk("id-1")] });
    server = await startServer(system, { BOOTSTRAP_DEVICE_REQUESTS: "1:3600" });
    const fleet = await openFleet("ep-1", security("id-1"));
    await ended();
    fleet.reboot("ep-1");
    await server.shows('lwm2m_bootstrap_requests_total{outcome="tooOften"}', 1);
    expect(await server.metric('lwm2m_bootstrap_requests_total{outcome="begun"}')).toBe(1);
  });

  it("is told of when its key is wrong", async () => {
    await declareDevice(system, "ep-1", { credentials: [psk("id-1")] });
    server = await startServer(system, { BOOTSTRAP_DTLS_WRONG_KEY_TIMEOUT: "100ms" });
    await openFleet("ep-1", security("id-1", Buffer.alloc(16, 8)));
    await ended();
    expect(events.lines[0]).toMatch(/^REFUSED REFUSED DTLS handshake from 127\.0\.0\.1:\d+: /);
    expect(events.records[0]).toMatchObject({ sessionId: "", securityMode: "", context: { endpoint: "ep-1" } });
    expect(await system.state.bootstraps.get({ tenant: "default", endpoint: "ep-1" })).toBeUndefined();
  });
});

/** A folder with the server's key, as it is and in a certificate. */
async function keyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ferry-bootstrap-keys-"));
  untilEnd(() => rm(folder, { recursive: true }));
  const key = DTLS_KEYS.server.export({ format: "pem", type: "pkcs8" });
  await writeFile(join(folder, "rpk.key"), key);
  await writeFile(join(folder, "server.key"), key);
  await writeFile(join(folder, "server.crt"), new X509Certificate(DTLS_KEYS.serverCertificate).toString());
  return folder;
}

const pkcs8 = (key: KeyObject): Buffer => key.export({ format: "der", type: "pkcs8" });
const { device: privateKey, devicePublicKey, deviceCertificate, serverPublicKey, serverCertificate } = DTLS_KEYS;
const PRIVATE_KEY = { plain: pkcs8(privateKey) };
const SERVER_TRUST = { type: "publicKey", publicKey: serverPublicKey } as const;

/** How a device proves itself with a key of its own, and who else might try. */
const ASYMMETRIC: readonly {
  readonly named: string;
  readonly mode: string;
  readonly account: object;
  readonly declared: Parameters<typeof declareDevice>[2];
  readonly credential: DeviceSecurity["credential"];
  readonly stranger: DeviceSecurity["credential"];
}[] = [
  {
    named: "a raw public key",
    mode: "RPK",
    account: { security: "rawPublicKey", serverPublicKey: Buffer.from(serverPublicKey).toString("base64") },
    declared: {
      credentials: [{ rawPublicKey: { publicKey: devicePublicKey } }],
      bootstrap: { server: { rawPublicKey: { publicKey: devicePublicKey, privateKey: PRIVATE_KEY } } },
    },
    credential: { type: "rawPublicKey", privateKey, server: SERVER_TRUST },
    stranger: { type: "rawPublicKey", privateKey: DTLS_KEYS.server, server: SERVER_TRUST },
  },
  {
    named: "a certificate",
    mode: "X509",
    account: { security: "x509", serverPublicKey: Buffer.from(serverCertificate).toString("base64") },
    declared: {
      credentials: [{ x509: { certificate: deviceCertificate } }],
      bootstrap: { server: { x509: { certificate: deviceCertificate, privateKey: PRIVATE_KEY } } },
    },
    credential: { type: "certificate", privateKey, chain: [deviceCertificate], server: SERVER_TRUST },
    stranger: {
      type: "certificate",
      privateKey: DTLS_KEYS.server,
      chain: [serverCertificate],
      server: SERVER_TRUST,
    },
  },
];

describe.each(ASYMMETRIC)("a device with $named", ({ mode, account, declared, credential, stranger }) => {
  beforeEach(async () => {
    await declareProfile(system, { servers: [{ ...PSK_SERVER, ...account }] });
    await declareDevice(system, "ep-1", declared);
    server = await startServer(system, { BOOTSTRAP_DTLS_KEYS: await keyFolder() });
  });

  it("is bootstrapped by it, and is given it with its private key and the server's for its servers", async () => {
    const fleet = await openFleet("ep-1", { credential, ownCidLengthBytes: 0 });
    await ended();
    expect(events.lines.at(-1)).toBe("FINISHED 2.04 SUCCEEDED");
    expect(events.records[0]).toMatchObject({
      securityMode: mode,
      servers: [{ shortServerId: 101, uri: "coaps://127.0.0.1:5686", securityMode: mode }],
    });
    // The device answers Bootstrap-Finish with 4.06 while it cannot read the keys of an account.
    await until(() => fleet.progress.bootstraps === 1, "the device's word");
    expect(told).toContainEqual({ type: "bootstrapped", shortServerIds: [101] });
  });

  it("is not served with another one", async () => {
    const fleet = await openFleet("ep-1", { credential: stranger, ownCidLengthBytes: 0 });
    await until(() => fleet.progress.handshakeFailures > 0, "a handshake that fails");
    expect(fleet.progress.bootstraps).toBe(0);
    expect(events.lines.filter((line) => line.startsWith("STARTED"))).toEqual([]);
  });
});

describe("whoever comes in the clear", () => {
  it("is refused where the one of that name has a key", async () => {
    await declareDevice(system, "ep-1", { credentials: [psk("id-1")] });
    await start();
    const fleet = await startFleet({
      server: { host: "127.0.0.1", port: server.coapPort },
      count: 1,
      endpoint: "ep-1",
      bootstrap: {},
    });
    untilEnd(() => fleet.stop(0));
    await ended();
    expect(events.lines[0]).toMatch(/^REFUSED 4\.00 REFUSED .*"ep-1" without security/);
  });
});
