import { setTimeout as sleep } from "node:timers/promises";
import { BusUnavailableError } from "@ferry/bus";
import { CODE, uriPath } from "@ferry/coap";
import { CONTENT_TYPE, lwm2m, TOPICS } from "@ferry/proto";
import { afterEach, describe, expect, it } from "@jest/globals";
import type { TransportSettings } from "../config.ts";
import { RecordWriter } from "../record-writer.ts";
import { type Asked, ask, collectAnswers, collectProgress, type FinalAnswer, store } from "../rpc-fixture.ts";
import type { TransportNode } from "../service.ts";
import {
  collect,
  GatedBus,
  locationOf,
  memorySystem,
  openDevice,
  provision,
  type System,
  slow,
  startNode,
  stopAll,
  type TestDevice,
  until,
} from "../transport-fixture.ts";
import { publishFinal } from "./finish-request.ts";

afterEach(stopAll);

/** Listens for 150 ms after each of its messages. */
const SLEEPY = { awake: { queueModeMs: 150, psmMs: 150, edrxMs: 150 } };
const VIP = { reachability: { mode: "vip", singleExchangeWindowMs: 25_000, flowWindowMs: 110_000 } } as const;

interface Sleeper {
  readonly system: System;
  readonly node: TransportNode & { stop: () => Promise<void> };
  readonly device: TestDevice;
  readonly answers: FinalAnswer[];
  readonly progress: string[];
  readonly lifecycle: lwm2m.v1.LifecycleEvent[];
  /** Sends an Update: the device is awake. */
  wake(): Promise<number>;
  ask(asked: Asked): Promise<void>;
  /** Asks, and has the request wait. */
  park(asked: Asked): Promise<void>;
}

/** A node with one device in queue mode that fell asleep. */
async function startAsleep(change: Partial<TransportSettings> = {}, bus?: GatedBus): Promise<Sleeper> {
  const system = slow(memorySystem(bus));
  await provision(system);
  const node = await startNode(system, { ...VIP, ...SLEEPY, ...change });
  const device = await openDevice(node);
  const answers = collectAnswers(system);
  const progress = collectProgress(system);
  const lifecycle: lwm2m.v1.LifecycleEvent[] = collect(system.bus, {
    name: TOPICS.lifecycle.name,
    type: { decode: (bytes) => lwm2m.v1.LifecycleRecord.decode(bytes).event },
  });
  const location = locationOf(await registerQueueMode(device));
  const { LIFECYCLE_EVENT_ASLEEP } = lwm2m.v1.LifecycleEvent;
  const isSetUp = (): boolean => paths(device).includes("/3/0/0");
  await until(() => isSetUp() && lifecycle.at(-1) === LIFECYCLE_EVENT_ASLEEP, "the device to fall asleep");
  lifecycle.splice(0, Number.POSITIVE_INFINITY, LIFECYCLE_EVENT_ASLEEP); // On a busy machine it may have slept before.
  device.requests.length = 0;
  return {
    system,
    node,
    device,
    answers,
    progress,
    lifecycle,
    wake: async () => (await device.request(CODE.POST, location, [])).code,
    ask: (asked) => ask(system, node, asked),
    park: async (asked) => {
      await ask(system, node, asked);
      await until(() => progress.includes(`${asked.requestId} WAITING_FOR_DEVICE`), "the request to wait");
    },
  };
}

function registerQueueMode(device: TestDevice): ReturnType<TestDevice["request"]> {
  return device.request(CODE.POST, "/rd", ["ep=ep-1", "lt=300", "lwm2m=1.1", "b=U", "Q"], "</1/0>,</3/0>");
}

function paths(device: TestDevice): string[] {
  return device.requests.map(({ options }) => `/${uriPath(options).join("/")}`);
}

const READ = { method: "Read", params: { id: "/3/0/9" } };
const of = (progress: readonly string[], requestId: string): string[] =>
  progress.filter((line) => line.startsWith(`${requestId} `)).map((line) => line.slice(requestId.length + 1));

