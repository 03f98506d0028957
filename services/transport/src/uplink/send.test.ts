import { BusUnavailableError, type OutgoingRecord, RecordTooLargeError } from "@ferry/bus";
import { CODE, CONTENT_FORMAT, formatCode, type Received } from "@ferry/coap";
import { encodeTimedValues } from "@ferry/lwm2m";
import { lwm2m, TOPICS } from "@ferry/proto";
import { afterEach, describe, expect, it } from "@jest/globals";
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

afterEach(stopAll);

const PROFILE = {
  transportLog: "off",
  resources: {
    "/3/0/9": { key: "batteryLevel", telemetry: true },
    "/3/0/7": { key: "voltages", telemetry: true, attribute: true },
    "/3/0/21": { key: "memory", telemetry: true },
  },
};
const BATTERY = [{ n: "/3/0/9", v: 42 }];

type Telemetry = lwm2m.v1.TelemetryRecord.$Properties;
type Lifecycle = lwm2m.v1.LifecycleRecord.$Properties;

/** The record of a Send; undefined for any other. */
function sendOf({ topic, value }: OutgoingRecord): Telemetry | undefined {
  if (topic !== TOPICS.telemetry.name || value === null) return undefined;
  const record = lwm2m.v1.TelemetryRecord.decode(value);
  return isSend(record) ? record : undefined;
}

const text = ({ code, payload }: Received): string => `${formatCode(code)} ${Buffer.from(payload)}`.trim();

async function start(system: System = memorySystem()): Promise<{
  system: System;
  node: Awaited<ReturnType<typeof startNode>>;
  device: TestDevice;
  telemetry: Telemetry[];
  lifecycle: Lifecycle[];
}> {
  await provision(system);
  await publishProfile(system, PROFILE);
  const node = await startNode(system);
  const telemetry = collect(system.bus, TOPICS.telemetry);
  const lifecycle = collect(system.bus, TOPICS.lifecycle);
  return { system, node, device: await openDevice(node), telemetry, lifecycle };
}

const isSend = ({ source }: Telemetry): boolean => source === lwm2m.v1.ValueSource.VALUE_SOURCE_SEND;
const isUndecodable = ({ event }: Lifecycle): boolean => event === lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_UNDECODABLE;

