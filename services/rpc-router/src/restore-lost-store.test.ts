import type { Bus } from "@ferry/bus";
import {
  attributeUpdateKey,
  CONTENT_TYPE,
  CONTENT_TYPE_HEADER,
  deviceKey,
  encodeMessage,
  lwm2m,
  provisioningKey,
  rpcStateKey,
  TOPICS,
} from "@ferry/proto";
import { createMetrics } from "@ferry/runtime";
import { type DeviceState, makeRegistrationId, observationToken, StateUnavailableError, shardOf } from "@ferry/state";
import { MemoryDeviceStore, MemoryProvisioningStore } from "@ferry/state/memory";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Materialiser } from "./materialise-provisioning.ts";
import { RPC_ROUTER_METRICS } from "./metrics.ts";
import type { RouterPorts } from "./ports.ts";
import { StoreRestorer } from "./restore-lost-store.ts";
import { routeRequest } from "./route-requests.ts";
import { RouterFixture } from "./router-fixture.ts";

const { RPC_STATE_ACCEPTED, RPC_STATE_DISPATCHED } = lwm2m.v1.RpcState;
const { INDETERMINATE, NOT_REGISTERED, EXPIRED } = lwm2m.v1.RpcFinalStatus;
const METER = { tenant: "default", endpoint: "meter-1" };

let fixture: RouterFixture;
let opened: string[];
beforeEach(async () => {
  fixture = new RouterFixture({ lost: true });
  await fixture.start();
  opened = [];
  await provision("profile", "meter", { profile: { json: '{"resources":{}}' } });
  await provision("device", "meter-1", {
    device: { endpoint: "meter-1", profile: "meter", credentials: [{ noSec: {} }] },
  });
});
afterEach(() => fixture.stop());

async function restore(ports = fixture.ports): Promise<void> {
  const { signal } = new AbortController();
  const restorer = new StoreRestorer(ports, {
    materialiser: new Materialiser(ports, undefined, signal),
    perSecond: 10_000,
    onOpen: ({ requestId }) => opened.push(requestId),
    signal,
  });
  await restorer.check();
  await fixture.settle();
}

function publish(topic: keyof typeof TOPICS, key: string, value: Uint8Array | null, contentType?: string) {
  const headers = contentType === undefined ? {} : { [CONTENT_TYPE_HEADER]: contentType };
  return fixture.ports.sender.publish({ topic: TOPICS[topic].name, key, value, headers });
}

function provision(kind: "profile" | "device", id: string, body: lwm2m.v1.ProvisioningRecord.$Properties) {
  const record = lwm2m.v1.ProvisioningRecord.encode({ tenant: "default", id, ...body }).finish();
  return publish("provisioning", provisioningKey(kind, "default", id), record);
}

/** A request as it is asked for, and as lwm2m.rpc.state.v1 has it. */
function requestOf(requestId: string, expiresAtMs = fixture.nowMs + 30_000): lwm2m.v1.RpcRequest.$Properties {
  return { ...METER, requestId, method: "Execute", params: '{"id":"/3/0/4"}', expiresAtMs };
}

/** The record that asks for it. */
function incoming(requestId: string, asked: lwm2m.v1.RpcRequest.$Properties = {}): Parameters<typeof routeRequest>[0] {
  const request = { ...requestOf(requestId), ...asked };
  return {
    topic: TOPICS.rpcRequest.name,
    partition: 0,
    offset: 0,
    key: deviceKey(request.tenant ?? "", request.endpoint ?? ""),
    value: lwm2m.v1.RpcRequest.encode(request).finish(),
    headers: { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.protobuf },
    timestampMs: 0,
  };
}

/** Puts a request on record. The memory bus stamps in ms: each gets its own. */
async function record(requestId: string, state: lwm2m.v1.RpcState | null, expiresAtMs?: number): Promise<void> {
  const request = requestOf(requestId, expiresAtMs);
  const value = lwm2m.v1.RpcStateRecord.encode({ request, state, contentType: CONTENT_TYPE.protobuf }).finish();
  await publish("rpcState", rpcStateKey("default", "meter-1", requestId), state === null ? null : value);
  const publishedMs = Date.now();
  while (Date.now() === publishedMs) await new Promise((resolve) => setImmediate(resolve));
}

