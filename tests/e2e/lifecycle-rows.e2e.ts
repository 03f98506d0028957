import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { DesiredValue, RpcAnswer, RpcCall } from "@ferry/client";
import { CODE, type Received, uriPath } from "@ferry/coap";
import { deviceKey, TOPICS } from "@ferry/proto";
import type { ProvisioningDocument } from "@ferry/provisioning";
import { type Answer, blackBoxDevice, type SimulatedDeviceSettings } from "@ferry/simulator";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Device } from "./device.ts";
import { type Recording, type ServiceProcess, type Stops, System, stopAll } from "./system.ts";

/*
 * The rows of section 13.4 of the RPC specification, on Kafka and Redis: L1 to L20 of a request's life, A1 to A10 of desired values; and B83.
 * L19 is crash-table.e2e.ts. A9, an older timestamp, cannot be said: values are ordered as their topic has them.
 * A2 is otherwise: Ferry keeps no copy of what devices hold, so a value that is desired again is written again.
 */

/** How long devices that sleep listen, as their profile says; the devices listen a little longer. */
const AWAKE_MS = 500;

type Ask = Omit<RpcCall, "endpoint" | "timeoutMs"> & { readonly timeoutMs?: number };

const READ: Ask = { method: "Read", params: '{"id":"/3/0/0"}' };
const READ_OTHER: Ask = { method: "Read", params: '{"id":"/3/0/1"}' };
const CONTENT = { status: "SUCCESSFUL", result: "CONTENT", value: expect.any(String) };
const EXHAUSTED = "There was a Timeout and all retry attempts have been exhausted. Retry attempts set:";
const AT_ONCE = ["QUEUED", "SENT", "DELIVERED"];
const AT_WAKING = ["QUEUED", "WAITING_FOR_DEVICE", "SENT", "DELIVERED"];

/** How a device is when it is asked. */
type State = "online" | "observed" | "asleep" | "in queue mode, asleep" | "not registered";

interface LifeRow {
  readonly device: State;
  /** What the device answers in place of what it would. */
  readonly says?: Answer | "silent";
  readonly ask: readonly Ask[];
  /** What the device does once everything waits. */
  readonly next?: "register" | "update";
  /** The answers, in the order of the requests, without members that are empty. */
  readonly answers: readonly object[];
  /** Of the first request. */
  readonly progress: readonly string[];
  /** Paths that the device is asked for, in order. */
  readonly reaches: readonly string[];
}

