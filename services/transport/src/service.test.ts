import { MemoryBus } from "@ferry/bus/memory";
import { CODE, formatCode, uriPath } from "@ferry/coap";
import { lwm2m, TOPICS } from "@ferry/proto";
import { MemoryDeviceStore, memoryState } from "@ferry/state/memory";
import { freePort } from "@ferry/testing";
import { afterEach, describe, expect, it } from "@jest/globals";
import { TRANSPORT_CONFIG } from "./config.ts";
import { collectAnswers, store, tellWorkWaits } from "./rpc-fixture.ts";
import {
  collect,
  GatedBus,
  locationOf,
  memorySystem,
  openDevice,
  provision,
  publishProfile,
  register,
  startNode,
  stopAll,
  until,
} from "./transport-fixture.ts";

afterEach(stopAll);

describe("a transport node", () => {
  it("registers a provisioned device, observes and reads what its profile wants, and publishes the values", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system);
    const telemetry = collect(system.bus, TOPICS.telemetry);
    const attributes = collect(system.bus, TOPICS.attributes);
    const lifecycle = collect(system.bus, TOPICS.lifecycle);
    const device = await openDevice(node);

    const answer = await register(device);
    expect(formatCode(answer.code)).toBe("2.01");
    await until(() => attributes.length > 0, "an attribute");
    const battery = telemetry.flatMap(({ samples }) => samples ?? []).find(({ key }) => key === "batteryLevel");
    expect(Number(battery?.value?.int64)).toBe(100);
    expect(attributes[0]?.attributes?.[0]).toMatchObject({ key: "manufacturer", value: { string: "Ferry" } });
    expect(lifecycle[0]).toMatchObject({
      event: lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_REGISTERED,
      registration: { endpoint: "ep-1" },
    });
  });

  it("answers 4.03 to an endpoint that nobody provisioned, and says so in a lifecycle record", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system);
    const lifecycle = collect(system.bus, TOPICS.lifecycle);
    const device = await openDevice(node);

    expect(formatCode((await register(device, "stranger")).code)).toBe("4.03");
    await until(() => lifecycle.length > 0, "a lifecycle record");
    expect(lifecycle[0]).toMatchObject({
      event: lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_REFUSED,
      context: { endpoint: "stranger" },
    });
  });

  it("acknowledges a CON notification once the bus has its record", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system);
    const telemetry = collect(system.bus, TOPICS.telemetry);
    const device = await openDevice(node);
    await register(device);
    await until(() => device.observeToken !== undefined, "the observation");

    expect(await device.notify("42", 2)).toBe("delivered");
    await until(() => telemetry.some(({ samples }) => Number(samples?.[0]?.value?.int64) === 42), "the value");
  });

  it("serves the notification of a device that another node registered, after one claim", async () => {
    const system = memorySystem();
    await provision(system);
    const first = await startNode(system);
    const second = await startNode(system);
    const telemetry = collect(system.bus, TOPICS.telemetry);
    const device = await openDevice(first);
    await register(device);
    await until(() => device.observeToken !== undefined, "the observation");

    device.pointAt(second);
    expect(await device.notify("43", 2)).toBe("delivered");
    const published = (): (typeof telemetry)[number] | undefined =>
      telemetry.find(({ samples }) => Number(samples?.[0]?.value?.int64) === 43);
    await until(() => published() !== undefined, "the value");
    const state = await system.state.devices.get({ tenant: "default", endpoint: "ep-1" });
    expect(state?.owner.slot).toBe(second.node.slot);
    expect(Number(published()?.context?.ownerEpoch)).toBe(state?.owner.epoch);
  });

  it("answers RST to a notification whose token nobody knows", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system);
    const device = await openDevice(node);
    await register(device);
    await until(() => device.observeToken !== undefined, "the observation");
    device.observeToken = Buffer.concat([device.observeToken?.subarray(0, 7) ?? Buffer.alloc(7), Buffer.of(0)]);
    expect(await device.notify("1", 2)).toBe("reset");
  });

  it("prolongs or changes a registration with Update and ends it with Deregister", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system);
    const states = collect(system.bus, TOPICS.deviceState);
    const lifecycle = collect(system.bus, TOPICS.lifecycle);
    const updates = (): number =>
      lifecycle.filter(({ event }) => event === lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_UPDATED).length;
    const device = await openDevice(node);
    const location = locationOf(await register(device));
    expect(formatCode((await device.request(CODE.POST, location, ["lt=600"])).code)).toBe("2.04");
    const state = await system.state.devices.get({ tenant: "default", endpoint: "ep-1" });
    expect(state?.registration.lifetimeS).toBe(600);
    await until(() => states.some(({ registration }) => registration?.lifetimeS === 600), "the state after the Update");
    const { length } = states;
    expect(formatCode((await device.request(CODE.POST, location, [])).code)).toBe("2.04");
    await until(() => updates() === 2, "the second Update");
    const told = lifecycle.filter(({ event }) => event === lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_UPDATED);
    expect(told.map(({ changes }) => changes)).toEqual([["lifetime"], []]);
    expect(states).toHaveLength(length); // An Update that only prolongs changes nothing that a restore needs.
    expect(formatCode((await device.request(CODE.DELETE, location, [])).code)).toBe("2.02");
    expect(formatCode((await device.request(CODE.POST, location, [])).code)).toBe("4.04");
  });

  it("tells the device's state with its observations, anew when they change, and nothing after its end", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system);
    const states = collect(system.bus, TOPICS.deviceState);
    const device = await openDevice(node);
    const location = locationOf(await register(device));
    const observed = (): readonly (readonly (string | undefined)[])[] =>
      states.map(({ observations }) => (observations ?? []).map(({ paths }) => paths?.[0]));
    await until(() => states.length > 0, "the state");
    expect(observed()[0]).toEqual(["/3/0/9"]);
    const stored = await system.state.devices.get({ tenant: "default", endpoint: "ep-1" });
    expect(states[0]?.observations?.[0]).toMatchObject({ token: stored?.observations[0]?.token, byRpc: false });

    const resources = { "/3/0/9": { key: "batteryLevel", telemetry: true, observe: true } };
    const more = { ...resources, "/3/0/13": { key: "time", telemetry: true, observe: true } };
    await publishProfile(system, { resources: more });
    // The device does not have it: it is withdrawn again.
    await until(() => observed().length === 3, "the states");
    expect(observed()).toEqual([["/3/0/9"], ["/3/0/9", "/3/0/13"], ["/3/0/9"]]);
    await device.request(CODE.DELETE, location, []);
    const { length } = states;
    await publishProfile(system, { resources });
    await until(() => true, "");
    expect(states).toHaveLength(length);
  });

  it("asks a device again for what a dead node could not, when its Update arrives elsewhere", async () => {
    const system = memorySystem();
    await provision(system);
    const first = await startNode(system);
    const second = await startNode(system);
    const device = await openDevice(first);
    const answer = device.answer;
    device.answer = () => "silent";
    const location = locationOf(await register(device));
    await first.stop();

    device.answer = answer;
    device.pointAt(second);
    expect(formatCode((await device.request(CODE.POST, location, [])).code)).toBe("2.04");
    await until(() => device.observeToken !== undefined, "the observation");
  });

  it("observes a path once, however often its profile changes at the same time", async () => {
    const system = memorySystem();
    await provision(system);
    const node = await startNode(system);
    const device = await openDevice(node);
    await register(device);
    await until(() => device.observeToken !== undefined, "the observation");
    const resources = { "/3/0/9": { key: "batteryLevel", telemetry: true, observe: true } };
    const more = { ...resources, "/3/0/13": { key: "time", telemetry: true, observe: true } };
    await Promise.all([1, 2, 3].map(() => publishProfile(system, { resources: more })));
    const asked = (): number => device.requests.filter(({ options }) => uriPath(options).join("/") === "3/0/13").length;
    await until(() => asked() > 0, "the new observation");
    await publishProfile(system, { resources });
    await until(() => true, "");
    expect(asked()).toBe(1);
  });

  it("fetches once it is ready what was stored for a device that came while it started", async () => {
    const port = await freePort();
    const system = memorySystem();
    await provision(system);
    const answers = collectAnswers(system);
    const renew = system.state.nodes.renew.bind(system.state.nodes);
    let came = false;
    system.state.nodes.renew = async (entry, leaseMs) => {
      if (entry.ready && !came) {
        came = true;
        const device = await openDevice({ coapPort: port });
        await register(device);
        await until(() => device.observeToken !== undefined, "the observation");
        await store(system, { requestId: "r-1", method: "Read" });
      }
      return renew(entry, leaseMs);
    };
    await startNode(system, { coap: { ...TRANSPORT_CONFIG.load({ env: {} }).coap, host: "127.0.0.1", port } });
    await until(() => answers.length > 0, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
  });

  it("that starts before the store is restored fetches what waits there once it is", async () => {
    const devices = new MemoryDeviceStore({ lost: true });
    const system = { bus: new MemoryBus(), state: { ...memoryState(), devices } };
    await provision(system);
    const answers = collectAnswers(system);
    let fetched = false;
    const openRequests = devices.openRequests.bind(devices);
    devices.openRequests = async (request) => {
      fetched = true;
      return openRequests(request);
    };
    const attributes = collect(system.bus, TOPICS.attributes);
    const node = await startNode(system);
    const device = await openDevice(node);
    await register(device);
    // From here on it says nothing of its own.
    await until(() => device.observeToken !== undefined && attributes.length > 0, "the device to be set up");
    await store(system, { requestId: "r-1", method: "Read" });
    await tellWorkWaits(system, node);
    await until(() => fetched, "the fetch that does not believe the store");
    expect(await devices.markRestored((await devices.incarnation()).id)).toBe(true);
    await until(() => answers.length > 0, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
  });

  it("fetches what waits once the store has its requests again, before it has all", async () => {
    const devices = new MemoryDeviceStore({ lost: true });
    const system = { bus: new MemoryBus(), state: { ...memoryState(), devices } };
    await provision(system);
    const answers = collectAnswers(system);
    const attributes = collect(system.bus, TOPICS.attributes);
    const node = await startNode(system);
    const device = await openDevice(node);
    await register(device);
    await until(() => device.observeToken !== undefined && attributes.length > 0, "the device to be set up");
    await store(system, { requestId: "r-1", method: "Read" });
    await devices.markRestored((await devices.incarnation()).id, "requests");
    await tellWorkWaits(system, node);
    await until(() => answers.length > 0, "the answer");
    expect(answers[0]).toMatchObject({ requestId: "r-1", status: "SUCCESSFUL" });
    expect(await devices.incarnation()).toMatchObject({ restored: false });
  });

  it("stops under load without an error: what Kafka takes meanwhile is still acknowledged", async () => {
    const bus = new GatedBus();
    const system = memorySystem(bus);
    await provision(system);
    const node = await startNode(system);
    const device = await openDevice(node);
    await register(device);
    await until(() => device.observeToken !== undefined, "the observation");
    const [offered, taken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    bus.gate = async ({ topic, value }) => {
      if (topic !== TOPICS.telemetry.name || value === null) return;
      if (lwm2m.v1.TelemetryRecord.decode(value).source !== lwm2m.v1.ValueSource.VALUE_SOURCE_NOTIFY) return;
      offered.resolve();
      await taken.promise;
    };
    const delivered = device.notify("3", 3);
    await offered.promise;
    const stopped = node.stop();
    taken.resolve();
    await stopped;
    expect(await delivered).toBe("delivered");
  });
});
