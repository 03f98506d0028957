import { CODE, OPTION, readUintOption, uriPath } from "@ferry/coap";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import {
  collectEvents,
  declareDevice,
  declareProfile,
  memorySystem,
  openDevice,
  SERVER,
  type System,
  shown,
  startServer,
  stopAll,
  type TestServer,
  until,
} from "./bootstrap-fixture.ts";

let system: System;
let server: TestServer;
let events: ReturnType<typeof collectEvents>;

beforeEach(async () => {
  system = await memorySystem();
  events = collectEvents(system);
  await declareProfile(system, { servers: [SERVER] });
  await declareDevice(system, "ep-1");
});
afterEach(stopAll);

const ended = () => until(() => events.records.some(({ result }) => result !== 0), "the end of a session");
const linesOf = (sessionId: string) =>
  events.lines.filter((_, index) => events.records[index]?.sessionId === sessionId);

describe("a device without security", () => {
  beforeEach(async () => {
    server = await startServer(system);
  });

  it("is bootstrapped on request: 2.04, Discover, its accounts, Finish, and each step is told", async () => {
    const device = await openDevice(server);
    expect(shown(await device.bootstrap("ep-1"))).toBe("2.04");
    await ended();
    expect(events.lines).toEqual([
      "STARTED 2.04",
      "DISCOVERED / 2.05",
      "WRITTEN /0/1 2.04",
      "WRITTEN /1/0 2.04",
      "FINISHED 2.04 SUCCEEDED",
    ]);
    expect([...device.objects.instances.keys()]).toEqual(["0/0", "0/1", "1/0"]);
    expect(device.objects.instances.get("0/1")).toEqual(
      new Map([
        [0, "coap://127.0.0.1:5685"],
        [1, "false"],
        [2, "3"],
        [3, ""],
        [4, ""],
        [5, ""],
        [10, "101"],
        [11, "1"],
      ]),
    );
    expect(device.objects.instances.get("1/0")?.get(1)).toBe("60");
    expect(new Set(events.records.map(({ sessionId }) => sessionId)).size).toBe(1);
    expect(events.records[0]).toMatchObject({
      sessionId: expect.stringMatching(/^[0-9a-f]{16}$/),
      securityMode: "NO_SEC",
      servers: [{ shortServerId: 101, uri: "coap://127.0.0.1:5685", securityMode: "NO_SEC" }],
      context: { tenant: "default", endpoint: "ep-1" },
    });
    expect(await server.metric('lwm2m_bootstrap_sessions_total{outcome="succeeded"}')).toBe(1);
    expect(await server.metric('lwm2m_bootstrap_steps_total{step="write",outcome="success"}')).toBe(2);
    expect(await server.metric("lwm2m_bootstrap_sessions")).toBe(0);
  });

  it("is remembered in the store with its last bootstrap", async () => {
    const device = await openDevice(server);
    await device.bootstrap("ep-1");
    await ended();
    expect(await system.state.bootstraps.get({ tenant: "default", endpoint: "ep-1" })).toMatchObject({
      outcome: "finished",
      securityMode: "NO_SEC",
      servers: ["server 101 coap://127.0.0.1:5685 NO_SEC"],
    });
  });

  it("is written to in the format that it prefers", async () => {
    const device = await openDevice(server);
    await device.bootstrap("ep-1", "&pct=112");
    await ended();
    const written = device.requests.filter(({ code }) => code === CODE.PUT);
    expect(written.map(({ options }) => readUintOption(options, OPTION.CONTENT_FORMAT))).toEqual([112, 112]);
  });

  it("keeps the ids of accounts that it has when it is bootstrapped again", async () => {
    const device = await openDevice(server);
    await device.bootstrap("ep-1");
    await ended();
    const first = new Map(device.objects.instances);
    await declareProfile(system, { servers: [{ ...SERVER, port: 5683 }] });
    device.pointAt(await startServer(system));
    await device.bootstrap("ep-1");
    await until(() => events.lines.filter((line) => line.startsWith("FINISHED")).length === 2, "the second session");
    expect([...device.objects.instances.keys()].sort()).toEqual([...first.keys()].sort());
    expect(device.objects.instances.get("0/1")?.get(0)).toBe("coap://127.0.0.1:5683");
  });

  it("gets the objects that its profile lists beside accounts, by their models", async () => {
    await declareProfile(system, { servers: [SERVER], objects: { "/3/0": { "14": "+02:00", "15": "Europe/Berlin" } } });
    const device = await openDevice(await startServer(system));
    await device.bootstrap("ep-1");
    await ended();
    expect(device.objects.instances.get("3/0")).toEqual(
      new Map([
        [14, "+02:00"],
        [15, "Europe/Berlin"],
      ]),
    );
  });

  it("gets all in one answer when it asks for a Bootstrap-Pack", async () => {
    const device = await openDevice(server);
    const answer = await device.request(CODE.GET, "/bspack?ep=ep-1");
    expect(answer.code).toBe(CODE.CONTENT);
    expect(readUintOption(answer.options, OPTION.CONTENT_FORMAT)).toBe(112);
    expect(Buffer.from(answer.payload).includes("coap://127.0.0.1:5685")).toBe(true);
    await ended();
    expect(events.lines).toEqual(["STARTED 2.05", "PACKED 2.05 SUCCEEDED"]);
    expect(device.requests).toEqual([]);
  });
});

