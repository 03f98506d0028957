import { CONTENT_TYPE, lwm2m, TOPICS } from "@ferry/proto";
import { type NodeEntry, SHARDS, StateUnavailableError, shardOf } from "@ferry/state";
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

  it("ends though another of its shard has stored bytes that are no request", async () => {
    const expiresAtMs = fixture.nowMs + 1000;
    const open = { contentType: CONTENT_TYPE.json, expiresAtMs };
    const wire = lwm2m.v1.RpcRequest.encode({ requestId: "r-1", ...DEVICE, method: "Read" }).finish();
    const damaged = { ...open, requestId: "r-0", request: Uint8Array.of(0xff), expiresAtMs: expiresAtMs + 60_000 };
    await fixture.devices.accept({ device: DEVICE, open: damaged, limit: 100, nowMs: fixture.nowMs });
    const sound = { ...open, requestId: "r-1", request: wire };
    await fixture.devices.accept({ device: DEVICE, open: sound, limit: 100, nowMs: fixture.nowMs });
    fixture.nowMs += 3001;
    for (let step = 0; step < PACE.roundMs / PACE.stepMs; step++) await expiry.step();
    expect(await answers()).toEqual(["EXPIRED"]);
  });

  it("is found within a round by a router that never heard of it, when node and router died", async () => {
    const wire = lwm2m.v1.RpcRequest.encode({ requestId: "r-1", ...DEVICE, method: "Read" }).finish();
    const open = { requestId: "r-1", request: wire, contentType: CONTENT_TYPE.json, expiresAtMs: fixture.nowMs + 1000 };
    await fixture.devices.accept({ device: DEVICE, open, limit: 100, nowMs: fixture.nowMs });
    fixture.nowMs += 3000;
    for (let step = 0; step < PACE.roundMs / PACE.stepMs; step++) await expiry.step();
    expect(await answers()).toEqual(["EXPIRED"]);
  });
});

describe("a look at open requests", () => {
  /** Stores an open request of the device that lapses in a second. */
  async function accepted(requestId: string, device = DEVICE): Promise<{ device: typeof DEVICE; expiresAtMs: number }> {
    const request = lwm2m.v1.RpcRequest.encode({ requestId, ...device, method: "Read" }).finish();
    const expiresAtMs = fixture.nowMs + 1000;
    const open = { requestId, request, contentType: CONTENT_TYPE.json, expiresAtMs };
    await fixture.devices.accept({ device, open, limit: 100, nowMs: fixture.nowMs });
    return { device, expiresAtMs };
  }

  it("that fails in one shard holds up no other shard, and is made again", async () => {
    await accepted("r-1");
    await accepted("r-2", { tenant: "default", endpoint: "other" });
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

  it("does not forget what is accepted while it lasts", async () => {
    const slow = new RequestExpiry(fixture.ports, SLOW_PACE);
    slow.expect({ device: DEVICE, expiresAtMs: 0 });
    const list = fixture.devices.listOpenRequests.bind(fixture.devices);
    fixture.devices.listOpenRequests = async (page) => {
      const listed = await list(page);
      if (page.shard === SHARD && listed.length === 0) slow.expect(await accepted("r-1"));
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
    expect(await fixture.devices.openRequests(DEVICE)).toHaveLength(1);
  });

  it("ends as UNREACHABLE at once when it is to fail fast, unless the device has another node by then", async () => {
    await fixture.register("demo", node);
    await fixture.register("moved", node);
    const other = await fixture.node(6, "boot-6");
    await fixture.devices.claim({
      proof: { type: "identity", device: { tenant: "default", endpoint: "moved" } },
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
    const { owner } = await fixture.register("demo", node);
    await request("Execute");
    await fixture.devices.dispatch({ device: DEVICE, requestId: "r-1", owner, nowMs: fixture.nowMs });
    const other = await fixture.node(6, "boot-6");
    await fixture.devices.claim({
      proof: { type: "identity", device: DEVICE },
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
      const wire = lwm2m.v1.RpcRequest.encode({ requestId, ...DEVICE, method: "Execute" }).finish();
      const open = { requestId, request: wire, contentType: CONTENT_TYPE.json, expiresAtMs: expiresAtMs + index };
      await fixture.devices.accept({ device: DEVICE, open, limit: 1000, nowMs: fixture.nowMs });
      if (index % 100 === 99)
        await fixture.devices.dispatch({ device: DEVICE, requestId, owner, nowMs: fixture.nowMs });
    }
    await fixture.nodes.release(node);
    for (let step = 0; step < PACE.roundMs / PACE.stepMs; step++) await expiry.step();
    await fixture.settle();
    expect(fixture.jsonResponses.map(({ requestId }) => requestId)).toEqual(["r-99", "r-199", "r-299", "r-399"]);
  });
});
