import { CODE, formatCode, uriPath } from "@ferry/coap";
import type { OwnedAssociation } from "@ferry/dtls-endpoint";
import { CONTENT_TYPE, encodeMessage, lwm2m, TOPICS } from "@ferry/proto";
import { SealingError } from "@ferry/provisioning";
import { type NodeRef, onlySlot } from "@ferry/state";
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { ask, collectAnswers, type FinalAnswer } from "../rpc-fixture.ts";
import {
  answerAsMeter,
  collect,
  locationOf,
  memorySystem,
  provision,
  provisionPskDevice,
  register,
  type System,
  stopAll,
  type TestDevice,
  until,
} from "../transport-fixture.ts";
import { MARK, SecureDevice, type SecureNode, STAMP, startSecureNode } from "./dtls-fixture.ts";

afterEach(async () => {
  jest.restoreAllMocks();
  await stopAll();
});

const EP_2 = { tenant: "default", endpoint: "ep-2" };
const VIP = { reachability: { mode: "vip", singleExchangeWindowMs: 25_000, flowWindowMs: 110_000 } } as const;
const ELSEWHERE = "203.0.113.9:1024";

let system: System;
let node: SecureNode;
let device: SecureDevice;
let location: string;
let answers: FinalAnswer[];

beforeEach(async () => {
  system = memorySystem();
  await provision(system);
  await provisionPskDevice(system, "ep-2", 2);
  node = await startSecureNode(system, VIP);
  answers = collectAnswers(system);
  device = await SecureDevice.connect(node, "ep-2");
  location = locationOf(await register(device, "ep-2"));
  await until(() => device.observeToken !== undefined, "the observation");
  await until(() => asked(device, "3/0/0") === 1, "the Read of the profile");
});

/** How often the device was asked for a path. */
function asked({ requests }: TestDevice, path: string): number {
  return requests.filter(({ options }) => uriPath(options).join("/") === path).length;
}

const read = (requestId: string, more: object = {}) => ({
  requestId,
  endpoint: "ep-2",
  method: "Read",
  params: { id: "/3/0/0" },
  ...more,
});

const answered = (requestId: string): FinalAnswer | undefined => answers.find((one) => one.requestId === requestId);

/** The device registered two minutes ago: all that its profile wants was done. */
async function age(): Promise<void> {
  const { devices } = system.state;
  const state = await devices.get(EP_2);
  if (state === undefined) throw new TypeError("it is not registered");
  const { registration, observations, owner } = state;
  const { generation, registeredAtMs } = registration;
  const older = { ...registration, generation: generation + 1, registeredAtMs: registeredAtMs - 120_000 };
  await devices.restore({ registration: older, observations, owner, nowMs: Date.now() });
}

