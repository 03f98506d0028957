import { CONTENT_TYPE, lwm2m, TOPICS } from "@ferry/proto";
import {
  BOOTSTRAP_SLOTS,
  type DeviceRef,
  NO_SEC,
  type NodeEntry,
  type OpenRequest,
  SHARDS,
  StateUnavailableError,
  shardOf,
} from "@ferry/state";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { RequestExpiry } from "./expire-requests.ts";
import { routeRequest } from "./route-requests.ts";
import { RouterFixture } from "./router-fixture.ts";

const DEVICE = { tenant: "default", endpoint: "demo" };
const SHARD = shardOf(DEVICE.tenant, DEVICE.endpoint);
const PACE = { stepMs: 1000, roundMs: 4000 };
/** A pace at which a step comes upon one shard that is not known to be due. */
const SLOW_PACE = { stepMs: 1000, roundMs: 1000 * SHARDS };

let fixture: RouterFixture;
let expiry: RequestExpiry;
let node: NodeEntry;

beforeEach(async () => {
  fixture = new RouterFixture();
  await fixture.start();
  expiry = new RequestExpiry(fixture.ports, PACE);
  node = await fixture.node(5, "boot-5");
  fixture.bus.subscribe({
    type: "group",
    groupId: "rpc-router",
    topics: [TOPICS.rpcRequest.name],
    handle: (record) => routeRequest(record, (request) => expiry.expect(request), fixture.ports),
  });
});

afterEach(() => fixture.stop());

/** A request that reached its owner's partition. */
async function request(method: string): Promise<void> {
  await fixture.publishRequest("default/demo", {
    requestId: "r-1",
    endpoint: "demo",
    method,
    params: { id: "/3/0/9" },
  });
  await fixture.until(() => fixture.commands.length === 1);
  await expiry.step();
}

/** Stores a request as a router does that dies then. It lapses in a second. */
async function accepted(
  requestId: string,
  { device = DEVICE, limit = 100, ...changes }: Partial<OpenRequest> & { device?: DeviceRef; limit?: number } = {},
): Promise<{ readonly device: DeviceRef; readonly expiresAtMs: number }> {
  const request = lwm2m.v1.RpcRequest.encode({ requestId, ...device, method: "Read" }).finish();
  const expiresAtMs = fixture.nowMs + 1000;
  const open = { requestId, request, contentType: CONTENT_TYPE.json, expiresAtMs, ...changes };
  await fixture.devices.accept({ device, open, limit, nowMs: fixture.nowMs });
  return { device, expiresAtMs: open.expiresAtMs };
}

/** As many steps as look at every shard. */
async function round(): Promise<void> {
  for (let step = 0; step < PACE.roundMs / PACE.stepMs; step++) await expiry.step();
}

async function answers(): Promise<unknown[]> {
  await fixture.settle();
  return fixture.jsonResponses.map(({ status }) => status);
}

