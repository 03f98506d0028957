import { CODE, formatCode, type Received } from "@ferry/coap";
import { lwm2m, TOPICS } from "@ferry/proto";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { TRANSPORT_CONFIG } from "../config.ts";
import {
  collect,
  locationOf,
  memorySystem,
  openDevice,
  provision,
  provisionPskDevice,
  register,
  type System,
  stopAll,
  type TestDevice,
  until,
} from "../transport-fixture.ts";
import { SecureDevice, type SecureNode, startSecureNode } from "./dtls-fixture.ts";

afterEach(stopAll);

const { LIFECYCLE_EVENT_REFUSED } = lwm2m.v1.LifecycleEvent;
const EP_2 = { tenant: "default", endpoint: "ep-2" };
const PACK = [{ n: "/3/0/9", v: 55 }];

let system: System;
let node: SecureNode;

/** `ep-1` without security; `ep-2` and `ep-3` with a PSK. */
beforeEach(async () => {
  system = memorySystem();
  await provision(system);
  await provisionPskDevice(system, "ep-2", 2);
  await provisionPskDevice(system, "ep-3", 3);
  node = await startSecureNode(system);
});

async function registered(endpoint = "ep-2"): Promise<{ device: SecureDevice; location: string }> {
  const device = await SecureDevice.connect(node, endpoint);
  const location = locationOf(await register(device, endpoint));
  await until(() => device.observeToken !== undefined, "the observation");
  return { device, location };
}

/** Register without an endpoint name. */
function registerNameless(device: TestDevice): Promise<Received> {
  return device.request(CODE.POST, "/rd", ["lt=300", "lwm2m=1.1", "b=U"], "</1/0>,</3/0>");
}

const code = async (answer: Promise<Received>): Promise<string> => formatCode((await answer).code);

describe("a Register over DTLS", () => {
  it("is of the device whose credential it was, and stores how that was proved, and its address", async () => {
    const { location } = await registered();
    expect((await system.state.devices.get(EP_2))?.registration).toMatchObject({
      ...EP_2,
      registrationId: location.slice("/rd/".length),
      securityMode: "PSK",
      peer: "192.0.2.1:5684",
    });
  });

  it("without an endpoint name takes the credential's", async () => {
    const device = await SecureDevice.connect(node, "ep-2");
    expect(await code(registerNameless(device))).toBe("2.01");
    expect((await system.state.devices.get(EP_2))?.registration.endpoint).toBe("ep-2");
  });

  it("under another name is answered 4.03, which the tenant is told of", async () => {
    const lifecycle = collect(system.bus, TOPICS.lifecycle);
    const device = await SecureDevice.connect(node, "ep-2");
    const answer = await register(device, "ep-3");
    expect(formatCode(answer.code)).toBe("4.03");
    expect(Buffer.from(answer.payload).toString()).toBe(
      'the credential is of "ep-2", and the device registers as "ep-3": register under the credential\'s name, or under none',
    );
    await until(() => lifecycle.length > 0, "a lifecycle record");
    expect(lifecycle[0]).toMatchObject({
      event: LIFECYCLE_EVENT_REFUSED,
      context: EP_2,
      reason: expect.stringContaining('registers as "ep-3"'),
    });
    expect(await system.state.devices.get({ tenant: "default", endpoint: "ep-3" })).toBeUndefined();
  });

  it("of a device that is not declared any more is answered 4.03, which its tenant is told of", async () => {
    const lifecycle = collect(system.bus, TOPICS.lifecycle);
    const device = await SecureDevice.connect(node, "ep-2", { device: { tenant: "acme", endpoint: "ep-2" } });
    expect(await code(registerNameless(device))).toBe("4.03");
    await until(() => lifecycle.length > 0, "a lifecycle record");
    expect(lifecycle[0]).toMatchObject({ event: LIFECYCLE_EVENT_REFUSED, context: { tenant: "acme" } });
  });

  it("is told with the association in the device's state, for people to see", async () => {
    const states = collect(system.bus, TOPICS.deviceState);
    await registered();
    await until(() => states.length > 0, "the state");
    expect(states[0]).toMatchObject({
      context: { node: expect.stringMatching(/./) },
      registration: { securityMode: "PSK" },
      association: { suite: "TLS_PSK_WITH_AES_128_CCM_8", hasCid: true },
    });
  });
});

describe("an endpoint with a secure credential", () => {
  it("is not served without DTLS", async () => {
    const stranger = await openDevice(node);
    expect(await code(register(stranger, "ep-2"))).toBe("4.03");
  });

  it("without one has no association under which it could register", async () => {
    const device = await SecureDevice.connect(node, "ep-1");
    expect(await code(registerNameless(device))).toBe("4.03");
  });
});