describe("a request that begins nothing", () => {
  beforeEach(async () => {
    server = await startServer(system);
  });

  const refusals = (outcome: string) => server.metric(`lwm2m_bootstrap_requests_total{outcome="${outcome}"}`);

  it("is answered 4.00 when the endpoint is unknown, and told of", async () => {
    const device = await openDevice(server);
    const reason = 'no device or pattern that bootstraps "stranger" without security is provisioned';
    expect(shown(await device.bootstrap("stranger"))).toBe(`4.00 ${reason}`);
    await ended();
    expect(events.lines).toEqual([`REFUSED 4.00 REFUSED ${reason}`]);
    expect(events.records[0]).toMatchObject({ sessionId: "", context: { tenant: "default", endpoint: "stranger" } });
    expect(await refusals("unknownDevice")).toBe(1);
    expect(device.requests).toEqual([]);
  });

  it("is answered 4.00 when the device may only come with security, and what is known of the device stays", async () => {
    await declareDevice(system, "ep-2", {
      credentials: [{ psk: { identity: "ep-2", key: { plain: Buffer.alloc(16) } } }],
    });
    const device = await openDevice(server);
    expect(shown(await device.bootstrap("ep-2"))).toMatch(/^4\.00 .*"ep-2" without security/);
    await ended();
    expect(events.records[0]).toMatchObject({ securityMode: "" });
    expect(await system.state.bootstraps.get({ tenant: "default", endpoint: "ep-2" })).toBeUndefined();
  });

  it("is told of once for each name that nobody has declared, and not stored", async () => {
    const device = await openDevice(server);
    for (const name of ["stranger", "stranger", "other"]) await device.bootstrap(name);
    await until(() => events.records.some(({ context }) => context?.endpoint === "other"), "the last refusal");
    expect(events.records.map(({ context }) => context?.endpoint)).toEqual(["stranger", "other"]);
    expect(await refusals("unknownDevice")).toBe(3);
    expect(await system.state.bootstraps.get({ tenant: "default", endpoint: "stranger" })).toBeUndefined();
  });

  it("is answered 4.00 when the profile names no servers", async () => {
    await declareProfile(system, {});
    server = await startServer(system);
    const device = await openDevice(server);
    expect(shown(await device.bootstrap("ep-1"))).toBe(
      '4.00 the profile "meter" names no LwM2M servers: give it some under bootstrap.servers',
    );
    expect(await refusals("noConfiguration")).toBe(1);
  });

  it("is answered 4.00 when profile and keys contradict each other, and the field is named", async () => {
    await declareProfile(system, { servers: [{ ...SERVER, security: "psk" }] });
    server = await startServer(system);
    const device = await openDevice(server);
    const reason =
      "bootstrap.servers: server 101 of the profile asks for a pre-shared key, and bootstrap.server of the device has no security: make them agree";
    expect(shown(await device.bootstrap("ep-1"))).toBe(`4.00 ${reason}`);
    await ended();
    expect(events.lines).toEqual([`REFUSED 4.00 REFUSED ${reason}`]);
  });

  it("is answered 4.00 when an object of the profile has no model", async () => {
    await declareProfile(system, { servers: [SERVER], objects: { "/30123/0": { "1": 5 } } });
    server = await startServer(system);
    const device = await openDevice(server);
    expect(shown(await device.bootstrap("ep-1"))).toBe(
      "4.00 bootstrap /30123/0: no model of object 30123 is known: its values cannot be written; apply its XML",
    );
  });

  it("is answered 4.00 without an endpoint, 4.04 elsewhere, and 4.05 for another method", async () => {
    const device = await openDevice(server);
    expect(shown(await device.request(CODE.POST, "/bs"))).toMatch(/^4\.00 ep is missing/);
    expect((await device.request(CODE.POST, "/rd")).code).toBe(CODE.NOT_FOUND);
    expect((await device.request(CODE.GET, "/bs")).code).toBe(CODE.METHOD_NOT_ALLOWED);
    expect(await refusals("malformed")).toBe(3);
  });

  it("is answered 5.03 while the store is being filled: who is unknown may be known in a moment", async () => {
    const { provisioning } = system.state;
    const emptied = { ...system, state: { ...system.state, provisioning: asEmptied(provisioning) } };
    const other = await startServer(emptied);
    const device = await openDevice(other);
    const answer = await device.bootstrap("stranger");
    expect(answer.code).toBe(CODE.SERVICE_UNAVAILABLE);
    expect(readUintOption(answer.options, OPTION.MAX_AGE)).toBeGreaterThanOrEqual(10);
    expect(events.lines).toEqual([]);
  });

  /** The same store before it is known to be whole. */
  function asEmptied(provisioning: System["state"]["provisioning"]): System["state"]["provisioning"] {
    return new Proxy(provisioning, {
      get: (store, name) => {
        if (name === "position") return async () => undefined;
        const member: unknown = Reflect.get(store, name);
        return typeof member === "function" ? member.bind(store) : member;
      },
    });
  }
});

