import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { StreamRecord } from "@ferry/client";
import { CODE, CONTENT_FORMAT, uriOptions } from "@ferry/coap";
import { deviceKey, lwm2m, TOPICS, type TopicId } from "@ferry/proto";
import {
  type LeshanDevice,
  type LeshanEvent,
  type LeshanEventOf,
  type LeshanOptions,
  type LeshanValue,
  readKafkaRecords,
  runProgram,
  startLeshan,
} from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { type Recording, type ServiceProcess, type Stops, System, stopAll } from "../e2e/system.ts";
import { startCoapEndpoint } from "./coap-endpoint.ts";
import { LeshanKeys, type SecurityMode } from "./leshan-keys.ts";

const PROVISIONING = join(import.meta.dirname, "provisioning");
const PORTFOLIO_MODEL = join(import.meta.dirname, "leshan/src/main/resources/models/16-1_0.xml");
const CHANGED = { status: "SUCCESSFUL", result: "CHANGED" };
const INSTANCE = (id: number, value: number): string =>
  `LwM2mResourceInstance [id=${id}, value=${value}, type=INTEGER]`;

/** Devices, and the profile of each. */
const PROFILES = { leshan: "interop", formats: "nothing", composites: "composites" };
type Role = keyof typeof PROFILES;

/** How devices are secured: every test runs with each. */
interface Security {
  readonly over: string;
  readonly mode: "NO_SEC" | SecurityMode;
  /** Length of the Connection ID in records to the device; it offers none where there is none. */
  readonly cidBytes?: number;
  readonly sentence: string;
  /** Lines of `ferry devices show`. */
  readonly shown: readonly RegExp[];
}

const SECURITIES: readonly Security[] = [
  {
    over: "UDP",
    mode: "NO_SEC",
    sentence: "a device in the clear is shown as such",
    shown: [/^security +NO_SEC$/m],
  },
  {
    over: "DTLS by pre-shared key, with Connection IDs",
    mode: "PSK",
    cidBytes: 6,
    sentence: "LightweightM2M-1.1-int-401: a device with a pre-shared key registers over DTLS",
    shown: [/^security +PSK$/m, /^cipher suite +TLS_PSK_WITH_AES_128_CCM_8$/m, /^Connection ID +yes/m],
  },
  {
    over: "DTLS by raw public key",
    mode: "RPK",
    sentence: "a device with a raw public key registers over DTLS",
    shown: [/^security +RPK$/m, /^cipher suite +TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8$/m, /^Connection ID +no$/m],
  },
  {
    over: "DTLS by certificate, with Connection IDs in records to the server",
    mode: "X509",
    cidBytes: 0,
    sentence: "a device with a certificate of its fleet's CA registers over DTLS",
    shown: [/^security +X509$/m, /^cipher suite +TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8$/m, /^Connection ID +yes/m],
  },
];

/** Some tests wait for notifications that attributes hold back, or for time to pass. */
jest.setTimeout(20_000);

const stops: Stops = [];
let system: System;
let transport: ServiceProcess;
let lifecycle: Recording;
let attributes: Recording;
let telemetry: Recording;
let responses: Recording;
/** What devices behind DTLS are started with, by endpoint. */
const secured = new Map<string, Pick<LeshanOptions, "psk" | "rpk" | "x509">>();
/** Requests that were made, to be answered once each. */
let requests = 0;

beforeAll(async () => {
  const keys = await LeshanKeys.make();
  stops.push(() => keys.remove());
  const transportEnv = { LWM2M_REACHABILITY_MODE: "vip", LWM2M_DTLS_KEYS: keys.serverFolder };
  system = await System.start({ name: "leshan", transportEnv });
  stops.push(() => system.stop());
  transport = await system.run("transport", "transport-0", { env: { LWM2M_EXPIRY_GRACE: "1s" } });
  const router = await system.run("rpc-router", "rpc-router");
  const documents = await makeKeys(keys);
  await Promise.all([transport.started, router.started]);
  await system.provision([PROVISIONING, PORTFOLIO_MODEL, ...documents]);
  [lifecycle, attributes, telemetry, responses] = await Promise.all([
    system.follow("lifecycle"),
    system.follow("attributes"),
    system.follow("telemetry"),
    system.follow("rpcResponse"),
  ]);
}, 90_000);

afterAll(() => stopAll(stops), 60_000);

function endpointOf(role: Role, { mode }: Security): string {
  return mode === "NO_SEC" ? role : `${role}-${mode.toLowerCase()}`;
}

/** Keys of every device; returns the documents that declare them. Those with certificates are fleets, by pattern. */
async function makeKeys(keys: LeshanKeys): Promise<readonly string[]> {
  const ca = await keys.ca("fleet");
  const made = SECURITIES.flatMap((security) =>
    (Object.keys(PROFILES) as Role[]).map(async (role) => {
      const { mode, cidBytes } = security;
      if (mode === "NO_SEC") return [];
      const endpoint = endpointOf(role, security);
      const { document, security: own } = await keys.device(endpoint, {
        mode,
        profile: PROFILES[role],
        ...(mode === "X509" && { ca, declared: `${role}-x*` }),
        ...(cidBytes !== undefined && { cidBytes }),
      });
      secured.set(endpoint, own);
      return [document];
    }),
  );
  return (await Promise.all(made)).flat();
}

function start(
  role: Role,
  security: Security,
  options: Pick<LeshanOptions, "fixture" | "lifetimeS"> = { fixture: "black-box" },
): Promise<LeshanDevice> {
  const endpoint = endpointOf(role, security);
  const own = secured.get(endpoint);
  const server =
    own === undefined ? `coap://127.0.0.1:${transport.coapPort}` : `coaps://127.0.0.1:${transport.dtlsPort}`;
  return startLeshan({ ...options, ...own, server, endpoint });
}

