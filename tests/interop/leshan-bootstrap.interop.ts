import type { StreamRecord } from "@ferry/client";
import { CONTENT_FORMAT } from "@ferry/coap";
import { deviceKey } from "@ferry/proto";
import { type LeshanDevice, type LeshanOptions, runProgram, startLeshan } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { type Recording, type ServiceProcess, type Stops, System, stopAll } from "../e2e/system.ts";
import { account, declare, type MadeKeys, type Mode, makeKeys } from "./bootstrap-documents.ts";
import { LeshanKeys } from "./leshan-keys.ts";

// Leshan's client as it comes from the factory: all that it knows is a bootstrap server.

const MODES = ["NO_SEC", "PSK", "RPK", "X509"] as const;
const SENTENCES: Readonly<Record<Mode, string>> = {
  NO_SEC:
    "LightweightM2M-1.1-int-0: a device in the clear is bootstrapped on request, registers and delivers telemetry",
  PSK: "LightweightM2M-1.1-int-1: a device with a pre-shared key is bootstrapped, registers and delivers telemetry",
  RPK: "a device with a raw public key is bootstrapped, registers and delivers telemetry",
  X509: "LightweightM2M-1.1-int-2: a device with a certificate is bootstrapped, registers and delivers telemetry",
};
const TRIGGERED =
  "LightweightM2M-1.1-int-5: a registered device is bootstrapped again when the server triggers it, by the account it has now";
const DELETED = "LightweightM2M-1.1-int-4: a device that is bootstrapped again has its old accounts deleted first";

const SHORT_SERVER_ID = 123;
const LIFETIME_S = 77;
/** An instance of the Access Control Object: the server may do anything with the Device Object. */
const ACCESS = {
  "/2/1": { "0": 3, "1": 0, [`2/${SHORT_SERVER_ID}`]: 15, "3": SHORT_SERVER_ID },
};

/** Each combination of security at the bootstrap server and at the LwM2M server is in one row: `shift` says how far apart they are in MODES. */
const VARIANTS = [
  { version: "1.1", account: "kept", shift: 0 },
  { version: "1.1", account: "updated", shift: 1 },
  { version: "1.0", account: "kept", shift: 2 },
  { version: "1.0", account: "updated", shift: 3 },
] as const;
type Variant = (typeof VARIANTS)[number];

jest.setTimeout(30_000);

const stops: Stops = [];
/** What devices leave the factory with, by endpoint. */
const factory = new Map<string, MadeKeys>();
let keys: LeshanKeys;
let system: System;
let transport: ServiceProcess;
let server: ServiceProcess;
/** Where devices are told to go that get a new bootstrap account. */
let other: ServiceProcess;
let bootstraps: Recording;
let lifecycle: Recording;
let telemetry: Recording;

beforeAll(async () => {
  keys = await LeshanKeys.make();
  stops.push(() => keys.remove());
  const transportEnv = { LWM2M_DTLS_KEYS: keys.serverFolder };
  system = await System.start({ name: "leshan-bootstrap", transportEnv });
  stops.push(() => system.stop());
  transport = await system.run("transport", "transport-0");
  const env = { BOOTSTRAP_DTLS_KEYS: keys.serverFolder };
  server = await system.run("bootstrap", "bootstrap-0", { env });
  other = await system.run("bootstrap", "bootstrap-1", { env });
  const router = await system.run("rpc-router", "rpc-router");
  const documents = await Promise.all([
    ...VARIANTS.flatMap((variant) => MODES.map((mode) => declareRow(variant, mode))),
    declareOne("prefers", "NO_SEC", "NO_SEC"),
    declareOne("inconsistent", "PSK", "PSK", { objects: { "/3/0": { "14": "+05:00" } } }),
    declareOne("moved", "PSK", "NO_SEC"),
    declareOne("unnamed", "NO_SEC", "NO_SEC"),
    declareOne("followed", "X509", "X509"),
  ]);
  await Promise.all([transport.started, server.started, other.started, router.started]);
  await system.provision(documents);
  [bootstraps, lifecycle, telemetry] = await Promise.all([
    system.follow("bootstrap"),
    system.follow("lifecycle"),
    system.follow("telemetry"),
  ]);
}, 90_000);

afterAll(() => stopAll(stops), 60_000);

function endpointOf({ version, account: own }: Variant, mode: Mode): string {
  return `fresh-${mode}-${version}-${own}`;
}

function serverModeOf({ shift }: Variant, mode: Mode): Mode {
  return MODES[(MODES.indexOf(mode) + shift) % MODES.length] as Mode;
}

function declareRow(variant: Variant, mode: Mode): Promise<string> {
  const more = variant.account === "updated" ? { bootstrapServer: account(mode, other, keys), objects: ACCESS } : {};
  return declareOne(endpointOf(variant, mode), mode, serverModeOf(variant, mode), more);
}

/** Makes the keys of a device and declares it, with `more` in what it is given; returns the file of its documents. */
async function declareOne(endpoint: string, atBootstrap: Mode, atServer: Mode, more: object = {}): Promise<string> {
  const own = await makeKeys(keys, endpoint, atServer);
  factory.set(endpoint, atBootstrap === atServer ? own : await makeKeys(keys, `factory-${endpoint}`, atBootstrap));
  return declareAt(endpoint, atServer, own, more);
}

