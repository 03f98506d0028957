import { createSocket } from "node:dgram";
import { CODE, CONTENT_FORMAT, uriPath } from "@ferry/coap";
import { lwm2m, TOPICS } from "@ferry/proto";
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { TRANSPORT_CONFIG, type TransportSettings } from "../config.ts";
import { ask } from "../rpc-fixture.ts";
import {
  collect,
  GatedBus,
  locationOf,
  memorySystem,
  openDevice,
  provision,
  publishProfile,
  register,
  type System,
  startNode,
  stopAll,
  type TestDevice,
  until,
} from "../transport-fixture.ts";
import { lineOf, linesOf } from "../values-fixture.ts";

afterEach(stopAll);

type Telemetry = lwm2m.v1.TelemetryRecord.$Properties;
type Node = Awaited<ReturnType<typeof startNode>>;
type Lifecycle = lwm2m.v1.LifecycleRecord.$Properties;

const isNotification = ({ source }: Telemetry): boolean => source === lwm2m.v1.ValueSource.VALUE_SOURCE_NOTIFY;
const isUndecodable = ({ event }: Lifecycle): boolean => event === lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_UNDECODABLE;

/** A registered device whose Object Instance /3/0 is observed. */
async function observe(
  system: System = memorySystem(),
  change: Partial<TransportSettings> = {},
): Promise<{ device: TestDevice; location: string; node: Node; telemetry: Telemetry[]; lifecycle: Lifecycle[] }> {
  await provision(system);
  await publishProfile(system, {
    transportLog: "off",
    objects: { "/3/0": { observe: true } },
    resources: {
      "/3/0/9": { key: "batteryLevel", telemetry: true },
      "/3/0/7": { key: "voltages", telemetry: true },
    },
  });
  const node = await startNode(system, change);
  const telemetry = collect(system.bus, TOPICS.telemetry);
  const lifecycle = collect(system.bus, TOPICS.lifecycle);
  const device = await openDevice(node);
  device.answer = ({ options }) =>
    uriPath(options).join("/") === "3/0" ? { code: CODE.CHANGED, observe: true } : { code: CODE.NOT_FOUND };
  const location = locationOf(await register(device));
  await until(() => device.observeToken !== undefined, "the observation");
  return { device, location, node, telemetry, lifecycle };
}