const LIFE: Readonly<Record<string, LifeRow>> = {
  "L1: two-way, answered in time": {
    device: "online",
    ask: [READ],
    answers: [CONTENT],
    progress: AT_ONCE,
    reaches: ["/3/0/0"],
  },
  "L2: one-way, refused by the device: nothing is told": {
    device: "online",
    says: { code: CODE.METHOD_NOT_ALLOWED },
    ask: [{ method: "WriteReplace", params: '{"id":"/3/0/14","value":"+1"}', oneWay: true }],
    answers: [{ status: "SUCCESSFUL" }],
    progress: ["QUEUED", "SENT"],
    reaches: ["/3/0/14"],
  },
  "L3: two-way, not registered": {
    device: "not registered",
    ask: [READ],
    answers: [{ status: "NOT_REGISTERED", error: "The device is not registered" }],
    progress: [],
    reaches: [],
  },
  "L3: persistent, not registered: a registration delivers it": {
    device: "not registered",
    ask: [{ ...READ, persistent: true }],
    next: "register",
    answers: [CONTENT],
    progress: AT_WAKING,
    reaches: ["/3/0/0"],
  },
  "L4: two-way, the device stays silent": {
    device: "online",
    says: "silent",
    ask: [{ ...READ, timeoutMs: 3_000 }],
    answers: [{ status: "TIMEOUT", error: expect.any(String) }],
    progress: ["QUEUED", "SENT"],
    reaches: ["/3/0/0"],
  },
  "L5: persistent, answered": {
    device: "online",
    ask: [{ ...READ, persistent: true }],
    answers: [CONTENT],
    progress: AT_ONCE,
    reaches: ["/3/0/0"],
  },
  "L6: persistent, 4.04 without text": {
    device: "online",
    says: { code: CODE.NOT_FOUND },
    ask: [{ ...READ, persistent: true }],
    answers: [{ status: "FAILED", result: "NOT_FOUND" }],
    progress: AT_ONCE,
    reaches: ["/3/0/0"],
  },
  "L7: persistent, 4.00 with text": {
    device: "online",
    says: { code: CODE.BAD_REQUEST, payload: Buffer.from("no") },
    ask: [{ ...READ, persistent: true }],
    answers: [{ status: "FAILED", result: "BAD_REQUEST", error: "no" }],
    progress: AT_ONCE,
    reaches: ["/3/0/0"],
  },
  "L8: persistent, a version that the device has not": {
    device: "online",
    ask: [{ method: "Read", params: '{"id":"/3_1.0/0/0"}', persistent: true }],
    answers: [{ status: "FAILED", result: "BAD_REQUEST", error: expect.stringContaining("is not valid version!") }],
    progress: ["QUEUED"],
    reaches: [],
  },
  "L9: persistent and one-way": {
    device: "online",
    ask: [{ ...READ, persistent: true, oneWay: true }],
    answers: [{ status: "SUCCESSFUL" }],
    progress: AT_ONCE,
    reaches: ["/3/0/0"],
  },
  "L10: persistent WriteComposite": {
    device: "online",
    ask: [{ method: "WriteComposite", params: '{"nodes":{"/3/0/14":"+1"}}', persistent: true }],
    answers: [{ status: "SUCCESSFUL", result: "CHANGED" }],
    progress: AT_ONCE,
    reaches: ["/"],
  },
  "L13: asleep, persistent, then an Update": {
    device: "asleep",
    ask: [{ ...READ, persistent: true, timeoutMs: 3_600_000 }],
    next: "update",
    answers: [CONTENT],
    progress: AT_WAKING,
    reaches: ["/3/0/0"],
  },
  "L14: asleep, and not heard before the request expires": {
    device: "asleep",
    ask: [{ ...READ, persistent: true, timeoutMs: 3_000 }],
    answers: [{ status: "EXPIRED", error: expect.any(String) }],
    progress: ["QUEUED", "WAITING_FOR_DEVICE"],
    reaches: [],
  },
  "L15: asleep, what needs no device": {
    device: "asleep",
    ask: [{ method: "ObserveReadAll" }, { method: "DiscoverAll" }, { method: "ObserveCancelAll" }],
    answers: [CONTENT, CONTENT, CONTENT],
    progress: ["QUEUED"],
    reaches: [],
  },
  "L16: asleep, one-way": {
    device: "asleep",
    ask: [{ ...READ, oneWay: true }],
    next: "update",
    answers: [{ status: "SUCCESSFUL" }],
    progress: ["QUEUED", "WAITING_FOR_DEVICE", "SENT"],
    reaches: ["/3/0/0"],
  },
  "L17: three wait when it wakes: in the order in which they came": {
    device: "asleep",
    ask: [READ, READ_OTHER, { method: "Read", params: '{"id":"/3/0/2"}' }],
    next: "update",
    answers: [CONTENT, CONTENT, CONTENT],
    progress: AT_WAKING,
    reaches: ["/3/0/0", "/3/0/1", "/3/0/2"],
  },
  "L20: queue mode, long after contact, persistent: delivered at the next Update": {
    device: "in queue mode, asleep",
    ask: [{ ...READ, persistent: true }],
    next: "update",
    answers: [CONTENT],
    progress: AT_WAKING,
    reaches: ["/3/0/0"],
  },
};

/** Persistent requests to a device that stays silent: `retries`, and how often they are tried again. */
const SILENT: Readonly<Record<string, readonly [retries: number | undefined, effective: number]>> = {
  "L11: no retries": [0, 0],
  "L12: retries unset: five": [undefined, 5],
  "L12: more retries than may be: five": [9, 5],
};
const TWICE = "L18: the same request id twice while the first is under way: one CoAP request, one answer";