function lastState(requestId: string): lwm2m.v1.RpcStateRecord | undefined {
  return fixture.states.findLast(({ key }) => key === rpcStateKey("default", "meter-1", requestId))?.record;
}

/** Puts a device on record. */
async function recordDevice(
  endpoint: string,
  { generation = 1_000, json = false, observed = "/3/0/9", securityMode = "NO_SEC" } = {},
): Promise<lwm2m.v1.DeviceStateRecord.$Properties> {
  const random = (size: number): Uint8Array => new Uint8Array(size).fill(generation % 251);
  const shard = shardOf("default", endpoint);
  const state = {
    context: { ownerEpoch: generation * 256 + 5, bootId: "00000000000000b5" },
    registration: {
      tenant: "default",
      endpoint,
      registrationId: makeRegistrationId(shard, random),
      generation,
      lifetimeS: 300,
      lwm2mVersion: "1.1",
      bindingMode: "U",
      objectLinks: "</3/0>",
      profile: "meter",
      securityMode,
      peer: "192.0.2.1:5683",
      expiresAtMs: 1,
    },
    observations: [{ token: observationToken(shard, random), paths: [observed], byRpc: true }],
  };
  const contentType = json ? CONTENT_TYPE.json : CONTENT_TYPE.protobuf;
  const value = encodeMessage(TOPICS.deviceState.type, state, contentType);
  await publish("deviceState", deviceKey("default", endpoint), value, contentType);
  return state;
}

function deviceState(endpoint = "meter-1"): Promise<DeviceState | undefined> {
  return fixture.devices.get({ tenant: "default", endpoint });
}

/** The bus, with a say in what is subscribed to. */
function watchBus(subscribe: Bus["subscribe"]): Bus {
  const { bus } = fixture;
  return {
    sender: (options) => bus.sender(options),
    ensureTopics: (topics, mode) => bus.ensureTopics(topics, mode),
    endOffsets: (topic) => bus.endOffsets(topic),
    stop: () => bus.stop(),
    subscribe,
  };
}

