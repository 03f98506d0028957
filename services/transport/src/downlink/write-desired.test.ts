import { CODE } from "@ferry/coap";
import { encodeMessage, lwm2m, TOPICS } from "@ferry/proto";
import { type FulfilOutcome, StateUnavailableError } from "@ferry/state";
import { MemoryDeviceStore } from "@ferry/state/memory";
import { afterEach, describe, expect, it } from "@jest/globals";
import { TRANSPORT_CONFIG, type TransportSettings } from "../config.ts";
import { ask, collectAnswers } from "../rpc-fixture.ts";
import type { TransportNode } from "../service.ts";
import {
  collect,
  locationOf,
  memorySystem,
  openDevice,
  provision,
  publishProfile,
  type System,
  startNode,
  stopAll,
  type TestDevice,
  until,
} from "../transport-fixture.ts";
import { lineOf, linesOf } from "../values-fixture.ts";

afterEach(stopAll);

const DEVICE = { tenant: "default", endpoint: "ep-1" };
const PROFILE = { resources: { "/3/0/14": { key: "utcOffset", attribute: true }, "/3/0/15": { key: "timezone" } } };
const VIP = { reachability: { mode: "vip", singleExchangeWindowMs: 25_000, flowWindowMs: 110_000 } } as const;
const COAP = TRANSPORT_CONFIG.load({ env: { LWM2M_COAP_PORT: "0" } }).coap;
const AT_ONCE = { devicesPerSecond: 250, retryAfterMs: 1, retryAtMostMs: 1 };
const NEVER = { devicesPerSecond: 250, retryAfterMs: 3_600_000, retryAtMostMs: 3_600_000 };
const QUEUE_MODE = ["ep=ep-1", "lt=300", "lwm2m=1.1", "b=U", "Q"];

interface Desired {
  readonly system: System;
  readonly node: TransportNode;
  readonly device: TestDevice;
  readonly lifecycle: lwm2m.v1.LifecycleRecord[];
  register(query?: string[]): Promise<string>;
  /** Stores a value as the router does; `tell` the node as well. */
  desire(key: string, value: string | undefined, version: number, tell?: boolean): Promise<void>;
  /** Keys whose values are not written. */
  open(): Promise<string[]>;
}

async function start(change: Partial<TransportSettings> = {}, system: System = memorySystem()): Promise<Desired> {
  await provision(system);
  await publishProfile(system, PROFILE);
  const node = await startNode(system, { ...VIP, ...change });
  const device = await openDevice(node);
  device.answer = () => ({ code: CODE.CHANGED });
  const lifecycle = collect(system.bus, TOPICS.lifecycle) as lwm2m.v1.LifecycleRecord[];
  const commands = system.bus.sender({ name: "router", lingerMs: 0 });
  return {
    system,
    node,
    device,
    lifecycle,
    register: async (query = ["ep=ep-1", "lt=300", "lwm2m=1.1", "b=U"]) =>
      locationOf(await device.request(CODE.POST, "/rd", query, "</>;ct=110,</1/0>,</3/0>")),
    desire: async (key, value, version, tell = true) => {
      await system.state.devices.desire({ device: DEVICE, key, value, version, writtenMs: version, nowMs: Date.now() });
      if (!tell) return;
      const command = { bootId: node.node.bootId, deadlineMs: Date.now() + 60_000, workWaits: DEVICE };
      await commands.publish({
        topic: TOPICS.nodeCommand.name,
        key: null,
        partition: node.node.slot,
        value: encodeMessage(TOPICS.nodeCommand.type, command, "application/x-protobuf"),
      });
    },
    open: async () => (await system.state.devices.desiredValues(DEVICE)).map(({ key }) => key),
  };
}

function writes(device: TestDevice): string[] {
  return linesOf(device).filter((line) => line.startsWith("PUT"));
}

function failures(lifecycle: readonly lwm2m.v1.LifecycleRecord[]): lwm2m.v1.LifecycleRecord[] {
  return lifecycle.filter(({ event }) => event === lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_WRITE_FAILED);
}

