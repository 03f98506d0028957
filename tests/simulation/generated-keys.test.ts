import { createSecretKey, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BOOTSTRAP_CONFIG, startBootstrap } from "@ferry/bootstrap";
import { MemoryBus } from "@ferry/bus/memory";
import { BusClient } from "@ferry/client";
import {
  type DeviceCredential,
  generatedCredentials,
  openSecret,
  parseSealingKeys,
  readDocuments,
} from "@ferry/provisioning";
import { RPC_ROUTER_CONFIG, startRpcRouter } from "@ferry/rpc-router";
import { createHealth, createLogger, createMetrics, createShutdown, type ServiceRuntime } from "@ferry/runtime";
import { type DeviceSecurity, type Fleet, startFleet } from "@ferry/simulator";
import { memoryState } from "@ferry/state/memory";
import { startTransport, TRANSPORT_CONFIG } from "@ferry/transport";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

const FACTORY_KEY = Buffer.alloc(16, 0xfa);
const DECLARED_KEY = Buffer.alloc(16, 0xde);
const METER = { tenant: "default", endpoint: "meter-1" };
const ENV = {
  LOG_LEVEL: "fatal",
  LWM2M_STATE: "memory",
  KAFKA_TOPICS: "create",
  KAFKA_LINGER_MS: "0ms",
  PROVISIONING_SEALING_KEY: randomBytes(32).toString("base64"),
};
const TRANSPORT_ENV = {
  ...ENV,
  LWM2M_COAP_HOST: "127.0.0.1",
  LWM2M_COAP_PORT: "0",
  LWM2M_DTLS_HOST: "127.0.0.1",
  LWM2M_DTLS_PORT: "0",
  LWM2M_DTLS_WRONG_KEY_TIMEOUT: "100ms",
};
const BOOTSTRAP_ENV = {
  ...ENV,
  BOOTSTRAP_COAP_HOST: "127.0.0.1",
  BOOTSTRAP_COAP_PORT: "0",
  BOOTSTRAP_DTLS_HOST: "127.0.0.1",
  BOOTSTRAP_DTLS_PORT: "0",
  BOOTSTRAP_DRAIN: "0ms",
};
const DEVICE = `kind: device
endpoint: meter-1
profile: meter
credentials: [{ psk: { identity: declared, key: "${DECLARED_KEY.toString("hex")}" } }]
bootstrap: { bootstrapServer: { psk: { identity: factory, key: "${FACTORY_KEY.toString("hex")}" } }, server: { generate: psk } }
`;

const folder = mkdtempSync(join(tmpdir(), "ferry-generated-keys-"));
const running: (() => Promise<unknown>)[] = [() => Promise.resolve(rmSync(folder, { recursive: true }))];
let state: ReturnType<typeof memoryState>;
let transport: Awaited<ReturnType<typeof startTransport>>;
let bootstrap: Awaited<ReturnType<typeof startBootstrap>>;
let metrics: ServiceRuntime["metrics"];
let apply: (documents: string) => Promise<void>;

function runtime(name: string): ServiceRuntime {
  const logger = createLogger(name, { level: "fatal", format: "json" });
  const shutdown = createShutdown(logger, 5_000);
  running.push(() => shutdown.stop());
  return { logger, shutdown, metrics: createMetrics({ process: false }), health: createHealth(0), httpPort: 0 };
}

beforeEach(async () => {
  const bus = new MemoryBus();
  state = memoryState();
  await startRpcRouter(RPC_ROUTER_CONFIG.load({ env: ENV }), runtime("rpc-router"), { bus, state });
  const started = runtime("transport");
  metrics = started.metrics;
  transport = await startTransport(TRANSPORT_CONFIG.load({ env: TRANSPORT_ENV }), started, { bus, state });
  bootstrap = await startBootstrap(BOOTSTRAP_CONFIG.load({ env: BOOTSTRAP_ENV }), runtime("bootstrap"), { bus, state });
  const client = new BusClient(bus, "");
  apply = async (documents) => {
    const file = join(folder, "documents.yaml");
    writeFileSync(file, documents);
    const outcomes = await client.apply(await readDocuments([file]), () => {});
    expect(outcomes.filter(({ outcome }) => outcome === "rejected")).toEqual([]);
  };
  await apply(
    `kind: profile\nname: meter\nbootstrap:\n  servers: [{ shortServerId: 101, host: 127.0.0.1, port: ${transport.dtlsPort}, security: psk, lifetimeS: 60 }]\n---\n${DEVICE}`,
  );
});
afterEach(async () => {
  for (const stop of running.splice(1).reverse()) await stop();
});

const psk = (identity: string, key: Uint8Array): DeviceSecurity => ({
  credential: { type: "psk", identity: Buffer.from(identity), key: createSecretKey(key) },
  ownCidLengthBytes: 0,
});

/** A device fresh from the factory. */
async function openDevice(): Promise<Fleet> {
  const fleet = await startFleet({
    server: { host: "127.0.0.1", port: bootstrap.dtlsPort ?? 0 },
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
    server: { host: "127.0.0.1", port: transport.dtlsPort ?? 0 },
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
  return generatedCredentials(await state.provisioning.get("credential", "default", METER.endpoint)) ?? [];
}

/** What Ferry made, as the device has it. */
async function madeSecurity(): Promise<DeviceSecurity> {
  const [made] = await generated();
  if (made?.type !== "psk") throw new TypeError(`made was ${made?.type}`);
  return psk(made.identity, openSecret(made.key, METER, parseSealingKeys(ENV.PROVISIONING_SEALING_KEY)));
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
    const refused = 'lwm2m_dtls_handshake_failures_total{reason="unknownIdentity"} 1';
    await until(async () => (await metrics.text()).includes(refused));
    expect(device.progress).toMatchObject({ registered: 1, refused: 0, handshakeFailures: 0 });
  });

  it("connects with it also after its document was applied again", async () => {
    await bootstrapped();
    await apply(DEVICE);
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
