import type { StreamRecord } from "@ferry/client";
import { deviceKey } from "@ferry/proto";
import { type LeshanDevice, type LeshanOptions, startLeshan } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { type Recording, type ServiceProcess, type Stops, System, stopAll } from "../e2e/system.ts";
import { account, declare, type Mode } from "./bootstrap-documents.ts";
import { LeshanKeys } from "./leshan-keys.ts";

// Leshan's client as it comes from the factory: all that it knows is a bootstrap server.

const MODES = ["NO_SEC", "PSK", "RPK", "X509"] as const;
const SENTENCES: Readonly<Record<Mode, string>> = {
  NO_SEC: "LightweightM2M-1.1-int-0: in the clear is bootstrapped on request, registers and delivers telemetry",
  PSK: "LightweightM2M-1.1-int-1: with a pre-shared key is bootstrapped, registers and delivers telemetry",
  RPK: "with a raw public key is bootstrapped, registers and delivers telemetry",
  X509: "LightweightM2M-1.1-int-2: with a certificate is bootstrapped, registers and delivers telemetry",
};
const TRIGGERED =
  "LightweightM2M-1.1-int-5: a registered device is bootstrapped again when the server triggers it, by the account it has now";
const DELETED = "LightweightM2M-1.1-int-4: and its old accounts are deleted first";

const SHORT_SERVER_ID = 123;
const LIFETIME_S = 77;

/** Each combination of security at the bootstrap server and at the LwM2M server is in one row: `shift` says how far apart they are in MODES. */
const VARIANTS = [
  { version: "1.1", updated: false, shift: 0 },
  { version: "1.1", updated: true, shift: 1 },
  { version: "1.0", updated: false, shift: 2 },
  { version: "1.0", updated: true, shift: 3 },
] as const;
type Variant = (typeof VARIANTS)[number];

jest.setTimeout(30_000);

const stops: Stops = [];
/** What devices leave the factory with, by endpoint. */
const factory = new Map<string, Pick<LeshanOptions, "psk" | "rpk" | "x509">>();
let keys: LeshanKeys;
let system: System;
let transport: ServiceProcess;
let server: ServiceProcess;
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
  server = await system.run("bootstrap", "bootstrap-0", { env: { BOOTSTRAP_DTLS_KEYS: keys.serverFolder } });
  const router = await system.run("rpc-router", "rpc-router");
  const documents = await Promise.all(VARIANTS.flatMap((variant) => MODES.map((mode) => declareRow(variant, mode))));
  await Promise.all([transport.started, server.started, router.started]);
  await system.provision(documents);
  [bootstraps, lifecycle, telemetry] = await Promise.all([
    system.follow("bootstrap"),
    system.follow("lifecycle"),
    system.follow("telemetry"),
  ]);
}, 90_000);

afterAll(() => stopAll(stops), 60_000);

function endpointOf({ version, updated }: Variant, mode: Mode): string {
  return `fresh-${mode}-${version}-${updated ? "updated" : "kept"}`;
}

function serverModeOf({ shift }: Variant, mode: Mode): Mode {
  return MODES[(MODES.indexOf(mode) + shift) % MODES.length] as Mode;
}

/** Returns the file of its documents. */
async function declareRow(variant: Variant, mode: Mode): Promise<string> {
  const endpoint = endpointOf(variant, mode);
  const atServer = serverModeOf(variant, mode);
  const own = { shortServerId: SHORT_SERVER_ID, lifetimeS: LIFETIME_S };
  const bootstrap = {
    servers: [{ ...own, ...account(atServer, transport, keys) }],
    ...(variant.updated && { bootstrapServer: account(mode, server, keys) }),
  };
  const made = await declare(keys, { endpoint, atBootstrap: mode, atServer, bootstrap });
  factory.set(endpoint, made.factory);
  return made.document;
}

async function start(endpoint: string, mode: Mode, lwm2m: "1.0" | "1.1"): Promise<LeshanDevice> {
  const uri = mode === "NO_SEC" ? `coap://127.0.0.1:${server.coapPort}` : `coaps://127.0.0.1:${server.dtlsPort}`;
  const device = await startLeshan({ ...factory.get(endpoint), server: uri, bootstrap: true, lwm2m, endpoint });
  stops.push(() => device.stop());
  return device;
}

const about =
  (endpoint: string, matches: (value: StreamRecord["value"]) => boolean) =>
  ({ key, value }: StreamRecord): boolean =>
    key === deviceKey("default", endpoint) && matches(value);