describe("a session that comes to nothing", () => {
  const isWriteOf = (path: string) => (request: { code: number; options: Parameters<typeof uriPath>[0] }) =>
    request.code === CODE.PUT && uriPath(request.options).join("/") === path;

  it("ends with the first Write that the device refuses, and says why", async () => {
    server = await startServer(system);
    const device = await openDevice(server);
    const isRefused = isWriteOf("1/0");
    device.answer = (request) =>
      isRefused(request)
        ? { code: CODE.BAD_REQUEST, options: [], payload: Buffer.from("lifetime too short") }
        : device.objects.answer(request);
    await device.bootstrap("ep-1");
    await ended();
    expect(events.lines.slice(2)).toEqual([
      "WRITTEN /0/1 2.04",
      'WRITTEN /1/0 4.00 4.00 "lifetime too short"',
      'FAILED /1/0 FAILED Bootstrap-Write /1/0: 4.00 "lifetime too short"',
    ]);
    expect(await server.metric('lwm2m_bootstrap_sessions_total{outcome="refused"}')).toBe(1);
  });

  it("is replaced when the device asks again: its request in hand is given up, and the new one takes all", async () => {
    server = await startServer(system);
    const device = await openDevice(server);
    device.answer = () => "silent";
    await device.bootstrap("ep-1");
    await until(() => device.requests.length === 1, "Discover");
    device.answer = (request) => device.objects.answer(request);
    await device.bootstrap("ep-1");
    await until(() => events.lines.some((line) => line.startsWith("FINISHED")), "the end of the second session");
    const [first, second] = [...new Set(events.records.map(({ sessionId }) => sessionId))];
    expect(linesOf(first ?? "")).toEqual([
      "STARTED 2.04",
      "FAILED / REPLACED Bootstrap-Discover /: the device asked to be bootstrapped again",
    ]);
    expect(linesOf(second ?? "").at(-1)).toBe("FINISHED 2.04 SUCCEEDED");
    expect(await server.metric('lwm2m_bootstrap_sessions_total{outcome="replaced"}')).toBe(1);
    expect(await server.metric("lwm2m_bootstrap_sessions")).toBe(0);
  });

  it("is not replaced from another address once the device has answered, and is from its own", async () => {
    server = await startServer(system);
    const [device, stranger] = [await openDevice(server), await openDevice(server, "127.0.0.2")];
    stranger.answer = () => "silent";
    expect(shown(await stranger.bootstrap("ep-1"))).toBe("2.04");
    // Whoever has not answered holds nothing.
    device.answer = (request) => (request.code === CODE.PUT ? "silent" : device.objects.answer(request));
    expect(shown(await device.bootstrap("ep-1"))).toBe("2.04");
    await until(() => device.requests.some(({ code }) => code === CODE.PUT), "Write");
    const other = await openDevice(server, "127.0.0.2");
    expect((await other.bootstrap("ep-1")).code).toBe(CODE.SERVICE_UNAVAILABLE);
    expect(await server.metric('lwm2m_bootstrap_requests_total{outcome="anotherAddress"}')).toBe(1);
    // It has started again, and asks from another port.
    expect(shown(await (await openDevice(server)).bootstrap("ep-1"))).toBe("2.04");
    await until(() => events.lines.some((line) => line.startsWith("FINISHED")), "the end of its session");
    expect(await server.metric('lwm2m_bootstrap_sessions_total{outcome="replaced"}')).toBe(2);
  });

  it("ends at its deadline, whatever the device does", async () => {
    server = await startServer(system, { BOOTSTRAP_DTLS_ENABLED: "false", BOOTSTRAP_SESSION_TIMEOUT: "1s" });
    const device = await openDevice(server);
    device.answer = () => "silent";
    await device.bootstrap("ep-1");
    await ended();
    expect(events.lines).toEqual(["STARTED 2.04", "FAILED / FAILED Bootstrap-Discover /: it took longer than 1 s"]);
    expect(await server.metric('lwm2m_bootstrap_sessions_total{outcome="deadline"}')).toBe(1);
  });

  it("does not block others: beyond the limit of sessions a device is told to come again", async () => {
    server = await startServer(system, { BOOTSTRAP_DTLS_ENABLED: "false", BOOTSTRAP_MAX_SESSIONS: "1" });
    await declareDevice(system, "ep-2");
    const [silent, other] = [await openDevice(server), await openDevice(server)];
    silent.answer = () => "silent";
    await silent.bootstrap("ep-1");
    const refused = await other.bootstrap("ep-2");
    expect(refused.code).toBe(CODE.SERVICE_UNAVAILABLE);
    expect(readUintOption(refused.options, OPTION.MAX_AGE)).toBeGreaterThanOrEqual(10);
    expect(await server.metric('lwm2m_bootstrap_requests_total{outcome="tooManySessions"}')).toBe(1);
    // Its own takes the place of the one that it has.
    silent.answer = (request) => silent.objects.answer(request);
    expect(shown(await silent.bootstrap("ep-1"))).toBe("2.04");
    await until(() => events.lines.some((line) => line.startsWith("FINISHED")), "the end of the session");
    expect(shown(await other.bootstrap("ep-2"))).toBe("2.04");
  });

  it("may come to its end while the process drains, which begins no other", async () => {
    server = await startServer(system, { BOOTSTRAP_DTLS_ENABLED: "false", BOOTSTRAP_DRAIN: "5s" });
    await declareDevice(system, "ep-2");
    const [device, other] = [await openDevice(server), await openDevice(server)];
    device.answer = () => "silent";
    await device.bootstrap("ep-1");
    await until(() => device.requests.length === 1, "Discover");
    const stopped = server.stop();
    expect((await other.bootstrap("ep-2")).code).toBe(CODE.SERVICE_UNAVAILABLE);
    expect((await other.request(CODE.GET, "/bspack?ep=ep-2")).code).toBe(CODE.SERVICE_UNAVAILABLE);
    device.answer = (request) => device.objects.answer(request);
    device.answerNow();
    await stopped;
    await ended();
    expect(events.lines.at(-1)).toBe("FINISHED 2.04 SUCCEEDED");
  });

  it("is told of when the process ends, and the slot is free again", async () => {
    server = await startServer(system);
    expect(server.node.slot).toBe(64);
    const device = await openDevice(server);
    device.answer = () => "silent";
    await device.bootstrap("ep-1");
    await until(() => device.requests.length === 1, "Discover");
    await server.stop();
    await ended();
    expect(events.lines.at(-1)).toBe(
      "FAILED / FAILED Bootstrap-Discover /: the process that had the session ends: the device asks again",
    );
    expect(await system.state.nodes.get(64)).toBeUndefined();
  });
});

