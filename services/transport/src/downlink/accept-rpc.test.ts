import { setTimeout as sleep } from "node:timers/promises";
import { BusUnavailableError } from "@ferry/bus";
import { MemoryBus } from "@ferry/bus/memory";
import { CODE, type Received, uriPath } from "@ferry/coap";
import { TOPICS } from "@ferry/proto";
import { StateUnavailableError } from "@ferry/state";
import { MemoryDeviceStore, memoryState } from "@ferry/state/memory";
import { afterEach, describe, expect, it } from "@jest/globals";
import { TRANSPORT_CONFIG, type TransportSettings } from "../config.ts";
import {
  ask as askNode,
  collectAnswers,
  collectProgress,
  type FinalAnswer,
  handOver,
  store,
  tellWorkWaits,
} from "../rpc-fixture.ts";
import {
  GatedBus,
  locationOf,
  memorySystem,
  openDevice,
  provision,
  provisionDevice,
  register,
  type System,
  startNode,
  stopAll,
  type TestDevice,
  until,
} from "../transport-fixture.ts";

afterEach(stopAll);

const { coap: COAP } = TRANSPORT_CONFIG.load({ env: { LWM2M_COAP_HOST: "127.0.0.1", LWM2M_COAP_PORT: "0" } });

/** A node with one registered device, and what it takes to ask it as the router does. */
async function startAsked(
  change: Partial<TransportSettings> = {},
  system: System = memorySystem(),
): Promise<{
  system: System;
  node: Awaited<ReturnType<typeof startNode>>;
  device: TestDevice;
  answers: FinalAnswer[];
  ask: (requestId: string, method: string, params: object, expiresInMs?: number) => Promise<void>;
}> {
  await provision(system);
  const node = await startNode(system, change);
  const device = await openDevice(node);
  const answers = collectAnswers(system);
  await register(device);
  await until(() => requestsTo(device, "/3/0/0").length > 0, "the last request of the set-up");
  return {
    system,
    node,
    device,
    answers,
    ask: (requestId, method, params, expiresInMs = 5_000) =>
      askNode(system, node, { requestId, method, params, expiresInMs }),
  };
}

function requestsTo(device: TestDevice, path: string): Received[] {
  return device.requests.filter(({ options }) => `/${uriPath(options).join("/")}` === path);
}