const isEvent =
  (name: string) =>
  ({ event }: StreamRecord["value"]): boolean =>
    event === `LIFECYCLE_EVENT_${name}`;

/** Awaits the end of a device's session, the `count`th that began; returns its steps. */
async function sessionOf(endpoint: string, count: number): Promise<StreamRecord["value"][]> {
  const sessions = (): unknown[] => [...new Set(bootstraps.of(endpoint).map(({ value }) => value.sessionId))];
  const ended = await bootstraps.waitFor(
    about(endpoint, ({ sessionId, result }) => {
      return result !== undefined && sessions().indexOf(sessionId) >= count - 1;
    }),
  );
  const { sessionId } = ended.value;
  return bootstraps.of(endpoint).flatMap(({ value }) => (value.sessionId === sessionId ? [value] : []));
}

/** `WRITTEN /0/1 2.04` */
function line({ step, path = "", code = "" }: StreamRecord["value"]): string {
  return [String(step).replace("BOOTSTRAP_STEP_", ""), path, code].filter((word) => word !== "").join(" ");
}

describe.each(VARIANTS)(
  "a factory-fresh device of LwM2M $version, its bootstrap account updated: $updated",
  (variant) => {
    const { version, updated } = variant;
    const devices = new Map<Mode, LeshanDevice>();
    const own = updated ? ["WRITTEN /0/0 2.04"] : [];
    const written = ["WRITTEN /0/1 2.04", "WRITTEN /1/0 2.04", ...own];
    const named = (sentence: string): string => (version === "1.1" ? sentence : sentence.replace(/^Light[^:]*: /, ""));

    afterAll(() => Promise.all([...devices.values()].map((device) => device.stop())));

    it.each(MODES.map((mode) => [named(SENTENCES[mode]), mode] as const))("%s", async (_, mode) => {
      const endpoint = endpointOf(variant, mode);
      const atServer = serverModeOf(variant, mode);
      const device = await start(endpoint, mode, version);
      devices.set(mode, device);

      await device.waitFor("bootstrapped");
      const steps = await sessionOf(endpoint, 1);
      expect(steps.map(line)).toEqual(["STARTED 2.04", "DISCOVERED / 2.05", ...written, "FINISHED 2.04"]);
      expect(steps[0]).toMatchObject({
        securityMode: mode,
        servers: expect.arrayContaining([
          expect.objectContaining({ shortServerId: SHORT_SERVER_ID, securityMode: atServer }),
        ]),
      });
      expect(steps.at(-1)).toMatchObject({ result: "BOOTSTRAP_RESULT_SUCCEEDED" });

      await device.waitFor("registered");
      const { value } = await lifecycle.waitFor(about(endpoint, isEvent("REGISTERED")));
      expect(value).toMatchObject({ registration: { lwm2mVersion: version, lifetimeS: LIFETIME_S } });
      expect(await system.client.device(endpoint)).toMatchObject({ securityMode: atServer });
      const samples = await telemetry.waitFor(about(endpoint, (it) => JSON.stringify(it).includes("batteryLevel")));
      expect(samples.value).toMatchObject({ samples: [{ key: "batteryLevel", value: { int64: "75" } }] });
    });

    // The Server object of LwM2M 1.0 has no trigger.
    if (version === "1.0") return;
    it.each(MODES.map((mode) => [mode]))(`${TRIGGERED}: %s`, async (mode) => {
      const endpoint = endpointOf(variant, mode);
      const before = await system.client.device(endpoint);
      const answer = await system.client.rpc({
        endpoint,
        method: "Execute",
        params: JSON.stringify({ id: "/1/0/9" }),
        timeoutMs: 10_000,
      });
      expect(answer).toMatchObject({ status: "SUCCESSFUL" });
      const steps = await sessionOf(endpoint, 2);
      expect(steps.at(-1)).toMatchObject({ result: "BOOTSTRAP_RESULT_SUCCEEDED" });
      await devices
        .get(mode)
        ?.waitFor("registered", ({ registrationId }) => registrationId !== `/rd/${before?.registrationId}`);
    });

    it(DELETED, () => {
      for (const mode of MODES) {
        const [, again] = [
          ...Map.groupBy(bootstraps.of(endpointOf(variant, mode)), ({ value }) => value.sessionId).values(),
        ];
        expect(again?.map(({ value }) => line(value))).toEqual([
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
