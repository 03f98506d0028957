import { createSecretKey } from "node:crypto";
import { type DeviceSecurity, type Fleet, type FleetOptions, startFleet } from "@ferry/simulator";
import { endPrograms, Program } from "@ferry/testing";
import { afterEach, describe, expect, it } from "@jest/globals";
import { type MemorySystem, startMemorySystem } from "./memory-system.ts";

const COUNT = 5;
const PATIENCE_MS = 15_000;
/** For a crowd, on a machine that has other things to do. */
const CROWD_PATIENCE_MS = 45_000;
const CROWD_TIMEOUT_MS = 60_000;
const KEY = "00112233445566778899aabbccddeeff";
const FACTORY_KEY = "ffeeddccbbaa99887766554433221100";
const ALL_WELL = { refused: 0, unanswered: 0, handshakeFailures: 0 };
const running: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await endPrograms();
  await stopAll();
});

async function stopAll(): Promise<void> {
  for (const stop of running.splice(0).reverse()) await stop();
  await new Promise((resolve) => setImmediate(resolve)); // A closed socket is gone a turn later.
}

async function startSystem(): Promise<MemorySystem> {
  const system = await startMemorySystem();
  running.push(system.stop);
  return system;
}

async function openFleet(options: Omit<FleetOptions, "count"> & { readonly count?: number }): Promise<Fleet> {
  const fleet = await startFleet({ bootstrap: {}, count: COUNT, ...options });
  running.push(() => fleet.stop(0));
  return fleet;
}

async function until(holds: () => boolean | Promise<boolean>, patienceMs = PATIENCE_MS): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (performance.now() < deadlineMs && !(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await holds()).toBe(true);
}

const devices = (credentials: (name: string) => string, count = COUNT): string =>
  Array.from({ length: count }, (_, index) => {
    const name = `sim-${index}`;
    return `---\nkind: device\nendpoint: ${name}\nprofile: meter\n${credentials(name)}\n`;
  }).join("");

const profile = (account: string): string =>
  `kind: profile\nname: meter\nbootstrap:\n  servers: [{ shortServerId: 101, host: 127.0.0.1, ${account}, lifetimeS: 60 }]\n`;

/** Keys of a device for its LwM2M server and, from the factory, for the bootstrap server. */
const preSharedKeys = (name: string): string =>
  `credentials: [{ psk: { identity: ${name}, key: "${KEY}" } }]\nbootstrap: { bootstrapServer: { psk: { identity: factory-${name}, key: "${FACTORY_KEY}" } } }`;

const factoryKey = (name: string): DeviceSecurity => ({
  credential: {
    type: "psk",
    identity: Buffer.from(`factory-${name}`),
    key: createSecretKey(Buffer.from(FACTORY_KEY, "hex")),
  },
  ownCidLengthBytes: 0,
});

/** How many sockets or timers keep this process running. */
function keptAlive(type: "UDPWrap" | "Timeout"): number {
  return process.getActiveResourcesInfo().filter((name) => name === type).length;
}

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
    await apply(profile(`security: psk, port: ${transport.dtlsPort}`) + devices(preSharedKeys));
    const fleet = await openFleet({
      server: { host: "127.0.0.1", port: bootstrap.dtlsPort ?? 0 },
      security: factoryKey,
    });
    await until(() => fleet.progress.registered === COUNT);
    expect(fleet.progress).toMatchObject({ ...ALL_WELL, bootstraps: COUNT, handshakes: 2 * COUNT });
    fleet.handle("sim-0", { type: "bootstrap" });
    await until(() => fleet.progress.registrations === COUNT + 1);
    expect(fleet.progress).toMatchObject({ ...ALL_WELL, bootstraps: COUNT + 1, deregistrations: 1, registered: COUNT });
  });

  it.each([
    { count: 1_000, security: "noSec" as const },
    { count: 300, security: "psk" as const },
  ])(
    "are all bootstrapped and registered when $count of them are switched on at once ($security), and leave nothing behind",
    async ({ count, security }) => {
      const [sockets, timers] = [keptAlive("UDPWrap"), keptAlive("Timeout")];
      const system = await startSystem();
      const { transport, bootstrap } = system;
      const isSecure = security === "psk";
      await system.apply(
        profile(`security: ${security}, port: ${isSecure ? transport.dtlsPort : transport.coapPort}`) +
          devices(isSecure ? preSharedKeys : () => "credentials: [{ noSec: true }]", count),
      );
      const fleet = await openFleet({
        count,
        server: { host: "127.0.0.1", port: isSecure ? (bootstrap.dtlsPort ?? 0) : bootstrap.coapPort },
        ...(isSecure && { security: factoryKey }),
        registrationsPerSecond: Number.MAX_SAFE_INTEGER,
        ownAddresses: true,
      });
      await until(() => fleet.progress.registered === count, CROWD_PATIENCE_MS);
      expect(fleet.progress).toMatchObject({ ...ALL_WELL, bootstraps: count, registrations: count });
      await until(async () => (await system.metric('lwm2m_bootstrap_sessions_total{outcome="succeeded"}')) === count);
      expect(await system.metric("lwm2m_bootstrap_sessions")).toBe(0);
      for (const endpoint of fleet.endpoints) fleet.handle(endpoint, { type: "deregister" });
      await until(() => fleet.progress.deregistrations === count);
      await stopAll();
      await until(() => keptAlive("UDPWrap") <= sockets && keptAlive("Timeout") <= timers);
    },
    CROWD_TIMEOUT_MS,
  );
});