function declareAt(endpoint: string, atServer: Mode, own: MadeKeys, more: object = {}): string {
  const there = { shortServerId: SHORT_SERVER_ID, lifetimeS: LIFETIME_S, ...account(atServer, transport, keys) };
  const made = factory.get(endpoint) as MadeKeys; // Set before any device is declared.
  return declare(keys, { endpoint, factory: made, server: own, bootstrap: { servers: [there], ...more } });
}

async function start(
  endpoint: string,
  mode: Mode,
  options: Pick<LeshanOptions, "lwm2m" | "preferredFormat" | "unnamedServers"> = {},
): Promise<LeshanDevice> {
  const uri = mode === "NO_SEC" ? `coap://127.0.0.1:${server.coapPort}` : `coaps://127.0.0.1:${server.dtlsPort}`;
  const device = await startLeshan({
    ...factory.get(endpoint)?.started,
    ...options,
    server: uri,
    bootstrap: true,
    endpoint,
  });
  stops.push(() => device.stop());
  return device;
}

async function trigger(endpoint: string): Promise<void> {
  const params = JSON.stringify({ id: "/1/0/9" });
  const answer = await system.client.rpc({ endpoint, method: "Execute", params, timeoutMs: 10_000 });
  expect(answer).toMatchObject({ status: "SUCCESSFUL" });
}

const about =
  (endpoint: string, matches: (value: StreamRecord["value"]) => boolean) =>
  ({ key, value }: StreamRecord): boolean =>
    key === deviceKey("default", endpoint) && matches(value);

const isRegistered =
  (mode: Mode) =>
  ({ event, registration }: StreamRecord["value"]): boolean =>
    event === "LIFECYCLE_EVENT_REGISTERED" && (registration as { securityMode?: string }).securityMode === mode;

/** Awaits the end of a device's session, the `ordinal`th that began; returns its records. */
async function session(endpoint: string, ordinal: number): Promise<StreamRecord["value"][]> {
  const sessions = (): StreamRecord["value"][][] => [
    ...Map.groupBy(
      bootstraps.of(endpoint).map(({ value }) => value),
      ({ sessionId }) => sessionId,
    ).values(),
  ];
  const isEnd = ({ sessionId, result }: StreamRecord["value"]): boolean =>
    result !== undefined && sessions()[ordinal - 1]?.[0]?.sessionId === sessionId;
  await bootstraps.waitFor(about(endpoint, isEnd));
  return sessions()[ordinal - 1] ?? [];
}

/** `WRITTEN /0/1 2.04` */
function line({ step, path = "", code = "" }: StreamRecord["value"]): string {
  return [String(step).replace("BOOTSTRAP_STEP_", ""), path, code].filter((word) => word !== "").join(" ");
}

describe.each(VARIANTS)(
  "Leshan's client from the factory, of LwM2M $version, its bootstrap account $account",
  (variant) => {
    const { version, account: own } = variant;
    const devices = new Map<Mode, LeshanDevice>();
    const more = own === "updated" ? ["WRITTEN /2/1 2.04", "WRITTEN /0/0 2.04"] : [];
    const written = ["WRITTEN /0/1 2.04", "WRITTEN /1/0 2.04", ...more];
    const named = (sentence: string): string => (version === "1.1" ? sentence : sentence.replace(/^Light[^:]*: /, ""));

    afterAll(() => Promise.all([...devices.values()].map((device) => device.stop())));

    it.each(MODES.map((mode) => [named(SENTENCES[mode]), mode] as const))("%s", async (_, mode) => {
      const endpoint = endpointOf(variant, mode);
      const atServer = serverModeOf(variant, mode);
      const device = await start(endpoint, mode, { lwm2m: version });
      devices.set(mode, device);

      await device.waitFor("bootstrapped");
      const steps = await session(endpoint, 1);
      expect(steps.map(line)).toEqual(["STARTED 2.04", "DISCOVERED / 2.05", ...written, "FINISHED 2.04"]);
      const given = { shortServerId: SHORT_SERVER_ID, securityMode: atServer };
      expect(steps[0]).toMatchObject({
        securityMode: mode,
        servers: expect.arrayContaining([expect.objectContaining(given)]),
      });
      expect(steps.at(-1)).toMatchObject({ result: "BOOTSTRAP_RESULT_SUCCEEDED" });

      await device.waitFor("registered");
      const { value } = await lifecycle.waitFor(about(endpoint, isRegistered(atServer)));
      expect(value).toMatchObject({ registration: { lwm2mVersion: version, lifetimeS: LIFETIME_S } });
      const samples = await telemetry.waitFor(about(endpoint, (it) => JSON.stringify(it).includes("batteryLevel")));
      expect(samples.value).toMatchObject({ samples: [{ key: "batteryLevel", value: { int64: "75" } }] });
    });

    if (own === "updated") {
      it("a device gets the objects that its profile lists beside the accounts", () => {
        const access = { "/2/1/0": 3, "/2/1/1": 0, "/2/1/2": { [SHORT_SERVER_ID]: 15 }, "/2/1/3": SHORT_SERVER_ID };
        for (const mode of MODES) {
          const events = devices.get(mode)?.events ?? [];
          const writes = events.flatMap((it) => (it.event === "written" ? [[it.path, it.value] as const] : []));
          expect(Object.fromEntries(writes)).toMatchObject(access);
        }
      });
    }

    // The Server object of LwM2M 1.0 has no trigger.
    if (version === "1.0") return;
    it.each(MODES.map((mode) => [mode]))(`${TRIGGERED}: %s`, async (mode) => {
      const endpoint = endpointOf(variant, mode);
      const device = devices.get(mode);
      const before = new Set<unknown>(device?.events);
      await trigger(endpoint);
      const steps = await session(endpoint, 2);
      expect(steps.at(-1)).toMatchObject({ result: "BOOTSTRAP_RESULT_SUCCEEDED" });
      expect(steps[0]).toMatchObject({ context: { node: own === "updated" ? "bootstrap-1" : "bootstrap-0" } });
      await device?.waitFor("registered", (event) => !before.has(event));
    });

    it(DELETED, async () => {
      for (const mode of MODES) {
        const steps = await session(endpointOf(variant, mode), 2);
        expect(steps.map(line)).toEqual([
          "STARTED 2.04",
          "DISCOVERED / 2.05",
          "DELETED /0/1 2.02",
          "DELETED /1/0 2.02",
          ...written,
          "FINISHED 2.04",
        ]);
      }
    });
  },
);

