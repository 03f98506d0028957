import { createSecretKey, randomBytes } from "node:crypto";
import { BusUnavailableError, type Sender } from "@ferry/bus";
import { MemoryBus } from "@ferry/bus/memory";
import { CODE } from "@ferry/coap";
import { parseProvisioningKey, TOPICS } from "@ferry/proto";
import { generatedCredentials } from "@ferry/provisioning";
import { startFleet } from "@ferry/simulator";
import { memoryState } from "@ferry/state/memory";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import {
  collectEvents,
  declareDevice,
  declareProfile,
  openDevice,
  SERVER,
  type System,
  shown,
  startServer,
  stopAll,
  type TestDevice,
  type TestServer,
  until,
  untilEnd,
} from "./bootstrap-fixture.ts";

const ENV = {
  BOOTSTRAP_DTLS_ENABLED: "false",
  PROVISIONING_SEALING_KEY: randomBytes(32).toString("base64"),
};
const KEY = Buffer.alloc(16, 7);
const DECLARED = { psk: { identity: "declared", key: { plain: KEY } } };

/** A bus that takes nothing that is provisioned, while a test says so. */
class TestBus extends MemoryBus {
  takesProvisioning = true;

  override sender(options: { readonly name: string; readonly lingerMs?: number }): Sender {
    const sender = super.sender(options);
    const publish = sender.publish.bind(sender);
    sender.publish = async (record) => {
      if (record.topic === TOPICS.provisioning.name && !this.takesProvisioning)
        throw new BusUnavailableError("Kafka is away");
      await publish(record);
    };
    return sender;
  }
}

let bus: TestBus;
let system: System;
let events: ReturnType<typeof collectEvents>;
let device: TestDevice;

beforeEach(async () => {
  bus = new TestBus();
  system = { bus, state: memoryState() };
  await bus.ensureTopics(Object.values(TOPICS), "create");
  await system.state.provisioning.setPosition(0);
  events = collectEvents(system);
  await declareProfile(system, { servers: [{ ...SERVER, security: "psk", port: 5686 }] });
  await declareDevice(system, "ep-1", {
    credentials: [DECLARED],
    bootstrap: { bootstrapServer: { noSec: {} }, server: { generatePsk: {} } },
  });
});
afterEach(stopAll);

/** Puts credentials in force, as a router does. */
function materialise(): void {
  const reader = bus.subscribe({
    type: "reader",
    topic: TOPICS.provisioning.name,
    from: "earliest",
    handle: async ({ key, value, offset }) => {
      const named = parseProvisioningKey(key ?? "");
      if (named?.kind === "credential" && value !== null)
        await system.state.provisioning.put({ ...named, value, offset }, []);
    },
  });
  untilEnd(() => reader.stop());
}

async function start(env: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const server = await startServer(system, { ...ENV, ...env });
  device = await openDevice(server);
  return server;
}

/** Bootstraps the device once more; answers how that ended. */
async function bootstrap(): Promise<string | undefined> {
  const { length } = events.lines;
  expect(shown(await device.bootstrap("ep-1"))).toBe("2.04");
  await until(() => events.records.slice(length).some(({ result }) => result !== 0), "the end of a session");
  return events.lines.at(-1);
}

/** Identities of what was made for the device, and of what that replaces. */
async function identities(): Promise<readonly string[]> {
  const stored = await system.state.provisioning.get("credential", "default", "ep-1");
  return (generatedCredentials(stored) ?? []).map((one) => (one.type === "psk" ? one.identity : one.type));
}

/** What the device shows to its server: /0/1/3. */
function givenIdentity(): string {
  return Buffer.from(device.objects.instances.get("0/1")?.get(3) ?? "", "hex").toString();
}

