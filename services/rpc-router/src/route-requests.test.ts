import type { IncomingRecord } from "@ferry/bus";
import { CONTENT_TYPE, lwm2m, TOPICS, toSafeNumber } from "@ferry/proto";
import { NO_SEC, StateUnavailableError } from "@ferry/state";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { RequestExpiry } from "./expire-requests.ts";
import { finish } from "./finish.ts";
import { fullAnswer } from "./route.ts";
import { routeRequest } from "./route-requests.ts";
import { RouterFixture } from "./router-fixture.ts";

const { RpcFinalStatus, RpcProgress, RpcState } = lwm2m.v1;
const DEMO = "default/demo";
const READ = { requestId: "r-1", endpoint: "demo", method: "Read", params: { id: "/3/0/9" } };

let fixture: RouterFixture;

beforeEach(async () => {
  fixture = new RouterFixture();
  await fixture.start();
  fixture.routeRequests();
});

afterEach(() => fixture.stop());

describe("a request to a registered device", () => {
  it("becomes a command to its owner's slot, with boot id, epoch, attempt and deadline, and is QUEUED", async () => {
    const { owner } = await fixture.register("demo", await fixture.node(5, "boot-5"));
    await fixture.publishRequest(DEMO, READ, { traceparent: "00-a-b-01" });
    await fixture.until(() => fixture.commands.length === 1 && fixture.progress.length === 1);
    const [sent] = fixture.commands;
    expect(sent?.slot).toBe(5);
    expect(sent?.command).toMatchObject({
      bootId: "boot-5",
      attempt: 1,
      perform: { contentType: CONTENT_TYPE.json, traceParent: "00-a-b-01" },
    });
    expect(toSafeNumber(sent?.command.ownerEpoch)).toBe(owner.epoch);
    expect(toSafeNumber(sent?.command.deadlineMs)).toBe(fixture.nowMs + 10_000);
    expect(sent?.command.perform?.request).toMatchObject({
      requestId: "r-1",
      tenant: "default",
      endpoint: "demo",
      method: "Read",
      params: '{"id":"/3/0/9"}',
    });
    expect(fixture.progress[0]).toMatchObject({ requestId: "r-1", progress: RpcProgress.RPC_PROGRESS_QUEUED });
  });

  it("keeps its own expiry", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    await fixture.publishRequest(DEMO, { ...READ, expiresAtMs: fixture.nowMs + 60_000 });
    await fixture.until(() => fixture.commands.length === 1);
    expect(toSafeNumber(fixture.commands[0]?.command.deadlineMs)).toBe(fixture.nowMs + 60_000);
  });

  it("is not carried out twice: the second command of a repeat names the same request, and after the answer there is none", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    await fixture.publishRequest(DEMO, READ);
    await fixture.publishRequest(DEMO, { ...READ, expiresAtMs: fixture.nowMs + 60_000 });
    await fixture.until(() => fixture.commands.length === 2);
    const [first, second] = fixture.commands.map(({ command }) => command.perform?.request);
    expect(second).toEqual(first); // What was accepted first counts, not what repeats its id.

    const answer = Buffer.from('{"requestId":"r-1","status":"SUCCESSFUL"}');
    await fixture.devices.finish({
      device: { tenant: "default", endpoint: "demo" },
      requestId: "r-1",
      response: answer,
      nowMs: fixture.nowMs,
    });
    await fixture.publishRequest(DEMO, READ);
    await fixture.until(() => fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toEqual({ requestId: "r-1", status: "SUCCESSFUL" });
    expect(fixture.commands).toHaveLength(2);
  });

  it("is neither carried out nor answered once more by a redelivery that comes when its answer is forgotten", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    const execute = { ...READ, method: "Execute", expiresAtMs: fixture.nowMs + 3_000_000 };
    await fixture.publishRequest(DEMO, execute);
    await fixture.until(() => fixture.commands.length === 1);
    const device = { tenant: "default", endpoint: "demo" };
    const response = Buffer.from('{"requestId":"r-1","status":"SUCCESSFUL"}');
    await fixture.devices.finish({ device, requestId: "r-1", response, nowMs: fixture.nowMs });
    fixture.nowMs += 2_999_999;
    await fixture.publishRequest(DEMO, execute);
    await fixture.publishRequest(DEMO, { ...READ, requestId: "r-2" });
    await fixture.until(() => fixture.commands.length === 2);
    expect(fixture.commands[1]?.command.perform?.request?.requestId).toBe("r-2");
    expect(fixture.jsonResponses).toEqual([]);
  });

  it("has its id to itself: another method or params under it is REJECTED, while it is open and after its answer", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    await fixture.publishRequest(DEMO, READ);
    await fixture.publishRequest(DEMO, { ...READ, params: { id: "/3/0/14" } });
    await fixture.until(() => fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({
      requestId: "r-1",
      status: "REJECTED",
      error: expect.stringContaining("requestId r-1 was given to another request"),
    });
    const device = { tenant: "default", endpoint: "demo" };
    const response = Buffer.from('{"requestId":"r-1","status":"SUCCESSFUL"}');
    await fixture.devices.finish({ device, requestId: "r-1", response, nowMs: fixture.nowMs });
    await fixture.publishRequest(DEMO, { ...READ, method: "Discover" });
    await fixture.until(() => fixture.jsonResponses.length === 2);
    expect(fixture.jsonResponses[1]).toMatchObject({ status: "REJECTED" });
    expect(fixture.commands).toHaveLength(1);
  });

  it("is on record before it is handed over, and off it after the final answer", async () => {
    const node = await fixture.node(5, "boot-5");
    await fixture.register("demo", node);
    await fixture.publishRequest(DEMO, { ...READ, requestId: "r/1", method: "Execute", params: { id: "/3/0/4" } });
    await fixture.until(() => fixture.commands.length === 1);
    expect(fixture.states).toMatchObject([
      {
        key: "default/demo/r%2F1",
        record: {
          state: lwm2m.v1.RpcState.RPC_STATE_ACCEPTED,
          request: { method: "Execute" },
          contentType: CONTENT_TYPE.json,
        },
      },
    ]);
    await fixture.publishRequest(DEMO, { ...READ, requestId: "r/1", method: "Reboot" });
    await fixture.publishRequest(DEMO, { ...READ, requestId: "r-2", endpoint: "stranger" });
    await fixture.until(() => fixture.states.length === 2);
    expect(fixture.states[1]).toEqual({ key: "default/stranger/r-2", record: undefined });
  });

  const NINE = Array.from({ length: 9 }, (_, index) => `r-${index + 1}`);

  it("displaces the oldest that its node cannot have in hand when too many of its device are open", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    for (const requestId of [...NINE, "r-10"]) await fixture.publishRequest(DEMO, { ...READ, requestId });
    await fixture.until(() => fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({ requestId: "r-9", status: "DISPLACED" });
    const open = await fixture.openRequests({ tenant: "default", endpoint: "demo" });
    expect(open.map(({ requestId }) => requestId)).toEqual([...NINE.slice(0, 8), "r-10"]);
  });

  it("is UNREACHABLE when none can make room, and its redelivery too though there is room by then", async () => {
    const { owner } = await fixture.register("demo", await fixture.node(5, "boot-5"));
    const device = { tenant: "default", endpoint: "demo" };
    for (const requestId of NINE) await fixture.publishRequest(DEMO, { ...READ, requestId });
    await fixture.until(() => fixture.commands.length === 9);
    await fixture.devices.dispatch({ device, requestId: "r-9", owner, nowMs: fixture.nowMs });
    await fixture.publishRequest(DEMO, { ...READ, requestId: "r-10" });
    await fixture.until(() => fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({ requestId: "r-10", status: "UNREACHABLE" });
    await fixture.devices.finish({ device, requestId: "r-1", response: Buffer.from("{}"), nowMs: fixture.nowMs });
    await fixture.publishRequest(DEMO, { ...READ, requestId: "r-10" });
    await fixture.until(() => fixture.jsonResponses.length === 2);
    expect(fixture.jsonResponses[1]).toEqual(fixture.jsonResponses[0]);
    expect(fixture.commands).toHaveLength(9);
  });

  it("is not UNREACHABLE for lack of room in a store that was emptied or rolled back: it may have been carried out", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    for (const requestId of NINE.slice(0, 8)) await fixture.publishRequest(DEMO, { ...READ, requestId });
    await fixture.until(() => fixture.commands.length === 8);
    const ports = { ...fixture.ports, settings: { ...fixture.ports.settings, maxOpen: 1 } };
    const incarnation = { ...(await fixture.devices.incarnation()), restored: false, requestsRestored: false };
    fixture.devices.incarnation = async () => incarnation;
    const value = Buffer.from(JSON.stringify({ ...READ, requestId: "r-10" }));
    const record = { topic: TOPICS.rpcRequest.name, partition: 3, offset: 7, key: DEMO, value, headers: {} };
    const routed = routeRequest({ ...record, timestampMs: fixture.nowMs }, () => {}, ports);
    await expect(routed).rejects.toThrow(StateUnavailableError);
    await fixture.settle();
    expect(fixture.jsonResponses).toEqual([]);
  });

  it("is not handed over again once it was dispatched", async () => {
    const { owner } = await fixture.register("demo", await fixture.node(5, "boot-5"));
    const device = { tenant: "default", endpoint: "demo" };
    await fixture.publishRequest(DEMO, { ...READ, method: "Execute" });
    await fixture.until(() => fixture.commands.length === 1);
    await fixture.devices.dispatch({ device, requestId: "r-1", owner, nowMs: fixture.nowMs });
    await fixture.publishRequest(DEMO, { ...READ, method: "Execute" });
    await fixture.settle();
    expect(fixture.commands).toHaveLength(1);
  });

  it("is handed over again when its router died before it had published the command", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    const device = { tenant: "default", endpoint: "demo" };
    const request = lwm2m.v1.RpcRequest.encode({
      ...READ,
      params: "{}",
      tenant: "default",
      expiresAtMs: fixture.nowMs + 10_000,
    }).finish();
    const open = { requestId: "r-1", request, contentType: CONTENT_TYPE.json, expiresAtMs: fixture.nowMs + 10_000 };
    await fixture.devices.accept({ device, open, limit: 100, nowMs: fixture.nowMs });
    await fixture.publishRequest(DEMO, READ);
    await fixture.until(() => fixture.commands.length === 1);
  });
});