describe("a notification in SenML", () => {
  const pack = (records: object[]): string => JSON.stringify(records);

  it("is one record, each value with the device's own time", async () => {
    const { device, telemetry } = await observe();
    const payload = pack([
      { bn: "/3/0/", bt: 1_700_000_000, n: "9", v: 50 },
      { n: "9", v: 49, t: 60 },
      { n: "7/0", v: 3700, t: 60 },
      { n: "7/1", v: 3600, t: 60 },
    ]);
    expect(await device.notify(payload, 5, CONTENT_FORMAT.SENML_JSON)).toBe("delivered");
    await until(() => telemetry.some(isNotification), "the values");
    expect(telemetry.filter(isNotification)).toHaveLength(1);
    const samples = telemetry.find(isNotification)?.samples ?? [];
    expect(samples.map(({ key, timeMs, deviceTime, partial }) => [key, Number(timeMs), deviceTime, partial])).toEqual([
      ["batteryLevel", 1_700_000_000_000, true, false],
      ["batteryLevel", 1_700_000_060_000, true, false],
      ["voltages", 1_700_000_060_000, true, false],
    ]);
  });

  it("of an observed Resource Instance is marked partial: the others of its resource may be there still", async () => {
    const system = memorySystem();
    const { device, node, telemetry } = await observe(system);
    const before = device.observeToken;
    device.answer = () => ({ code: CODE.CONTENT, payload: "3700", observe: true });
    await ask(system, node, { requestId: "r-0", method: "ObserveCancelAll" });
    await ask(system, node, { requestId: "r-1", method: "Observe", params: { id: "/3/0/7/1" } });
    await until(() => device.observeToken !== before, "the second observation");
    expect(await device.notify(pack([{ n: "/3/0/7/1", v: 3600 }]), 5, CONTENT_FORMAT.SENML_JSON)).toBe("delivered");
    await until(() => telemetry.some(isNotification), "the values");
    const [sample] = telemetry.find(isNotification)?.samples ?? [];
    expect(sample).toMatchObject({ key: "voltages", partial: true });
    expect(Object.keys(sample?.value?.instances?.values ?? {})).toEqual(["1"]);
  });

  it("with bad records keeps the good ones, and names the bad in an undecodable record", async () => {
    const { device, telemetry, lifecycle } = await observe();
    const payload = pack([
      { bn: "/3/0/", n: "9", v: 50 },
      { n: "9", vs: "NaN" },
      { n: "7/0", v: 3700 },
    ]);
    expect(await device.notify(payload, 5, CONTENT_FORMAT.SENML_JSON)).toBe("delivered");
    await until(() => telemetry.some(isNotification) && lifecycle.some(isUndecodable), "both records");
    const samples = telemetry.find(isNotification)?.samples ?? [];
    expect(samples.map(({ key }) => key)).toEqual(["batteryLevel", "voltages"]);
    expect(lifecycle.find(isUndecodable)).toMatchObject({
      reason: expect.stringMatching(/^SenML record 1: /),
      path: "/3/0",
      contentFormat: CONTENT_FORMAT.SENML_JSON,
    });
  });

  it("is not acknowledged before Kafka has what is wrong with it, too", async () => {
    const bus = new GatedBus();
    const { device } = await observe(memorySystem(bus));
    const order: string[] = [];
    let accept = (): void => {};
    bus.gate = ({ topic }) =>
      topic !== TOPICS.lifecycle.name
        ? Promise.resolve()
        : new Promise((resolve) => {
            order.push("asked");
            accept = () => {
              order.push("accepted");
              resolve();
            };
          });
    const payload = pack([
      { bn: "/3/0/", n: "9", v: 50 },
      { n: "9", vs: "NaN" },
    ]);
    const delivered = device.notify(payload, 5, CONTENT_FORMAT.SENML_JSON).then(() => order.push("delivered"));
    await until(() => order.includes("asked"), "the undecodable record");
    // Time enough for an acknowledgement that does not wait.
    await new Promise((resolve) => setTimeout(resolve, 50));
    accept();
    await delivered;
    expect(order).toEqual(["asked", "accepted", "delivered"]);
  });

  it("of which nothing can be decoded is acknowledged and told of with its bytes, for it will never be better", async () => {
    const { device, lifecycle } = await observe();
    expect(await device.notify("[{", 5, CONTENT_FORMAT.SENML_JSON)).toBe("delivered");
    await until(() => lifecycle.some(isUndecodable), "the undecodable record");
    expect(Buffer.from(lifecycle.find(isUndecodable)?.payload ?? []).toString()).toBe("[{");
  });
});

it("A notification in blocks whose rest was not fetched before the device registered anew is answered when it comes again", async () => {
  const system = memorySystem();
  const { device, node } = await observe(system);
  const { answer } = device;
  device.answer = (request) => (lineOf(request) === "GET /3/0/13" ? "silent" : answer(request));
  await ask(system, node, { requestId: "r-1", method: "Read", params: { id: "/3/0/13" } });
  await until(() => linesOf(device).includes("GET /3/0/13"), "what the rest has to wait for");
  const outcome = device.notify(" ".repeat(2_000), 5, CONTENT_FORMAT.SENML_JSON);
  // From elsewhere: where it was, a CON is under way.
  await register(await openDevice(node));
  expect(await outcome).toBe("reset");
});

