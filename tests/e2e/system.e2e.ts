import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { IncomingRecord } from "@ferry/bus";
import { CODE, uriPath } from "@ferry/coap";
import { CONTENT_TYPE, CONTENT_TYPE_HEADER, contentTypeOf, lwm2m, TOPICS } from "@ferry/proto";
import { coreObject, deviceObject, serverObject } from "@ferry/simulator";
import { hex, toHex } from "@ferry/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { Kafka, logLevel, Partitioners, type Producer } from "kafkajs";
import { Device } from "./device.ts";
import { type Recording, type ServiceProcess, type Stops, System, stopAll } from "./system.ts";

/** How long after its last datagram a device can be reached, in these tests. */
const WINDOW_MS = 4_000;

/*
 * Each of these fails without the mechanism that it is about. Seen so, with that mechanism taken out by hand: no claim (TakeOver): a device is
 * silent after its first move; no `bury` in the router: no dead letter; no catch of CoapFormatError in CoapStack: the first bad datagram ends the node.
 */
describe("two transport nodes and an rpc-router", () => {
  const stops: Stops = [];
  const deviceStops: Stops = [];
  let system: System;
  let near: ServiceProcess;
  let far: ServiceProcess;
  let lifecycle: Recording;
  let attributes: Recording;
  let telemetry: Recording;
  let deadLetters: Recording;
  let producer: Producer;
  const answers: IncomingRecord[] = [];

  beforeAll(async () => {
    system = await System.start({ name: "system", transportEnv: { LWM2M_REACHABILITY_FLOW_WINDOW: `${WINDOW_MS}ms` } });
    stops.push(() => system.stop());
    const env = { LWM2M_REACHABILITY_SINGLE_EXCHANGE_WINDOW: `${WINDOW_MS}ms`, LWM2M_EXPIRY_GRACE: "1s" };
    near = await system.run("transport", "transport-0", { env });
    far = await system.run("transport", "transport-1", { env });
    const router = await system.run("rpc-router", "rpc-router");
    await Promise.all([near.started, far.started, router.started]);
    await system.provision();
    lifecycle = await system.follow("lifecycle");
    attributes = await system.follow("attributes");
    telemetry = await system.follow("telemetry");
    deadLetters = await system.follow("deadLetter");
    const responses = system.bus.subscribe({
      type: "reader",
      topic: topic("rpcResponse"),
      from: "earliest",
      handle: (record) => void answers.push(record),
    });
    stops.push(() => responses.stop());
    await responses.ready;
    const kafka = new Kafka({ brokers: [...system.kafka.bootstrapServers], logLevel: logLevel.ERROR });
    producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    stops.push(() => producer.disconnect());
  }, 90_000);

  afterEach(() => stopAll(deviceStops));
  afterAll(() => stopAll(stops), 60_000);

  /** A test that shows the logs of all processes when it fails. */
  function specify(name: string, body: () => Promise<void>, timeoutMs = 30_000): void {
    it(name, () => system.explain(body), timeoutMs);
  }

  function topic(id: keyof typeof TOPICS): string {
    return system.topicPrefix + TOPICS[id].name;
  }

  async function start(endpoint: string, settings: Parameters<typeof Device.start>[2] = {}): Promise<Device> {
    const device = await Device.start(endpoint, near, settings);
    deviceStops.push(() => device.stop());
    return device;
  }

  /** A device that is registered, observed and heard often enough to be reached. */
  async function reachable(endpoint: string, settings: Parameters<typeof Device.start>[2] = {}): Promise<Device> {
    const device = await start(endpoint, { numberEveryMs: 500, ...settings });
    await device.waitFor("delivered");
    return device;
  }

  function lifecycleEvent(
    endpoint: string,
    event: string,
    timeoutMs = 25_000,
  ): Promise<{ readonly value: { readonly [member: string]: unknown } }> {
    return lifecycle.waitFor(({ key, value }) => {
      return key === `default/${endpoint}` && value.event === `LIFECYCLE_EVENT_${event}`;
    }, timeoutMs);
  }

  async function publish(value: string | Uint8Array, key: string, headers = {}): Promise<void> {
    await producer.send({ topic: topic("rpcRequest"), messages: [{ key, value: Buffer.from(value), headers }] });
  }

  function answersTo(requestId: string): IncomingRecord[] {
    return answers.filter((record) => requestIdOf(record) === requestId);
  }

  async function answerTo(requestId: string, timeoutMs = 15_000): Promise<IncomingRecord> {
    for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(20)) {
      const [answer] = answersTo(requestId);
      if (answer !== undefined) return answer;
    }
    throw new TypeError(`no answer to ${requestId} within ${timeoutMs} ms`);
  }

  describe("carry a device's life to Kafka", () => {
    specify("from Register through values and Update to Deregister", async () => {
      const device = await start("sim-life", { numberEveryMs: 300 });
      const { location } = await device.waitFor("registered");
      const { value } = await lifecycleEvent("sim-life", "REGISTERED");
      expect(value).toMatchObject({ context: { endpoint: "sim-life", registrationId: location.replace("/rd/", "") } });
      await attributes.waitFor(
        ({ key, value }) => key === "default/sim-life" && JSON.stringify(value).includes("manufacturer"),
      );
      await telemetry.waitFor(({ key, value }) => key === "default/sim-life" && value.source === "VALUE_SOURCE_NOTIFY");
      expect((await system.client.devices()).map(({ endpoint }) => endpoint)).toContain("sim-life");

      device.handle({ type: "update" });
      await device.waitFor("updated");
      await lifecycleEvent("sim-life", "UPDATED");

      device.handle({ type: "deregister" });
      await device.waitFor("deregistered");
      await lifecycleEvent("sim-life", "DEREGISTERED");
      expect((await system.client.devices()).map(({ endpoint }) => endpoint)).not.toContain("sim-life");
    });

    specify(
      "to its expiry when it falls silent; then it is not registered",
      async () => {
        const device = await start("sim-silent", { lifetimeS: 2 });
        await device.waitFor("registered");
        device.moveTo(undefined);
        // A node that was alone at first has the lease of every shard for 30 s; then the shard's own comes by once in 10.
        await lifecycleEvent("sim-silent", "EXPIRED", 60_000);
        const { status } = await system.client.rpc({ ...readOf("sim-silent"), timeoutMs: 5_000 });
        expect(status).toBe("NOT_REGISTERED");
      },
      80_000,
    );

    specify("but refuse one that nobody provisioned with 4.03, and say so", async () => {
      const device = await start("nobody");
      expect(await device.waitFor("refused")).toMatchObject({ uplink: "register", code: CODE.FORBIDDEN });
      const { value } = await lifecycleEvent("nobody", "REFUSED");
      expect(value.reason).toEqual(expect.stringMatching(/\w/));
    });

    specify("at whatever node its datagrams arrive, without a new registration or observation", async () => {
      const device = await reachable("sim-roams");
      for (const node of [far, near, far]) {
        device.moveTo(node);
        await device.uplink();
        expect(await system.client.rpc(readOf("sim-roams"))).toMatchObject({ status: "SUCCESSFUL" });
      }
      expect(device.of("registered")).toHaveLength(1);
      const tokens = new Set(device.of("observed").map(({ observation }) => observation.token));
      expect(tokens.size).toBe(1);
    });

    specify("also where Register and notification come in blocks", async () => {
      const instances = Object.fromEntries(Array.from({ length: 200 }, (_, id) => [id, { 5700: 20, 5750: "short" }]));
      const objects = [serverObject(300), deviceObject(), coreObject(3303, "1.1", instances)];
      const device = await start("large-1", { objects });
      await device.waitFor("observed");
      const { value } = await lifecycleEvent("large-1", "REGISTERED");
      expect(JSON.stringify(value)).toContain("</3303/199>");

      const text = "a text of many blocks ".repeat(300);
      device.handle({ type: "set", path: [3303, 0, 5750], value: { type: "STRING", value: text } });
      await device.waitFor("delivered");
      const found = await telemetry.waitFor(({ value }) => JSON.stringify(value).includes(text));
      expect(found).toMatchObject({ key: "default/large-1", value: { source: "VALUE_SOURCE_NOTIFY" } });
    });
  });

  describe("answer a request of a plain Kafka client", () => {
    specify("exactly once, in JSON where it was JSON", async () => {
      await reachable("sim-json");
      const request = { requestId: "json-1", endpoint: "sim-json", method: "Read", params: { id: "/3/0/9" } };
      await publish(JSON.stringify(request), "default/sim-json");
      const { value, headers, key } = await answerTo("json-1");
      expect(headers[CONTENT_TYPE_HEADER]).toBe(CONTENT_TYPE.json);
      expect(key).toBe("default/sim-json");
      expect(JSON.parse(Buffer.from(value ?? []).toString())).toMatchObject({
        requestId: "json-1",
        status: "SUCCESSFUL",
        result: "CONTENT",
        value: expect.stringMatching(/^LwM2mSingleResource \[id=9, value=\d+, type=INTEGER\]$/),
      });
      await sleep(1_000);
      expect(answersTo("json-1")).toHaveLength(1);
    });

    specify("exactly once, in protobuf where it was protobuf", async () => {
      await reachable("sim-protobuf");
      const request = {
        requestId: "protobuf-1",
        tenant: "default",
        endpoint: "sim-protobuf",
        method: "Read",
        params: '{"id":"/3/0/9"}',
      };
      await publish(lwm2m.v1.RpcRequest.encode(request).finish(), "default/sim-protobuf");
      const { value, headers } = await answerTo("protobuf-1");
      expect(headers[CONTENT_TYPE_HEADER]).toBe(CONTENT_TYPE.protobuf);
      const response = lwm2m.v1.RpcResponse.decode(value ?? new Uint8Array());
      expect(response).toMatchObject({ requestId: "protobuf-1", status: lwm2m.v1.RpcFinalStatus.SUCCESSFUL });
      await sleep(1_000);
      expect(answersTo("protobuf-1")).toHaveLength(1);
    });

    specify("and carry it out once, however often it comes", async () => {
      const device = await reachable("sim-once");
      const request = { requestId: "once-1", endpoint: "sim-once", method: "Execute", params: { id: "/3/0/4" } };
      await Promise.all([1, 2, 3].map(() => publish(JSON.stringify(request), "default/sim-once")));
      await answerTo("once-1");
      await publish(JSON.stringify(request), "default/sim-once");
      await sleep(1_500);
      expect(device.of("executed")).toHaveLength(1);
      const copies = new Set(answersTo("once-1").map(({ value }) => Buffer.from(value ?? []).toString()));
      expect(copies.size).toBe(1);
      expect([...copies][0]).toContain('"status":"SUCCESSFUL"');
    });

    specify("with NOT_REGISTERED for a device that is not there", async () => {
      expect(await system.client.rpc(readOf("sim-never"))).toMatchObject({ status: "NOT_REGISTERED" });
    });

    specify(
      "with UNREACHABLE, and send nothing, once the device's window has passed, when they are to fail fast; else they wait until it is heard",
      async () => {
        const device = await start("sim-window");
        await device.waitFor("observed");
        await sleep(WINDOW_MS + 1_500);
        const before = device.of("read").length;
        const failFast = { ...readOf("sim-window"), failFast: true };
        expect(await system.client.rpc(failFast)).toMatchObject({ status: "UNREACHABLE" });
        const waiting = system.client.rpc(readOf("sim-window"));
        await sleep(500);
        expect(device.of("read")).toHaveLength(before);
        device.handle({ type: "update" });
        expect(await waiting).toMatchObject({ status: "SUCCESSFUL" });
      },
    );

    specify(
      "with TIMEOUT at its deadline when the device does not answer, and EXPIRED when that has passed",
      async () => {
        await reachable("sim-mute", {
          override: ({ options }) => (uriPath(options).join("/") === "3/0/1" ? "silent" : undefined),
        });
        const beginMs = Date.now();
        expect(
          await system.client.rpc({ ...readOf("sim-mute"), params: { id: "/3/0/1" }, timeoutMs: 3_000 }),
        ).toMatchObject({
          status: "TIMEOUT",
        });
        expect(Date.now() - beginMs).toBeGreaterThan(2_900);

        const late = {
          requestId: "late-1",
          endpoint: "sim-mute",
          method: "Read",
          params: { id: "/3/0/0" },
          expiresAtMs: Date.now() - 1,
        };
        await publish(JSON.stringify(late), "default/sim-mute");
        expect(Buffer.from((await answerTo("late-1")).value ?? []).toString()).toContain('"status":"EXPIRED"');
      },
    );
  });

  describe("are not harmed by", () => {
    specify("a request that cannot be parsed: it is a dead letter with its coordinates and the reason", async () => {
      await publish("{ this is no JSON", "default/sim-poison");
      const { value: letter } = await deadLetters.waitFor(({ key }) => key === "default/sim-poison");
      expect(letter).toMatchObject({
        "dlq-topic": topic("rpcRequest"),
        "dlq-partition": expect.stringMatching(/^\d+$/),
        "dlq-offset": expect.stringMatching(/^\d+$/),
        "dlq-reason": expect.stringMatching(/\w/),
      });
    });

    specify("one that is incomplete: its caller is told as well, where an id can be read", async () => {
      await publish('{"requestId":"incomplete-1","endpoint":"sim-incomplete"}', "default/sim-incomplete");
      await deadLetters.waitFor(({ key }) => key === "default/sim-incomplete");
      const { value } = await answerTo("incomplete-1");
      expect(Buffer.from(value ?? []).toString()).toContain('"status":"REJECTED"');
    });

    specify("datagrams that are no CoAP, which a CON among them learns by RST", async () => {
      const device = await reachable("sim-bystander");
      const socket = createSocket("udp4");
      deviceStops.push(() => socket.close());
      // A CON whose option says that it has 13 more bytes.
      const reset = once(socket, "message");
      socket.send(hex("40 01 1234 bd"), near.coapPort, "127.0.0.1");
      expect(toHex(((await reset) as [Buffer])[0])).toBe("70001234");
      for (let i = 0; i < 500; i++) socket.send(randomBytes(1 + (i % 64)), near.coapPort, "127.0.0.1");
      await device.uplink();
      expect(await system.client.rpc(readOf("sim-bystander"))).toMatchObject({ status: "SUCCESSFUL" });
      expect(await near.metric("lwm2m_coap_drops_total")).toBeGreaterThan(100);
      expect(near.running).toBe(true);
    });

    specify("records on their own topics that are none of theirs", async () => {
      const device = await reachable("sim-unharmed");
      const garbage = Buffer.from("ffffffffffff", "hex");
      const partitions = Array.from({ length: 4 }, (_, partition) => ({ partition, value: garbage }));
      await producer.send({ topic: topic("nodeCommand"), messages: partitions });
      await producer.send({
        topic: topic("provisioning"),
        messages: [{ key: "device/default/poison", value: garbage }],
      });
      await device.uplink();
      expect(await system.client.rpc(readOf("sim-unharmed"))).toMatchObject({ status: "SUCCESSFUL" });
      expect([near.running, far.running]).toEqual([true, true]);
    });
  });
});

function readOf(endpoint: string): { endpoint: string; method: string; params: { id: string }; timeoutMs: number } {
  return { endpoint, method: "Read", params: { id: "/3/0/9" }, timeoutMs: 10_000 };
}

function requestIdOf({ value, headers }: IncomingRecord): string | undefined {
  if (value === null) return undefined;
  const isJson = contentTypeOf(value, headers[CONTENT_TYPE_HEADER]) === CONTENT_TYPE.json;
  return isJson
    ? (JSON.parse(Buffer.from(value).toString()) as { requestId: string }).requestId
    : lwm2m.v1.RpcResponse.decode(value).requestId;
}