describe("requests of a lost store", () => {
  it("that were accepted are open again, in their order and with their deadline, and the device's node is told once", async () => {
    await fixture.register("meter-1", await fixture.node(7, "00000000000000b7"));
    for (const id of ["r-2", "r-1", "r-3"]) await record(id, RPC_STATE_ACCEPTED, fixture.nowMs + 5_000);
    await restore();
    const open = await fixture.openRequests(METER);
    expect(open.map(({ requestId, expiresAtMs }) => [requestId, expiresAtMs - fixture.nowMs])).toEqual([
      ["r-2", 5_000],
      ["r-1", 5_000],
      ["r-3", 5_000],
    ]);
    expect(opened.sort()).toEqual(["r-1", "r-2", "r-3"]);
    expect(fixture.commands).toMatchObject([{ slot: 7, command: { bootId: "00000000000000b7", workWaits: METER } }]);
    expect(fixture.responses).toEqual([]);
  });

  it("that were dispatched end INDETERMINATE once, however often it is restored, and go off the record", async () => {
    await record("r-1", RPC_STATE_DISPATCHED);
    await Promise.all([restore(), restore()]);
    expect(fixture.responses).toMatchObject([{ requestId: "r-1", status: INDETERMINATE }]);
    expect(lastState("r-1")).toBeUndefined();
    expect(await fixture.openRequests(METER)).toEqual([]);
  });

  it("that lapsed more than a day ago, which no store has open any more, go off the record without an answer", async () => {
    for (const [id, state] of [
      ["r-1", RPC_STATE_DISPATCHED],
      ["r-2", RPC_STATE_ACCEPTED],
    ] as const) {
      await record(id, state, fixture.nowMs - 86_400_000);
    }
    await restore();
    expect([lastState("r-1"), lastState("r-2")]).toEqual([undefined, undefined]);
    expect(fixture.states).toHaveLength(4);
    expect(fixture.responses).toEqual([]);
    expect(opened).toEqual([]);
  });

  it("that had their final answer are left in peace: by their tombstone, or by what a rolled-back store knows", async () => {
    await record("r-1", RPC_STATE_DISPATCHED);
    await record("r-1", null);
    await record("r-2", RPC_STATE_DISPATCHED); // As a node does that was stopped between the gate and its answer.
    const open = { requestId: "r-2", request: new Uint8Array(), contentType: "", expiresAtMs: fixture.nowMs + 1 };
    await fixture.devices.accept({ device: METER, open, limit: 3, nowMs: fixture.nowMs });
    await fixture.devices.finish({ device: METER, requestId: "r-2", response: new Uint8Array(), nowMs: fixture.nowMs });
    await restore();
    expect(fixture.responses).toEqual([]);
    expect(lastState("r-2")).toBeUndefined();
  });

  it("that a rolled-back store has open although they ended meanwhile are not carried out again", async () => {
    // Kafka keeps tombstones for a day; the memory bus, as long as somebody has not read them.
    const { name: topic } = TOPICS.rpcState;
    fixture.bus.subscribe({ type: "reader", topic, from: "earliest", handle: () => {} }).pause();
    for (const requestId of ["r-1", "r-2"]) {
      const request = lwm2m.v1.RpcRequest.encode(requestOf(requestId)).finish();
      const open = { requestId, request, contentType: CONTENT_TYPE.protobuf, expiresAtMs: fixture.nowMs + 30_000 };
      await fixture.devices.accept({ device: METER, open, limit: 3, nowMs: fixture.nowMs });
      await record(requestId, RPC_STATE_ACCEPTED);
    }
    await record("r-1", null);
    await restore();
    expect(await fixture.openRequests(METER)).toMatchObject([{ requestId: "r-2" }]);
    expect(fixture.responses).toEqual([]);
  });

  it("that were dispatched end INDETERMINATE though a redelivery said ACCEPTED behind that; what ended before counts no more", async () => {
    const { name: topic } = TOPICS.rpcState;
    fixture.bus.subscribe({ type: "reader", topic, from: "earliest", handle: () => {} }).pause(); // As Kafka, which compacts later.
    for (const state of [RPC_STATE_ACCEPTED, RPC_STATE_DISPATCHED, RPC_STATE_ACCEPTED]) await record("r-1", state);
    for (const state of [RPC_STATE_DISPATCHED, null, RPC_STATE_ACCEPTED]) await record("r-2", state);
    await restore();
    expect(fixture.responses).toMatchObject([{ requestId: "r-1", status: INDETERMINATE }]);
    expect(await fixture.openRequests(METER)).toMatchObject([{ requestId: "r-2" }]);
    expect(opened).toEqual(["r-2"]);
  });

  it("are passed over where their record is damaged", async () => {
    const ofAnother = lwm2m.v1.RpcStateRecord.encode({ request: requestOf("r-3"), state: RPC_STATE_ACCEPTED }).finish();
    await publish("rpcState", rpcStateKey("default", "meter-1", "r-1"), ofAnother);
    await publish("rpcState", "no key of a request", Uint8Array.of());
    await record("r-2", RPC_STATE_ACCEPTED);
    await restore();
    expect(opened).toEqual(["r-2"]);
  });
});

describe("a request that comes before the store is restored", () => {
  const route = (): Promise<void> => routeRequest(incoming("r-1"), () => {}, fixture.ports);

  it("waits, and is then carried out as any other", async () => {
    await recordDevice("meter-1");
    await expect(route()).rejects.toThrow(StateUnavailableError);
    await fixture.settle();
    expect([fixture.commands, fixture.responses, fixture.states]).toEqual([[], [], []]);
    await restore();
    await route();
    await fixture.settle();
    expect(fixture.responses).toEqual([]);
    expect(await fixture.openRequests(METER)).toMatchObject([{ requestId: "r-1" }]);
  });

  it("is not handed over when it had been dispatched before: it ends INDETERMINATE", async () => {
    await fixture.register("meter-1", await fixture.node(7, "00000000000000b7"));
    await record("r-1", RPC_STATE_DISPATCHED);
    await expect(route()).rejects.toThrow(StateUnavailableError); // The emptied store took it for a new one.
    await restore();
    await route();
    await fixture.settle();
    expect(fixture.commands).toEqual([]);
    expect(new Set(fixture.responses.map(({ status }) => status))).toEqual(new Set([INDETERMINATE]));
    expect(lastState("r-1")).toBeUndefined();
  });
});

