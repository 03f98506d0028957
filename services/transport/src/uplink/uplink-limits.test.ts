import { randomBytes } from "node:crypto";
import { CODE, formatCode, OPTION, type Received, readUintOption } from "@ferry/coap";
import { lwm2m, TOPICS } from "@ferry/proto";
import { requestToken } from "@ferry/state";
import { afterEach, describe, expect, it } from "@jest/globals";
import {
  collect,
  locationOf,
  memorySystem,
  openDevice,
  provision,
  publishProfile,
  register,
  startNode,
  stopAll,
  until,
} from "../transport-fixture.ts";

afterEach(stopAll);

const NO_LIMITS = { device: "", tenant: "", lookups: "", logLines: "" };
const PROFILE = { resources: { "/3/0/9": { key: "batteryLevel", telemetry: true, observe: true } } };

function answer({ code, options }: Received): [string, number | undefined] {
  return [formatCode(code), readUintOption(options, OPTION.MAX_AGE)];
}

describe("beyond the rate limit of a device", () => {
  it("Update and Register are answered 4.29 with the time to wait as Max-Age (RFC 8516)", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system, { limits: { ...NO_LIMITS, device: "2:7200" } });
    const device = await openDevice(node);
    const location = locationOf(await register(device));
    const update = (): Promise<Received> => device.request(CODE.POST, location, []);
    expect([answer(await update()), answer(await update())]).toEqual([
      ["2.04", undefined],
      ["2.04", undefined],
    ]);
    expect(answer(await update())).toEqual(["4.29", 3600]);
    expect(answer(await register(device))).toEqual(["4.29", 3600]);
    // It may always leave.
    expect(answer(await device.request(CODE.DELETE, location, []))).toEqual(["2.02", undefined]);
  });

  it("a CON notification is left unacknowledged, so that the device sends it again, and is counted", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system, { limits: { ...NO_LIMITS, device: "1:1" } });
    const telemetry = collect(system.bus, TOPICS.telemetry);
    const device = await openDevice(node);
    await register(device);
    await until(() => device.observeToken !== undefined, "the observation");
    expect(await device.notify("41", 2)).toBe("delivered");
    // The next token comes within the second, the retransmission after two.
    expect(await device.notify("42", 3)).toBe("delivered");
    expect(await node.metric('lwm2m_unacknowledged_total{reason="limit"}')).toBeGreaterThan(0);
    expect(await node.metric('lwm2m_rate_limited_total{limit="device"}')).toBeGreaterThan(0);
    const published = (): number[] =>
      telemetry.flatMap(({ samples }) => samples ?? []).map(({ value }) => Number(value?.int64));
    await until(() => published().includes(42), "the value");
    expect(published().filter((value) => value === 42)).toHaveLength(1);
  });

  it("a NON notification is dropped, and a gap record says how many and why", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system, { limits: { ...NO_LIMITS, device: "1:7200" } });
    const lifecycle = collect(system.bus, TOPICS.lifecycle);
    const device = await openDevice(node);
    await register(device);
    await until(() => device.observeToken !== undefined, "the observation");
    for (const value of ["1", "2", "3"]) device.notifyNon(value, Number(value));
    const gap = (): (typeof lifecycle)[number] | undefined =>
      lifecycle.find(({ event }) => event === lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_GAP);
    await until(() => gap() !== undefined, "the gap record");
    expect(gap()).toMatchObject({ dropped: 2, reason: expect.stringContaining("rate limit") });
  });

  it("the profile's limit goes before the server's", async () => {
    const system = memorySystem();
    await provision(system);
    await publishProfile(system, { ...PROFILE, limits: { uplinksPerDevice: "1:7200" } });
    const node = await startNode(system, { limits: NO_LIMITS });
    const device = await openDevice(node);
    const location = locationOf(await register(device));
    await device.request(CODE.POST, location, []);
    expect(answer(await device.request(CODE.POST, location, []))).toEqual(["4.29", 7200]);
  });
});

it("Beyond the rate limit of a tenant its devices are held back on every node", async () => {
  const system = memorySystem();
  await provision(system);
  const limits = { ...NO_LIMITS, tenant: "10:7200" };
  const nodes = [await startNode(system, { limits }), await startNode(system, { limits })];
  const device = await openDevice(nodes[0] as (typeof nodes)[number]);
  const location = locationOf(await register(device));
  const codes: string[] = [];
  for (let i = 0; i < 60; i++) {
    // Two in a row: the first after a move is not counted, whose it is only the store knows.
    device.pointAt(nodes[Math.floor(i / 2) % 2] as (typeof nodes)[number]);
    codes.push(answer(await device.request(CODE.POST, location, []))[0]);
  }
  expect(codes.filter((code) => code === "4.29").length).toBeGreaterThan(0);
  expect(codes.slice(0, 5)).toEqual(Array(5).fill("2.04"));
});

describe("datagrams of unknown sources that asked Redis in vain", () => {
  it("are dropped beyond the node's limit; those of devices that are found cost nothing", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system, { limits: { ...NO_LIMITS, lookups: "2:7200" } });
    const device = await openDevice(node);
    for (let i = 0; i < 5; i++) expect(answer(await register(device))[0]).toBe("2.01");
    expect(answer(await register(device, "stranger"))[0]).toBe("4.03");
    expect(answer(await device.request(CODE.POST, "/rd/AAAAAAAAAAAAAA", []))[0]).toBe("4.04");
    const dropped = 'lwm2m_rate_limited_total{limit="lookup"}';
    expect(await node.metric(dropped)).toBe(0);
    void register(device);
    while ((await node.metric(dropped)) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  });

  it("are not handed to other nodes without end when their tokens are forged as answers to those", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system, { limits: { ...NO_LIMITS, lookups: "2:7200" } });
    const other = await startNode(system);
    const device = await openDevice(node);
    device.observeToken = requestToken(0, other.node.slot, randomBytes);
    for (let i = 0; i < 10; i++) device.notifyNon("1", i);
    const dropped = 'lwm2m_rate_limited_total{limit="lookup"}';
    while ((await node.metric(dropped)) < 8) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await node.metric("lwm2m_forwarded_responses_total")).toBe(2);
  });
});