interface DesireRow {
  readonly device: State;
  readonly says?: Answer;
  readonly desire: readonly Omit<DesiredValue, "endpoint">[];
  /** What the device does once it is told that the value is not written, or once it waits. */
  readonly next?: "register" | "update";
  /** What the device took, in order: path and value. */
  readonly takes: readonly (readonly [path: string, value: unknown])[];
  /** Key of the lifecycle record that tells of a failure. */
  readonly tells?: string;
}

const OFFSET = { key: "utcOffset", value: "+02" };

const DESIRE: Readonly<Record<string, DesireRow>> = {
  "A1: a value becomes a write": { device: "online", desire: [OFFSET], takes: [["/3/0/14", "+02"]] },
  "A2: the same value again is written again": {
    device: "online",
    desire: [OFFSET, OFFSET],
    takes: [
      ["/3/0/14", "+02"],
      ["/3/0/14", "+02"],
    ],
  },
  "A3: a key that the profile has not is told of": {
    device: "online",
    desire: [{ key: "nope", value: 1 }],
    takes: [],
    tells: "nope",
  },
  "A4: asleep, written after it woke": {
    device: "asleep",
    desire: [OFFSET],
    next: "update",
    takes: [["/3/0/14", "+02"]],
  },
  "A5: refused, and tried again when it registers": {
    device: "online",
    says: { code: CODE.METHOD_NOT_ALLOWED },
    desire: [OFFSET],
    next: "register",
    takes: [["/3/0/14", "+02"]],
    tells: "utcOffset",
  },
  "A6: a key that holds a word of updates": {
    device: "online",
    desire: [{ key: "voltage", value: "Kiyv/Europe" }],
    takes: [["/3/0/15", "Kiyv/Europe"]],
  },
  "A7: instances of a resource": {
    device: "online",
    desire: [{ key: "dataRead", value: { 0: "00ad" } }],
    takes: [["/19/0/0", { 0: "00ad" }]],
  },
  "A8: withdrawn": { device: "asleep", desire: [OFFSET, { ...OFFSET, value: null }], next: "update", takes: [] },
  "A10: a key of updates is no plain write": {
    device: "online",
    desire: [{ key: "fw_title", value: "firmware" }],
    takes: [],
    tells: "fw_title",
  },
};

const RESOURCES = {
  "/3/0/14": { key: "utcOffset", attribute: true },
  "/3/0/15": { key: "voltage" },
  "/19/0/0": { key: "dataRead" },
};
/** What the profile of row B83 has observed. */
const OBSERVED = ["/3/0/9", "/5/0/3", "/5/0/5", "/5/0/7"];
const PROFILES: Readonly<Record<string, object>> = {
  online: { resources: RESOURCES },
  asleep: { resources: RESOURCES, power: { mode: "psm", activityTimerMs: AWAKE_MS } },
  observing: {
    resources: Object.fromEntries(
      OBSERVED.map((path) => [path, { key: path.slice(1), telemetry: true, observe: true }]),
    ),
  },
  queueing: { resources: RESOURCES, power: { queueModeAwakeTimeMs: AWAKE_MS } },
};

const stops: Stops = [];
let system: System;
let transport: ServiceProcess;
/** Sends each CON once and soon gives up. */
let impatient: ServiceProcess;
let router: ServiceProcess;
let lifecycle: Recording;
let progress: Recording;
let attributes: Recording;

