import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { deviceKey } from "@ferry/proto";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { credentialOf, FRESH_KINDS, FreshDevice } from "./fresh-device.ts";
import { type Recording, type ServiceProcess, type Stops, System, stopAll } from "./system.ts";

/** How long a process that is asked to end may let its sessions go on. */
const DRAIN_MS = 6_000;
/** How long a device waits for the next request of a session before it asks anew; those that stay wait longer than a process may drain. */
const IMPATIENT_MS = 2_000;
const PATIENT_MS = 60_000;
/** Nobody listens there: of two accounts one is enough to be registered. */
const NOWHERE = 9;
const POLL_MS = 50;
/** A Bootstrap-Request is given up after 6 to 9 s. */
const WAIT = { timeoutMs: 30_000 };

interface Session {
  readonly node: string;
  /** Of its last step; undefined: it was never told that it ended. */
  readonly result: string | undefined;
}

jest.setTimeout(60_000);

const stops: Stops = [];
let system: System;
let first: ServiceProcess;
let second: ServiceProcess;
let third: ServiceProcess;
let bootstraps: Recording;
let lifecycle: Recording;

beforeAll(async () => {
  // What is lost is sent again several times within a drain.
  const env = { BOOTSTRAP_DRAIN: `${DRAIN_MS}ms`, BOOTSTRAP_COAP_ACK_TIMEOUT: "500ms" };
  system = await System.start({ name: "bootstrap-kill", env });
  stops.push(() => system.stop());
  const transport = await system.run("transport", "transport-0");
  first = await system.run("bootstrap", "bootstrap-0");
  second = await system.run("bootstrap", "bootstrap-1");
  const router = await system.run("rpc-router", "rpc-router");
  await Promise.all([transport, first, second, router].map(({ started }) => started));
  await declare(transport, ["taken", "alone", "drained", "stuck"]);
  [bootstraps, lifecycle] = await Promise.all([system.follow("bootstrap"), system.follow("lifecycle")]);
}, 90_000);

afterAll(() => stopAll(stops), 60_000);

/** Declares a device of each kind and name, which is to have two servers. */
async function declare({ coapPort, dtlsPort }: ServiceProcess, names: readonly string[]): Promise<void> {
  const documents = FRESH_KINDS.flatMap((kind) => {
    const security = kind === "clear" ? "noSec" : "psk";
    const common = { security, host: "127.0.0.1", lifetimeS: 300 };
    const port = kind === "clear" ? coapPort : dtlsPort;
    const servers = [
      { ...common, shortServerId: 101, port },
      { ...common, shortServerId: 102, port: NOWHERE },
    ];
    const profile = { kind: "profile", name: `fresh-${kind}`, bootstrap: { servers } };
    const devices = names.map((name) => {
      const endpoint = `${name}-${kind}`;
      return { kind: "device", endpoint, profile: profile.name, credentials: [credentialOf(kind, endpoint)] };
    });
    return [profile, ...devices];
  });
  const folder = await mkdtemp(join(tmpdir(), "ferry-fresh-"));
  await writeFile(join(folder, "devices.yaml"), documents.map((it) => JSON.stringify(it)).join("\n---\n"));
  await system.provision([folder]);
  await rm(folder, { recursive: true });
}

/** Starts a device of each kind; resolves when the sessions of all are held in the middle, and their beginnings are on the topic: nobody waits for that. */
async function hold(name: string, server: ServiceProcess, timeoutMs = IMPATIENT_MS): Promise<readonly FreshDevice[]> {
  const devices = await Promise.all(
    FRESH_KINDS.map((kind) => FreshDevice.start(kind, `${name}-${kind}`, server, timeoutMs)),
  );
  stops.push(() => Promise.all(devices.map((device) => device.stop())));
  await Promise.all(
    devices.map(async ({ endpoint, held }) => {
      await held;
      await bootstraps.waitFor(({ key }) => key === deviceKey("default", endpoint));
    }),
  );
  return devices;
}