describe("a request to a device that sleeps", () => {
  it("waits, and is carried out in the order of acceptance when the device is heard", async () => {
    const { device, answers, progress, wake, ask: askOne } = await startAsleep();
    const asked = ["/3/0/1", "/3/0/2", "/3/0/3"];
    for (const [index, id] of asked.entries())
      await askOne({ requestId: `r-${index}`, method: "Read", params: { id } });
    await until(() => progress.length === 3, "all to wait");
    expect(paths(device)).toEqual([]);
    await wake();
    await until(() => answers.length === 3, "the answers");
    expect(paths(device)).toEqual(asked);
    expect(answers.map(({ requestId }) => requestId)).toEqual(["r-0", "r-1", "r-2"]);
    expect(of(progress, "r-1")).toEqual(["WAITING_FOR_DEVICE", "SENT", "DELIVERED"]);
  });

  it("is carried out though more wait than a node has in hand, none overtaken", async () => {
    const { device, answers, wake, park } = await startAsleep({
      awake: { queueModeMs: 400, psmMs: 400, edrxMs: 400 },
    });
    const ids = Array.from({ length: 21 }, (_, index) => `/3/0/${index + 100}`);
    for (const id of ids) await park({ requestId: id, method: "Read", params: { id } });
    await wake();
    await until(() => answers.length === ids.length, "the answers");
    expect(paths(device)).toEqual(ids);
  });

  it("is carried out though it waits behind many that another node sent, and behind large ones", async () => {
    const { system, device, answers, wake, park } = await startAsleep({
      awake: { queueModeMs: 400, psmMs: 400, edrxMs: 400 },
    });
    const { devices } = system.state;
    const target = { tenant: "default", endpoint: "ep-1" };
    for (let index = 0; index < 20; index++) {
      const requestId = `sent-${index}`;
      const expiresAtMs = Date.now() + 60_000;
      const open = { requestId, request: new Uint8Array(200_000), contentType: "application/json", expiresAtMs };
      await devices.reopen({ device: target, open, acceptedAtMs: index, dispatched: true, nowMs: Date.now() });
    }
    await park({ requestId: "r-1", ...READ });
    await wake();
    await until(() => answers.length === 1, "the answer");
    expect(answers).toMatchObject([{ requestId: "r-1", status: "SUCCESSFUL" }]);
    expect(paths(device)).toEqual(["/3/0/9"]);
  });

  it("is not carried out when it was displaced before its node had it in hand", async () => {
    const { system, device, answers, wake, park } = await startAsleep();
    await store(system, { requestId: "r-1", method: "Read", params: { id: "/3/0/1" } }, 1);
    expect(await store(system, { requestId: "r-2", ...READ }, 1)).toMatchObject({ displaced: [{ requestId: "r-1" }] });
    await park({ requestId: "r-2", ...READ });
    await wake();
    await until(() => answers.length === 1, "the answer");
    expect(paths(device)).toEqual(["/3/0/9"]);
  });

  it("is lost without the fetch when the device is heard", async () => {
    const { device, answers, wake, park } = await startAsleep({ fetchWaiting: false });
    await park({ requestId: "r-1", ...READ, expiresInMs: 1_500 });
    await wake();
    await until(() => answers.length === 1, "its end");
    expect(answers[0]).toMatchObject({ status: "EXPIRED" });
    expect(paths(device)).toEqual([]);
  });

  it("is answered UNREACHABLE at once when it is to fail fast", async () => {
    const { answers, progress, ask: askOne } = await startAsleep();
    await askOne({ requestId: "r-1", ...READ, failFast: true });
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ status: "UNREACHABLE" });
    expect(progress).toEqual([]);
  });

  it("is answered at once where no datagram is needed", async () => {
    const { device, answers, ask: askOne } = await startAsleep();
    await askOne({ requestId: "r-1", method: "ObserveReadAll", params: {} });
    await askOne({ requestId: "r-2", method: "Read", params: {} });
    await until(() => answers.length === 2, "the answers");
    expect(answers.map(({ result }) => result).sort()).toEqual(["BAD_REQUEST", "CONTENT"]);
    expect(paths(device)).toEqual([]);
  });

  it("ends EXPIRED at its deadline when the device was not heard", async () => {
    const { answers, progress, ask: askOne } = await startAsleep();
    await askOne({ requestId: "r-1", ...READ, expiresInMs: 1_000 });
    await until(() => answers.length === 1, "its end");
    expect(answers[0]).toMatchObject({ status: "EXPIRED" });
    expect(progress).toEqual(["r-1 WAITING_FOR_DEVICE"]);
  });

  it("survives that its device registers anew", async () => {
    const { device, answers, progress, ask: askOne } = await startAsleep();
    await askOne({ requestId: "r-1", ...READ });
    await until(() => progress.length === 1, "it to wait");
    await registerQueueMode(device);
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
  });

  it("is found with the device by the node that takes it over, though its command was lost", async () => {
    const { system, device, answers, wake, node } = await startAsleep();
    await store(system, { requestId: "r-1", ...READ });
    await node.stop();
    device.pointAt(await startNode(system, { ...VIP, ...SLEEPY }));
    await wake();
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
  });

  it("is found when its command was lost and its node lives on: at the device's next Update", async () => {
    const { system, answers, wake } = await startAsleep();
    await store(system, { requestId: "r-1", ...READ });
    await wake();
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
  });

  it("is carried out once though its command comes twice and its device moves to another node meanwhile", async () => {
    const { system, device, answers, wake, node, ask: askOne } = await startAsleep();
    device.answer = () => ({ code: CODE.CHANGED });
    const execute = { requestId: "r-1", method: "Execute", params: { id: "/3/0/4" } };
    await askOne(execute);
    await askOne(execute);
    const other = await startNode(system, { ...VIP, ...SLEEPY });
    device.pointAt(other);
    await wake();
    await until(() => answers.length === 1, "the answer");
    await ask(system, node, execute);
    await ask(system, other, execute);
    await ask(system, other, { requestId: "r-2", method: "ObserveReadAll", params: {} });
    await until(() => answers.length === 2, "the second answer");
    expect(answers.filter(({ requestId }) => requestId === "r-1")).toHaveLength(1);
    expect(paths(device).filter((path) => path === "/3/0/4")).toEqual(["/3/0/4"]);
  });
});

