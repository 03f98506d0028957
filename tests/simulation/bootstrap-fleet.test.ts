import { createSecretKey, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BOOTSTRAP_CONFIG, startBootstrap } from "@ferry/bootstrap";
import { MemoryBus } from "@ferry/bus/memory";
import { BusClient } from "@ferry/client";
import { readDocuments } from "@ferry/provisioning";
import { RPC_ROUTER_CONFIG, startRpcRouter } from "@ferry/rpc-router";
import { createHealth, createLogger, createMetrics, createShutdown, type ServiceRuntime } from "@ferry/runtime";
import { type Fleet, type FleetOptions, startFleet } from "@ferry/simulator";
import { memoryState } from "@ferry/state/memory";
import { endPrograms, Program } from "@ferry/testing";
import { startTransport, TRANSPORT_CONFIG } from "@ferry/transport";
import { afterEach, describe, expect, it } from "@jest/globals";

const COUNT = 5;
const KEY = "00112233445566778899aabbccddeeff";
const FACTORY_KEY = "ffeeddccbbaa99887766554433221100";
const ALL_WELL = { refused: 0, unanswered: 0, handshakeFailures: 0 };
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
};
const BOOTSTRAP_ENV = {
  ...ENV,
  BOOTSTRAP_COAP_HOST: "127.0.0.1",
  BOOTSTRAP_COAP_PORT: "0",
  BOOTSTRAP_DTLS_HOST: "127.0.0.1",
  BOOTSTRAP_DTLS_PORT: "0",
  BOOTSTRAP_DRAIN: "0ms",
};

const folder = mkdtempSync(join(tmpdir(), "ferry-bootstrap-fleet-"));
const running: (() => Promise<unknown>)[] = [() => Promise.resolve(rmSync(folder, { recursive: true }))];
afterEach(async () => {
  await endPrograms();
  for (const stop of running.splice(1).reverse()) await stop();
});

function runtime(name: string): ServiceRuntime {
  const logger = createLogger(name, { level: "fatal", format: "json" });
  const shutdown = createShutdown(logger, 5_000);
  running.push(() => shutdown.stop());
  return { logger, shutdown, metrics: createMetrics({ process: false }), health: createHealth(0), httpPort: 0 };
}

/** A router, a transport and a bootstrap server on one bus and store in memory. */
async function startSystem(): Promise<{
  readonly transport: Awaited<ReturnType<typeof startTransport>>;
  readonly bootstrap: Awaited<ReturnType<typeof startBootstrap>>;
  readonly apply: (documents: string) => Promise<void>;
}> {
  const [bus, state] = [new MemoryBus(), memoryState()];
  await startRpcRouter(RPC_ROUTER_CONFIG.load({ env: ENV }), runtime("rpc-router"), { bus, state });
  const transport = await startTransport(TRANSPORT_CONFIG.load({ env: TRANSPORT_ENV }), runtime("transport"), {
    bus,
    state,
  });
  const bootstrap = await startBootstrap(BOOTSTRAP_CONFIG.load({ env: BOOTSTRAP_ENV }), runtime("bootstrap"), {
    bus,
    state,
  });
  const client = new BusClient(bus, "");
  return {
    transport,
    bootstrap,
    apply: async (documents) => {
      const file = join(folder, "documents.yaml");
      writeFileSync(file, documents);
      const outcomes = await client.apply(await readDocuments([file]), () => {});
      expect(outcomes.filter(({ outcome }) => outcome === "rejected")).toEqual([]);
    },
  };
}

async function openFleet(options: Omit<FleetOptions, "count">): Promise<Fleet> {
  const fleet = await startFleet({ bootstrap: {}, ...options, count: COUNT });
  running.push(() => fleet.stop(0));
  return fleet;
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 750 && !holds(); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(holds()).toBe(true);
}