describe("a record that is delivered once more", () => {
  const device = { tenant: "default", endpoint: "demo" };
  const EXECUTE = { ...READ, method: "Execute", params: { id: "/3/0/4" } };
  const deliver = async (record: IncomingRecord): Promise<void> => {
    await routeRequest(record, () => {}, fixture.ports);
    await fixture.settle();
  };
  const recordOf = (request: object, timestampMs = fixture.nowMs): IncomingRecord => ({
    topic: TOPICS.rpcRequest.name,
    partition: 3,
    offset: 7,
    key: DEMO,
    value: Buffer.from(JSON.stringify(request)),
    headers: {},
    timestampMs,
  });
  const answers = (): unknown[] => fixture.jsonResponses.map(({ requestId, status }) => `${requestId} ${status}`);
  const eventIds = (): number => new Set(fixture.jsonResponses.map(({ eventId }) => eventId)).size;

  it.each([
    ["", 0],
    [" of a producer whose clock is five minutes ahead", 300_000],
    [" of a producer whose clock is five minutes behind", -300_000],
  ])("when its answer is forgotten is not carried out again%s", async (_, aheadMs) => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    const record = recordOf(EXECUTE, fixture.nowMs + aheadMs);
    await deliver(record);
    expect(fixture.commands).toHaveLength(1);
    await fixture.devices.finish({ device, requestId: "r-1", response: Buffer.from("{}"), nowMs: fixture.nowMs });
    fixture.nowMs += 10_000 + 600_000;
    await deliver(record);
    expect(answers()).toEqual(["r-1 EXPIRED"]);
    expect(fixture.commands).toHaveLength(1);
  });

  it("has the time of one that comes in time when nobody stamped it", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    await deliver(recordOf(READ, -1));
    expect(toSafeNumber(fixture.commands[0]?.command.deadlineMs)).toBe(fixture.nowMs + 10_000);
  });

  it.each([
    ["is no request", { ...READ, ttl: 3 }],
    ["would wait for too long", { ...READ, expiresAtMs: Number.MAX_SAFE_INTEGER }],
    ["has the id of another", { ...READ, params: {} }],
  ])(
    "and %s is REJECTED under the same event id, which is not that of the request that has its id",
    async (_, request) => {
      await fixture.register("demo", await fixture.node(5, "boot-5"));
      await deliver(recordOf(READ));
      const record = recordOf(request);
      await deliver(record);
      fixture.nowMs += 5;
      await deliver(record);
      expect(answers()).toEqual(["r-1 REJECTED", "r-1 REJECTED"]);
      expect(eventIds()).toBe(1);
      fixture.nowMs += 20_000;
      await new RequestExpiry(fixture.ports, { stepMs: 1000, roundMs: 1000 }).step();
      await fixture.settle();
      expect(answers()).toEqual(["r-1 REJECTED", "r-1 REJECTED", "r-1 EXPIRED"]);
      expect(eventIds()).toBe(2);
    },
  );

  it("is judged as at first: one that would have waited for too long is not accepted later", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    const record = recordOf({ ...EXECUTE, expiresAtMs: fixture.nowMs + 3_600_001 });
    await deliver(record);
    fixture.nowMs += 5000;
    await deliver(record);
    expect(answers()).toEqual(["r-1 REJECTED", "r-1 REJECTED"]);
    expect(fixture.commands).toEqual([]);
  });

  it("does not wait for longer than a request may because of its producer's clock", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    const aheadMs = 86_400_000;
    await deliver(recordOf({ ...READ, expiresAtMs: fixture.nowMs + aheadMs }, fixture.nowMs + aheadMs));
    expect(answers()).toEqual(["r-1 REJECTED"]);
  });

  it("leaves a request off the record that ends meanwhile", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    await deliver(recordOf(EXECUTE));
    const get = fixture.nodes.get.bind(fixture.nodes);
    fixture.nodes.get = async (slot) => {
      await finish({ device, requestId: "r-1", contentType: CONTENT_TYPE.json }, fullAnswer(1), fixture.ports);
      return get(slot);
    };
    await deliver(recordOf(EXECUTE));
    const [accepted, ended, repeated, last] = fixture.states.map(({ record }) => record?.state);
    expect([accepted, repeated]).toEqual([RpcState.RPC_STATE_ACCEPTED, RpcState.RPC_STATE_ACCEPTED]);
    expect([ended, last]).toEqual([undefined, undefined]);
    expect(fixture.states).toHaveLength(4);
  });
});