describe("a request that its node does not answer", () => {
  it.each(["Read", "Execute"])("ends as EXPIRED after its expiry and a grace: %s", async (method) => {
    await fixture.register("demo", node);
    await request(method);
    fixture.nowMs += 11_999;
    await expiry.step();
    expect(await answers()).toEqual([]);
    fixture.nowMs += 1;
    await expiry.step();
    expect(await answers()).toEqual(["EXPIRED"]);
  });

  it("ends as INDETERMINATE when it had been dispatched", async () => {
    const { owner } = await fixture.register("demo", node);
    await request("Execute");
    await fixture.devices.dispatch({ device: DEVICE, requestId: "r-1", owner, nowMs: fixture.nowMs });
    fixture.nowMs += 12_000;
    await expiry.step();
    expect(await answers()).toEqual(["INDETERMINATE"]);
  });

  it("has one final answer, though several routers look", async () => {
    await fixture.register("demo", node);
    await request("Read");
    fixture.nowMs += 12_000;
    const other = new RequestExpiry(fixture.ports, { stepMs: 1000, roundMs: 1000 });
    await Promise.all([expiry.step(), other.step()]);
    expect(await answers()).toEqual(["EXPIRED"]);
  });

  it("keeps the answer that came first", async () => {
    await fixture.register("demo", node);
    await request("Read");
    await fixture.devices.finish({
      device: DEVICE,
      requestId: "r-1",
      response: Buffer.from("{}"),
      nowMs: fixture.nowMs,
    });
    fixture.nowMs += 12_000;
    await expiry.step();
    expect(await answers()).toEqual([]);
  });

  it("ends though its stored bytes are no request", async () => {
    await accepted("r-1", { request: Uint8Array.of(0xff) });
    fixture.nowMs += 3000;
    await round();
    expect(await answers()).toEqual(["EXPIRED"]);
  });

  it("is found within a round by a router that never heard of it, when node and router died", async () => {
    await accepted("r-1");
    fixture.nowMs += 3000;
    await round();
    expect(await answers()).toEqual(["EXPIRED"]);
  });

  it("is found and ends, though there was no router for a day after its expiry", async () => {
    await accepted("r-1");
    fixture.nowMs += 86_400_000;
    await round();
    expect(await answers()).toEqual(["EXPIRED"]);
    expect(fixture.states.at(-1)).toEqual({ key: "default/demo/r-1", record: undefined });
  });

  it("ends as DISPLACED when it made room for another and the router died that should have said so", async () => {
    const expiresAtMs = fixture.nowMs + 3_600_000;
    for (const requestId of ["r-1", "r-2"]) await accepted(requestId, { expiresAtMs, limit: 1 });
    await round();
    expect(await answers()).toEqual(["DISPLACED"]);
    expect(fixture.jsonResponses).toMatchObject([{ requestId: "r-1", error: expect.stringContaining("made room") }]);
  });
});

describe("a look at open requests", () => {
  it("that fails in one shard holds up no other shard, and is made again", async () => {
    await accepted("r-1");
    await accepted("r-2", { device: { tenant: "default", endpoint: "other" } });
    fixture.nowMs += 3000;
    const list = fixture.devices.listOpenRequests.bind(fixture.devices);
    let isAway = true;
    fixture.devices.listOpenRequests = async (page) => {
      if (isAway && page.shard === SHARD) throw new StateUnavailableError("away");
      return list(page);
    };
    for (let step = 0; step < PACE.roundMs / PACE.stepMs; step++) await expiry.step().catch(() => {});
    expect(await answers()).toEqual(["EXPIRED"]);
    await expect(expiry.step()).rejects.toThrow(StateUnavailableError);
    isAway = false;
    await expiry.step();
    expect(await answers()).toEqual(["EXPIRED", "EXPIRED"]);
  });

  it("takes few shards at a time, however many are due, and none after the store went away", async () => {
    const list = fixture.devices.listOpenRequests.bind(fixture.devices);
    let looks = 0;
    let most = 0;
    let shards = new Set<number>();
    let isAway = true;
    fixture.devices.listOpenRequests = async (page) => {
      looks += 1;
      most = Math.max(most, looks);
      shards.add(page.shard);
      await fixture.settle();
      looks -= 1;
      if (isAway) throw new StateUnavailableError("away");
      return list(page);
    };
    const everyShard = new RequestExpiry(fixture.ports, { stepMs: 1000, roundMs: 20_000 });
    await expect(everyShard.step()).rejects.toThrow(StateUnavailableError);
    expect(shards.size).toBe(16);
    isAway = false;
    shards = new Set();
    await everyShard.step();
    expect(shards.size).toBe(2 * Math.ceil(SHARDS / 20));
    expect(most).toBe(16);
  });

  it("takes no node for dead that comes while it lasts", async () => {
    await accepted("r-1");
    const list = fixture.devices.listOpenRequests.bind(fixture.devices);
    fixture.devices.listOpenRequests = async (page) => {
      if (page.shard === SHARD) {
        const { owner } = await fixture.register("demo", await fixture.node(6, "boot-6"));
        await fixture.devices.dispatch({ device: DEVICE, requestId: "r-1", owner, nowMs: fixture.nowMs });
      }
      return list(page);
    };
    await round();
    expect(await answers()).toEqual([]);
  });

  it("is not made because a bootstrap process ended: it had no requests", async () => {
    const slow = new RequestExpiry(fixture.ports, SLOW_PACE);
    const entry = { ...node, bootId: "boot-64", name: "bootstrap" };
    const bootstrap = await fixture.nodes.lease(entry, BOOTSTRAP_SLOTS, 10_000);
    await slow.step();
    slow.expect(await accepted("r-1"));
    const looked: number[] = [];
    const list = fixture.devices.listOpenRequests.bind(fixture.devices);
    fixture.devices.listOpenRequests = (page) => {
      looked.push(page.shard);
      return list(page);
    };
    await fixture.nodes.release(bootstrap ?? node);
    await slow.step();
    expect(looked).not.toContain(SHARD);
    await fixture.nodes.release(node);
    await slow.step();
    expect(looked).toContain(SHARD);
  });

  it("does not forget what is accepted while it lasts", async () => {
    const slow = new RequestExpiry(fixture.ports, SLOW_PACE);
    slow.expect({ device: DEVICE, expiresAtMs: 0 });
    const list = fixture.devices.listOpenRequests.bind(fixture.devices);
    fixture.devices.listOpenRequests = async (page) => {
      const listed = await list(page);
      if (page.shard === SHARD && listed.requests.length === 0) slow.expect(await accepted("r-1"));
      return listed;
    };
    await slow.step();
    fixture.nowMs += 3000;
    await slow.step();
    expect(await answers()).toEqual(["EXPIRED"]);
  });
});