/** Sessions of a device so far, in the order in which they began. */
function sessionsOf(endpoint: string): readonly Session[] {
  const steps = bootstraps.of(endpoint).map(({ value }) => value as unknown as Step);
  return [...Map.groupBy(steps, ({ sessionId }) => sessionId).values()].map((session) => ({
    node: session[0]?.context.node ?? "",
    result: session.at(-1)?.result?.replace("BOOTSTRAP_RESULT_", ""),
  }));
}

interface Step {
  readonly sessionId: string;
  readonly result?: string;
  readonly context: { readonly node: string };
}

async function awaitEnd(endpoint: string): Promise<void> {
  const key = deviceKey("default", endpoint);
  await bootstraps.waitFor((it) => it.key === key && it.value.result !== undefined);
}

async function awaitRegistered(endpoint: string): Promise<void> {
  const key = deviceKey("default", endpoint);
  await lifecycle.waitFor((it) => it.key === key && it.value.event === "LIFECYCLE_EVENT_REGISTERED");
}

/** A device is bootstrapped, by `sessions` in all, has each server once, and registers. */
async function expectBootstrapped(device: FreshDevice, sessions: readonly Session[]): Promise<void> {
  const { endpoint } = device;
  const { shortServerIds } = await device.events.waitFor("bootstrapped", WAIT);
  expect({ endpoint, shortServerIds }).toEqual({ endpoint, shortServerIds: [101, 102] });
  await Promise.all([awaitEnd(endpoint), awaitRegistered(endpoint)]);
  expect({ endpoint, sessions: sessionsOf(endpoint) }).toEqual({ endpoint, sessions });
}

describe("a bootstrap server that is killed in the middle of sessions", () => {
  it("is stood in for by another: devices are bootstrapped anew, have each server once, and register", () =>
    system.explain(async () => {
      const devices = await hold("taken", first);
      await first.kill9();
      for (const device of devices) {
        if (device.kind === "cid") await device.rebind();
        device.moveTo(second);
      }
      for (const device of devices) {
        await expectBootstrapped(device, [
          { node: "bootstrap-0", result: undefined },
          { node: "bootstrap-1", result: "SUCCEEDED" },
        ]);
        // The other has found the association in Redis, by the address or by the Connection ID.
        expect(device.countBeforeBootstrapped("associated")).toBe(device.kind === "clear" ? 0 : 1);
      }
    }));

  it("leaves devices half bootstrapped where there is no other, until it is back", () =>
    system.explain(async () => {
      const devices = await hold("alone", second);
      await second.kill9();
      for (const device of devices) device.moveTo(second);
      for (const device of devices) {
        const { endpoint } = device;
        expect(await device.events.waitFor("unanswered", WAIT)).toMatchObject({ uplink: "bootstrap" });
        expect(sessionsOf(endpoint)).toEqual([{ node: "bootstrap-1", result: undefined }]);
        expect(device.events.of("bootstrapped")).toEqual([]);
      }
      third = await system.run("bootstrap", "bootstrap-2");
      await third.started;
      for (const device of devices) device.moveTo(third);
      for (const device of devices) {
        await expectBootstrapped(device, [
          { node: "bootstrap-1", result: undefined },
          { node: "bootstrap-2", result: "SUCCEEDED" },
        ]);
      }
    }));
});

describe("a bootstrap server that is asked to end", () => {
  it("goes on with sessions under way until they are done, gives up those that do not end in time, and ends", () =>
    system.explain(async () => {
      const drained = await hold("drained", third, PATIENT_MS);
      const stuck = await hold("stuck", third, PATIENT_MS);
      const ended = third.terminate();
      await until(async () => !(await third.readiness()).ready);
      for (const device of drained) device.moveTo(third);
      for (const device of drained) {
        await expectBootstrapped(device, [{ node: "bootstrap-2", result: "SUCCEEDED" }]);
      }
      expect(await ended).toBe(0);
      for (const { endpoint } of stuck) {
        await awaitEnd(endpoint);
        expect(sessionsOf(endpoint)).toEqual([{ node: "bootstrap-2", result: "FAILED" }]);
      }
    }));
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(POLL_MS);
}