describe("an RPC request at the device's owner", () => {
  it("is carried out and answered in the reference's text", async () => {
    const { answers, ask } = await startAsked();
    await ask("r-1", "Read", { key: "batteryLevel" });
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({
      requestId: "r-1",
      status: "SUCCESSFUL",
      result: "CONTENT",
      value: "LwM2mSingleResource [id=9, value=100, type=INTEGER]",
    });
  });

  it("is not sent and FAILED, naming the path, when its value cannot be told in the Content-Format that it asks for", async () => {
    const { answers, ask, device } = await startAsked();
    await register(device, "ep-1", "1.1", "</1/0>,</3303/0>");
    await ask("r-1", "WriteReplace", { id: "/3303/0/5700", value: "NaN", contentFormat: "TEXT" });
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({
      status: "FAILED",
      result: "BAD_REQUEST",
      error: "Unable to encode request [WriteRequest /3303/0/5700]: text cannot carry NaN",
    });
    expect(requestsTo(device, "/3303/0/5700")).toEqual([]);
  });

  it("is carried out once, however often its command comes", async () => {
    const { device, answers, ask } = await startAsked();
    device.answer = () => ({ code: CODE.CHANGED });
    await Promise.all([ask("r-1", "Execute", { id: "/3/0/4" }), ask("r-1", "Execute", { id: "/3/0/4" })]);
    await until(() => answers.length > 0, "the answer");
    await ask("r-1", "Execute", { id: "/3/0/4" });
    await ask("r-2", "Read", { id: "/3/0/9" });
    await until(() => answers.some(({ requestId }) => requestId === "r-2"), "the second answer");
    expect(requestsTo(device, "/3/0/4")).toHaveLength(1);
    expect(answers.filter(({ requestId }) => requestId === "r-1")).toHaveLength(1);
  });

  it("does not wait for the answers of those before it to be on Kafka, but eight at most are on their way there", async () => {
    const bus = new GatedBus();
    const { device, answers, ask } = await startAsked({}, memorySystem(bus));
    device.requests.length = 0;
    const kafka = Promise.withResolvers<void>();
    let held = 0;
    bus.gate = async ({ topic }) => {
      if (topic !== TOPICS.rpcResponse.name) return;
      held += 1;
      await kafka.promise;
    };
    const ids = Array.from({ length: 12 }, (_, index) => `r-${index}`);
    for (const requestId of ids) await ask(requestId, "Read", { id: "/3/0/0" });
    await until(() => held === 8, "eight answers to wait for Kafka");
    await sleep(100); // A ninth would have been sent.
    expect(requestsTo(device, "/3/0/0")).toHaveLength(8);
    kafka.resolve();
    await until(() => answers.length === ids.length, "the answers");
    expect(answers.map(({ requestId }) => requestId)).toEqual(ids);
  });

  it("is not sent again when somebody dispatched it before: INDETERMINATE", async () => {
    const { system, device, answers, ask } = await startAsked();
    const state = await system.state.devices.get({ tenant: "default", endpoint: "ep-1" });
    if (state === undefined) throw new TypeError("registered above");
    await store(system, { requestId: "r-1", method: "Execute", params: { id: "/3/0/4" } });
    const nowMs = Date.now();
    await system.state.devices.dispatch({ device: state.registration, requestId: "r-1", owner: state.owner, nowMs });
    await ask("r-1", "Execute", { id: "/3/0/4" });
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ status: "INDETERMINATE" });
    expect(requestsTo(device, "/3/0/4")).toHaveLength(0);
  });

  it("is not sent when its node was held up for a second after it had been cleared to send it", async () => {
    const { system, device, answers, ask } = await startAsked();
    const { devices } = system.state;
    const dispatch = devices.dispatch.bind(devices);
    devices.dispatch = async (request) => {
      const outcome = await dispatch(request);
      await new Promise((resolve) => setTimeout(resolve, 1_010));
      return outcome;
    };
    await ask("r-1", "Execute", { id: "/3/0/4" });
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ status: "UNREACHABLE", error: expect.stringContaining("was not sent") });
    await ask("r-2", "Read", { id: "/3/0/9" });
    await until(() => answers.length === 2, "the second answer");
    expect(requestsTo(device, "/3/0/4")).toHaveLength(0);
  });

  it("ends INDETERMINATE when this node had dispatched it and has lost sight of it", async () => {
    const { system, device, answers, ask } = await startAsked();
    const state = await system.state.devices.get({ tenant: "default", endpoint: "ep-1" });
    if (state === undefined) throw new TypeError("registered above");
    const execute = { requestId: "r-1", method: "Execute", params: { id: "/3/0/4" } };
    await store(system, execute);
    const nowMs = Date.now();
    await system.state.devices.dispatch({ device: state.registration, requestId: "r-1", owner: state.owner, nowMs });
    await register(device);
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "INDETERMINATE" });
    await ask("r-2", "Read", { id: "/3/0/9" });
    await until(() => answers.length === 2, "the second answer");
    expect(requestsTo(device, "/3/0/4")).toHaveLength(0);
  });

  it("is not told of at its deadline by a node that finds at the gate that another has dispatched it", async () => {
    const { system, device, answers, ask } = await startAsked();
    const { devices } = system.state;
    const { openRequests } = devices;
    devices.dispatch = async () => ({ type: "dispatched" });
    devices.openRequests = async (request) => {
      const page = await openRequests.call(devices, request);
      return { ...page, requests: page.requests.map((open) => ({ ...open, dispatchedBy: { slot: 9, bootId: "b9" } })) };
    };
    await ask("r-1", "Execute", { id: "/3/0/4" }, 1_000);
    await sleep(1_200);
    await ask("r-2", "ObserveReadAll", {});
    await until(() => answers.length > 0, "an answer");
    expect(answers.map(({ requestId }) => requestId)).toEqual(["r-2"]);
    expect(requestsTo(device, "/3/0/4")).toHaveLength(0);
  });

  it("is carried out though its device registers anew while it is at the gate", async () => {
    const { system, device, answers, ask } = await startAsked();
    const { devices } = system.state;
    const dispatch = devices.dispatch.bind(devices);
    let registered: Promise<unknown> | undefined;
    devices.dispatch = async (request) => {
      registered ??= register(device);
      await registered;
      return await dispatch(request);
    };
    await ask("r-1", "Execute", { id: "/3/0/4" }, 60_000);
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", result: "NOT_FOUND" });
    expect(requestsTo(device, "/3/0/4")).toHaveLength(1);
  });

  it("that is to fail fast is sent when its device is heard while another at its address holds it up", async () => {
    const reachability = { mode: "flow", singleExchangeWindowMs: 2_000, flowWindowMs: 2_000 } as const;
    const { system, node, device, answers, ask } = await startAsked({ reachability });
    await provisionDevice(system, "ep-2", 2);
    const location = locationOf(await register(device, "ep-2"));
    await until(() => requestsTo(device, "/3/0/0").length > 1, "the last request of the other's set-up");
    const { answer } = device;
    const isHolding = ({ options }: Received): boolean => uriPath(options).join("/") === "3/0/13";
    device.answer = (request) => (isHolding(request) ? "silent" : answer(request));
    await ask("r-1", "Read", { id: "/3/0/13" }, 2_500);
    await until(() => requestsTo(device, "/3/0/13").length === 1, "the one that is not acknowledged");
    await askNode(system, node, {
      requestId: "r-2",
      endpoint: "ep-2",
      method: "Read",
      failFast: true,
      expiresInMs: 20_000,
    });
    await sleep(1_000);
    await device.request(CODE.POST, location, []);
    await until(() => answers.length === 2, "both answers");
    expect(answers).toMatchObject([
      { requestId: "r-1", status: "TIMEOUT" },
      { requestId: "r-2", status: "SUCCESSFUL" },
    ]);
  });

  it("has the device's answer, once, though Redis is away when that comes and the device is heard before Redis is back", async () => {
    const { system, device, answers, ask } = await startAsked();
    const { devices } = system.state;
    const finish = devices.finish.bind(devices);
    let isAway = true;
    const refused = new Set<string>();
    devices.finish = async (request) => {
      if (!isAway) return await finish(request);
      refused.add(request.requestId);
      throw new StateUnavailableError("away");
    };
    device.answer = () => ({ code: CODE.CHANGED });
    await ask("r-1", "Execute", { id: "/3/0/4" });
    await ask("r-2", "WriteReplace", { id: "/3/0/14", value: "+01" });
    await until(() => refused.size === 2, "both answers to be refused");
    await register(device);
    await ask("r-1", "Execute", { id: "/3/0/4" });
    isAway = false;
    await until(() => answers.length === 2, "the answers");
    expect(answers).toMatchObject([
      { requestId: "r-1", status: "SUCCESSFUL" },
      { requestId: "r-2", status: "SUCCESSFUL" },
    ]);
    await ask("r-3", "Delete", { id: "/19/0" });
    await until(() => answers.length === 3, "what was asked last");
    expect(requestsTo(device, "/3/0/4")).toHaveLength(1);
    expect(requestsTo(device, "/3/0/14")).toHaveLength(1);
  });

  it("has the device's answer though Redis was emptied before that came, once Redis has its request again", async () => {
    const devices = new MemoryDeviceStore({ lost: true });
    const system = { bus: new MemoryBus(), state: { ...memoryState(), devices } };
    const { node, device, answers } = await startAsked({}, system);
    const read = { requestId: "r-1", method: "Read", params: { id: "/3/0/0" } };
    await handOver(system, node, read);
    for (let held = 0; held !== 1; held = await node.metric("lwm2m_rpc_answers_held")) await sleep(10);
    await store(system, read);
    await devices.markRestored((await devices.incarnation()).id, "requests");
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
    expect(requestsTo(device, "/3/0/0")).toHaveLength(2); // The first is the set-up's.
  });

  it("ends EXPIRED, and nothing is sent, when its deadline came before it was on record as dispatched", async () => {
    const bus = new GatedBus();
    const { device, answers, ask } = await startAsked({}, memorySystem(bus));
    bus.gate = async ({ topic, value }) => {
      if (topic === TOPICS.rpcState.name && value !== null) await sleep(400);
    };
    await ask("r-1", "Execute", { id: "/3/0/4" }, 200);
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "EXPIRED" });
    await ask("r-2", "Read", { id: "/3/0/9" });
    await until(() => answers.length === 2, "the second answer");
    expect(requestsTo(device, "/3/0/4")).toHaveLength(0);
  });

  it("is not sent when what another device at its address was sent holds it back for a second after it had been cleared", async () => {
    const { system, node, device, answers, ask } = await startAsked({ coap: { ...COAP, maxRetransmit: 0 } });
    await provisionDevice(system, "ep-2", 2);
    await register(device, "ep-2");
    await until(() => requestsTo(device, "/3/0/0").length > 1, "the last request of the other's set-up");
    device.answer = ({ code }) => (code === CODE.GET ? "silent" : { code: CODE.CHANGED });
    await ask("r-1", "Read", { id: "/3/0/13" });
    await until(() => requestsTo(device, "/3/0/13").length === 1, "the one that is not acknowledged");
    await askNode(system, node, { requestId: "r-2", endpoint: "ep-2", method: "Execute", params: { id: "/3/0/4" } });
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-2", status: "UNREACHABLE" });
    expect(answers[0]?.error).toContain("was not sent");
    expect(requestsTo(device, "/3/0/4")).toHaveLength(0);
  });

  it("ends at its deadline wherever its device goes meanwhile, and the next one gets its turn", async () => {
    const { device, answers, ask } = await startAsked();
    const answer = device.answer;
    device.answer = () => "silent";
    await ask("r-1", "Read", { id: "/3/0/13" }, 900);
    await ask("r-2", "Read", { id: "/3/0/9" });
    await sleep(700);
    await device.rebind();
    expect(await device.notify("7", 20)).toBe("delivered");
    device.answer = (request) => (uriPath(request.options).join("/") === "3/0/13" ? "silent" : answer(request));
    await until(() => answers.length === 2, "the answers");
    expect(answers).toMatchObject([
      { requestId: "r-1", status: "TIMEOUT" },
      { requestId: "r-2", status: "SUCCESSFUL" },
    ]);
  });

  it("is not repeated outside the device's window", async () => {
    const reachability = { mode: "flow", singleExchangeWindowMs: 1_000, flowWindowMs: 1_000 } as const;
    const coap = { ...COAP, ackTimeoutMs: 150, maxRetransmit: 3 }; // The last repeat is due after 1,050 ms or more.
    const { device, answers, ask } = await startAsked({ reachability, coap });
    device.answer = () => "silent";
    await device.notify("4", 9);
    await ask("r-1", "Execute", { id: "/3/0/4" }, 60_000);
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "TIMEOUT" });
    expect(requestsTo(device, "/3/0/4")).toHaveLength(1);
    expect(device.repeats).toBeLessThan(3);
  });

  it("is asked anew at once when the device is heard after its window had closed", async () => {
    const reachability = { mode: "flow", singleExchangeWindowMs: 1_000, flowWindowMs: 1_000 } as const;
    const { device, answers, ask } = await startAsked({ reachability });
    const { answer } = device;
    device.answer = () => "silent";
    await device.notify("5", 10);
    await ask("r-1", "Read", { id: "/3/0/0" }, 60_000);
    await until(() => requestsTo(device, "/3/0/0").length === 2, "the request");
    await sleep(1_100);
    device.answer = answer;
    await device.notify("6", 11);
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
  });

  it("is given up here when another node has its device, however long it would have been repeated", async () => {
    const { system, node, device, answers, ask } = await startAsked();
    const other = await startNode(system);
    device.answer = () => "silent";
    await ask("r-1", "WriteReplace", { id: "/3/0/14", value: "+01" }, 60_000);
    await until(() => requestsTo(device, "/3/0/14").length === 1, "the request");
    device.answer = () => ({ code: CODE.CHANGED });
    device.pointAt(other);
    await register(device);
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
    const givenUp = 'lwm2m_operations_total{operation="write",outcome="timeout"}';
    for (let count = 0; count !== 1; count = await node.metric(givenUp)) await sleep(10); // It would take minutes.
  });

  it.each([
    ["here", false],
    ["at another node", true],
  ])(
    "is not repeated to a device that registered anew %s, for it may have rebooted, and holds nothing up: INDETERMINATE",
    async (_, elsewhere) => {
      const { system, node, device, answers, ask } = await startAsked({ coap: { ...COAP, ackTimeoutMs: 300 } });
      const { answer } = device;
      device.answer = () => "silent";
      await ask("r-1", "Execute", { id: "/3/0/4" }, 60_000);
      await until(() => requestsTo(device, "/3/0/4").length === 1, "the request");
      device.answer = answer;
      const owner = elsewhere ? await startNode(system) : node;
      device.pointAt(owner);
      await register(device);
      await until(() => answers.length === 1, "the answer");
      expect(answers[0]).toMatchObject({ requestId: "r-1", status: "INDETERMINATE" });
      const { repeats } = device;
      await askNode(system, owner, { requestId: "r-2", method: "Execute", params: { id: "/3/0/5" } });
      await until(() => answers.length === 2, "the next answer");
      expect(answers[1]).toMatchObject({ requestId: "r-2", result: "NOT_FOUND" });
      await sleep(1_000); // The next repeat would be due.
      expect(device.repeats).toBe(repeats);
    },
  );

  it("ends with TIMEOUT at its deadline when the device stays silent, and the next one gets its turn", async () => {
    const { device, answers, ask } = await startAsked();
    const answer = device.answer;
    device.answer = () => "silent";
    await ask("r-1", "Read", { id: "/3/0/9" }, 1_000);
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "TIMEOUT" });
    device.answer = answer;
    await ask("r-2", "Read", { id: "/3/0/9" });
    await until(() => answers.length === 2, "the second answer");
    expect(answers[1]).toMatchObject({ requestId: "r-2", status: "SUCCESSFUL" });
  });

  it("waits outside the device's window, and nothing is sent", async () => {
    const reachability = { mode: "flow", singleExchangeWindowMs: 300, flowWindowMs: 300 } as const;
    const { device, answers, ask } = await startAsked({ reachability });
    const before = device.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 400));
    await ask("r-1", "Read", { id: "/3/0/9" }, 300);
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ status: "EXPIRED" });
    expect(device.requests.length).toBe(before);
  });

  it("is not overtaken by what was asked after it: tried again though its device is not heard, it goes first", async () => {
    const { system, node, device, answers, ask } = await startAsked({
      coap: { ...COAP, ackTimeoutMs: 100, maxRetransmit: 0 },
      // What is asked after it is there by then.
      reconcile: { devicesPerSecond: 250, retryAfterMs: 2_000, retryAtMostMs: 2_000 },
    });
    const progress = collectProgress(system);
    const writes: string[] = [];
    device.answer = ({ payload }) => {
      writes.push(Buffer.from(payload.subarray(-3)).toString());
      return writes.length === 1 ? "silent" : { code: CODE.CHANGED };
    };
    const write = { method: "WriteReplace", retries: 3 };
    await askNode(system, node, { requestId: "r-1", ...write, params: { id: "/3/0/14", value: "+01" } });
    await ask("r-2", "WriteReplace", { id: "/3/0/14", value: "+02" });
    await until(() => progress.includes("r-1 TIMEOUT"), "the first to be put back");
    await ask("r-3", "WriteReplace", { id: "/3/0/14", value: "+03" });
    await askNode(system, node, { requestId: "r-4", method: "Read", failFast: true });
    await until(() => answers.length === 4, "the answers");
    expect(writes).toEqual(["+01", "+01", "+02", "+03"]);
    expect(answers.map(({ requestId, status }) => `${requestId} ${status}`)).toEqual([
      "r-4 UNREACHABLE",
      "r-1 SUCCESSFUL",
      "r-2 SUCCESSFUL",
      "r-3 SUCCESSFUL",
    ]);
  });

  describe("that was put back", () => {
    /** Its device does not answer, and is not heard, for as long as it waits. */
    const PATIENT = { devicesPerSecond: 250, retryAfterMs: 60_000, retryAtMostMs: 60_000 };

    it("holds nothing up once it has lapsed", async () => {
      const coap = { ...COAP, ackTimeoutMs: 100, maxRetransmit: 0 };
      const { system, node, device, answers, ask } = await startAsked({ coap, reconcile: PATIENT });
      const progress = collectProgress(system);
      const { answer } = device;
      device.answer = () => "silent";
      await askNode(system, node, { requestId: "r-1", method: "Read", retries: 3, expiresInMs: 2_500 });
      await until(() => progress.includes("r-1 TIMEOUT"), "it to be put back");
      await ask("r-2", "Read", { id: "/3/0/9" }, 20_000);
      await until(() => progress.includes("r-2 WAITING_FOR_DEVICE"), "the next to wait");
      device.answer = answer;
      await until(() => answers.length === 2, "both answers");
      await askNode(system, node, { requestId: "r-3", method: "Read", failFast: true });
      await until(() => answers.length === 3, "the last answer");
      expect(answers.map(({ requestId, status }) => `${requestId} ${status}`)).toEqual([
        "r-1 TIMEOUT",
        "r-2 SUCCESSFUL",
        "r-3 SUCCESSFUL",
      ]);
    });

    it("because Kafka or Redis was away for a moment is tried again within about a second", async () => {
      const bus = new GatedBus();
      const { system, device, answers, ask } = await startAsked({ reconcile: PATIENT }, memorySystem(bus));
      let refusals = 0;
      bus.gate = async ({ topic, value }) => {
        if (topic === TOPICS.rpcState.name && value !== null && refusals++ === 0) throw new BusUnavailableError("away");
      };
      const { devices } = system.state;
      const dispatch = devices.dispatch.bind(devices);
      devices.dispatch = async (request) => {
        if (refusals++ === 2) throw new StateUnavailableError("away");
        return await dispatch(request);
      };
      await ask("r-1", "Execute", { id: "/3/0/4" }, 60_000);
      await until(() => answers.length === 1, "the answer");
      expect(answers[0]).toMatchObject({ requestId: "r-1", result: "NOT_FOUND" });
      expect(refusals).toBeGreaterThan(2);
      expect(requestsTo(device, "/3/0/4")).toHaveLength(1);
    });
  });

  it("is carried out in its order though it could not be fetched at first", async () => {
    const { system, node, answers } = await startAsked();
    const { devices } = system.state;
    const open = devices.openRequests.bind(devices);
    let isAway = true;
    devices.openRequests = async (request) => {
      if (!isAway) return await open(request);
      isAway = false;
      throw new StateUnavailableError("away");
    };
    const ids = Array.from({ length: 12 }, (_, index) => `r-${index}`);
    for (const requestId of ids) await store(system, { requestId, method: "Read", expiresInMs: 60_000 });
    await tellWorkWaits(system, node);
    await until(() => answers.length === ids.length, "the answers");
    expect(isAway).toBe(false);
    expect(answers.map(({ requestId }) => requestId)).toEqual(ids);
  });

  it("observes once: the same path again is asked under the same token, one above it is refused", async () => {
    const { device, answers, ask } = await startAsked();
    await ask("r-1", "Observe", { id: "/3/0/9" });
    await ask("r-2", "Observe", { id: "/3/0" });
    await until(() => answers.length === 2, "the answers");
    const tokens = requestsTo(device, "/3/0/9").map(({ token }) => Buffer.from(token).toString("hex"));
    expect(new Set(tokens).size).toBe(1);
    expect(answers.find(({ requestId }) => requestId === "r-2")).toMatchObject({
      result: "BAD_REQUEST",
      error: "Resource [/3/0] conflict with is already registered as SingleObservation [/3/0/9].",
    });
  });

  it("observes though its device registers anew while the observation is stored", async () => {
    const { system, device, answers, ask } = await startAsked();
    const { devices } = system.state;
    const observe = devices.observe.bind(devices);
    let registered: Promise<unknown> | undefined;
    devices.observe = async (request) => {
      registered ??= register(device);
      await registered;
      return await observe(request);
    };
    await ask("r-1", "Observe", { id: "/3/0/13" });
    await until(() => answers.length === 1, "the answer");
    expect(requestsTo(device, "/3/0/13")).toHaveLength(1);
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "FAILED", result: "NOT_FOUND" });
  });

  it("observes when Redis is back, unless it is to fail fast", async () => {
    const reconcile = { devicesPerSecond: 250, retryAfterMs: 200, retryAtMostMs: 200 };
    const { system, node, device, answers } = await startAsked({ reconcile });
    device.answer = () => ({ code: CODE.CONTENT, payload: "+01", observe: true });
    const { devices } = system.state;
    const observe = devices.observe.bind(devices);
    let isAway = true;
    let asked = 0;
    devices.observe = async (request) => {
      asked += 1;
      if (isAway) throw new StateUnavailableError("away");
      return await observe(request);
    };
    const request = { method: "Observe", params: { id: "/3/0/14" } };
    await askNode(system, node, { requestId: "r-1", ...request, failFast: true });
    await until(() => answers.length === 1, "the first answer");
    await askNode(system, node, { requestId: "r-2", ...request });
    await until(() => asked === 2, "the second to have its turn");
    isAway = false;
    await until(() => answers.length === 2, "its answer");
    expect(answers).toMatchObject([
      { requestId: "r-1", status: "UNREACHABLE" },
      { requestId: "r-2", status: "SUCCESSFUL" },
    ]);
  });

  it("cancels what an Observe before it is about to make, and reads all that those before it observe", async () => {
    const { device, answers, ask } = await startAsked();
    device.answer = () => ({ code: CODE.CONTENT, payload: "+01", observe: true });
    await Promise.all([
      ask("r-1", "Observe", { id: "/3/0/14" }),
      ask("r-2", "ObserveReadAll", {}),
      ask("r-3", "ObserveCancel", { id: "/3/0/14" }),
    ]);
    await until(() => answers.length === 3, "the answers");
    expect(answers.map(({ requestId }) => requestId)).toEqual(["r-1", "r-2", "r-3"]);
    expect(answers[1]?.value).toContain("/3/0/14");
    expect(answers[2]).toMatchObject({ status: "SUCCESSFUL", value: "1" });
  });

  it("tells what is observed, and cancels it, though the device does not answer what was asked before", async () => {
    const { device, answers, ask } = await startAsked();
    device.answer = () => "silent";
    await ask("r-1", "Read", { id: "/3/0/14" });
    await until(() => requestsTo(device, "/3/0/14").length === 1, "the request");
    await ask("r-2", "ObserveReadAll", {});
    await ask("r-3", "ObserveCancelAll", {});
    await until(() => answers.length > 1, "the answers");
    expect(answers.map(({ requestId, status }) => `${requestId} ${status}`).sort()).toEqual([
      "r-2 SUCCESSFUL",
      "r-3 SUCCESSFUL",
    ]);
  });

  it("cancels an observation passively: the next notification is answered with RST", async () => {
    const { device, answers, ask } = await startAsked();
    await ask("r-1", "ObserveCancel", { id: "/3/0/9" });
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ result: "CONTENT", value: "1" });
    expect(await device.notify("5", 9)).toBe("reset");
    await ask("r-2", "ObserveCancel", { id: "/3/0/9" });
    await until(() => answers.length === 2, "the second answer");
    expect(answers[1]).toMatchObject({ error: "Could not find active Observe component with path: /3/0/9" });
  });

  it("waits for its turn across a new registration of its device", async () => {
    const { device, answers, ask } = await startAsked();
    const answer = device.answer;
    device.answer = () => "silent";
    await ask("r-1", "Read", { id: "/3/0/9" }, 600);
    await ask("r-2", "Read", { id: "/3/0/9" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    device.answer = answer;
    await register(device);
    await until(() => answers.length === 2, "both answers");
    expect(answers.find(({ requestId }) => requestId === "r-2")).toMatchObject({ status: "SUCCESSFUL" });
  });

  it("follows the device to a new address: what was sent to the old one is not waited for", async () => {
    const { device, answers, ask } = await startAsked();
    const answer = device.answer;
    device.answer = () => "silent";
    await ask("r-1", "Read", { id: "/3/0/9" }, 8_000);
    await until(() => requestsTo(device, "/3/0/9").length > 1, "the request");
    device.answer = answer;
    await device.rebind();
    expect(await device.notify("7", 20)).toBe("delivered");
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
  });
});