/** What tests ask a device, and await of it on Kafka. */
function asking(endpoint: string) {
  /** Asks by a request on Kafka. */
  const ask = (method: string, params: object = {}) => {
    requests++;
    return system.client.rpc({ endpoint, method, params: JSON.stringify(params), timeoutMs: 10_000 });
  };
  const read = async (id: string): Promise<string> => {
    const { result, value, error } = await ask("Read", { id });
    expect({ result, error }).toEqual({ result: "CONTENT", error: undefined });
    return value ?? "";
  };
  const nodesOf = async (method: string, params: object): Promise<unknown> => {
    const { result, nodes, error } = await ask(method, params);
    expect({ result, error }).toEqual({ result: "CONTENT", error: undefined });
    return nodes;
  };
  /** A record about the device, past or to come. */
  const waitFor = async (
    stream: Recording,
    matches: (value: StreamRecord["value"]) => boolean,
    timeoutMs?: number,
  ): Promise<StreamRecord["value"]> => {
    const key = deviceKey("default", endpoint);
    return (await stream.waitFor((record) => record.key === key && matches(record.value), timeoutMs)).value;
  };
  /** Does something and awaits the record that it brings about: none that was there before. */
  const expectRecord = async (
    stream: Recording,
    act: () => Promise<unknown>,
    matches: (value: StreamRecord["value"]) => boolean,
    timeoutMs?: number,
  ): Promise<StreamRecord["value"]> => {
    const past = new Set(stream.records.map(({ value }) => value));
    await act();
    return waitFor(stream, (value) => !past.has(value) && matches(value), timeoutMs);
  };
  /** Awaits what its state on Kafka says of it; undefined: that it is not registered. */
  const expectDevice = async (expected: object | undefined): Promise<void> => {
    const deadlineMs = Date.now() + 10_000;
    for (;;) {
      try {
        const found = await system.client.device(endpoint);
        return expected === undefined ? expect(found).toBeUndefined() : expect(found).toMatchObject(expected);
      } catch (error) {
        if (Date.now() > deadlineMs) throw error; // The last mismatch explains itself.
        await sleep(100);
      }
    }
  };
  return { ask, read, nodesOf, waitFor, expectRecord, expectDevice };
}

const isEvent =
  (name: string) =>
  ({ event }: StreamRecord["value"]): boolean =>
    event === `LIFECYCLE_EVENT_${name}`;

/** Does something and awaits what the device sees of it. */
async function expectEvent<Name extends LeshanEvent["event"]>(
  device: LeshanDevice,
  act: () => Promise<unknown>,
  name: Name,
  matches: (event: LeshanEventOf<Name>) => boolean = () => true,
): Promise<LeshanEventOf<Name>> {
  await device.settle(); // What it was asked before may be told of later than it was answered.
  const past = new Set<LeshanEvent>(device.events);
  await act();
  return device.waitFor(name, (event) => !past.has(event) && matches(event));
}

const topic = (id: TopicId): string => system.topicPrefix + TOPICS[id].name;

