import { createSecretKey } from "node:crypto";
import { openDtlsListener } from "@ferry/dtls-endpoint";
import { TOPICS } from "@ferry/proto";
import { type Fleet, startFleet } from "@ferry/simulator";
import { startUdpBalancer, type UdpBalancer } from "@ferry/testing";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { TRANSPORT_CONFIG } from "../config.ts";
import { ask, collectAnswers, type FinalAnswer } from "../rpc-fixture.ts";
import {
  collect,
  memorySystem,
  provision,
  provisionPskDevice,
  type System,
  startNode,
  stopAll,
} from "../transport-fixture.ts";

const EP_2 = { tenant: "default", endpoint: "ep-2" };
const PATIENCE_MS = 10_000;
const { dtls: DTLS } = TRANSPORT_CONFIG.load({
  env: {
    LWM2M_DTLS_HOST: "127.0.0.1",
    LWM2M_DTLS_PORT: "0",
    LWM2M_DTLS_WRONG_KEY_TIMEOUT: "1s",
    LWM2M_DTLS_SEALING_KEY: Buffer.alloc(32, 9).toString("base64"),
  },
});

type Node = Awaited<ReturnType<typeof startNode>>;

let system: System;
let first: Node;
let second: Node;
let balancer: UdpBalancer;
let fleet: Fleet;
let answers: FinalAnswer[];

/** Two nodes with DTLS behind a balancer, and a device with a PSK and a Connection ID that is registered at the first. */
beforeEach(async () => {
  system = memorySystem();
  await provision(system);
  await provisionPskDevice(system, "ep-2", 2);
  first = await startNode(system, { dtls: DTLS }, openDtlsListener);
  second = await startNode(system, { dtls: DTLS }, openDtlsListener);
  answers = collectAnswers(system);
  const attributes = collect(system.bus, TOPICS.attributes);
  balancer = await startUdpBalancer({ backends: [first.dtlsPort ?? 0] });
  fleet = await startFleet({
    server: { host: "127.0.0.1", port: balancer.port },
    count: 1,
    endpoint: "ep-2",
    security: () => ({
      credential: { type: "psk", identity: Buffer.from("ep-2"), key: createSecretKey(Buffer.alloc(16, 7)) },
      ownCidLengthBytes: 0,
    }),
  });
  await holds(async () => fleet.progress.observations === 1 && (await ownerSlot()) === first.node.slot);
  // The profile's Read is answered: nothing more comes from the device by itself.
  await holds(async () => attributes.length > 0);
});
afterEach(async () => {
  await fleet.stop(0);
  await balancer.close();
  await stopAll();
});

async function holds(condition: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await condition()); waited += 20) {
    if (waited > PATIENCE_MS) throw new TypeError(`waited in vain for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function ownerSlot(): Promise<number | undefined> {
  return (await system.state.devices.get(EP_2))?.owner.slot;
}

/** The device sends an Update, which is answered. */
async function update(): Promise<void> {
  const before = fleet.progress.updates;
  fleet.handle("ep-2", { type: "update" });
  await holds(async () => fleet.progress.updates > before);
}

const read = (requestId: string): Promise<void> =>
  ask(system, second, { requestId, endpoint: "ep-2", method: "Read", params: { id: "/3/0/0" } });
const isAnswered = (requestId: string): boolean => answers.some((answer) => answer.requestId === requestId);

it("A device with a Connection ID goes on with another node, which asks the one that had its association", async () => {
  balancer.setBackends([second.dtlsPort ?? 0]);
  await update();
  expect(await ownerSlot()).toBe(second.node.slot);
  expect(await second.metric('lwm2m_dtls_take_overs_total{owner="alive"}')).toBe(1);
  expect(await first.metric("lwm2m_dtls_released_total")).toBe(1);
  expect(await first.metric("lwm2m_dtls_associations")).toBe(0);
  await read("r-1");
  await holds(async () => isAnswered("r-1"));

  // And back, from another address.
  balancer.setBackends([first.dtlsPort ?? 0]);
  await balancer.changeSourcePorts();
  const { peer } = (await system.state.devices.get(EP_2))?.registration ?? {};
  await update();
  expect(await ownerSlot()).toBe(first.node.slot);
  await holds(async () => (await system.state.devices.get(EP_2))?.registration.peer !== peer);
  expect(fleet.progress).toMatchObject({ handshakes: 1, registrations: 1 });
}, 60_000);

it("What waits for a device whose node is dead is sent only when a second record has come from its new address", async () => {
  await first.stop();
  balancer.setBackends([second.dtlsPort ?? 0]);
  await balancer.changeSourcePorts();
  await update();
  expect(await second.metric('lwm2m_dtls_take_overs_total{owner="dead"}')).toBe(1);
  await read("r-1");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(isAnswered("r-1")).toBe(false);
  await update();
  await holds(async () => isAnswered("r-1"));
  expect(answers).toMatchObject([{ requestId: "r-1", status: "SUCCESSFUL" }]);
  expect(fleet.progress).toMatchObject({ handshakes: 1, registrations: 1 });
}, 60_000);

it("A new address is followed, and the store learns of it", async () => {
  const { peer } = (await system.state.devices.get(EP_2))?.registration ?? {};
  await balancer.changeSourcePorts();
  await update();
  await holds(async () => (await system.state.devices.get(EP_2))?.registration.peer !== peer);
  expect(await first.metric("lwm2m_dtls_moves_total")).toBe(1);
  expect(fleet.progress.handshakes).toBe(1);
}, 60_000);

it("A changed key ends the association of its device; the same key once more ends nothing", async () => {
  const declare = async (offset: number, key?: Uint8Array): Promise<void> => {
    const value = await provisionPskDevice(system, "ep-2", offset, key);
    const sender = system.bus.sender({ name: "console", lingerMs: 0 });
    await sender.publish({ topic: TOPICS.provisioning.name, key: "device/default/ep-2", value });
  };
  const closed = (): Promise<number> => first.metric('lwm2m_dtls_associations_closed_total{reason="closed"}');
  await system.state.provisioning.setPosition(1_000);
  await declare(10);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await closed()).toBe(0);
  await declare(11, Buffer.alloc(16, 8));
  await holds(async () => (await closed()) === 1);
  await holds(async () => (await system.state.associations.get(EP_2)) === undefined);
  fleet.handle("ep-2", { type: "update" });
  await holds(async () => (await first.metric('lwm2m_dtls_handshake_failures_total{reason="wrongKey"}')) > 0);
}, 60_000);

it("A device whose declaration an emptied store does not have yet keeps its association, and goes on with it", async () => {
  const { devices, provisioning } = system.state;
  const incarnation = devices.incarnation.bind(devices);
  devices.incarnation = async () => ({ ...(await incarnation()), restored: false });
  await provisioning.remove({ kind: "device", tenant: "default", id: "ep-2" });
  balancer.setBackends([second.dtlsPort ?? 0]);
  fleet.handle("ep-2", { type: "update" });
  await holds(async () => (await second.metric('lwm2m_dtls_lookups_total{outcome="found"}')) > 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await system.state.associations.get(EP_2)).toBeDefined();
  await provisionPskDevice(system, "ep-2", 3);
  devices.incarnation = incarnation;
  await holds(async () => (await ownerSlot()) === second.node.slot);
  expect(fleet.progress).toMatchObject({ handshakes: 1, registrations: 1 });
}, 60_000);
