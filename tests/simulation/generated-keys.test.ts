import { createSecretKey } from "node:crypto";
import { type DeviceCredential, generatedCredentials, openSecret, parseSealingKeys } from "@ferry/provisioning";
import { type DeviceSecurity, type Fleet, startFleet } from "@ferry/simulator";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type MemorySystem, SEALING_KEY, startMemorySystem } from "./memory-system.ts";

const FACTORY_KEY = Buffer.alloc(16, 0xfa);
const DECLARED_KEY = Buffer.alloc(16, 0xde);
const METER = { tenant: "default", endpoint: "meter-1" };
const DEVICE = `kind: device
endpoint: meter-1
profile: meter
credentials: [{ psk: { identity: declared, key: "${DECLARED_KEY.toString("hex")}" } }]
bootstrap: { bootstrapServer: { psk: { identity: factory, key: "${FACTORY_KEY.toString("hex")}" } }, server: { generate: psk } }
`;

const running: (() => Promise<unknown>)[] = [];
let system: MemorySystem;

beforeEach(async () => {
  system = await startMemorySystem({ LWM2M_DTLS_WRONG_KEY_TIMEOUT: "100ms" });
  running.push(system.stop);
  await system.apply(
    `kind: profile\nname: meter\nbootstrap:\n  servers: [{ shortServerId: 101, host: 127.0.0.1, port: ${system.transport.dtlsPort}, security: psk, lifetimeS: 60 }]\n---\n${DEVICE}`,
  );
});
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

const psk = (identity: string, key: Uint8Array): DeviceSecurity => ({
  credential: { type: "psk", identity: Buffer.from(identity), key: createSecretKey(key) },
  ownCidLengthBytes: 0,
});

/** A device fresh from the factory. */
async function openDevice(): Promise<Fleet> {
  const fleet = await startFleet({
    server: { host: "127.0.0.1", port: system.bootstrap.dtlsPort ?? 0 },
    count: 1,
    endpoint: "meter-1",
    bootstrap: {},
    security: () => psk("factory", FACTORY_KEY),
  });
  running.push(() => fleet.stop(0));
  return fleet;
}

/** A device that has a key already, and never bootstraps. */
async function openKnownDevice(security: DeviceSecurity): Promise<Fleet> {
  const fleet = await startFleet({
    server: { host: "127.0.0.1", port: system.transport.dtlsPort ?? 0 },
    count: 1,
    endpoint: "meter-1",
    security: () => security,
  });
  running.push(() => fleet.stop(0));
  return fleet;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 750 && !(await holds()); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await holds()).toBe(true);
}

/** What Ferry made for the device, and what that replaces while it is accepted too. */
async function generated(): Promise<readonly DeviceCredential[]> {
  return generatedCredentials(await system.state.provisioning.get("credential", "default", METER.endpoint)) ?? [];
}

/** What Ferry made, as the device has it. */
async function madeSecurity(): Promise<DeviceSecurity> {
  const [made] = await generated();
  if (made?.type !== "psk") throw new TypeError(`made was ${made?.type}`);
  return psk(made.identity, openSecret(made.key, METER, parseSealingKeys(SEALING_KEY)));
}

/** Registers with what it was given, and has shown it. */
async function bootstrapped(): Promise<Fleet> {
  const device = await openDevice();
  await until(async () => device.progress.registered === 1 && (await generated()).length === 1);
  return device;
}

describe("a device whose key Ferry makes", () => {
  it("registers with it, and the declared one is not accepted any more", async () => {
    const device = await bootstrapped();
    expect(await generated()).toMatchObject([
      { type: "psk", identity: expect.stringMatching(/^meter-1\.[\w-]{12}$/), key: { type: "sealed" } },
    ]);
    await openKnownDevice(psk("declared", DECLARED_KEY));
    const refused = 'lwm2m_dtls_handshake_failures_total{reason="unknownIdentity"}';
    await until(async () => (await system.metric(refused)) === 1);
    expect(device.progress).toMatchObject({ registered: 1, refused: 0, handshakeFailures: 0 });
  });

  it("connects with it also after its document was applied again", async () => {
    await bootstrapped();
    await system.apply(DEVICE);
    const same = await openKnownDevice(await madeSecurity());
    await until(() => same.progress.registered === 1);
    expect(same.progress).toMatchObject({ refused: 0, handshakeFailures: 0 });
  });

  it("gets another one at each bootstrap that follows", async () => {
    const device = await bootstrapped();
    const before = await generated();
    device.handle("meter-1", { type: "bootstrap" });
    await until(async () => device.progress.registrations === 2 && (await generated()).length === 1);
    expect(await generated()).not.toEqual(before);
    expect(device.progress).toMatchObject({ registered: 1, bootstraps: 2, handshakeFailures: 0, refused: 0 });
  });
});