/** Time enough for what must not happen. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));

describe("a device whose association is gone", () => {
  it.each(["closed", "idle", "lost"] as const)(
    "is out of reach until it comes back (%s), also where devices are reached at any time: requests wait, and go where it is then",
    async (reason) => {
      node.listener.end(device.peer, reason);
      await ask(system, node, read("r-1"));
      await pause();
      expect(answered("r-1")).toBeUndefined();

      device.handshake(node, "ep-2");
      await pause();
      expect(answered("r-1")).toBeUndefined(); // A handshake is no sign that it listens.
      await device.request(CODE.POST, location, []);
      await until(() => answered("r-1") !== undefined, "the answer");
      expect(answered("r-1")).toMatchObject({ status: "SUCCESSFUL", result: "CONTENT" });
    },
  );

  it("C63: is not connected, for a Read that does not wait", async () => {
    node.listener.end(device.peer, "closed");
    await ask(system, node, read("r-1", { failFast: true }));
    await until(() => answered("r-1") !== undefined, "the answer");
    expect(answered("r-1")).toMatchObject({
      status: "FAILED",
      result: "INTERNAL_SERVER_ERROR",
      error: "Unable to send request /3/0/0 : peer is not connected",
    });
  });

  it("keeps a Read that was under way for when it is back", async () => {
    device.answer = (request) => (uriPath(request.options).join("/") === "3/0/0" ? "silent" : answerAsMeter(request));
    await ask(system, node, read("r-1"));
    await until(() => asked(device, "3/0/0") === 2, "the Read");
    node.listener.end(device.peer, "closed");
    device.answer = answerAsMeter;
    device.handshake(node, "ep-2");
    await device.request(CODE.POST, location, []);
    await until(() => answered("r-1") !== undefined, "the answer");
    expect(answered("r-1")).toMatchObject({ status: "SUCCESSFUL" });
  });

  it("leaves open what became of an Execute that was under way", async () => {
    device.answer = (request) => (request.code === CODE.POST ? "silent" : answerAsMeter(request));
    await ask(system, node, read("r-1", { method: "Execute", params: { id: "/3/0/4" } }));
    await until(() => asked(device, "3/0/4") === 1, "the Execute");
    node.listener.end(device.peer, "closed");
    await until(() => answered("r-1") !== undefined, "the answer");
    expect(answered("r-1")).toMatchObject({ status: "INDETERMINATE" });
  });

  it("goes on with its registration by a new association, under which its notifications are taken", async () => {
    device.handshake(node, "ep-2", { address: ELSEWHERE });
    expect(await device.notify("42", 2)).toBe("delivered");
    await ask(system, node, read("r-1"));
    await until(() => answered("r-1") !== undefined, "the answer");
    expect(answered("r-1")).toMatchObject({ status: "SUCCESSFUL" });
    await until(() => node.listener.size === 1, "one association");
    expect((await system.state.devices.get(EP_2))?.registration.peer).toBe(ELSEWHERE);
  });
});

it("A device that comes back by an Update under a new association is observed anew: it may have given up what was not acknowledged (RFC 7641 §4.5)", async () => {
  device.requests.length = 0;
  await device.request(CODE.POST, location, []);
  await pause();
  expect(asked(device, "3/0/9")).toBe(0); // The association is the same.
  device.handshake(node, "ep-2", { address: ELSEWHERE });
  await device.request(CODE.POST, location, []);
  await until(() => asked(device, "3/0/9") === 1, "the observation");
});

describe("while a device's address is provisional", () => {
  it("nothing that waits for it is sent; once it is confirmed all is", async () => {
    node.listener.change(device.peer, { provisional: true });
    await ask(system, node, read("r-0")); // Not told of it yet: it is heard by its next datagram.
    await until(() => answered("r-0") !== undefined, "the answer");
    await device.request(CODE.POST, location, []);
    await ask(system, node, read("r-1"));
    await pause();
    expect([answered("r-1"), asked(device, "3/0/0")]).toEqual([undefined, 2]);

    node.listener.change(device.peer, { provisional: false });
    await until(() => answered("r-1") !== undefined, "the answer");
    expect(answered("r-1")).toMatchObject({ status: "SUCCESSFUL" });
  });

  it("its notifications are taken, and acknowledged", async () => {
    node.listener.change(device.peer, { provisional: true });
    expect(await device.notify("42", 2)).toBe("delivered");
  });
});

it("A device that moved is asked where it is, and the store learns of that", async () => {
  node.listener.change(device.peer, { address: ELSEWHERE });
  await until(() => asked(device, "3/0/0") === 1, "the state");
  await ask(system, node, read("r-1"));
  await until(() => answered("r-1") !== undefined, "the answer");
  for (let peer: string | undefined; peer !== ELSEWHERE; await pause())
    peer = (await system.state.devices.get(EP_2))?.registration.peer;
});

describe("an association that another node takes over", () => {
  let other: SecureNode;
  beforeEach(async () => {
    other = await startSecureNode(system);
  });

  const heldBy = (owner: NodeRef, stamp = STAMP): OwnedAssociation => ({
    device: EP_2,
    id: device.peer.slice("dtls:".length),
    owner,
    stamp,
  });

  it("is asked of the node that had it, which tells how far it was received and forgets it", async () => {
    expect(await other.listener.takeOver(device.peer, node.listener)).toEqual({ type: "released", mark: MARK });
    expect(node.listener.size).toBe(0);
    expect(await node.metric("lwm2m_dtls_released_total")).toBe(1);
  });

  it("stays where it is when that node has received the record that came here: its device is served on", async () => {
    const answer = await other.listener.wiring.askOwner(heldBy(node.node), MARK.newest);
    expect(answer).toEqual({ type: "kept", mark: MARK });
    expect(node.listener.size).toBe(1);
    expect(await node.metric("lwm2m_dtls_released_total")).toBe(0);
    await ask(system, node, read("r-1"));
    await until(() => answered("r-1") !== undefined, "the answer");
    expect(answered("r-1")).toMatchObject({ status: "SUCCESSFUL" });
  });

  it("stays where it was claimed since the claim that is asked about: a command that came late takes nothing", async () => {
    expect(await other.listener.wiring.askOwner(heldBy(node.node, STAMP - 1), undefined)).toBeUndefined();
    expect(node.listener.size).toBe(1);
    expect(await node.metric("lwm2m_dtls_released_total")).toBe(0);
    expect(await other.listener.wiring.askOwner(heldBy(node.node), undefined)).toEqual({
      type: "released",
      mark: MARK,
    });
  });

  it("is asked of nobody when that node is dead, and its next life knows nothing of it", async () => {
    const { node: before, listener } = node;
    await node.stop();
    const again = await startSecureNode(system);
    expect(again.node.slot).toBe(before.slot);
    expect(await other.listener.wiring.askOwner(heldBy(before), 42)).toBeUndefined();
    expect(await other.listener.wiring.askOwner(heldBy(again.node), 42)).toBeUndefined();
    expect(listener.size).toBe(1); // Nobody told the dead one.
  });

  it("is taken without its mark when that node says nothing for 200 ms", async () => {
    const { node: before } = node;
    await node.stop();
    // Its lease is there still, as that of a node which was killed.
    const entry = { ...before, name: "killed", address: "", version: "", draining: false, ready: true };
    await system.state.nodes.lease(entry, onlySlot(before.slot), 10_000);
    expect(await other.listener.wiring.askOwner(heldBy(before), 42)).toBeUndefined();
  });

  it("brings its device with it, though nothing came that says so: what waits can be sent from there only", async () => {
    await other.listener.takeOver(device.peer, node.listener);
    device.goTo(other);
    await ask(system, node, read("r-1"));
    await until(() => answered("r-1") !== undefined, "the answer");
    expect(answered("r-1")).toMatchObject({ status: "SUCCESSFUL" });
    expect((await system.state.devices.get(EP_2))?.owner.slot).toBe(other.node.slot);
  });

  it("makes nothing new of what the device holds: it is not asked again", async () => {
    await age();
    device.requests.length = 0;
    await other.listener.takeOver(device.peer, node.listener);
    device.goTo(other);
    expect(await device.notify("42", 2)).toBe("delivered");
    await pause();
    expect(asked(device, "3/0/9")).toBe(0);
  });

  it("is told of with its new node", async () => {
    const states = collect(system.bus, TOPICS.deviceState);
    await other.listener.takeOver(device.peer, node.listener);
    device.goTo(other);
    await device.notify("42", 2);
    await until(() => states.at(-1)?.context?.bootId === other.node.bootId, "the state");
    expect(states.at(-1)?.association).toMatchObject({ hasCid: true });
  });

  it("hands an answer on to the node that asked", async () => {
    device.answer = (request) => (uriPath(request.options).join("/") === "3/0/0" ? "silent" : answerAsMeter(request));
    await ask(system, node, read("r-1"));
    await until(() => asked(device, "3/0/0") === 2, "the Read");
    const [request] = device.requests.slice(-1);
    await other.listener.takeOver(device.peer, node.listener);
    device.goTo(other);
    void device.notifyOf(request?.token ?? new Uint8Array(8), "Ferry", 0);
    await until(() => answered("r-1") !== undefined, "the answer");
    expect(answered("r-1")).toMatchObject({ status: "SUCCESSFUL", value: expect.stringContaining("Ferry") });
  });
});

/** Gives the node a command, as another one or a router does. */
async function command(given: lwm2m.v1.NodeCommand.$Properties): Promise<void> {
  const { bootId, slot } = node.node;
  await system.bus.sender({ name: "other", lingerMs: 0 }).publish({
    topic: TOPICS.nodeCommand.name,
    key: null,
    partition: slot,
    value: encodeMessage(
      TOPICS.nodeCommand.type,
      { bootId, deadlineMs: Date.now() + 60_000, ...given },
      CONTENT_TYPE.protobuf,
    ),
  });
}