beforeAll(async () => {
  system = await System.start({ name: "life", transportEnv: { LWM2M_REACHABILITY_MODE: "vip" } });
  stops.push(() => system.stop());
  transport = await system.run("transport", "transport-0");
  impatient = await system.run("transport", "transport-1", {
    env: { LWM2M_COAP_ACK_TIMEOUT: "500ms", LWM2M_COAP_MAX_RETRANSMIT: "0" },
  });
  router = await system.run("rpc-router", "rpc-router");
  await Promise.all([transport, impatient, router].map(({ started }) => started));
  await system.apply(
    Object.entries(PROFILES).flatMap(([id, profile]): ProvisioningDocument[] => [
      { kind: "profile", tenant: "default", id, body: { profile: { json: JSON.stringify(profile) } } },
      {
        kind: "device",
        tenant: "default",
        id: `${id}-*`,
        body: {
          device: { endpoint: `${id}-*`, profile: id, credentials: [{ noSec: {} }], allowUnauthenticatedFleet: true },
        },
      },
    ]),
  );
  [lifecycle, progress, attributes] = await Promise.all([
    system.follow("lifecycle"),
    system.follow("rpcStatus"),
    system.follow("attributes"),
  ]);
}, 120_000);

afterAll(() => stopAll(stops), 60_000);

/** Profiles of devices in each state. */
const KINDS: Readonly<Record<State, string>> = {
  online: "online",
  observed: "observing",
  asleep: "asleep",
  "in queue mode, asleep": "queueing",
  "not registered": "online",
};

/** A device of the black-box tests, as it is to be, with the paths that it was asked for. */
class Asked {
  readonly endpoint: string;
  readonly paths: string[] = [];
  /** What it answers to the next requests, all of them where it says nothing. */
  says: Answer | "silent" | undefined;
  device: Device | undefined;
  readonly #settings: Partial<SimulatedDeviceSettings>;

  constructor(state: State) {
    const kind = KINDS[state];
    this.endpoint = `${kind}-${randomUUID()}`;
    this.#settings = {
      ...blackBoxDevice().device,
      ...((kind === "asleep" || kind === "queueing") && { power: { awakeMs: 4 * AWAKE_MS } }),
      ...(kind === "queueing" && { queueMode: true }),
      override: (request: Received) => {
        this.paths.push(`/${uriPath(request.options).join("/")}`);
        return this.says;
      },
    };
  }

  async start(node: ServiceProcess): Promise<void> {
    const device = await Device.start(this.endpoint, node, this.#settings);
    stops.push(() => device.stop());
    this.device = device;
    await device.waitFor("registered");
  }

  /** Resolves when its node takes it for asleep. */
  async asleep(): Promise<void> {
    await this.told("ASLEEP");
  }

  told(event: string): ReturnType<Recording["waitFor"]> {
    return lifecycle.waitFor(
      ({ key, value }) => key === deviceKey("default", this.endpoint) && value.event === `LIFECYCLE_EVENT_${event}`,
    );
  }

  progressOf(requestId: unknown): string[] {
    return progress
      .of(this.endpoint)
      .filter(({ value }) => value.requestId === requestId)
      .map(({ value }) => String(value.progress).replace("RPC_PROGRESS_", ""));
  }
}

/** A device in this state. */
async function deviceThatIs(state: State, node: ServiceProcess = transport): Promise<Asked> {
  const asked = new Asked(state);
  if (state === "not registered") return asked;
  await asked.start(node);
  if (state === "asleep" || state === "in queue mode, asleep") await asked.asleep();
  // What its profile asks for at a registration is over once a request has been answered behind it.
  else expect(await system.client.rpc({ endpoint: asked.endpoint, ...READ, timeoutMs: 10_000 })).toMatchObject(CONTENT);
  asked.paths.length = 0;
  return asked;
}

function outcomeOf({ status, result, value, error }: RpcAnswer): object {
  return Object.fromEntries(Object.entries({ status, result, value, error }).filter(([, member]) => Boolean(member)));
}

/** Waits until so many requests to a device wait for it. */
async function untilWaiting(asked: Asked, count: number): Promise<void> {
  await progress.waitFor(
    () =>
      progress.of(asked.endpoint).filter(({ value }) => value.progress === "RPC_PROGRESS_WAITING_FOR_DEVICE").length >=
      count,
  );
}