describe.each(SECURITIES)("Leshan's client over $over", (security) => {
  describe("a device", () => {
    let device: LeshanDevice;
    const endpoint = endpointOf("leshan", security);
    const { ask, read, nodesOf, waitFor, expectRecord, expectDevice } = asking(endpoint);

    beforeAll(async () => {
      device = await start("leshan", security, { fixture: "black-box", lifetimeS: 60 });
    }, 30_000);
    afterAll(() => device.stop());

    describe("registration", () => {
      it("LightweightM2M-1.1-int-101: a Register is accepted and told on Kafka", async () => {
        const { registrationId } = await device.waitFor("registered");
        const { registration } = (await waitFor(lifecycle, isEvent("REGISTERED"))) as {
          registration: Record<string, unknown>;
        };
        expect(registration).toMatchObject({ lifetimeS: 60, lwm2mVersion: "1.1", bindingMode: "U" });
        expect(registrationId).toBe(`/rd/${registration.registrationId}`);
        const links = String(registration.objectLinks);
        expect(links).toContain("</3/0>");
        expect(links).not.toContain("</0");
      });

      it(security.sentence, async () => {
        const where = [
          "--bootstrap-servers",
          system.kafka.bootstrapServers.join(","),
          "--topic-prefix",
          system.topicPrefix,
        ];
        const { stdout } = await runProgram("tools/ferry/src/main.ts", ["devices", "show", endpoint, ...where]);
        for (const line of security.shown) expect(stdout).toMatch(line);
      });

      it("the profile's attributes are read and published once the device is registered", async () => {
        const wanted = { manufacturer: "Thingsboard Demo Lwm2mDevice", modelNumber: "Model 500", utcOffset: "+02" };
        for (const [key, string] of Object.entries(wanted)) {
          const value = await waitFor(attributes, (it) => JSON.stringify(it).includes(`"${key}"`));
          expect(value).toMatchObject({ attributes: [{ key, value: { string } }], source: "VALUE_SOURCE_READ" });
        }
        await device.settle();
        const reads = device.events.flatMap((it) => (it.event === "requested" && it.method === "GET" ? [it.path] : []));
        expect(reads).toEqual(expect.arrayContaining(["/3/0/0", "/3/0/1", "/3/0/2", "/3/0/14"]));
      });

      it("the profile's telemetry is observed, and every notification that was acknowledged is on Kafka", async () => {
        await device.waitFor("observed", ({ path }) => path === "/3/0/9");
        await waitFor(telemetry, (it) => JSON.stringify(it).includes('"batteryLevel","path":"/3'));
        const value = await expectRecord(
          telemetry,
          () => device.send({ command: "set", path: "/3/0/9", value: 43 }),
          ({ source }) => source === "VALUE_SOURCE_NOTIFY",
        );
        expect(value).toMatchObject({
          context: { endpoint },
          samples: [{ key: "batteryLevel", value: { int64: "43" }, unit: "/100" }],
        });
        expect(await device.waitFor("acknowledged")).toMatchObject({ path: "/3/0/9", value: 43, confirmable: true });
      });

      it.each([
        ["LightweightM2M-1.1-int-102: a lifetime that is written comes back with an Update", 20],
        ["LightweightM2M-1.1-int-107: a longer lifetime that is written comes back with an Update", 120],
      ])("%s: %d s", async (_, lifetimeS) => {
        const value = await expectRecord(
          lifecycle,
          async () => expect(await ask("WriteReplace", { id: "/1/0/1", value: lifetimeS })).toMatchObject(CHANGED),
          isEvent("UPDATED"),
        );
        expect(value).toMatchObject({ registration: { lifetimeS } });
        await device.waitFor("updated");
        await expectDevice({ lifetimeS });
      });

      it("LightweightM2M-1.1-int-104: the Registration Update Trigger makes the device prolong its registration", async () => {
        const before = await system.client.device(endpoint);
        const value = await expectRecord(
          lifecycle,
          async () => expect(await ask("Execute", { id: "/1/0/8" })).toMatchObject(CHANGED),
          isEvent("UPDATED"),
        );
        const { registration } = value as { registration: Record<string, unknown> };
        expect(registration).toMatchObject({ registrationId: before?.registrationId, lifetimeS: 120 });
        expect(Number(registration.expiresAtMs)).toBeGreaterThan(Date.now() + 110_000);
        expect(await device.waitFor("executed", ({ path }) => path === "/1/0/8")).toMatchObject({ count: 1 });
      });

      it("LightweightM2M-1.1-int-241: a device that reboots registers again, and its old registration is replaced", async () => {
        const before = await system.client.device(endpoint);
        await expectEvent(
          device,
          () => ask("Execute", { id: "/3/0/4" }),
          "executed",
          ({ path }) => path === "/3/0/4",
        );
        const value = await expectRecord(lifecycle, () => device.send({ command: "reboot" }), isEvent("REGISTERED"));
        expect(value).toMatchObject({ replacedRegistrationId: before?.registrationId });
      });
    });

    describe("device management", () => {
      it("LightweightM2M-1.1-int-222: Read of an Object", async () => {
        expect(await read("/1")).toMatch(
          /^LwM2mObject \[id=1, instances=\{0=LwM2mObjectInstance \[id=0, resources=\{0=/,
        );
        expect(await read("/3")).toMatch(
          /^LwM2mObject \[id=3, instances=\{0=LwM2mObjectInstance \[id=0, resources=\{0=/,
        );
      });

      it("LightweightM2M-1.1-int-223: Read of an Object Instance", async () => {
        expect(await read("/1/0")).toContain("0=LwM2mSingleResource [id=0, value=123, type=INTEGER]");
        expect(await read("/3/0")).toContain("16=LwM2mSingleResource [id=16, value=U, type=STRING]");
      });

      it("LightweightM2M-1.1-int-224: Read of a Resource", async () => {
        expect(await read("/1/0/0")).toBe("LwM2mSingleResource [id=0, value=123, type=INTEGER]");
        expect(await read("/1/0/6")).toBe("LwM2mSingleResource [id=6, value=false, type=BOOLEAN]");
        expect(await read("/1/0/7")).toBe("LwM2mSingleResource [id=7, value=U, type=STRING]");
        expect(await read("/3/0/16")).toBe("LwM2mSingleResource [id=16, value=U, type=STRING]");
      });

      it("LightweightM2M-1.1-int-225: Read of a Resource Instance", async () => {
        expect(await read("/3/0/11/0")).toBe(INSTANCE(0, 0));
      });

      it("LightweightM2M-1.1-int-226: Write of an Object Instance, partial, in one message", async () => {
        const written = { "1": 61, "6": true };
        const request = await expectEvent(
          device,
          async () => expect(await ask("WriteUpdate", { id: "/1/0", value: written })).toMatchObject(CHANGED),
          "requested",
        );
        expect(request).toMatchObject({ method: "POST", path: "/1/0" });
        await waitFor(lifecycle, (it) => JSON.stringify(it).includes('"lifetimeS":61'));
        expect(await read("/1/0")).toMatch(/1=LwM2mSingleResource \[id=1, value=61, .* value=true, type=BOOLEAN\]/);
        expect(await ask("WriteUpdate", { id: "/1/0", value: { "1": 60, "6": false } })).toMatchObject(CHANGED);
      });

      it("LightweightM2M-1.1-int-227: Write of a Resource", async () => {
        expect(await ask("WriteReplace", { id: "/1/0/1", value: 63 })).toMatchObject(CHANGED);
        await waitFor(lifecycle, (it) => JSON.stringify(it).includes('"lifetimeS":63'));
        expect(await read("/1/0/1")).toBe("LwM2mSingleResource [id=1, value=63, type=INTEGER]");
        expect(await ask("WriteReplace", { id: "/1/0/1", value: 60 })).toMatchObject(CHANGED);
      });

      it("LightweightM2M-1.1-int-256: a Write that the device refuses ends with its code, and nothing changes", async () => {
        expect(await ask("WriteReplace", { id: "/1/0/0", value: 9 })).toMatchObject({
          status: "FAILED",
          result: "METHOD_NOT_ALLOWED",
        });
        expect(await read("/1/0/0")).toBe("LwM2mSingleResource [id=0, value=123, type=INTEGER]");
      });

      it("LightweightM2M-1.1-int-260: Discover shows the attributes that were written", async () => {
        const discover = async (id: string): Promise<string | undefined> => (await ask("Discover", { id })).value;
        const resources = (voltage = ""): string =>
          `</3/0/0>,</3/0/1>,</3/0/2>,</3/0/3>,</3/0/4>,</3/0/5>,</3/0/6>;dim=3,</3/0/7>${voltage};dim=3,</3/0/8>;dim=3,` +
          "</3/0/9>,</3/0/11>;dim=1,</3/0/12>,</3/0/14>,</3/0/15>,</3/0/16>";
        expect(await discover("/3")).toBe(`</3>;ver=1.2,</3/0>,${resources()}`);
        expect(await ask("WriteAttributes", { id: "/3", attributes: { pmin: 10, pmax: 200 } })).toMatchObject(CHANGED);
        expect(await discover("/3/0")).toBe(`</3/0>,${resources()}`);
        expect(await ask("WriteAttributes", { id: "/3/0/7", attributes: { lt: 1, gt: 6, st: 1 } })).toMatchObject(
          CHANGED,
        );
        expect(await discover("/3/0")).toBe(`</3/0>,${resources(";gt=6;lt=1;st=1")}`);
        expect(await discover("/3/0/7")).toBe("</3/0/7>;gt=6;lt=1;st=1;dim=3,</3/0/7/0>,</3/0/7/1>,</3/0/7/7>");
        const none = { lt: null, gt: null, st: null };
        expect(await ask("WriteAttributes", { id: "/3/0/7", attributes: none })).toMatchObject(CHANGED);
        expect(await discover("/3/0")).toBe(`</3/0>,${resources()}`);
      });

      it("LightweightM2M-1.1-int-261: attributes of a multiple resource and of its instances", async () => {
        const write = async (id: string, attributes: object): Promise<void> => {
          expect(await ask("WriteAttributes", { id, attributes })).toMatchObject(CHANGED);
        };
        expect(await ask("Discover", { id: "/3/0/11" })).toMatchObject({ value: "</3/0/11>;dim=1,</3/0/11/0>" });
        await write("/3", { pmin: 10, pmax: 200 });
        await write("/3/0", { pmax: 320 });
        await write("/3/0/11/0", { pmax: 100, epmin: 1, epmax: 20 });
        expect(await ask("Discover", { id: "/3/0/11" })).toMatchObject({
          value: "</3/0/11>;dim=1,</3/0/11/0>;pmax=100;epmax=20;epmin=1",
        });
        await write("/3", { pmin: null, pmax: null });
        await write("/3/0", { pmax: null });
      });

      it("a value of 3000 bytes is written and read in blocks", async () => {
        const large = Buffer.from(Array.from({ length: 3000 }, (_, index) => index & 0xff));
        await device.settle();
        const before = device.events.length;
        const written = { id: "/19/0/0", value: { "0": large.toString("hex") } };
        expect(await ask("WriteReplace", written)).toMatchObject(CHANGED);
        const taken = await device.waitFor("written", ({ path }) => path === "/19/0/0");
        expect(taken).toMatchObject({ value: { "0": large.toString("hex") } });
        const instance = { path: "/19/0/0/0", type: "OPAQUE", value: { bytes: large.toString("base64") } };
        expect(await nodesOf("Read", { id: "/19/0/0" })).toEqual([
          { path: "/19/0/0", type: "OPAQUE", children: { nodes: [instance] } },
        ]);
        await device.settle();
        const requestsBy = (wanted: string): LeshanEvent[] =>
          device.events.slice(before).filter((it) => it.event === "requested" && it.method === wanted);
        for (const method of ["PUT", "GET"]) expect(requestsBy(method).length).toBeGreaterThan(2);
      });

      it("a Write of a value is telemetry when the profile maps it, and an attribute when it says so", async () => {
        const value = await expectRecord(
          attributes,
          () => ask("WriteReplace", { key: "utcOffset", value: "+05" }),
          ({ source }) => source === "VALUE_SOURCE_WRITE",
        );
        expect(value).toMatchObject({ attributes: [{ key: "utcOffset", value: { string: "+05" } }] });
      });
    });

    describe("every operation, by id and by key", () => {
      it.each([
        ["Read", { id: "/3/0/9" }, { method: "GET", path: "/3/0/9" }],
        ["Read", { key: "batteryLevel" }, { method: "GET", path: "/3/0/9" }],
        ["Discover", { id: "/3/0/9" }, { method: "GET", path: "/3/0/9", accept: 40 }],
        ["Discover", { key: "batteryLevel" }, { method: "GET", path: "/3/0/9", accept: 40 }],
        ["WriteReplace", { id: "/3/0/14", value: "+06" }, { method: "PUT", path: "/3/0/14" }],
        ["WriteReplace", { key: "utcOffset", value: "+07" }, { method: "PUT", path: "/3/0/14" }],
        ["WriteUpdate", { id: "/3/0", value: { "14": "+08" } }, { method: "POST", path: "/3/0" }],
        ["WriteUpdate", { key: "data", value: { "3": "ac" } }, { method: "POST", path: "/19/0/0" }],
        [
          "WriteAttributes",
          { id: "/3/0/8", attributes: { pmin: 1 } },
          { method: "PUT", path: "/3/0/8", query: "pmin=1" },
        ],
        [
          "WriteAttributes",
          { key: "voltage", attributes: { pmax: 300 } },
          { method: "PUT", path: "/3/0/7", query: "pmax=300" },
        ],
        ["Execute", { id: "/3/0/4", value: "0='a'" }, { method: "POST", path: "/3/0/4", payload: "303d276127" }],
        ["Execute", { key: "reboot" }, { method: "POST", path: "/3/0/4", payload: "" }],
        ["Observe", { id: "/3/0/14" }, { method: "GET", path: "/3/0/14" }],
        ["Observe", { key: "voltage" }, { method: "GET", path: "/3/0/7" }],
      ] as const)("%s %j reaches the device", async (method, params, request) => {
        const got = await expectEvent(
          device,
          async () => expect(await ask(method, params)).toMatchObject({ status: "SUCCESSFUL" }),
          "requested",
        );
        expect(got).toMatchObject(request);
      });

      it("what was written and executed is what the device took", () => {
        const written = device.events.flatMap((it) => (it.event === "written" ? [[it.path, it.mode, it.value]] : []));
        expect(written).toEqual(
          expect.arrayContaining([
            ["/3/0/14", "replace", "+06"],
            ["/3/0/14", "replace", "+07"],
            ["/3/0/14", "update", "+08"],
            ["/19/0/0", "update", { "3": "ac" }],
          ]),
        );
        const executed = device.events.flatMap((it) =>
          it.event === "executed" && it.path === "/3/0/4" ? [[it.count, it.arguments]] : [],
        );
        expect(executed).toEqual([
          [1, ""],
          [2, "0='a'"],
          [3, ""],
        ]);
      });
    });

    describe("information reporting", () => {
      it("LightweightM2M-1.1-int-301: observed values are notified as their attributes say, and each is on Kafka", async () => {
        const instances = `0=${INSTANCE(0, 0)}, 1=${INSTANCE(1, 1)}, 2=${INSTANCE(2, 7)}`;
        expect(await read("/3/0/6")).toBe(`LwM2mMultipleResource [id=6, values={${instances}}, type=INTEGER]`);
        for (const id of ["/3/0/7", "/3/0/8"]) {
          expect(await ask("WriteAttributes", { id, attributes: { pmin: 1, pmax: 2 } })).toMatchObject(CHANGED);
          expect(await ask("Observe", { id })).toMatchObject({ result: "CONTENT" });
        }
        const isOf =
          (key: string) =>
          (value: StreamRecord["value"]): boolean =>
            value.source === "VALUE_SOURCE_NOTIFY" &&
            (value.samples as { key: string }[]).some((one) => one.key === key);
        const notifiedTwice = async (key: string): Promise<void> => {
          for (let times = 0; times < 2; times++) await expectRecord(telemetry, async () => {}, isOf(key));
        };
        await Promise.all(["voltage", "current"].map(notifiedTwice));
      });

      it("LightweightM2M-1.1-int-302: ObserveCancel, by id or by key, has the next notification reset, and no other follows", async () => {
        const cancel = async (target: object, path: string, value: LeshanValue): Promise<void> => {
          const set = (): Promise<void> => device.send({ command: "set", path, value });
          const notified = (): number =>
            device.events.filter((event) => event.event === "notified" && event.path === path).length;
          expect(await ask("ObserveCancel", target)).toMatchObject({ result: "CONTENT", value: "1" });
          await expectEvent(device, set, "reset", (event) => event.path === path);
          const before = notified();
          await set();
          await read("/3/0/9"); // A round trip later it would have been notified.
          await device.settle();
          expect(notified()).toBe(before);
        };
        await cancel({ id: "/3/0/14" }, "/3/0/14", "+09");
        await cancel({ key: "voltage" }, "/3/0/7", { "0": 11_999 });
      });

      it("LightweightM2M-1.1-int-306: a Send is taken from the device that registered, in the clear by its address", async () => {
        await device.send({ command: "send", paths: ["/3/0/9"] });
        expect(await device.waitFor("sent")).toMatchObject({ code: 204 });
      });
    });

    describe("the end of a registration", () => {
      it("LightweightM2M-1.1-int-103: a device that is disabled deregisters, and is gone", async () => {
        await expectRecord(
          lifecycle,
          async () => expect(await ask("Execute", { id: "/1/0/4" })).toMatchObject(CHANGED),
          isEvent("DEREGISTERED"),
        );
        await device.waitFor("deregistered");
        await expectDevice(undefined);
        expect(await ask("Read", { id: "/3/0/9" })).toMatchObject({ status: "NOT_REGISTERED" });
      });
    });
  });

  describe("Content-Formats", () => {
    let device: LeshanDevice;
    const endpoint = endpointOf("formats", security);
    const { ask, read } = asking(endpoint);

    beforeAll(async () => {
      device = await start("formats", security);
      await device.waitFor("registered");
    }, 30_000);
    afterAll(() => device.stop());

    /** Registers anew with these in `ct`. */
    async function announce(...contentFormats: number[]): Promise<void> {
      await device.send({ command: "announce", contentFormats });
      await expectEvent(device, () => device.send({ command: "reboot" }), "registered");
    }

    /** Asks, and tells the Content-Format of the request: the one wanted, or that of the payload. */
    async function formatOf(method: string, params: object): Promise<number> {
      const request = await expectEvent(
        device,
        async () => expect(await ask(method, params)).toMatchObject({ status: "SUCCESSFUL" }),
        "requested",
      );
      return method === "Read" ? request.accept : request.contentFormat;
    }

    it.each([
      [
        "LightweightM2M-1.1-int-201: values are read in plain text",
        CONTENT_FORMAT.TEXT_PLAIN,
        ["/3/0/0", "/3/0/1", "/3/0/2"],
      ],
      ["LightweightM2M-1.1-int-203: values are read in TLV", CONTENT_FORMAT.LWM2M_TLV, ["/3/0"]],
      ["LightweightM2M-1.1-int-204: values are read in JSON", CONTENT_FORMAT.LWM2M_JSON, ["/3/0"]],
      ["LightweightM2M-1.1-int-211: values are read in CBOR", CONTENT_FORMAT.CBOR, ["/1/0/0", "/1/0/6", "/1/0/7"]],
      [
        "LightweightM2M-1.1-int-231: values are read in SenML JSON",
        CONTENT_FORMAT.SENML_JSON,
        ["/1", "/3/0", "/3/0/16", "/3/0/11/0"],
      ],
      [
        "LightweightM2M-1.1-int-232: values are read in SenML CBOR",
        CONTENT_FORMAT.SENML_CBOR,
        ["/1", "/3/0", "/3/0/16", "/3/0/11/0"],
      ],
    ])("%s, when the device announces it", async (_, format, paths) => {
      await announce(format);
      for (const id of paths) expect(await formatOf("Read", { id })).toBe(format);
    });

    it.each([
      [
        "LightweightM2M-1.1-int-205: values are written in plain text",
        CONTENT_FORMAT.TEXT_PLAIN,
        { "2": 101, "3": 1010, "5": 2000 },
      ],
      [
        "LightweightM2M-1.1-int-212: values are written in CBOR",
        CONTENT_FORMAT.CBOR,
        { "2": 101, "3": 1010, "6": true },
      ],
    ])("%s, when the device announces it", async (_, format, values) => {
      await announce(format);
      for (const [resource, value] of Object.entries(values)) {
        expect(await formatOf("WriteReplace", { id: `/1/0/${resource}`, value })).toBe(format);
      }
      const text = await read("/1/0");
      for (const [id, value] of Object.entries(values)) expect(text).toContain(`[id=${id}, value=${value}, type=`);
    });

    it.each([
      [
        "LightweightM2M-1.1-int-215: values are written in TLV (partial update)",
        CONTENT_FORMAT.LWM2M_TLV,
        { "2": 102, "3": 1011, "5": 2001, "6": true, "7": "U" },
      ],
      [
        "LightweightM2M-1.1-int-220: values are written in JSON (partial update)",
        CONTENT_FORMAT.LWM2M_JSON,
        { "2": 101, "3": 1010, "5": 2000, "6": true, "7": "U" },
      ],
    ])("%s, when the device announces it", async (_, format, values) => {
      await announce(format);
      expect(await formatOf("WriteUpdate", { id: "/1/0", value: values })).toBe(format);
      const text = await read("/1");
      for (const [id, value] of Object.entries(values)) expect(text).toContain(`[id=${id}, value=${value}, type=`);
    });

    it("a request in protobuf is answered in protobuf", async () => {
      const requestId = randomUUID();
      const sender = system.bus.sender({ name: "protobuf", lingerMs: 0 });
      await sender.publish({
        topic: topic("rpcRequest"),
        key: deviceKey("default", endpoint),
        value: lwm2m.v1.RpcRequest.encode({
          requestId,
          tenant: "default",
          endpoint: endpoint,
          method: "Read",
          params: '{"id":"/3/0/9"}',
          expiresAtMs: Date.now() + 10_000,
        }).finish(),
      });
      requests++;
      const { value } = await responses.waitFor((record) => record.value.requestId === requestId);
      expect(value).toMatchObject({
        status: "SUCCESSFUL",
        value: "LwM2mSingleResource [id=9, value=42, type=INTEGER]",
      });
    });
  });

  describe("the Portfolio Object, composite operations and Send", () => {
    let device: LeshanDevice;
    const endpoint = endpointOf("composites", security);
    const { ask, read, nodesOf, expectRecord } = asking(endpoint);

    beforeAll(async () => {
      device = await start("composites", security);
      await device.waitFor("registered");
    }, 30_000);
    afterAll(() => device.stop());

    const value = (path: string, type: string, typed: object): object => ({ path, type, value: typed });
    const identities = (instance: number, ...texts: string[]): object => ({
      path: `/16/${instance}/0`,
      type: "STRING",
      children: { nodes: texts.map((string, id) => value(`/16/${instance}/0/${id}`, "STRING", { string })) },
    });
    const portfolio = (instance: number, ...texts: string[]): object => ({
      path: `/16/${instance}`,
      children: { nodes: [identities(instance, ...texts)] },
    });
    const create = async (instance: number, ...texts: string[]): Promise<void> => {
      const written = { "0": Object.fromEntries(texts.map((text, id) => [id, text])) };
      const answer = await ask("Create", { id: `/16/${instance}`, value: written, contentFormat: "TLV" });
      expect(answer).toMatchObject({ result: "CREATED" });
    };
    const discover = async (id: string): Promise<string | undefined> => (await ask("Discover", { id })).value;

    it("LightweightM2M-1.1-int-1630: a Portfolio instance is created beside another", async () => {
      await create(0, "Host Device ID #1", "Host Device Manufacturer #1", "Host Device Model #1", "Version #1");
      expect(await discover("/16/0")).toContain("</16/0/0>;dim=4");
      await create(1, "Host Device ID #2", "Host Device Model #2");
      expect(await discover("/16/1")).toContain("</16/1/0>;dim=2");
      expect(await nodesOf("Read", { id: "/16", contentFormat: "TLV" })).toEqual([
        {
          path: "/16",
          children: {
            nodes: [
              portfolio(0, "Host Device ID #1", "Host Device Manufacturer #1", "Host Device Model #1", "Version #1"),
              portfolio(1, "Host Device ID #2", "Host Device Model #2"),
            ],
          },
        },
      ]);
    });

    it("LightweightM2M-1.1-int-228: Write of a Resource Instance", async () => {
      const request = await expectEvent(
        device,
        async () => expect(await ask("WriteReplace", { id: "/16/1/0/1", value: "test" })).toMatchObject(CHANGED),
        "requested",
      );
      expect(request).toMatchObject({ path: "/16/1/0/1" });
      expect(await nodesOf("Read", { id: "/16/1/0/1" })).toEqual([value("/16/1/0/1", "STRING", { string: "test" })]);
      expect(await nodesOf("Read", { id: "/16/1/0" })).toEqual([identities(1, "Host Device ID #2", "test")]);
    });

    it.each([
      ["LightweightM2M-1.1-int-233: values are written in SenML CBOR", "SENML_CBOR", CONTENT_FORMAT.SENML_CBOR],
      ["LightweightM2M-1.1-int-234: values are written in SenML JSON", "SENML_JSON", CONTENT_FORMAT.SENML_JSON],
    ])("%s", async (_, contentFormat, format) => {
      const write = async (method: string, params: object): Promise<void> => {
        const request = await expectEvent(
          device,
          async () => expect(await ask(method, { ...params, contentFormat })).toMatchObject(CHANGED),
          "requested",
          (event) => event.contentFormat !== -1,
        );
        expect(request.contentFormat).toBe(format);
      };
      const isUpdated = (it: StreamRecord["value"]): boolean =>
        isEvent("UPDATED")(it) && (it.registration as { lifetimeS: number }).lifetimeS === 61;
      await expectRecord(
        lifecycle,
        () => write("WriteUpdate", { id: "/1/0", value: { "1": 61, "6": true } }),
        isUpdated,
      );
      const text = await read("/1");
      expect(text).toContain("1=LwM2mSingleResource [id=1, value=61, type=INTEGER]");
      expect(text).toContain("6=LwM2mSingleResource [id=6, value=true, type=BOOLEAN]");
      await write("WriteReplace", { id: "/16/0/0/0", value: `test_value ${format}` });
      expect(await read("/16")).toContain(`value=test_value ${format}, type=STRING`);
      await write("WriteReplace", { id: "/1/0/1", value: 63 });
      expect(await nodesOf("Read", { id: "/1/0/1" })).toEqual([value("/1/0/1", "INTEGER", { int64: "63" })]);
    });

    it("LightweightM2M-1.1-int-230: Write-Composite, in one message", async () => {
      const nodes = {
        "/1/0/1": 61,
        "/1/0/6": true,
        ...Object.fromEntries(["aa", "bb", "cc", "dd"].map((text, id) => [`/16/0/0/${id}`, text])),
      };
      await device.settle();
      const before = device.events.length;
      expect(await ask("WriteComposite", { nodes })).toMatchObject(CHANGED);
      const text = await read("/1/0");
      expect(text).toContain("1=LwM2mSingleResource [id=1, value=61, type=INTEGER]");
      expect(text).toContain("6=LwM2mSingleResource [id=6, value=true, type=BOOLEAN]");
      expect(await nodesOf("Read", { id: "/16/0" })).toEqual([portfolio(0, "aa", "bb", "cc", "dd")]);
      await device.settle();
      // What carries values is counted: the Reads that check it are requests too.
      const writes = device.events.slice(before).filter((it) => it.event === "requested" && it.contentFormat !== -1);
      expect(writes).toMatchObject([{ method: "IPATCH", path: "/" }]);
    });

    it("LightweightM2M-1.1-int-1635: every Portfolio instance is deleted", async () => {
      expect(await discover("/16/0")).toContain("</16/0/0>;dim=4");
      for (const id of ["/16/0", "/16/1"]) {
        expect(await ask("Delete", { id })).toMatchObject({ status: "SUCCESSFUL" });
      }
      expect(await discover("/16")).toBe("</16>;ver=1.0");
    });

    it("LightweightM2M-1.1-int-257: Write-Composite of the Server and the Device Object", async () => {
      await nodesOf("Read", { id: "/1" });
      await nodesOf("Read", { id: "/3" });
      const nodes = { "/1/0/2": 101, "/1/0/6": true, "/3/0/13": 0 };
      expect(await ask("WriteComposite", { nodes, contentFormat: "SENML_JSON" })).toMatchObject(CHANGED);
      const serverText = await read("/1");
      expect(serverText).toContain("2=LwM2mSingleResource [id=2, value=101, type=INTEGER]");
      expect(serverText).toContain("6=LwM2mSingleResource [id=6, value=true, type=BOOLEAN]");
      expect(await read("/3")).toContain("13=LwM2mSingleResource [id=13, value=Thu Jan 01 00:00:00 UTC 1970");
    });

    it("LightweightM2M-1.1-int-280: Read-Composite of a Resource, a Resource Instance and an Object Instance", async () => {
      const request = await expectEvent(
        device,
        async () => {
          const nodes = await nodesOf("ReadComposite", { ids: ["/3/0/16", "/3/0/11/0", "/1/0"] });
          expect(nodes).toHaveLength(3);
          expect(nodes).toEqual(
            expect.arrayContaining([
              value("/3/0/16", "STRING", { string: "U" }),
              value("/3/0/11/0", "INTEGER", { int64: "0" }),
              {
                path: "/1/0",
                children: {
                  nodes: expect.arrayContaining([
                    value("/1/0/0", "INTEGER", { int64: "123" }),
                    value("/1/0/1", "INTEGER", { int64: "61" }),
                    value("/1/0/6", "BOOLEAN", { bool: true }),
                    value("/1/0/7", "STRING", { string: "U" }),
                  ]),
                },
              },
            ]),
          );
        },
        "requested",
      );
      expect(request).toMatchObject({ method: "FETCH", accept: CONTENT_FORMAT.SENML_CBOR });
    });

    it("LightweightM2M-1.1-int-281: Read-Composite leaves out what cannot be read", async () => {
      const nodes = await nodesOf("ReadComposite", { ids: ["/1/0/1", "/1/0/7", "/1/0/8"] });
      expect(nodes).toHaveLength(2);
      expect(nodes).toEqual(
        expect.arrayContaining([
          value("/1/0/1", "INTEGER", { int64: "61" }),
          value("/1/0/7", "STRING", { string: "U" }),
        ]),
      );
    });

    it("LightweightM2M-1.1-int-236: Read-Composite leaves out what the device does not have", async () => {
      const nodes = await nodesOf("ReadComposite", { ids: ["/1/0", "/3/0/11/0", "/3339/0/5522", "/3353/0/6030"] });
      expect(nodes).toHaveLength(2);
    });

    it("LightweightM2M-1.1-int-652: the firmware version is read", async () => {
      expect(await read("/3/0/3")).toBe("LwM2mSingleResource [id=3, value=1.0.2, type=STRING]");
    });

    it("LightweightM2M-1.1-int-685: Delete of the Device Object Instance is refused", async () => {
      expect(await ask("Delete", { id: "/3/0" })).toMatchObject({ result: "METHOD_NOT_ALLOWED" });
    });

    it("LightweightM2M-1.1-int-751: the Firmware Update Object is read in TLV", async () => {
      const nodes = await nodesOf("Read", { id: "/5/0", contentFormat: "TLV" });
      expect(nodes).toMatchObject([
        {
          path: "/5/0",
          children: {
            nodes: expect.arrayContaining([
              value("/5/0/3", "INTEGER", { int64: "0" }),
              value("/5/0/5", "INTEGER", { int64: "0" }),
              expect.objectContaining({ path: "/5/0/8" }),
              value("/5/0/9", "INTEGER", { int64: "1" }),
            ]),
          },
        },
      ]);
    });

    it("LightweightM2M-1.1-int-801: the Location Object is read", async () => {
      const text = await read("/6/0");
      for (const resource of ["0=LwM2mSingleResource [id=0, value=50.45", "1=LwM2mSingleResource [id=1, value=30.52"])
        expect(text).toContain(resource);
      expect(text).toContain("5=LwM2mSingleResource [id=5, value=Thu Jul 01 13:39:49 UTC 2021, type=TIME]");
    });

    it("LightweightM2M-1.1-int-311: the values of a Send are on Kafka", async () => {
      const record = await expectRecord(
        telemetry,
        () => device.send({ command: "send", paths: ["/1/0/1", "/3/0/11/0"] }),
        ({ source }) => source === "VALUE_SOURCE_SEND",
      );
      expect(record).toMatchObject({
        context: { endpoint },
        samples: expect.arrayContaining([
          expect.objectContaining({ key: "lifetime", value: { int64: "61" } }),
          expect.objectContaining({ key: "errorCode", value: { instances: { values: { "0": { int64: "0" } } } } }),
        ]),
      });
      expect(await device.waitFor("sent")).toMatchObject({ code: 204 });
    });

    describe("composite observations", () => {
      const ids = ["/1/0/1", "/3/0/11"];
      const set = (errorCode: number): Promise<void> =>
        device.send({ command: "set", path: "/3/0/11", value: { "0": errorCode } });

      it("are notified together, and each value is on Kafka", async () => {
        expect(await ask("ObserveComposite", { ids })).toMatchObject({ result: "CONTENT" });
        const record = await expectRecord(
          telemetry,
          () => set(5),
          ({ source }) => source === "VALUE_SOURCE_NOTIFY",
        );
        expect(record).toMatchObject({
          samples: expect.arrayContaining([
            expect.objectContaining({ key: "lifetime" }),
            expect.objectContaining({ key: "errorCode", value: { instances: { values: { "0": { int64: "5" } } } } }),
          ]),
        });
        expect(await device.waitFor("acknowledged")).toMatchObject({ path: "/", confirmable: true });
      });

      it("are among what is observed, until they are cancelled by their paths", async () => {
        expect((await ask("ObserveReadAll")).value).toContain("/3/0/11");
        expect((await ask("DiscoverAll")).value).toContain('"url":"/3/0"');
        expect(await ask("ObserveCompositeCancel", { ids })).toMatchObject({ result: "CONTENT" });
        expect((await ask("ObserveReadAll")).value).not.toContain("/3/0/11");
        await expectEvent(device, () => set(6), "reset");
      });

      it("end with all others by ObserveCancelAll", async () => {
        expect(await ask("ObserveComposite", { ids })).toMatchObject({ result: "CONTENT" });
        expect(await ask("ObserveCancelAll")).toMatchObject({ result: "CONTENT" });
        expect((await ask("ObserveReadAll")).value).not.toContain("/3/0/11");
      });
    });
  });
});

/* What is the same for all: time passes; and what only happens in the clear: somebody else ends a registration. */
describe("Leshan's client at the end of a registration", () => {
  const { expectRecord, expectDevice } = asking("leshan");
  const [inTheClear] = SECURITIES as [Security];

  it("LightweightM2M-1.1-int-105: an Update of a registration that has ended gets 4.04, and the device registers anew", async () => {
    const device = await start("leshan", inTheClear);
    const { registrationId } = await device.waitFor("registered");
    const other = await startCoapEndpoint(() => ({ code: CODE.NOT_FOUND }));
    const deregister = async (): Promise<void> => {
      const { code } = await other.request({
        peer: `127.0.0.1:${transport.coapPort}`,
        code: CODE.DELETE,
        options: uriOptions(registrationId),
        payload: new Uint8Array(),
      });
      expect(code).toBe(CODE.DELETED);
    };
    await expectRecord(lifecycle, deregister, isEvent("DEREGISTERED"));
    await other.stop();

    const refusal = await expectEvent(device, () => device.send({ command: "update" }), "refused");
    expect(refusal).toMatchObject({ uplink: "update", code: 404 });
    await device.waitFor("registered", (event) => event.registrationId !== registrationId);
    await device.stop();
  });

  it("a device that falls silent expires when its lifetime and the grace are over", async () => {
    const silent = await start("leshan", inTheClear, { lifetimeS: 2 });
    await expectRecord(lifecycle, () => silent.waitFor("registered"), isEvent("REGISTERED"));
    // Lifetime and grace take 3 s; the shard's node comes by once in 10, and may find it another's that just did.
    const value = await expectRecord(lifecycle, () => silent.stop(), isEvent("EXPIRED"), 40_000);
    expect(value).toMatchObject({ registration: { lifetimeS: 2 } });
    await expectDevice(undefined);
  }, 60_000);
});

describe("what Kafka holds in the end", () => {
  /** Their ids are the first in requests and answers, in JSON and in protobuf. */
  const REQUEST_ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

  it("Kafka's own client finds one final answer to each request", async () => {
    const records = await readKafkaRecords(system.kafka.bootstrapServers, [topic("rpcRequest"), topic("rpcResponse")]);
    const ids = (of: TopicId): string[] =>
      records
        .filter((record) => record.topic === topic(of))
        .map(({ value }) => REQUEST_ID.exec(String(value))?.[0] ?? "none");
    expect(new Set(ids("rpcRequest")).size).toBe(requests);
    expect(ids("rpcResponse").sort()).toEqual(ids("rpcRequest").sort());
  }, 30_000);
});