describe("Leshan's client from the factory", () => {
  it("a device is written to in the format that it prefers", async () => {
    const device = await start("prefers", "NO_SEC", { preferredFormat: CONTENT_FORMAT.SENML_JSON });
    await device.waitFor("registered");
    const formats = device.events.flatMap((it) =>
      it.event === "requested" && it.method === "PUT" && /^\/[01]\/\d+$/.test(it.path) ? [it.contentFormat] : [],
    );
    expect(formats).toEqual([CONTENT_FORMAT.SENML_JSON, CONTENT_FORMAT.SENML_JSON]);
    await device.stop();
  });

  it("LightweightM2M-1.1-int-8: a device that does not say whose its Server object's instances are is asked by Bootstrap-Read", async () => {
    const device = await start("unnamed", "NO_SEC", { unnamedServers: true });
    await device.waitFor("registered");
    await trigger("unnamed");
    expect((await session("unnamed", 2)).map(line)).toEqual([
      "STARTED 2.04",
      "DISCOVERED / 2.05",
      "READ /1 2.05",
      "DELETED /0/1 2.02",
      "DELETED /1/0 2.02",
      "WRITTEN /0/1 2.04",
      "WRITTEN /1/0 2.04",
      "FINISHED 2.04",
    ]);
    await device.stop();
  });

  it("LightweightM2M-1.1-int-9: a device that finds what it was given inconsistent answers Finish with 4.06, which is told", async () => {
    // Written anew, the Device object lacks what a client must have in it.
    const device = await start("inconsistent", "PSK");
    const steps = await session("inconsistent", 1);
    expect(steps.map(line).slice(-2)).toEqual(["FINISHED 4.06", "FAILED"]);
    expect(steps.at(-1)).toMatchObject({
      result: "BOOTSTRAP_RESULT_FAILED",
      reason: expect.stringContaining("inconsistent"),
    });
    expect(device.events.map(({ event }) => event)).not.toContain("registered");
    await device.stop();
  });

  it("LightweightM2M-1.1-int-7: a device that its server refuses falls back to the bootstrap server, and is given what is declared now", async () => {
    const device = await start("moved", "PSK");
    await lifecycle.waitFor(about("moved", isRegistered("NO_SEC")));
    await device.send({ command: "deregister" });
    await device.waitFor("deregistered");
    await system.provision([declareAt("moved", "RPK", await makeKeys(keys, "moved", "RPK"))]);

    await device.send({ command: "register" });
    expect(await device.waitFor("refused")).toMatchObject({ uplink: "register", code: 403 });
    expect((await session("moved", 2)).at(-1)).toMatchObject({ result: "BOOTSTRAP_RESULT_SUCCEEDED" });
    await lifecycle.waitFor(about("moved", isRegistered("RPK")));
    await device.stop();
  });

  it("a bootstrap is triggered, followed and shown by the command line", async () => {
    const device = await start("followed", "X509");
    await device.waitFor("registered");
    const where = [
      "--bootstrap-servers",
      system.kafka.bootstrapServers.join(","),
      "--topic-prefix",
      system.topicPrefix,
    ];
    const run = (...args: string[]) => runProgram("tools/ferry/src/main.ts", ["bootstrap", ...args, ...where]);
    const followed = await run("trigger", "followed", "--wait");
    expect(followed.stdout).toMatch(
      /bootstrap started 2\.04 X509.*bootstrap deleted \/0\/1.*bootstrap finished 2\.04/s,
    );
    const shown = await run("show", "followed");
    expect(shown.stdout).toMatch(/finished/);
    await device.stop();
  });
});