const devices = (credentials: (name: string) => string): string =>
  Array.from({ length: COUNT }, (_, index) => {
    const name = `sim-${index}`;
    return `---\nkind: device\nendpoint: ${name}\nprofile: meter\n${credentials(name)}\n`;
  }).join("");

const profile = (account: string): string =>
  `kind: profile\nname: meter\nbootstrap:\n  servers: [{ shortServerId: 101, host: 127.0.0.1, ${account}, lifetimeS: 60 }]\n`;

describe("simulated devices from the factory", () => {
  it("are bootstrapped in the clear and register with the transport", async () => {
    const { transport, bootstrap, apply } = await startSystem();
    await apply(
      profile(`security: noSec, port: ${transport.coapPort}`) + devices(() => "credentials: [{ noSec: true }]"),
    );
    const fleet = await openFleet({ server: { host: "127.0.0.1", port: bootstrap.coapPort } });
    await until(() => fleet.progress.registered === COUNT);
    expect(fleet.progress).toMatchObject({ ...ALL_WELL, bootstraps: COUNT, registrations: COUNT });
  });

  it("are what `ferry simulate --bootstrap` runs: it tells how many were bootstrapped and are registered", async () => {
    const { transport, bootstrap, apply } = await startSystem();
    await apply(
      profile(`security: noSec, port: ${transport.coapPort}`) + devices(() => "credentials: [{ noSec: true }]"),
    );
    const uri = `coap://127.0.0.1:${bootstrap.coapPort}`;
    const program = new Program("tools/ferry/src/main.ts", ["simulate", "-n", String(COUNT + 1), "--bootstrap", uri]);
    await program.prints(new RegExp(`${COUNT} bootstraps done, ${COUNT} of ${COUNT + 1} registered`));
    expect(await program.end("SIGINT")).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(`^ferry: the bootstrap server refused sim-${COUNT}: 4\\.`),
    });
  });

  it("of LwM2M 1.2 are bootstrapped by one Bootstrap-Pack each", async () => {
    const { transport, bootstrap, apply } = await startSystem();
    await apply(
      profile(`security: noSec, port: ${transport.coapPort}`) + devices(() => "credentials: [{ noSec: true }]"),
    );
    const fleet = await openFleet({
      server: { host: "127.0.0.1", port: bootstrap.coapPort },
      device: () => ({ lwm2mVersion: "1.2" }),
      bootstrap: { pack: true },
    });
    await until(() => fleet.progress.registered === COUNT);
    expect(fleet.progress).toMatchObject({ ...ALL_WELL, bootstraps: COUNT, served: 0 });
  });

  it("are bootstrapped with their factory keys and registered by those they were given; again when they are bootstrapped anew", async () => {
    const { transport, bootstrap, apply } = await startSystem();
    const declared = (name: string): string =>
      `credentials: [{ psk: { identity: ${name}, key: "${KEY}" } }]\nbootstrap: { bootstrapServer: { psk: { identity: factory-${name}, key: "${FACTORY_KEY}" } } }`;
    await apply(profile(`security: psk, port: ${transport.dtlsPort}`) + devices(declared));
    const key = createSecretKey(Buffer.from(FACTORY_KEY, "hex"));
    const fleet = await openFleet({
      server: { host: "127.0.0.1", port: bootstrap.dtlsPort ?? 0 },
      security: (name) => ({
        credential: { type: "psk", identity: Buffer.from(`factory-${name}`), key },
        ownCidLengthBytes: 0,
      }),
    });
    await until(() => fleet.progress.registered === COUNT);
    expect(fleet.progress).toMatchObject({ ...ALL_WELL, bootstraps: COUNT, handshakes: 2 * COUNT });
    fleet.handle("sim-0", { type: "bootstrap" });
    await until(() => fleet.progress.registrations === COUNT + 1);
    expect(fleet.progress).toMatchObject({ ...ALL_WELL, bootstraps: COUNT + 1, deregistrations: 1, registered: COUNT });
  });
});