describe("a request whose deadline comes before its device answers", () => {
  it("ends with TIMEOUT and does not count as the device's sleep: the next one is carried out", async () => {
    const awake = { queueModeMs: 60_000, psmMs: 60_000, edrxMs: 60_000 };
    const system = slow(memorySystem());
    await provision(system);
    const node = await startNode(system, { ...VIP, awake });
    const device = await openDevice(node);
    const answers = collectAnswers(system);
    await registerQueueMode(device);
    await until(() => paths(device).includes("/3/0/0"), "the last request of the set-up");
    const { answer } = device;
    device.answer = () => "silent";
    await ask(system, node, { requestId: "r-1", ...READ, expiresInMs: 1_000 });
    await until(() => answers.length === 1, "the first answer");
    device.answer = answer;
    await ask(system, node, { requestId: "r-2", ...READ, failFast: true });
    await until(() => answers.length === 2, "the second answer");
    expect(answers.map(({ status }) => status)).toEqual(["TIMEOUT", "SUCCESSFUL"]);
  });
});

describe("a request that its device has not heard when it wakes", () => {
  it("is sent anew at once, with the status TIMEOUT between", async () => {
    const { device, answers, progress, wake, park, lifecycle } = await startAsleep();
    const { answer } = device;
    device.answer = () => "silent";
    await park({ requestId: "r-1", ...READ });
    await wake();
    const { LIFECYCLE_EVENT_ASLEEP, LIFECYCLE_EVENT_AWAKE } = lwm2m.v1.LifecycleEvent;
    await until(() => lifecycle.filter((event) => event === LIFECYCLE_EVENT_ASLEEP).length === 2, "the next sleep");
    device.answer = answer;
    await wake();
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
    expect(of(progress, "r-1")).toEqual(["WAITING_FOR_DEVICE", "SENT", "TIMEOUT", "SENT", "DELIVERED"]);
    const turns = lifecycle.filter((event) => event === LIFECYCLE_EVENT_ASLEEP || event === LIFECYCLE_EVENT_AWAKE);
    expect(turns.slice(0, 4)).toEqual([
      LIFECYCLE_EVENT_ASLEEP,
      LIFECYCLE_EVENT_AWAKE,
      LIFECYCLE_EVENT_ASLEEP,
      LIFECYCLE_EVENT_AWAKE,
    ]);
  });

  it("is not overtaken by what was asked after it", async () => {
    const { device, answers, progress, wake, park, lifecycle, ask: askOne } = await startAsleep();
    const { LIFECYCLE_EVENT_ASLEEP } = lwm2m.v1.LifecycleEvent;
    device.answer = () => "silent";
    await park({ requestId: "r-1", ...READ, params: { id: "/3/0/1" } });
    await park({ requestId: "r-2", ...READ, params: { id: "/3/0/2" } });
    await wake();
    await until(() => progress.includes("r-1 SENT"), "the first to be sent");
    await askOne({ requestId: "r-3", ...READ, params: { id: "/3/0/3" } });
    await until(() => lifecycle.filter((event) => event === LIFECYCLE_EVENT_ASLEEP).length === 2, "the next sleep");
    device.answer = () => ({ code: CODE.NOT_FOUND });
    await wake();
    await until(() => answers.length === 3, "the answers");
    expect(paths(device)).toEqual(["/3/0/1", "/3/0/1", "/3/0/2", "/3/0/3"]);
  });

  it("ends in the words of the RPC specification when its retries are used up", async () => {
    const { device, answers, progress, wake, park, lifecycle } = await startAsleep();
    const { LIFECYCLE_EVENT_ASLEEP } = lwm2m.v1.LifecycleEvent;
    device.answer = () => "silent";
    await park({ requestId: "r-1", ...READ, retries: 1, expiresInMs: 60_000 });
    for (const sleeps of [2, 3]) {
      await wake();
      await until(() => lifecycle.filter((event) => event === LIFECYCLE_EVENT_ASLEEP).length === sleeps, "sleep");
    }
    await wake();
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({
      status: "FAILED",
      error: "There was a Timeout and all retry attempts have been exhausted. Retry attempts set: 1",
    });
    expect(of(progress, "r-1")).toEqual(["WAITING_FOR_DEVICE", "SENT", "TIMEOUT", "SENT"]);
  });
});