/** Waits until the last progress of a request has come: records of one device are in order, and so is its answer behind them. */
async function progressOf(asked: Asked, { requestId }: RpcAnswer, last: string | undefined): Promise<string[]> {
  await progress.waitFor(() => asked.progressOf(requestId).at(-1) === last);
  return asked.progressOf(requestId);
}

it("has every row of section 13.4, but for L19 and A9", () => {
  const rows = [LIFE, SILENT, DESIRE].flatMap((table) => Object.keys(table));
  const numbers = new Set([...rows, TWICE].map((row) => row.replace(/:.*/, "")));
  const numbered = (letter: string, count: number) => Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
  expect([...numbered("L", 20), ...numbered("A", 10)].filter((row) => !numbers.has(row))).toEqual(["L19", "A9"]);
});

describe("the life of a request", () => {
  it.each(Object.entries(LIFE))(
    "%s",
    (_, { device: state, says, ask, next, answers, progress: steps, reaches }) =>
      system.explain(async () => {
        const asked = await deviceThatIs(state);
        asked.says = says;
        const given = ask.map((call) => system.client.rpc({ endpoint: asked.endpoint, timeoutMs: 10_000, ...call }));
        if (next !== undefined) await untilWaiting(asked, ask.length);
        if (next === "register") await asked.start(transport);
        if (next === "update") asked.device?.handle({ type: "update" });

        const got = await Promise.all(given);
        expect(got.map(outcomeOf)).toEqual(answers);
        if (steps.length === 0) {
          // What comes behind it, and waits, tells that nothing was said.
          const behind = system.client.rpc({ endpoint: asked.endpoint, ...READ, persistent: true, timeoutMs: 3_000 });
          await untilWaiting(asked, 1);
          expect(await behind).toMatchObject({ status: "EXPIRED" });
        }
        const [first] = got as [RpcAnswer];
        expect(await progressOf(asked, first, steps.at(-1))).toEqual(steps);
        // At a registration the profile asks for `/3/0/14` too.
        const paths = (): string[] => [
          ...new Set(asked.paths.filter((path) => state !== "not registered" || path !== "/3/0/14")),
        ];
        // One-way, it is told of as soon as it is sent.
        for (const deadlineMs = Date.now() + 10_000; paths().length < reaches.length && Date.now() < deadlineMs; )
          await sleep(20);
        expect(paths()).toEqual(reaches);
      }),
    30_000,
  );

  it.each(Object.entries(SILENT))(
    "%s, and the device stays silent",
    (_, [retries, effective]) =>
      system.explain(async () => {
        const asked = await deviceThatIs("online", impatient);
        asked.says = "silent";
        const call = {
          endpoint: asked.endpoint,
          ...READ,
          persistent: true,
          timeoutMs: 25_000,
          ...(retries !== undefined && { retries }),
        };
        const given = system.client.rpc(call);
        const timeouts = (): number =>
          progress.of(asked.endpoint).filter(({ value }) => value.progress === "RPC_PROGRESS_TIMEOUT").length;
        for (let count = 1; count <= effective; count++) {
          await progress.waitFor(() => timeouts() === count);
          asked.device?.handle({ type: "update" });
        }
        expect(await given).toMatchObject({ status: "FAILED", error: `${EXHAUSTED} ${effective}` });
        expect(timeouts()).toBe(effective);
        expect(asked.paths).toHaveLength(effective + 1);
      }),
    60_000,
  );

  it(
    TWICE,
    () =>
      system.explain(async () => {
        const asked = await deviceThatIs("asleep");
        const responses = await system.follow("rpcResponse");
        const sender = system.bus.sender({ name: "twice", lingerMs: 0 });
        const requestId = randomUUID();
        const request = { requestId, endpoint: asked.endpoint, ...READ, expiresAtMs: Date.now() + 20_000 };
        for (let i = 0; i < 2; i++) {
          await sender.publish({
            topic: system.topicPrefix + TOPICS.rpcRequest.name,
            key: deviceKey("default", asked.endpoint),
            value: Buffer.from(JSON.stringify(request)),
          });
        }
        // What comes behind both, and waits, tells that both have been taken.
        const behind = system.client.rpc({ endpoint: asked.endpoint, ...READ_OTHER, timeoutMs: 10_000 });
        await untilWaiting(asked, 2);
        asked.device?.handle({ type: "update" });
        const last = await behind;
        expect(outcomeOf(last)).toEqual(CONTENT);
        expect(asked.paths).toEqual(["/3/0/0", "/3/0/1"]);
        // Two consumers read the topic: this one may be behind the client's.
        for (const id of [requestId, last.requestId]) await responses.waitFor(({ value }) => value.requestId === id);
        expect(responses.of(asked.endpoint).filter(({ value }) => value.requestId === requestId)).toHaveLength(1);
      }),
    30_000,
  );
});