describe("a key that Ferry makes", () => {
  it("is in force beside the one before when the device is given it", async () => {
    materialise();
    await start();
    let inForce: readonly string[] | undefined;
    const { answer } = device;
    device.answer = (request) => {
      if (request.code === CODE.PUT) void identities().then((now) => (inForce ??= now));
      return answer(request);
    };
    expect(await bootstrap()).toBe("FINISHED 2.04 SUCCEEDED");
    expect(inForce).toEqual([expect.stringMatching(/^ep-1\.[\w-]{12}$/), "declared"]);
    expect(givenIdentity()).toBe(inForce?.[0]);
  });

  it("is not made for who does not answer: one datagram with somebody's name and address ends no key", async () => {
    materialise();
    const server = await start({ BOOTSTRAP_SESSION_TIMEOUT: "1s" });
    device.answer = () => "silent";
    expect(await bootstrap()).toMatch(/^FAILED \/ FAILED .*it took longer than 1 s$/);
    expect(await identities()).toEqual([]);
    expect(await server.metric('lwm2m_bootstrap_sessions_total{outcome="deadline"}')).toBe(1);
  });

  it("is given again while the one before is accepted: a session that ended midway costs nothing", async () => {
    materialise();
    await start();
    const { answer } = device;
    device.answer = (request) =>
      request.code === CODE.PUT ? { code: CODE.BAD_REQUEST, options: [], payload: new Uint8Array() } : answer(request);
    expect(await bootstrap()).toMatch(/^FAILED .*4\.00/);
    const before = await identities();
    expect(before).toEqual([expect.any(String), "declared"]);
    device.answer = answer;
    expect(await bootstrap()).toBe("FINISHED 2.04 SUCCEEDED");
    expect(await identities()).toEqual(before);
    expect(givenIdentity()).toBe(before[0]);
  });

  it.each([
    ["Kafka does not take it", false, "a key could not be made: Kafka is away"],
    ["nobody puts it in force", true, "the key that was made was not put in force in time"],
  ])("fails the session, and nothing is written, where %s", async (_, takesProvisioning, reason) => {
    const server = await start({ BOOTSTRAP_KEY_TIMEOUT: "50ms" });
    bus.takesProvisioning = takesProvisioning;
    expect(await bootstrap()).toContain(`FAILED FAILED ${reason}`);
    expect(device.requests.map(({ code }) => code)).toEqual([CODE.GET]);
    expect(await identities()).toEqual([]);
    expect(await server.metric('lwm2m_bootstrap_sessions_total{outcome="noKey"}')).toBe(1);
  });

  it("is not made without a key to seal it with", async () => {
    const server = await startServer(system);
    device = await openDevice(server);
    expect(await bootstrap()).toBe(
      "FAILED FAILED a key could not be made: there is none to seal it with: set PROVISIONING_SEALING_KEY_FILE",
    );
  });

  it("is not made where no server of the profile takes one", async () => {
    await declareProfile(system, { servers: [SERVER] });
    materialise();
    await start();
    expect(await bootstrap()).toBe("FINISHED 2.04 SUCCEEDED");
    expect(await identities()).toEqual([]);
  });

  it("is in a Bootstrap-Pack too, for a device that comes by DTLS, once it is in force", async () => {
    await declareDevice(system, "ep-1", { credentials: [DECLARED], bootstrap: { server: { generatePsk: {} } } });
    materialise();
    const server = await startServer(system, { ...ENV, BOOTSTRAP_DTLS_ENABLED: "true" });
    const credential = { type: "psk", identity: Buffer.from("declared"), key: createSecretKey(KEY) } as const;
    const fleet = await startFleet({
      server: { host: "127.0.0.1", port: server.dtlsPort ?? 0 },
      count: 1,
      endpoint: "ep-1",
      bootstrap: { pack: true },
      device: () => ({ lwm2mVersion: "1.2" }),
      security: () => ({ credential, ownCidLengthBytes: 0 }),
    });
    untilEnd(() => fleet.stop(0));
    await until(() => fleet.progress.bootstraps === 1, "the device's word");
    expect(events.lines).toEqual(["STARTED 2.05", "PACKED 2.05 SUCCEEDED"]);
    expect(await identities()).toEqual([expect.stringMatching(/^ep-1\./), "declared"]);
  });

  it("is in no Bootstrap-Pack in the clear, and none is made for it: whoever asks may be anywhere", async () => {
    materialise();
    const server = await start();
    const { answer } = device;
    device.answer = () => "silent";
    await device.bootstrap("ep-1");
    await until(() => device.requests.length === 1, "Discover");
    const stranger = await openDevice(server);
    expect(shown(await stranger.request(CODE.GET, "/bspack?ep=ep-1"))).toMatch(/^5\.01 no Bootstrap-Pack with keys/);
    expect(await identities()).toEqual([]);
    expect(await server.metric('lwm2m_bootstrap_requests_total{outcome="packInClear"}')).toBe(1);
    // The session of the device goes on.
    device.answer = answer;
    device.answerNow();
    await until(() => events.lines.at(-1) === "FINISHED 2.04 SUCCEEDED", "the end of the session");
  });
});