describe("a one-way request", () => {
  it("is SUCCESSFUL without a value when its datagram has left, whatever the device says", async () => {
    const { device, answers, progress, wake, park } = await startAsleep();
    device.answer = () => "silent";
    await park({ requestId: "r-1", ...READ, oneWay: true });
    await wake();
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
    expect(answers[0]).not.toHaveProperty("value");
    expect(of(progress, "r-1")).toEqual(["WAITING_FOR_DEVICE", "SENT"]);
  });

  it("that is persistent is SUCCESSFUL once the device answered anything", async () => {
    const { device, answers, progress, wake, park } = await startAsleep();
    device.answer = () => ({ code: CODE.NOT_FOUND });
    await park({ requestId: "r-1", ...READ, oneWay: true, persistent: true });
    await wake();
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
    expect(of(progress, "r-1")).toEqual(["WAITING_FOR_DEVICE", "SENT", "DELIVERED"]);
  });
});

describe("the record of requests for a lost Redis", () => {
  it("has a tombstone last though the router's answer came before it said DISPATCHED", async () => {
    const bus = new GatedBus();
    const { system, device, wake, park } = await startAsleep({}, bus);
    const states: string[] = [];
    const reader = system.bus.subscribe({
      type: "reader",
      topic: TOPICS.rpcState.name,
      from: "earliest",
      handle: ({ value }) => {
        states.push(value === null ? "tombstone" : "DISPATCHED");
      },
    });
    let isHeldUp = false;
    bus.gate = async ({ topic, value }) => {
      if (topic !== TOPICS.rpcState.name || value === null) return;
      isHeldUp = true;
      await sleep(1_200);
    };
    await park({ requestId: "r-1", method: "Execute", params: { id: "/3/0/4" }, expiresInMs: 1_000 });
    await wake();
    await until(() => isHeldUp, "it to be put on record");
    const request = { device: { tenant: "default", endpoint: "ep-1" }, requestId: "r-1", nowMs: Date.now() };
    await system.state.devices.finish({ ...request, response: new Uint8Array(1) });
    await until(() => states.length === 2, "the tombstone");
    expect(states).toEqual(["DISPATCHED", "tombstone"]);
    expect(paths(device)).toEqual([]);
    await reader.stop();
  });

  it("keeps a request until Kafka has its answer; the device's next request waits for neither", async () => {
    const bus = new GatedBus();
    const { answers, wake, park } = await startAsleep({}, bus);
    const answerTaken = Promise.withResolvers<void>();
    const offered: string[] = [];
    bus.gate = async ({ topic }) => {
      if (topic === TOPICS.rpcResponse.name || topic === TOPICS.rpcState.name) offered.push(topic);
      if (topic === TOPICS.rpcResponse.name) await answerTaken.promise;
    };
    for (const requestId of ["r-1", "r-2"]) await park({ requestId, ...READ, expiresInMs: 60_000 });
    await wake();
    await until(() => offered.length === 2, "both answers to be on their way");
    await sleep(50);
    expect(offered).toEqual([TOPICS.rpcResponse.name, TOPICS.rpcResponse.name]);
    answerTaken.resolve();
    await until(() => answers.length === 2 && offered.length === 4, "the tombstones");
  });

  it("keeps a request whose answer the sweeper could not publish", async () => {
    const bus = new GatedBus();
    await memorySystem(bus).bus.ensureTopics(Object.values(TOPICS), "create");
    const sender = bus.sender({ name: "test" });
    const node = { slot: 1, bootId: "00000000000000b1" };
    const names = { nodeName: "n1", topicPrefix: "", contentType: CONTENT_TYPE.protobuf };
    const records = new RecordWriter({ values: sender, answers: sender, node, ...names });
    const offered: string[] = [];
    bus.gate = async ({ topic }) => {
      offered.push(topic);
      throw new BusUnavailableError("no leader");
    };
    const device = { tenant: "default", endpoint: "ep-1" };
    const published = publishFinal(device, "r-1", new Uint8Array(1), CONTENT_TYPE.json, records);
    await expect(published).rejects.toThrow(BusUnavailableError);
    expect(offered).toEqual([TOPICS.rpcResponse.name]);
  });

  it("says DISPATCHED before the first datagram of what runs at most once, and has a tombstone after the answer", async () => {
    const { system, device, answers, wake, park } = await startAsleep();
    const states: string[] = [];
    const reader = system.bus.subscribe({
      type: "reader",
      topic: TOPICS.rpcState.name,
      from: "earliest",
      handle: ({ key, value }) => {
        const state = value === null ? "tombstone" : lwm2m.v1.RpcState[lwm2m.v1.RpcStateRecord.decode(value).state];
        states.push(`${key} ${state}`);
      },
    });
    const { devices } = system.state;
    const dispatch = devices.dispatch.bind(devices);
    devices.dispatch = async (request) => {
      await until(() => states.length === 1, "the record before the gate");
      return await dispatch(request);
    };
    device.answer = () => ({ code: CODE.CHANGED });
    await park({ requestId: "r-1", method: "Execute", params: { id: "/3/0/4" } });
    await wake();
    await until(() => answers.length === 1 && states.length === 2, "answer and tombstone");
    expect(states).toEqual(["default/ep-1/r-1 RPC_STATE_DISPATCHED", "default/ep-1/r-1 tombstone"]);
    await reader.stop();
  });
});