it(
  "B83: what the profile has observed stays cancelled until the device registers anew",
  () =>
    system.explain(async () => {
      const { endpoint, device } = await deviceThatIs("observed");
      const ask = async (method: string): Promise<string | undefined> =>
        (await system.client.rpc({ endpoint, method, timeoutMs: 10_000 })).value;
      const observed = async (after: number): Promise<void> => {
        for (const [index] of OBSERVED.entries()) await device?.waitFor("observed", { after: after + index });
      };
      await observed(0);
      expect(await ask("ObserveCancelAll")).toBe("4");
      expect(await ask("ObserveReadAll")).toBe("[]");
      device?.handle({ type: "register" });
      await observed(OBSERVED.length);
      await system.client.rpc({ endpoint, ...READ, timeoutMs: 10_000 });
      expect(JSON.parse((await ask("ObserveReadAll")) ?? "")).toEqual(OBSERVED);
    }),
  30_000,
);

describe("a desired value", () => {
  const ROUTED = "lwm2m_desired_values_total";

  /** What the device took, as path and plain value. */
  function taken({ device }: Asked): (readonly [string, unknown])[] {
    return (device?.of("written") ?? []).map(({ path, node }) => {
      const value =
        node.type === "multipleResource"
          ? Object.fromEntries(
              node.instances.map(({ id, value: { value: bytes } }) => [
                id,
                Buffer.from(bytes as Uint8Array).toString("hex"),
              ]),
            )
          : node.type === "singleResource"
            ? node.value.value
            : node;
      return [`/${path.join("/")}`, value] as const;
    });
  }

  it.each(Object.entries(DESIRE))(
    "%s",
    (_, { device: state, says, desire, next, takes, tells }) =>
      system.explain(async () => {
        const asked = await deviceThatIs(state);
        asked.says = says;
        const routed = await router.metric(ROUTED);
        for (const [index, { key, value }] of desire.entries()) {
          await system.client.desire({ endpoint: asked.endpoint, key, value });
          // One after the other: of two that wait, only the newest is written.
          if (state === "online" && tells === undefined) await asked.device?.waitFor("written", { after: index });
        }
        while ((await router.metric(ROUTED)) < routed + desire.length) await sleep(20);
        if (tells !== undefined) expect((await asked.told("WRITE_FAILED")).value).toMatchObject({ key: tells });
        asked.says = undefined;
        if (next === "update") asked.device?.handle({ type: "update" });
        if (next === "register") asked.device?.handle({ type: "register" });
        if (takes.length > 0) await asked.device?.waitFor("written", { after: takes.length - 1 });
        // A request that is answered comes behind whatever would have been written.
        expect(await system.client.rpc({ endpoint: asked.endpoint, ...READ, timeoutMs: 10_000 })).toMatchObject(
          CONTENT,
        );
        expect(taken(asked)).toEqual(takes);
        if (takes.some(([, value]) => value === OFFSET.value)) {
          await attributes.waitFor(
            ({ key, value }) =>
              key === deviceKey("default", asked.endpoint) &&
              value.source === "VALUE_SOURCE_WRITE" &&
              JSON.stringify(value).includes('"utcOffset"'),
          );
        }
      }),
    30_000,
  );
});