describe("a Send", () => {
  it("is answered 2.04, and all of its values are one record, each with its own time", async () => {
    const { device, telemetry, system } = await start();
    const attributes = collect(system.bus, TOPICS.attributes);
    await register(device);
    const pack = [
      { bn: "/3/0/", bt: 1_700_000_000, n: "9", v: 1, t: 1 },
      { n: "9", v: 2, t: 2 },
      { n: "7/0", v: 10, t: 2 },
      { n: "7/1", v: 11, t: 2 },
    ];
    expect(text(await device.send(pack))).toBe("2.04");
    await until(() => telemetry.some(isSend), "the values");
    expect(telemetry.filter(isSend)).toHaveLength(1);
    const record = telemetry.find(isSend);
    const samples = record?.samples ?? [];
    expect(samples.map(({ key, timeMs, deviceTime, partial }) => [key, Number(timeMs), deviceTime, partial])).toEqual([
      ["batteryLevel", 1_700_000_001_000, true, false],
      ["batteryLevel", 1_700_000_002_000, true, false],
      ["voltages", 1_700_000_002_000, true, true],
    ]);
    expect(Object.keys(samples[2]?.value?.instances?.values ?? {})).toEqual(["0", "1"]);
    expect(Number(record?.context?.sequence)).toBeGreaterThan(0);
    await until(() => attributes.length > 0, "the attributes");
    expect(attributes[0]?.attributes?.[0]).toMatchObject({ key: "voltages", partial: true });
  });

  it.each([CONTENT_FORMAT.SENML_CBOR, CONTENT_FORMAT.LWM2M_CBOR])("is taken in Content-Format %i", async (format) => {
    const { device, telemetry } = await start();
    await register(device);
    const values = [{ path: [3, 0, 9], value: { type: "INTEGER", value: 7 } as const }];
    expect(text(await device.send(encodeTimedValues(format, values, []), { format }))).toBe("2.04");
    await until(() => telemetry.some(isSend), "the values");
    expect(Number(telemetry.find(isSend)?.samples?.[0]?.value?.int64)).toBe(7);
  });

  it("is not answered, nor acknowledged, before Kafka has accepted its record", async () => {
    const bus = new GatedBus();
    const { device } = await start(memorySystem(bus));
    await register(device);
    const order: string[] = [];
    let accept = (): void => {};
    let asked = false;
    bus.gate = (record) =>
      sendOf(record) === undefined
        ? Promise.resolve()
        : new Promise((resolve) => {
            asked = true;
            accept = () => {
              order.push("accepted");
              resolve();
            };
          });
    const answered = device.send(BATTERY).then(() => order.push("answered"));
    await until(() => asked, "the record");
    // Time enough for an answer that does not wait.
    await new Promise((resolve) => setTimeout(resolve, 50));
    accept();
    await answered;
    expect(order).toEqual(["accepted", "answered"]);
    expect(device.emptyAcks).toBe(0);
  });

  it("stays unanswered while Kafka is away: the device's repeat is published, once, under the id of the first", async () => {
    const bus = new GatedBus();
    const { device, telemetry, node } = await start(memorySystem(bus));
    await register(device);
    const ids: string[] = [];
    bus.gate = async (record) => {
      const sent = sendOf(record);
      if (sent === undefined) return;
      ids.push(Buffer.from(sent.context?.eventId ?? []).toString("hex"));
      if (ids.length === 1) throw new BusUnavailableError("away");
    };
    expect(text(await device.send(BATTERY))).toBe("2.04");
    expect(ids).toHaveLength(2);
    expect(ids[0]).toBe(ids[1]);
    await until(() => telemetry.some(isSend), "the values");
    expect(telemetry.filter(isSend)).toHaveLength(1);
    expect(await node.metric('lwm2m_unacknowledged_total{reason="bus"}')).toBe(1);
  });

  it("without confirmation that could not be published is told of with a gap record", async () => {
    const bus = new GatedBus();
    const { device, lifecycle, node } = await start(memorySystem(bus));
    await register(device);
    bus.pressure = "shedding";
    void device.send(BATTERY, { confirmable: false });
    const shed = 'lwm2m_unacknowledged_total{reason="pressure"}';
    while ((await node.metric(shed)) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    bus.pressure = undefined;
    const gap = lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_GAP;
    await until(() => lifecycle.some(({ event, dropped }) => event === gap && dropped === 1), "the gap record");
  });

  it("asks Redis nothing at the owner, and moves, claims and extends nothing", async () => {
    const { bus, state } = memorySystem();
    const { devices } = state;
    const asked: string[] = [];
    const watched = new Proxy(devices, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        return (...given: unknown[]): unknown => {
          asked.push(String(name));
          return Reflect.apply(method as () => unknown, target, given); // A store has only methods.
        };
      },
    });
    const { device, telemetry, lifecycle } = await start({ bus, state: { ...state, devices: watched } });
    await register(device);
    await until(() => lifecycle.length > 0, "the lifecycle record");
    const before = await devices.get({ tenant: "default", endpoint: "ep-1" });
    asked.length = 0;
    expect(text(await device.send(BATTERY))).toBe("2.04");
    await until(() => telemetry.some(isSend), "the values");
    expect(asked.filter((name) => !["incarnation", "sweep", "settle"].includes(name))).toEqual([]);
    expect(await devices.get({ tenant: "default", endpoint: "ep-1" })).toEqual(before);
  });

  it("at a node that does not own the device is published as that owner's, with the id it has there, and the device stays where it is", async () => {
    const { device, system, telemetry, node } = await start();
    await register(device);
    const other = await startNode(system);
    const before = await system.state.devices.get({ tenant: "default", endpoint: "ep-1" });
    device.pointAt(other);
    expect(text(await device.send(BATTERY))).toBe("2.04");
    await until(() => telemetry.some(isSend), "the values");
    expect(telemetry.find(isSend)?.context).toMatchObject({
      endpoint: "ep-1",
      registrationId: before?.registration.registrationId,
      bootId: other.node.bootId,
    });
    expect(Number(telemetry.find(isSend)?.context?.ownerEpoch)).toBe(before?.owner.epoch);
    expect(Number(telemetry.find(isSend)?.context?.sequence)).toBe(0);
    const after = await system.state.devices.get({ tenant: "default", endpoint: "ep-1" });
    expect(after).toEqual(before);
    expect(after?.owner.slot).toBe(node.node.slot);
  });

  it("from an address that no registration has is answered 4.04 with what to do, at any node", async () => {
    const { device, system } = await start();
    expect(text(await device.send(BATTERY))).toMatch(
      /^4\.04 no registration found for .*: send an Update or a Register/,
    );
    await register(device);
    await device.rebind();
    expect(text(await device.send(BATTERY))).toMatch(/^4\.04 no registration found/);
    device.pointAt(await startNode(system));
    expect(text(await device.send(BATTERY))).toMatch(/^4\.04 no registration found/);
  });

  it("is accepted from the new address once an Update came from it", async () => {
    const { device } = await start();
    const location = locationOf(await register(device));
    await device.rebind();
    await device.request(CODE.POST, location, []);
    expect(text(await device.send(BATTERY))).toBe("2.04");
  });

  it("from an address that several devices have is refused: nothing says whose it is", async () => {
    const { device, system } = await start();
    await register(device);
    await provisionSecond(system);
    await register(device, "ep-2");
    expect(text(await device.send(BATTERY))).toMatch(/^4\.00 several registered devices have this address/);
    device.pointAt(await startNode(system));
    expect(text(await device.send(BATTERY))).toMatch(/^4\.00 several registered devices have this address/);
  });

  it("of an Object or Object Instance that is not registered is answered 4.04, names it, and publishes nothing", async () => {
    const { device, telemetry } = await start();
    await register(device);
    for (const path of ["/3303/0", "/3/1"]) {
      expect(text(await device.send([...BATTERY, { n: `${path}/5700`, v: 1 }]))).toBe(
        `4.04 ${path} is not registered: send an Update with its link first`,
      );
    }
    expect(text(await device.send(BATTERY))).toBe("2.04");
    await until(() => telemetry.some(isSend), "the values");
    expect(telemetry.filter(isSend)).toHaveLength(1);
  });

  it("of a device that registered with LwM2M 1.0 is answered 4.05", async () => {
    const { device } = await start();
    await register(device, "ep-1", "1.0");
    expect(text(await device.send(BATTERY))).toMatch(/^4\.05 Send is of LwM2M 1\.1/);
  });

  it("with a bad record keeps the good ones, and an undecodable record names the bad", async () => {
    const { device, telemetry, lifecycle } = await start();
    await register(device);
    const pack = [...BATTERY, { n: "/3/0/9", vs: "NaN" }, { n: "/3/0/21", v: 5 }];
    expect(text(await device.send(pack))).toBe("2.04");
    await until(() => telemetry.some(isSend) && lifecycle.some(isUndecodable), "both records");
    expect(telemetry.find(isSend)?.samples?.map(({ key }) => key)).toEqual(["batteryLevel", "memory"]);
    const told = lifecycle.find(isUndecodable);
    expect(told?.reason).toMatch(/^SenML record 1: /);
    expect(JSON.parse(Buffer.from(told?.payload ?? []).toString())).toEqual(pack);
    expect(told?.contentFormat).toBe(CONTENT_FORMAT.SENML_JSON);
  });

  it.each([
    ["JSON that is none", Buffer.from("[{")],
    ["no good record", [{ n: "/3/0/9", vs: "x" }]],
    ["a name that is no path", [{ n: "battery", v: 1 }]],
  ])("of which nothing can be decoded is answered 4.00 with the fault, and told of: %s", async (_, pack) => {
    const { device, lifecycle } = await start();
    await register(device);
    const answer = text(await device.send(pack));
    expect(answer).toMatch(/^4\.00 ./);
    await until(() => lifecycle.some(isUndecodable), "the undecodable record");
    expect(answer.slice("4.00 ".length)).toBe(lifecycle.find(isUndecodable)?.reason);
  });

  it("whose values make a record larger than Kafka takes is answered 4.13, and told of", async () => {
    const bus = new GatedBus();
    const { device, lifecycle } = await start(memorySystem(bus));
    await register(device);
    bus.gate = async (record) => {
      if (sendOf(record) !== undefined) throw new RecordTooLargeError("too large");
    };
    expect(text(await device.send(BATTERY))).toMatch(/^4\.13 /);
    await until(() => lifecycle.some(isUndecodable), "the undecodable record");
  });

  it("beyond the rate limit of its device is answered 4.29, also at a node that does not own it", async () => {
    const { device, system } = await start();
    await register(device);
    await publishProfile(system, { ...PROFILE, limits: { uplinksPerDevice: "1:7200" } });
    const limits = { device: "", tenant: "", lookups: "", logLines: "" };
    device.pointAt(await startNode(system, { limits }));
    expect(text(await device.send(BATTERY))).toBe("2.04");
    expect(text(await device.send(BATTERY))).toBe("4.29");
  });
});

async function provisionSecond({ state }: System): Promise<void> {
  const device = { endpoint: "ep-2", profile: "meter", credentials: [{ noSec: {} }] };
  const record = { tenant: "default", id: "ep-2", device };
  const value = lwm2m.v1.ProvisioningRecord.encode(record).finish();
  await state.provisioning.put({ kind: "device", tenant: "default", id: "ep-2", value, offset: 2 }, [
    { type: "noSec", endpoint: "ep-2" },
  ]);
}