describe("a desired value", () => {
  it("is written by its key, and is done with 2.04", async () => {
    const { device, register, desire, open } = await start();
    await register();
    await desire("utcOffset", '"+02"', 1);
    await until(() => writes(device).includes("PUT /3/0/14"), "the write");
    expect(Buffer.from(device.requests.at(-1)?.payload ?? []).toString()).toContain("+02");
    await eventually(open, []);
  });

  it("is written though it could not be fetched at first, and its device says nothing more", async () => {
    const { system, device, register, desire, open } = await start();
    await register();
    const { devices } = system.state;
    const desiredValues = devices.desiredValues.bind(devices);
    let isAway = true;
    devices.desiredValues = async (of) => {
      if (!isAway) return await desiredValues(of);
      isAway = false;
      throw new StateUnavailableError("away");
    };
    await desire("utcOffset", '"+02"', 1);
    await until(() => writes(device).includes("PUT /3/0/14"), "the write");
    await eventually(open, []);
  });

  it("that came before the device is written when it registers", async () => {
    const { device, register, desire, open } = await start();
    await desire("timezone", '"Europe/Kyiv"', 1, false);
    await register();
    await until(() => writes(device).includes("PUT /3/0/15"), "the write");
    await eventually(open, []);
  });

  it("of a device that sleeps is written when it wakes, the newest only", async () => {
    const sleepy = { awake: { queueModeMs: 150, psmMs: 150, edrxMs: 150 } };
    const { device, lifecycle, register, desire, open } = await start(sleepy);
    const location = await register(QUEUE_MODE);
    const asleep = lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_ASLEEP;
    await until(() => lifecycle.some(({ event }) => event === asleep), "the device to fall asleep");
    await desire("utcOffset", '"+03"', 1);
    await desire("utcOffset", '"+04"', 2);
    expect(writes(device)).toEqual([]);
    await device.request(CODE.POST, location, []);
    await until(() => writes(device).length > 0, "the write");
    await eventually(open, []);
    expect(writes(device)).toEqual(["PUT /3/0/14"]);
    expect(Buffer.from(device.requests.at(-1)?.payload ?? []).toString()).toContain("+04");
  });

  it("that the device refuses is told of, and tried again when the device registers", async () => {
    const { device, lifecycle, register, desire, open } = await start();
    await register();
    device.answer = () => ({ code: CODE.METHOD_NOT_ALLOWED, payload: "read only" });
    await desire("utcOffset", '"+02"', 1);
    await until(() => failures(lifecycle).length > 0, "the failure to be told");
    expect(failures(lifecycle)[0]).toMatchObject({
      key: "utcOffset",
      path: "/3/0/14",
      reason: "METHOD_NOT_ALLOWED read only",
    });
    expect(await open()).toEqual(["utcOffset"]);
    device.answer = () => ({ code: CODE.CHANGED });
    await register();
    await eventually(open, []);
  });

  it("that is told of while another is being written is written after it", async () => {
    const devices = new HeldUpStore();
    const { bus, state } = memorySystem();
    const system = { bus, state: { ...state, devices } };
    const { node, device, register, desire, open } = await start({}, system);
    const answers = collectAnswers(system);
    await register();
    await desire("utcOffset", '"+02"', 1);
    await devices.asked.promise;
    await desire("timezone", '"Europe/Kyiv"', 2);
    // A request behind the command: once it is answered, the command was obeyed.
    await ask(system, node, { requestId: "r-1", method: "DiscoverAll", params: {} });
    await until(() => answers.length > 0, "the answer to what came after");
    devices.goOn.resolve();
    await until(() => writes(device).includes("PUT /3/0/15"), "the second write");
    await eventually(open, []);
  });

  it("that the device does not answer holds up no other, and is put off", async () => {
    const impatient = { ...COAP, ackTimeoutMs: 400, maxRetransmit: 0 };
    const { device, register, desire, open } = await start({ coap: impatient, reconcile: NEVER });
    device.answer = (request) => (lineOf(request) === "PUT /3/0/14" ? "silent" : { code: CODE.CHANGED });
    const location = await register();
    await desire("utcOffset", '"+02"', 1, false);
    await desire("timezone", '"Europe/Kyiv"', 2);
    await eventually(open, ["utcOffset"]);
    await device.request(CODE.POST, location, []);
    await desire("timezone", '"Europe/Berlin"', 3);
    await eventually(open, ["utcOffset"]);
    expect(writes(device)).toEqual(["PUT /3/0/14", "PUT /3/0/15", "PUT /3/0/15"]);
  });

  it.each([
    ["5.03", CODE.SERVICE_UNAVAILABLE],
    ["4.29", CODE.TOO_MANY_REQUESTS],
  ])("that the device cannot take now, %s, is told of and tried again after a while", async (_, code) => {
    const { device, lifecycle, register, desire, open } = await start({ reconcile: AT_ONCE });
    await register();
    let busy = 2;
    device.answer = ({ code: method }) => ({ code: method === CODE.PUT && busy-- > 0 ? code : CODE.CHANGED });
    await desire("utcOffset", '"+02"', 1);
    await eventually(open, []);
    expect(writes(device)).toHaveLength(3);
    expect(failures(lifecycle)).toHaveLength(1);
  });

  it("that its node was not told of is found at the next Update, also when another was refused", async () => {
    const { device, lifecycle, register, desire, open } = await start();
    device.answer = (request) => ({
      code: lineOf(request) === "PUT /3/0/14" ? CODE.METHOD_NOT_ALLOWED : CODE.CHANGED,
    });
    const location = await register();
    await desire("utcOffset", '"+02"', 1);
    await until(() => failures(lifecycle).length > 0, "the failure to be told");
    await desire("timezone", '"Europe/Kyiv"', 2, false);
    await device.request(CODE.POST, location, []);
    await eventually(open, ["utcOffset"]);
    expect(writes(device)).toEqual(["PUT /3/0/14", "PUT /3/0/15"]);
  });

  it("that its node was not told of is found at the next Update, also when it takes the place of one that was refused", async () => {
    const { device, lifecycle, register, desire, open } = await start();
    device.answer = () => ({ code: CODE.BAD_REQUEST });
    const location = await register();
    await desire("utcOffset", '"+99"', 1);
    await until(() => failures(lifecycle).length > 0, "the failure to be told");
    device.answer = () => ({ code: CODE.CHANGED });
    await desire("utcOffset", '"+01"', 2, false);
    await device.request(CODE.POST, location, []);
    await eventually(open, []);
    expect(writes(device)).toEqual(["PUT /3/0/14", "PUT /3/0/14"]);
  });

  it("that cannot be written is told of once, however often the device registers; its next version anew", async () => {
    const { system, lifecycle, register, desire, open } = await start();
    await desire("nonsense", "1", 1, false);
    await register();
    await until(() => failures(lifecycle).length === 1, "the failure to be told");
    await register();
    await register();
    // What is written after it shows that it was tried again.
    await desire("utcOffset", '"+02"', 2);
    await eventually(open, ["nonsense"]);
    expect(failures(lifecycle)).toHaveLength(1);
    await desire("nonsense", "2", 3);
    await until(() => failures(lifecycle).length === 2, "the failure of the next version");
    // The topic was made anew: the same offset, of a later time.
    const anew = { device: DEVICE, key: "nonsense", value: "3", version: 3, writtenMs: 4 };
    await system.state.devices.desire({ ...anew, nowMs: Date.now() });
    await register();
    await until(() => failures(lifecycle).length === 3, "the failure of the same offset");
  });

  it("of a key that the profile lacks is told of, and does not hold up the others", async () => {
    const { lifecycle, register, desire, open } = await start();
    await register();
    await desire("nonsense", "1", 1, false);
    await desire("utcOffset", '"+02"', 2);
    await eventually(open, ["nonsense"]);
    await until(() => failures(lifecycle).length > 0, "the failure to be told");
    expect(failures(lifecycle)[0]).toMatchObject({
      key: "nonsense",
      reason: "nonsense is not configured in the device profile!",
    });
  });
});

/** A store whose `fulfil` waits for a test. */
class HeldUpStore extends MemoryDeviceStore {
  readonly asked: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  readonly goOn: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  override async fulfil(request: Parameters<MemoryDeviceStore["fulfil"]>[0]): Promise<FulfilOutcome> {
    this.asked.resolve();
    await this.goOn.promise;
    return await super.fulfil(request);
  }
}

/** Waits until the store says so. */
async function eventually(read: () => Promise<string[]>, wanted: string[]): Promise<void> {
  let last: string[] | undefined;
  await until(
    () => {
      void read().then((now) => {
        last = now;
      });
      return JSON.stringify(last) === JSON.stringify(wanted);
    },
    `the open values to be ${JSON.stringify(wanted)}`,
  );
}