it("An association goes with its device when another node has that", async () => {
  const ownerEpoch = Number.MAX_SAFE_INTEGER;
  await command({ ownerEpoch, ownerMoved: { ...EP_2, ownerEpoch, registrationId: "" } });
  await until(() => node.listener.size === 0, "the association to be forgotten");
});

it("An association stays when a node that has lost the device since says that it has it", async () => {
  await command({ ownerEpoch: 1, ownerMoved: { ...EP_2, ownerEpoch: 1, registrationId: "" } });
  await command({ dropDevice: { ...EP_2, reason: "the device was deleted" } });
  await until(() => node.listener.rechecked.length > 0, "the second command");
  expect(node.listener.size).toBe(1);
});

it("The association of a device whose registration is ended from outside is looked at again", async () => {
  await command({ dropDevice: { ...EP_2, reason: "its credential was withdrawn" } });
  await until(() => node.listener.rechecked.length > 0, "the look");
  expect(node.listener.rechecked).toEqual(["ep-2"]);
});

describe("what is provisioned for a device changes", () => {
  async function publish(id: string, isDeleted = false): Promise<void> {
    const credentials = [{ noSec: {} }];
    const record = {
      tenant: "default",
      id,
      device: { endpoint: id, profile: "meter", credentials, allowUnauthenticatedFleet: id.endsWith("*") },
    };
    await system.bus.sender({ name: "console", lingerMs: 0 }).publish({
      topic: TOPICS.provisioning.name,
      key: `device/default/${id}`,
      value: isDeleted ? null : lwm2m.v1.ProvisioningRecord.encode(record).finish(),
    });
  }

  it("its association is looked at again once the store has that, and not before", async () => {
    await publish("ep-2", true);
    await pause();
    expect(node.listener.rechecked).toEqual([]);
    await system.state.provisioning.setPosition(1_000);
    await until(() => node.listener.rechecked.length > 0, "the look");
    expect(node.listener.rechecked).toEqual(["ep-2"]);
  });

  it("the association that it makes before the store has that is looked at too", async () => {
    await publish("ep-9", true);
    await pause();
    await SecureDevice.connect(node, "ep-9");
    await system.state.provisioning.setPosition(1_000);
    await until(() => node.listener.rechecked.length > 0, "the look");
    expect(node.listener.rechecked).toEqual(["ep-9"]);
  });

  it("that stays open where the device's key cannot be opened, and the next change is looked at", async () => {
    const { listener } = node;
    listener.recheck = async () => {
      listener.rechecked.push("in vain");
      throw new SealingError("none of the keys opens it");
    };
    await system.state.provisioning.setPosition(1_000);
    await publish("ep-2");
    await until(() => listener.rechecked.length === 1, "the look");
    await publish("ep-2");
    await until(() => listener.rechecked.length === 2, "the next look");
    expect(listener.size).toBe(1);
  });

  it("of a fleet all of its tenant are that showed a certificate", async () => {
    await system.state.provisioning.setPosition(1_000);
    await publish("fleet-*");
    await until(() => node.listener.rechecked.length > 0, "the look");
    expect(node.listener.rechecked).toEqual(["fleet default"]);
  });
});