it("A NON notification in blocks whose rest the device does not give is told of as a gap", async () => {
  const { device, lifecycle } = await observe();
  device.answer = () => ({ code: CODE.NOT_FOUND });
  device.notifyNon(" ".repeat(2_000), 5);
  const gap = () => lifecycle.find(({ event }) => event === lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_GAP);
  await until(() => gap() !== undefined, "the gap record");
  expect(gap()).toMatchObject({ dropped: 1, reason: expect.stringContaining("rest of their blocks") });
});

describe("The rest of a notification in blocks is not asked for again", () => {
  const { coap } = TRANSPORT_CONFIG.load({ env: {} });
  const VIP = { mode: "vip", singleExchangeWindowMs: 25_000, flowWindowMs: 110_000 } as const;

  it.each<[string, TransportSettings["reachability"], (node: Node) => Promise<unknown>]>([
    [
      "when the way to its device is not open any more",
      { mode: "flow", singleExchangeWindowMs: 500, flowWindowMs: 500 },
      async () => {},
    ],
    ["when its device registered anew from elsewhere", VIP, async (node) => register(await openDevice(node))],
  ])("%s", async (_, reachability, change) => {
    const { device, node } = await observe(memorySystem(), { reachability, coap: { ...coap, ackTimeoutMs: 600 } });
    device.answer = () => "silent";
    device.requests.length = 0;
    void device.notify(" ".repeat(2_000), 5, CONTENT_FORMAT.SENML_JSON);
    await until(() => linesOf(device).includes("GET /3/0"), "the rest to be asked for");
    await change(node);
    // Time enough for a repeat: ACK_TIMEOUT × ACK_RANDOM_FACTOR.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(device.repeats).toBe(0);
  });
});

describe("a CON that stays without ACK", () => {
  const drift = (node: Node): Promise<number> => node.metric("lwm2m_observation_drift");
  const notify = (device: TestDevice, observe: number): Promise<string> =>
    device.notify('[{"n":"/3/0/9","v":50}]', observe, CONTENT_FORMAT.SENML_JSON);
  /** Lets the monotonic clock go ahead by 44 s, which is longer than devices go on sending: in steps, for a node that saw it jump would take itself for having been stopped. */
  const later = async (node: Node): Promise<void> => {
    const now = performance.now.bind(performance);
    const stranger = createSocket("udp4");
    for (let step = 1; step <= 44; step++) {
      jest.spyOn(performance, "now").mockImplementation(() => now() + step * 1_000);
      stranger.send("", node.coapPort, "127.0.0.1");
      const seen = async (): Promise<boolean> =>
        (await node.metric('lwm2m_coap_drops_total{reason="malformed"}')) >= step;
      while (!(await seen())) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    stranger.close();
  };
  afterEach(() => {
    jest.restoreAllMocks();
  });

  async function shed(): Promise<{ device: TestDevice; location: string; node: Node; bus: GatedBus }> {
    const bus = new GatedBus();
    const { device, node, location } = await observe(memorySystem(bus));
    expect(await notify(device, 4)).toBe("delivered");
    bus.pressure = "shedding";
    void notify(device, 5);
    let count = 0;
    await until(() => {
      void node.metric('lwm2m_unacknowledged_total{reason="pressure"}').then((now) => {
        count = now;
      });
      return count === 1;
    }, "it to be shed");
    bus.pressure = undefined;
    return { device, location, node, bus };
  }

  it("makes the observations suspect when the device may have given up: they are made anew", async () => {
    const { device, location, node } = await shed();
    expect(await drift(node)).toBe(0);
    await later(node);
    expect(await drift(node)).toBe(1);
    device.requests.length = 0;
    await device.request(CODE.POST, location, []);
    await until(() => linesOf(device).includes("GET /3/0 observe"), "the Observe");
  });

  it("is nothing when the next one is acknowledged in time", async () => {
    const { device, node } = await shed();
    expect(await notify(device, 6)).toBe("delivered");
    await later(node);
    expect(await drift(node)).toBe(0);
  });
});