describe("a request whose node dies", () => {
  it("waits for the device's next node", async () => {
    await fixture.register("demo", node);
    await request("Read");
    await fixture.nodes.release(node);
    await expiry.step();
    expect(await answers()).toEqual([]);
    expect(await fixture.openRequests(DEVICE)).toHaveLength(1);
  });

  it("ends as UNREACHABLE at once when it is to fail fast, unless the device has another node by then", async () => {
    await fixture.register("demo", node);
    const { registrationId } = (await fixture.register("moved", node)).registration;
    const other = await fixture.node(6, "boot-6");
    await fixture.devices.claim({
      proof: { type: "registrationId", registrationId },
      sender: NO_SEC,
      peer: "192.0.2.1:5683",
      node: other,
      nowMs: fixture.nowMs,
    });
    for (const endpoint of ["demo", "moved"])
      await fixture.publishRequest(`default/${endpoint}`, {
        requestId: endpoint,
        endpoint,
        method: "Read",
        params: { id: "/3/0/9" },
        failFast: true,
      });
    await fixture.until(() => fixture.commands.length === 2);
    await expiry.step();
    await fixture.nodes.release(node);
    await expiry.step();
    await fixture.settle();
    expect(fixture.jsonResponses).toMatchObject([{ requestId: "demo", status: "UNREACHABLE" }]);
  });

  it("ends as INDETERMINATE at once, when it had been dispatched", async () => {
    const { owner } = await fixture.register("demo", node);
    await request("Execute");
    await fixture.devices.dispatch({ device: DEVICE, requestId: "r-1", owner, nowMs: fixture.nowMs });
    await fixture.nodes.release(node);
    await expiry.step();
    expect(await answers()).toEqual(["INDETERMINATE"]);
  });

  it("is still seen to when the store was away as the node's death was noticed", async () => {
    const { owner } = await fixture.register("demo", node);
    await request("Execute");
    await fixture.devices.dispatch({ device: DEVICE, requestId: "r-1", owner, nowMs: fixture.nowMs });
    await fixture.nodes.release(node);
    const listed = fixture.devices.listOpenRequests;
    fixture.devices.listOpenRequests = async () => {
      throw new StateUnavailableError("away");
    };
    await expect(expiry.step()).rejects.toThrow(StateUnavailableError);
    fixture.devices.listOpenRequests = listed;
    await expiry.step();
    expect(await answers()).toEqual(["INDETERMINATE"]);
  });

  it("ends as INDETERMINATE at once when it had been dispatched and the device has another node by now", async () => {
    const { owner, registration } = await fixture.register("demo", node);
    await request("Execute");
    await fixture.devices.dispatch({ device: DEVICE, requestId: "r-1", owner, nowMs: fixture.nowMs });
    const other = await fixture.node(6, "boot-6");
    await fixture.devices.claim({
      proof: { type: "registrationId", registrationId: registration.registrationId },
      sender: NO_SEC,
      peer: "192.0.2.1:5683",
      node: other,
      nowMs: fixture.nowMs,
    });
    await expiry.step();
    expect(await answers()).toEqual([]);
    await fixture.nodes.release(node);
    await expiry.step();
    expect(await answers()).toEqual(["INDETERMINATE"]);
  });

  it("is found though very many of its shard are open", async () => {
    const { owner } = await fixture.register("demo", node);
    const expiresAtMs = fixture.nowMs + 1000;
    for (let index = 0; index < 450; index++) {
      const requestId = `r-${index}`;
      await accepted(requestId, { expiresAtMs: expiresAtMs + index, limit: 1000 });
      if (index % 100 === 99)
        await fixture.devices.dispatch({ device: DEVICE, requestId, owner, nowMs: fixture.nowMs });
    }
    await fixture.nodes.release(node);
    await round();
    await fixture.settle();
    expect(fixture.jsonResponses.map(({ requestId }) => requestId)).toEqual(["r-99", "r-199", "r-299", "r-399"]);
  });
});