describe("a handshake that did not succeed", () => {
  it("is told of on lifecycle where it is known whose it was", async () => {
    const lifecycle = collect(system.bus, TOPICS.lifecycle);
    const { on } = node.listener.wiring;
    on.refused({ device: undefined, address: ELSEWHERE, reason: "unknownIdentity", detail: "no such identity" });
    on.refused({ device: EP_2, address: ELSEWHERE, reason: "wrongKey", detail: "the key is another one" });
    await until(() => lifecycle.some(({ reason }) => reason !== ""), "a record");
    expect(lifecycle.filter(({ reason }) => reason !== "")).toMatchObject([
      {
        event: lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_REFUSED,
        context: EP_2,
        reason: `DTLS handshake from ${ELSEWHERE}: the key is another one`,
      },
    ]);
  });
});

it("A node that was held up for more than 5 s discards what it has before it looks at the next datagram", async () => {
  const now = performance.now.bind(performance);
  jest.spyOn(performance, "now").mockImplementation(() => now() + 6_000);
  const code = device.request(CODE.POST, location, []).then(({ code }) => formatCode(code));
  await until(() => node.listener.discards > 0, "the associations to be discarded");
  expect(node.listener.size).toBe(0);
  expect(await Promise.race([code, pause()])).toBeUndefined();
});