describe("while a lost store has its requests again, and provisioning is still being read", () => {
  let release: () => void;
  let restoring: Promise<void>;
  let commandsBefore: number | undefined;
  beforeEach(async () => {
    await fixture.register("meter-1", await fixture.node(7, "00000000000000b7"));
    commandsBefore = undefined;
    const markRestored = fixture.devices.markRestored.bind(fixture.devices);
    fixture.devices.markRestored = async (...mark) => {
      await fixture.settle();
      commandsBefore ??= fixture.commands.length;
      return markRestored(...mark);
    };
    await record("r-1", RPC_STATE_ACCEPTED);
    const { promise: released, resolve } = Promise.withResolvers<void>();
    release = resolve;
    const bus = watchBus((subscription) => {
      if (subscription.type !== "reader" || subscription.topic !== TOPICS.provisioning.name)
        return fixture.bus.subscribe(subscription);
      const { handle } = subscription;
      return fixture.bus.subscribe({ ...subscription, handle: (taken) => released.then(() => handle(taken)) });
    });
    restoring = restore({ ...fixture.ports, bus });
    while (!(await fixture.devices.incarnation()).requestsRestored) await fixture.settle();
  });
  afterEach(async () => {
    release();
    await restoring;
  });

  it("those are open, and their nodes are told when they may fetch them", async () => {
    expect(await fixture.openRequests(METER)).toMatchObject([{ requestId: "r-1" }]);
    await fixture.until(() => fixture.commands.length > 0);
    expect(fixture.commands).toMatchObject([{ slot: 7, command: { workWaits: METER } }]);
    expect(commandsBefore).toBe(0);
    expect(await fixture.devices.incarnation()).toMatchObject({ restored: false });
  });

  it("a request to a device that its owner wrote back is routed", async () => {
    await routeRequest(incoming("r-2"), () => {}, fixture.ports);
    await fixture.settle();
    const performed = fixture.commands.flatMap(({ command }) => command.perform?.request?.requestId ?? []);
    expect(performed).toEqual(["r-2"]);
  });

  it("one to a device that is not there, or that must not wait, waits for the devices", async () => {
    const toUnknown = incoming("r-2", { endpoint: "meter-2" });
    const failFast = incoming("r-3", { failFast: true });
    for (const each of [toUnknown, failFast]) {
      await expect(routeRequest(each, () => {}, fixture.ports)).rejects.toThrow(StateUnavailableError);
    }
    await fixture.settle();
    expect(fixture.responses).toEqual([]);
    release();
    await restoring;
    await routeRequest(toUnknown, () => {}, fixture.ports);
    await fixture.settle();
    expect(fixture.responses).toMatchObject([{ requestId: "r-2", status: NOT_REGISTERED }]);
  });

  it("one to a device that is not there lapses in time", async () => {
    const lapsed = incoming("r-2", { endpoint: "meter-2", expiresAtMs: fixture.nowMs });
    await routeRequest(lapsed, () => {}, fixture.ports);
    await fixture.settle();
    expect(fixture.responses).toMatchObject([{ requestId: "r-2", status: EXPIRED }]);
  });
});