describe("a device that asks again and again", () => {
  it("is dropped beyond the limit of requests, and others are not", async () => {
    server = await startServer(system, { BOOTSTRAP_DTLS_ENABLED: "false", BOOTSTRAP_DEVICE_REQUESTS: "2:3600" });
    await declareDevice(system, "ep-2");
    const [device, other] = [await openDevice(server), await openDevice(server)];
    for (const _ of [1, 2]) expect(shown(await device.bootstrap("ep-1"))).toBe("2.04");
    void device.bootstrap("ep-1").catch(() => {});
    await server.shows('lwm2m_bootstrap_requests_total{outcome="tooOften"}', 1);
    expect(shown(await other.bootstrap("ep-2"))).toBe("2.04");
    expect(await server.metric('lwm2m_bootstrap_requests_total{outcome="begun"}')).toBe(3);
  });
});

describe("requests of strangers", () => {
  it("are dropped beyond the limit of look-ups; devices that are found do not count", async () => {
    server = await startServer(system, { BOOTSTRAP_DTLS_ENABLED: "false", BOOTSTRAP_LOOKUPS: "1:3600" });
    const device = await openDevice(server);
    for (const _ of [1, 2]) expect(shown(await device.bootstrap("ep-1"))).toBe("2.04");
    expect((await device.bootstrap("stranger")).code).toBe(CODE.BAD_REQUEST);
    void device.bootstrap("stranger").catch(() => {});
    await server.shows('lwm2m_bootstrap_requests_total{outcome="limited"}', 1);
  });
});