describe("a store that is not restored yet", () => {
  beforeEach(async () => {
    await fixture.stop();
    fixture = new RouterFixture({ lost: true });
    await fixture.start();
    expiry = new RequestExpiry(fixture.ports, PACE);
  });

  const EXPIRED_LONG_AGO = { expiresAtMs: 0 };

  const markRestored = async (extent: "requests" | "all"): Promise<void> => {
    await fixture.devices.markRestored((await fixture.devices.incarnation()).id, extent);
  };

  it("ends no request that lapsed, for it may have been sent or have ended, until it has its requests", async () => {
    await accepted("r-1", EXPIRED_LONG_AGO);
    await round();
    expect(await answers()).toEqual([]);
    await markRestored("requests");
    await round();
    expect(await answers()).toEqual(["EXPIRED"]);
  });

  it("ends no request that is to fail fast, for its device may have a node, until it has its devices", async () => {
    await accepted("r-1", { failFast: true });
    await markRestored("requests");
    await round();
    expect(await answers()).toEqual([]);
    await markRestored("all");
    await round();
    expect(await answers()).toEqual(["UNREACHABLE"]);
  });

  it.each([
    ["all that it had", EXPIRED_LONG_AGO, { restored: false, requestsRestored: false }],
    ["its devices", { failFast: true }, { restored: false, requestsRestored: true }],
  ])("ends none though it lost %s while requests were listed", async (_, changes, lost) => {
    await accepted("r-1", changes);
    const incarnation = fixture.devices.incarnation.bind(fixture.devices);
    let looks = 0;
    fixture.devices.incarnation = async () => {
      const whole = { restored: true, requestsRestored: true };
      return { ...(await incarnation()), ...(looks++ === 0 ? whole : lost) };
    };
    await expect(new RequestExpiry(fixture.ports, { stepMs: 1000, roundMs: 1000 }).step()).rejects.toThrow(
      StateUnavailableError,
    );
    expect(await answers()).toEqual([]);
  });
});