describe("devices of a lost store", () => {
  it("are there again as they were last, without an owner, with a lifetime that begins anew", async () => {
    await recordDevice("meter-1", { observed: "/1/0/1" });
    const { registration, observations } = await recordDevice("meter-1", { json: true });
    await restore();
    const state = await deviceState();
    expect(state).toMatchObject({
      registration: { registrationId: registration?.registrationId, expiresAtMs: fixture.nowMs + 300_000 },
      owner: { bootId: "", epoch: 256_005 },
      observations: [{ paths: observations?.[0]?.paths, source: "rpc" }],
    });
  });

  it("that an owner wrote back, or that registered anew, stay as they are", async () => {
    await recordDevice("meter-1");
    const state = await fixture.register("meter-1", await fixture.node(7, "00000000000000b7"));
    await restore();
    expect(await deviceState()).toEqual(state);
  });

  it("that left are not restored", async () => {
    await recordDevice("meter-1");
    await publish("deviceState", "default/meter-1", null);
    await restore();
    expect(await deviceState()).toBeUndefined();
  });

  it("that provisioning does not admit any more have their registration ended", async () => {
    await recordDevice("meter-1");
    await recordDevice("meter-2");
    await publish("provisioning", provisioningKey("device", "default", "meter-1"), null);
    await provision("device", "meter-2*", {
      device: { endpoint: "meter-2*", profile: "meter", credentials: [{ noSec: {} }], allowUnauthenticatedFleet: true },
    });
    await restore();
    expect([await deviceState("meter-1"), await deviceState("meter-2")]).toMatchObject([undefined, METER_2]);
    const shard = shardOf("default", "meter-1");
    const node = { slot: 0, bootId: "00000000000000b0" };
    const swept = await fixture.devices.sweep({
      shard,
      node,
      outboxAgeMs: 0,
      graceMs: 0,
      limit: 9,
      nowMs: fixture.nowMs,
    });
    expect(swept).toMatchObject({ outbox: [{ kind: "lifecycle", device: METER }] });
  });

  it("that proved who they are stay while what is provisioned has a credential of that kind, and end otherwise", async () => {
    await provision("device", "meter-2*", {
      device: { endpoint: "meter-2*", profile: "meter", credentials: [{ x509: {} }] },
    });
    await recordDevice("meter-1", { securityMode: "X509" });
    await recordDevice("meter-2", { securityMode: "X509" });
    await restore();
    expect([await deviceState("meter-1"), await deviceState("meter-2")]).toMatchObject([undefined, METER_2]);
  });

  it("whose record is damaged are passed over", async () => {
    await publish("deviceState", "default/meter-0", Uint8Array.of(255));
    await publish("deviceState", "default/meter-2", Uint8Array.of());
    await recordDevice("meter-1");
    await restore();
    expect(await deviceState()).toMatchObject({ registration: METER });
  });
});

const METER_2 = { registration: { endpoint: "meter-2" } };

describe("desired values of a lost store", () => {
  it("are there again, the latest of each key, unless it was withdrawn", async () => {
    const desire = (key: string, value: unknown): Promise<void> =>
      publish(
        "attributeUpdate",
        attributeUpdateKey("default", "meter-1", key),
        value === null ? null : Buffer.from(JSON.stringify(value)),
      );
    await desire("utcOffset", { value: "+01" });
    await desire("utcOffset", { value: "+02" });
    await desire("limit", { value: 5 });
    await desire("limit", null);
    await desire("broken", { value: 5, ttl: 3 });
    await publish("attributeUpdate", attributeUpdateKey("default", "gone", "limit"), Buffer.from('{"value":1}'));
    const metrics = createMetrics({ process: false });
    await restore({ ...fixture.ports, metrics: metrics.register(RPC_ROUTER_METRICS) });
    expect(await fixture.devices.desiredValues(METER)).toMatchObject([{ key: "utcOffset", value: '"+02"' }]);
    expect(fixture.deadLetters).toEqual([]); // It was one when it came.
    const counted = (await metrics.text()).matchAll(/lwm2m_restored_total\{what="value",outcome="(\w+)"\} ([1-9])/g);
    const outcomes = Object.fromEntries([...counted].map(([, outcome, count]) => [outcome, Number(count)]));
    expect(outcomes).toEqual({ restored: 1, ended: 1, damaged: 1 }); // That of a device that was deleted is not damaged.
  });
});

describe("a desired value that the store does not take", () => {
  it("is passed over, and the others are there again", async () => {
    const desire = fixture.devices.desire.bind(fixture.devices);
    fixture.devices.desire = async (request) => {
      if (request.key === "bad") throw new TypeError("the script failed");
      return desire(request);
    };
    for (const key of ["bad", "utcOffset"]) {
      await publish("attributeUpdate", attributeUpdateKey("default", "meter-1", key), Buffer.from('{"value":1}'));
    }
    await restore();
    expect(await fixture.devices.desiredValues(METER)).toMatchObject([{ key: "utcOffset" }]);
    expect(await fixture.devices.incarnation()).toMatchObject({ restored: true });
  });
});