describe("a request whose device has no node", () => {
  const WAITING = { requestId: "r-1", progress: RpcProgress.RPC_PROGRESS_WAITING_FOR_DEVICE };

  it("stays open and WAITING_FOR_DEVICE: the device's next node finds it with the device", async () => {
    const node = await fixture.node(5, "boot-5");
    const { registrationId } = (await fixture.register("demo", node)).registration;
    await fixture.nodes.release(node);
    await fixture.publishRequest(DEMO, READ);
    await fixture.until(() => fixture.progress.length === 2);
    expect(fixture.progress).toContainEqual(expect.objectContaining(WAITING));
    const other = await fixture.node(6, "boot-6");
    const claimed = await fixture.devices.claim({
      proof: { type: "registrationId", registrationId },
      sender: NO_SEC,
      peer: "192.0.2.1:5683",
      node: other,
      nowMs: fixture.nowMs,
    });
    expect(claimed).toMatchObject({ type: "claimed", state: { waiting: { requests: 1 } } });
    expect(fixture.jsonResponses).toEqual([]);
  });

  it("is UNREACHABLE at once when it is to fail fast", async () => {
    const node = await fixture.node(5, "boot-5");
    await fixture.register("demo", node);
    await fixture.nodes.release(node);
    await fixture.publishRequest(DEMO, { ...READ, failFast: true });
    await fixture.until(() => fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({ status: "UNREACHABLE" });
  });

  it.each([
    ["an exact device", "demo"],
    ["a pattern", "de*"],
    ["the pattern of all", "*"],
  ])("waits for a registration when it is persistent and the device is provisioned by %s", async (_, id) => {
    await fixture.provisioning.put({ kind: "device", tenant: "default", id, value: new Uint8Array(), offset: 1 }, []);
    await fixture.publishRequest(DEMO, { ...READ, persistent: true });
    await fixture.until(() => fixture.progress.length === 2);
    expect(fixture.progress).toContainEqual(expect.objectContaining(WAITING));
    const state = await fixture.register("demo", await fixture.node(5, "boot-5"));
    expect(state.waiting.requests).toBe(1);
  });

  it("is NOT_REGISTERED, though persistent, when nobody provisioned the device", async () => {
    await fixture.publishRequest(DEMO, { ...READ, persistent: true });
    await fixture.until(() => fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({ status: "NOT_REGISTERED" });
  });
});

describe("a request that no node can take", () => {
  it("is answered as it was asked: JSON in JSON", async () => {
    await fixture.publishRequest(DEMO, READ);
    await fixture.until(() => fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({
      requestId: "r-1",
      tenant: "default",
      endpoint: "demo",
      status: "NOT_REGISTERED",
      error: "The device is not registered",
    });
  });

  it("is answered as it was asked: protobuf in protobuf", async () => {
    await fixture.publishRequest(DEMO, lwm2m.v1.RpcRequest.encode({ ...READ, params: "{}" }).finish());
    await fixture.until(() => fixture.responses.length === 1);
    expect(fixture.responses[0]).toMatchObject({ requestId: "r-1", status: RpcFinalStatus.NOT_REGISTERED });
    expect(fixture.responses[0]?.context?.eventId).toHaveLength(16);
  });

  it.each([
    ["EXPIRED", { ...READ, expiresAtMs: 1_000_000_000_000 }],
    ["REJECTED", { ...READ, method: "Reboot" }],
    ["NOT_REGISTERED", { ...READ, endpoint: "stranger" }],
  ])("is answered %s once, and its repeat with the same answer", async (status, request) => {
    await fixture.publishRequest(DEMO, request);
    await fixture.until(() => fixture.jsonResponses.length === 1);
    await fixture.publishRequest(DEMO, request);
    await fixture.until(() => fixture.jsonResponses.length === 2);
    expect(fixture.jsonResponses[0]).toMatchObject({ status });
    expect(fixture.jsonResponses[1]).toEqual(fixture.jsonResponses[0]);
    expect(fixture.commands).toEqual([]);
    expect(fixture.progress).toEqual([]); // It was never QUEUED.
  });

  it("leaves nothing in the outbox once its answer is on the bus", async () => {
    await fixture.publishRequest(DEMO, READ);
    await fixture.until(() => fixture.jsonResponses.length === 1);
    await fixture.settle();
    const { shardOf } = await import("@ferry/state");
    const swept = await fixture.devices.sweep({
      shard: shardOf("default", "demo"),
      node: { slot: 0, bootId: "s" },
      outboxAgeMs: 0,
      graceMs: 247_000,
      limit: 10,
      nowMs: fixture.nowMs,
    });
    expect(swept).toMatchObject({ type: "swept", outbox: [] });
  });
});

describe("what is too large for the bus", () => {
  /** As long as parameters may be: with all else more than a record takes. */
  const LARGE = "x".repeat(1_048_576);

  it.each([
    ["Read", true],
    ["Create", true],
    ["Read", false],
  ])("is answered REJECTED and waits for nobody: a %s whose device has a node: %s", async (method, hasNode) => {
    const node = await fixture.node(5, "boot-5");
    await fixture.register("demo", node);
    if (!hasNode) await fixture.nodes.release(node);
    await routeRequest(
      {
        topic: TOPICS.rpcRequest.name,
        partition: 0,
        offset: 0,
        key: DEMO,
        value: Buffer.from(JSON.stringify({ ...READ, method, params: LARGE })),
        headers: {},
        timestampMs: 0,
      },
      () => {},
      fixture.ports,
    );
    await fixture.until(() => fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({
      requestId: "r-1",
      status: "REJECTED",
      error: expect.stringContaining("too large"),
    });
    expect(fixture.commands).toEqual([]);
    expect(fixture.deadLetters).toEqual([]);
    expect(await fixture.openRequests({ tenant: "default", endpoint: "demo" })).toEqual([]);
  });

  it("is told as FAILED: the answer that a repeat asks for", async () => {
    await fixture.register("demo", await fixture.node(5, "boot-5"));
    await fixture.publishRequest(DEMO, READ);
    await fixture.until(() => fixture.commands.length === 1);
    const device = { tenant: "default", endpoint: "demo" };
    const response = Buffer.from(JSON.stringify({ requestId: "r-1", value: LARGE }));
    await fixture.devices.finish({ device, requestId: "r-1", response, nowMs: fixture.nowMs });
    await fixture.publishRequest(DEMO, READ);
    await fixture.until(() => fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({
      requestId: "r-1",
      status: "FAILED",
      error: expect.stringContaining("too large"),
    });
  });
});

describe("a request that fails for another reason than an outage", () => {
  const routeWith = async (error: Error): Promise<void> => {
    fixture.devices.accept = async () => {
      throw error;
    };
    const record = {
      topic: TOPICS.rpcRequest.name,
      partition: 3,
      offset: 7,
      key: DEMO,
      value: Buffer.from(JSON.stringify(READ)),
      headers: {},
      timestampMs: 0,
    };
    await routeRequest(record, () => {}, fixture.ports);
  };

  it("becomes a dead letter, so that it does not hold up its partition", async () => {
    await routeWith(new URIError("URI malformed"));
    await fixture.until(() => fixture.deadLetters.length === 1);
    expect(fixture.deadLetters[0]).toEqual({
      key: DEMO,
      reason: "it could not be routed: URIError: URI malformed",
    });
  });

  it("is routed again in an outage", async () => {
    await expect(routeWith(new StateUnavailableError("away"))).rejects.toThrow(StateUnavailableError);
    await fixture.settle();
    expect(fixture.deadLetters).toEqual([]);
  });
});

describe("a record that is no request", () => {
  it("is buried though its key and headers leave no room for the reason", async () => {
    const headers = { note: "x".repeat(1_048_576 - 150) };
    await fixture.publishRequest(DEMO, Buffer.of(0xff), headers);
    await fixture.until(() => fixture.deadLetters.length === 1);
    expect(fixture.deadLetters[0]?.key).toBeNull();
  });

  it("is answered to nobody when its id is no Unicode text", async () => {
    await fixture.publishRequest(DEMO, { ...READ, requestId: "\ud800" });
    await fixture.publishRequest(DEMO, READ);
    await fixture.until(() => fixture.deadLetters.length === 1 && fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({ requestId: "r-1" });
  });

  it("becomes a dead letter with its reason, and the next one is routed", async () => {
    await fixture.publishRequest(DEMO, Uint8Array.of(0xff, 0xff));
    await fixture.publishRequest(DEMO, READ);
    await fixture.until(() => fixture.deadLetters.length === 1 && fixture.jsonResponses.length === 1);
    expect(fixture.deadLetters[0]).toMatchObject({
      key: DEMO,
      reason: expect.stringContaining("is no lwm2m.v1.RpcRequest"),
    });
  });

  it("is answered REJECTED where a request id can be read", async () => {
    await fixture.publishRequest(DEMO, { requestId: "r-2", endpoint: "demo" });
    await fixture.until(() => fixture.deadLetters.length === 1 && fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({
      requestId: "r-2",
      status: "REJECTED",
      result: "BAD_REQUEST",
      error: "method must be text of 1 to 64 characters",
    });
  });

  it("is buried without its value when that leaves no room for the reason", async () => {
    await fixture.publishRequest(DEMO, Buffer.alloc(1_048_576 - 200, 0xff));
    await fixture.until(() => fixture.deadLetters.length === 1);
  });

  it("is also one that would wait for too long", async () => {
    await fixture.publishRequest(DEMO, { ...READ, expiresAtMs: fixture.nowMs + 3_600_001 });
    await fixture.until(() => fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({
      status: "REJECTED",
      error: expect.stringContaining("expiresAtMs is more than"),
    });
  });
});