describe.each([
  ["at the node that serves the device", async (): Promise<SecureNode> => node],
  ["at another node", (): Promise<SecureNode> => startSecureNode(system)],
])("a datagram without DTLS never touches a device with DTLS, %s", (_, at) => {
  let victim: SecureDevice;
  let location: string;
  let stranger: TestDevice;
  beforeEach(async () => {
    ({ device: victim, location } = await registered());
    stranger = await openDevice(await at());
  });

  it("Update", async () => {
    expect(await code(stranger.request(CODE.POST, location, ["lt=20"]))).toBe("4.04");
    expect((await system.state.devices.get(EP_2))?.registration).toMatchObject({
      lifetimeS: 300,
      peer: "192.0.2.1:5684",
    });
  });

  it("Deregister", async () => {
    expect(await code(stranger.request(CODE.DELETE, location, []))).toBe("4.04");
    expect(await system.state.devices.get(EP_2)).toBeDefined();
  });

  it("Notify", async () => {
    expect(await stranger.notifyOf(victim.observeToken ?? new Uint8Array(8), "1", 2)).toBe("reset");
    expect(await victim.notify("2", 3)).toBe("delivered");
    expect((await system.state.devices.get(EP_2))?.owner.slot).toBe(node.node.slot);
  });

  it("Send", async () => {
    expect(await code(stranger.send(PACK))).toBe("4.04");
  });
});

describe("a datagram with DTLS never touches another device", () => {
  let attacker: SecureDevice;
  beforeEach(async () => {
    attacker = await SecureDevice.connect(node, "ep-3", { address: "192.0.2.1:5684" });
  });

  it.each(["ep-2", "ep-1"])("of another credential, or without one: %s", async (endpoint) => {
    let victim: TestDevice;
    let location: string;
    if (endpoint === "ep-2") ({ device: victim, location } = await registered());
    else {
      victim = await openDevice(node);
      location = locationOf(await register(victim));
      await until(() => victim.observeToken !== undefined, "the observation");
    }
    const before = await system.state.devices.get({ tenant: "default", endpoint });
    expect(await code(attacker.request(CODE.POST, location, ["lt=20"]))).toBe("4.04");
    expect(await code(attacker.request(CODE.DELETE, location, []))).toBe("4.04");
    expect(await attacker.notifyOf(victim.observeToken ?? new Uint8Array(8), "1", 2)).toBe("reset");
    // Its address is the victim's, as behind one NAT, and says nothing.
    expect(await code(attacker.send(PACK))).toBe("4.04");
    const after = await system.state.devices.get({ tenant: "default", endpoint });
    expect([after?.registration, after?.owner]).toEqual([before?.registration, before?.owner]);
  });
});

describe("a Send over DTLS", () => {
  it("is of the device of the association, whatever its address", async () => {
    const telemetry = collect(system.bus, TOPICS.telemetry);
    const { device } = await registered();
    node.listener.change(device.peer, { address: "203.0.113.9:1024" });
    expect(await code(device.send(PACK))).toBe("2.04");
    await until(() => telemetry.some(({ samples }) => Number(samples?.[0]?.value?.int64) === 55), "the value");
  });

  it("brings the device to the node that it reached", async () => {
    const { device } = await registered();
    const other = await startSecureNode(system);
    await other.listener.takeOver(device.peer, node.listener);
    device.goTo(other);
    expect(await code(device.send(PACK))).toBe("2.04");
    expect((await system.state.devices.get(EP_2))?.owner.slot).toBe(other.node.slot);
  });
});

it("What a device with DTLS may make the store be asked in vain is its own, and not the strangers'", async () => {
  const limits = { ...TRANSPORT_CONFIG.load({ env: {} }).limits, lookups: "1:3600", device: "2:3600" };
  const limited = await startSecureNode(system, { limits });
  const stranger = await openDevice(limited);
  expect(await code(stranger.send(PACK))).toBe("4.04"); // That was theirs.
  const device = await SecureDevice.connect(limited, "ep-2");
  expect(await code(device.send(PACK))).toBe("4.04");
  expect(await code(device.send(PACK))).toBe("4.04");
  device.send(PACK).catch(() => {}); // It is dropped: there will be no answer.
  for (const limit of ["lookup", "device"]) {
    const dropped = limit === "device" ? 1 : 0;
    expect(await limited.metric(`lwm2m_rate_limited_total{limit="${limit}"}`)).toBe(dropped);
  }
});

it("A CON notification over DTLS costs no call of the device store", async () => {
  const { device } = await registered();
  const calls: string[] = [];
  const { devices } = system.state;
  for (const name of ["claim", "get", "findByPeer", "observe", "update"] as const) {
    const call = devices[name].bind(devices) as (request: never) => Promise<never>;
    devices[name] = (request: never) => {
      calls.push(name);
      return call(request);
    };
  }
  expect(await device.notify("42", 2)).toBe("delivered");
  expect(await device.notify("43", 3)).toBe("delivered");
  expect(calls).toEqual([]);
});

it("What comes through an association that is gone is left without an answer", async () => {
  const { device, location } = await registered();
  const before = (await system.state.devices.get(EP_2))?.registration.updatedAtMs;
  // The datagram is in hand already when another node takes the association.
  const { on } = node.listener.wiring;
  const arrived: Uint8Array[] = [];
  node.listener.arrive = (bytes) => void arrived.push(bytes);
  void device.request(CODE.POST, location, []).catch(() => {});
  node.listener.associations.delete(device.peer);
  for (const bytes of arrived) on.datagram(bytes, device.peer);
  await new Promise((resolve) => setImmediate(resolve));
  expect((await system.state.devices.get(EP_2))?.registration.updatedAtMs).toBe(before);
});