describe("a record that the store does not take", () => {
  const failing = (): Promise<never> => Promise.reject(new TypeError("the script failed"));

  it("of a request is passed over, and the others are open again", async () => {
    const reopen = fixture.devices.reopen.bind(fixture.devices);
    fixture.devices.reopen = (request) => (request.open.requestId === "r-1" ? failing() : reopen(request));
    for (const id of ["r-1", "r-2"]) await record(id, RPC_STATE_ACCEPTED);
    await restore();
    expect(await fixture.openRequests(METER)).toMatchObject([{ requestId: "r-2" }]);
    expect(await fixture.devices.incarnation()).toMatchObject({ restored: true });
  });

  it("of a device is passed over, and the others are there again", async () => {
    const restoreDevice = fixture.devices.restore.bind(fixture.devices);
    fixture.devices.restore = (request) =>
      request.registration.endpoint === "meter-0" ? failing() : restoreDevice(request);
    for (const endpoint of ["meter-0", "meter-1"]) await recordDevice(endpoint);
    await restore();
    expect([await deviceState("meter-0"), await deviceState("meter-1")]).toMatchObject([
      undefined,
      { registration: METER },
    ]);
    expect(await fixture.devices.incarnation()).toMatchObject({ restored: true });
  });
});

describe("a store that is restored", () => {
  const endpoints = (count: number): string[] => Array.from({ length: count }, (_, index) => `meter-${index}`);

  async function recordFleet(count: number): Promise<void> {
    const profile = { profile: "meter", credentials: [{ noSec: {} }], allowUnauthenticatedFleet: true };
    await provision("device", "meter-*", { device: { endpoint: "meter-*", ...profile } });
    for (const endpoint of endpoints(count)) await recordDevice(endpoint);
  }

  it("and is lost once more meanwhile, with its provisioning, keeps every device", async () => {
    await recordFleet(20);
    const begin = (): Pick<RouterPorts, "devices" | "provisioning"> => ({
      devices: new MemoryDeviceStore({ now: () => fixture.nowMs, lost: true }),
      provisioning: new MemoryProvisioningStore(),
    });
    let life = begin();
    let restored = 0;
    /** The store of this moment, whoever has it in hand. */
    const current = <Name extends keyof typeof life>(name: Name): (typeof life)[Name] =>
      new Proxy(life[name], {
        get: (_, member) => {
          if (member === "restore" && ++restored === 6) life = begin();
          const value: unknown = Reflect.get(life[name], member);
          return typeof value === "function" ? value.bind(life[name]) : value;
        },
      });
    const ports = { ...fixture.ports, devices: current("devices"), provisioning: current("provisioning") };
    await restore(ports);
    expect(await life.devices.incarnation()).toMatchObject({ restored: false });
    await restore(ports);
    const { devices } = await life.devices.list({ limit: 99 });
    expect(devices.map(({ registration }) => registration.endpoint).sort()).toEqual(endpoints(20).sort());
    expect(await life.devices.incarnation()).toMatchObject({ restored: true });
  });

  it("is left alone by a router that sees that another is done", async () => {
    await recordFleet(250);
    const restoreDevice = fixture.devices.restore.bind(fixture.devices);
    let restored = 0;
    fixture.devices.restore = async (request) => {
      if (restored++ === 0) await fixture.devices.markRestored((await fixture.devices.incarnation()).id);
      return restoreDevice(request);
    };
    await restore();
    expect(restored).toBe(100);
  });

  it("is so in time although the clock is set back by an hour", async () => {
    await recordFleet(100);
    const restoreDevice = fixture.devices.restore.bind(fixture.devices);
    let restored = 0;
    fixture.devices.restore = (request) => {
      if (restored++ === 0) fixture.nowMs -= 3_600_000;
      return restoreDevice(request);
    };
    await restore();
    expect((await fixture.devices.list({ limit: 200 })).devices).toHaveLength(100);
  });
});

describe("a store that Kafka knows nothing of", () => {
  it("gets its provisioning, and no other topic is read", async () => {
    const read: string[] = [];
    const bus = watchBus((subscription) => {
      if (subscription.type === "reader") read.push(subscription.topic);
      return fixture.bus.subscribe(subscription);
    });
    await restore({ ...fixture.ports, bus });
    expect(await fixture.provisioning.get("device", "default", "meter-1")).toBeDefined();
    expect(await fixture.devices.incarnation()).toMatchObject({ restored: true });
    expect(new Set(read)).toEqual(new Set([TOPICS.provisioning.name]));
  });
});

describe("a store", () => {
  it("is restored once in a life", async () => {
    await restore();
    expect(await fixture.devices.incarnation()).toMatchObject({ restored: true });
    await record("r-1", RPC_STATE_DISPATCHED);
    await restore();
    expect(fixture.responses).toEqual([]);
  });
});
