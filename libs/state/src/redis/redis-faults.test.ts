import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type RedisClusterProcess, type RedisProcess, startRedis, startRedisCluster } from "@ferry/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import { NODES, newDevice, newObservation, newRegister } from "../contract/harness.ts";
import type { DeviceRef, RegisterRequest } from "../device-store.ts";
import { EXPIRY_GRACE_MS, NO_SEC } from "../device-store.ts";
import { StateUnavailableError } from "../errors.ts";
import { DESIRED_MEMORY_MS, ENDED_MEMORY_MS, OPEN_MEMORY_MS, PEER_HINT_MIN_MS } from "../limits.ts";
import { onlySlot, TRANSPORT_SLOTS } from "../node-directory.ts";
import { shardOf } from "../shard.ts";
import { connectRedis } from "./connect-redis.ts";
import { RedisConnection } from "./connection.ts";
import { nameOf, peerKey, shardPrefix } from "./keys.ts";
import { RedisDeviceStore } from "./redis-device-store.ts";
import { RedisNodeDirectory } from "./redis-node-directory.ts";
import { RedisProvisioningStore } from "./redis-provisioning-store.ts";

const [node] = NODES;

describe("A value that does not parse is quarantined and counted, never fatal", () => {
  let server: RedisProcess;
  let raw: Redis;
  let connection: RedisConnection;
  let store: RedisDeviceStore;
  let quarantined: number;
  let device: DeviceRef;
  let request: RegisterRequest;
  let prefix: string;
  beforeAll(async () => {
    server = await startRedis();
    raw = new Redis(server.url);
    connection = new RedisConnection({ url: server.url });
    store = new RedisDeviceStore(connection, { onQuarantine: (count) => (quarantined += count) });
  });
  beforeEach(async () => {
    await raw.flushall(); // A device of another test may lie in the same shard.
    quarantined = 0;
    device = newDevice();
    request = newRegister(device, Date.now(), { observations: [newObservation(device)] });
    prefix = shardPrefix(shardOf(device.tenant, device.endpoint));
    await store.register(request);
  });
  afterAll(async () => {
    await connection.close();
    raw.disconnect();
    await server.stop();
  });

  const damages: Record<string, (key: string) => Promise<unknown>> = {
    "cut short": (key) =>
      raw.setrange(key, 0, "").then(async () => raw.set(key, (await raw.getBuffer(key))?.subarray(0, 60) ?? "")),
    "of another version": (key) => raw.setrange(key, 0, "\x7f"),
    empty: (key) => raw.set(key, ""),
    "longer than it says": (key) => raw.append(key, "x"),
    "of another type": async (key) => {
      await raw.del(key);
      await raw.lpush(key, "x");
    },
    "a registration that is no protobuf": async (key) => {
      const packed = (await raw.getBuffer(key)) as Buffer;
      packed.fill(0xff, packed.length - 12);
      await raw.set(key, packed);
    },
  };
  it.each(Object.keys(damages))("A device that is %s counts as not registered and can register", async (damage) => {
    const key = `${prefix}d:${nameOf(device)}`;
    await damages[damage]?.(key);
    const { registrationId, peer } = request.registration;
    expect(await store.update({ registrationId, peer, node, sender: NO_SEC, nowMs: Date.now() })).toEqual({
      type: "notFound",
    });
    expect(quarantined).toBe(1);
    expect(await raw.exists(`${prefix}bad:d:${nameOf(device)}`)).toBe(1);
    expect(await store.get(device)).toBeUndefined();
    expect(await store.register(newRegister(device, Date.now()))).toMatchObject({ type: "registered" });
  });

  it.each(Object.keys(damages))("A Register takes the place of a device that is %s", async (damage) => {
    await damages[damage]?.(`${prefix}d:${nameOf(device)}`);
    expect(await store.register(newRegister(device, Date.now()))).toMatchObject({ type: "registered" });
    expect(quarantined).toBe(1);
  });

  it("A device whose first byte says another security than its registration counts as not registered", async () => {
    const key = `${prefix}d:${nameOf(device)}`;
    const packed = (await raw.getBuffer(key)) as Buffer;
    packed[0] = (packed[0] as number) ^ 0x80; // It was not empty.
    await raw.set(key, packed);
    expect(await store.get(device)).toBeUndefined();
    expect(quarantined).toBe(1);
  });

  it("Observations that do not parse make the device register anew", async () => {
    const key = `${prefix}d:${nameOf(device)}`;
    const packed = (await raw.getBuffer(key)) as Buffer;
    const token = Buffer.from(request.observations?.[0]?.token ?? []);
    packed[packed.indexOf(token) - 1] = 0xff;
    await raw.set(key, packed);
    const proof = { type: "token", token } as const;
    expect(await store.claim({ proof, peer: "192.0.2.1:1", node, sender: NO_SEC, nowMs: Date.now() })).toEqual({
      type: "notFound",
    });
    expect(quarantined).toBe(1);
    expect(await store.get(device)).toBeUndefined();
    expect(quarantined).toBe(2);
    expect(await store.register(newRegister(device, Date.now()))).toMatchObject({ type: "registered" });
  });

  it("A sweep ends the others when a device or an outbox entry does not parse", async () => {
    await raw.set(`${prefix}d:${nameOf(device)}`, "nonsense");
    await raw.xadd(`${prefix}out`, "*", "k", "nonsense", "n", "a/b", "v", "", "w", "");
    await raw.xadd(`${prefix}out`, "*", "what", "ever");
    const shard = shardOf(device.tenant, device.endpoint);
    const nowMs = Date.now() + 1_000_000;
    const sweep = { shard, node, outboxAgeMs: 0, graceMs: EXPIRY_GRACE_MS, limit: 10, nowMs };
    const swept = await store.sweep(sweep);
    expect(swept).toMatchObject({ type: "swept", expired: [], outbox: [{ kind: "lifecycle", device }] });
    expect(quarantined).toBe(3);
    expect(await raw.xlen(`${prefix}bad:out`)).toBe(2);
    expect(await store.sweep({ ...sweep, nowMs: nowMs + 1 })).toMatchObject({ outbox: [{ device }] });
    expect(quarantined).toBe(3);
  });

  it("A pointer that leads nowhere proves nothing and goes away", async () => {
    await raw.del(`${prefix}d:${nameOf(device)}`);
    const { registrationId, peer } = request.registration;
    const token = request.observations?.[0]?.token ?? new Uint8Array();
    for (const proof of [
      { type: "registrationId", registrationId },
      { type: "token", token },
    ] as const) {
      expect(await store.claim({ proof, peer, node, sender: NO_SEC, nowMs: Date.now() })).toEqual({ type: "notFound" });
    }
    expect(await raw.exists(`${prefix}r:${registrationId}`, `${prefix}t`)).toBe(0);
  });

  it("What does not parse in the node directory and in provisioning counts as absent", async () => {
    const [nodes, provisioning] = [new RedisNodeDirectory(connection), new RedisProvisioningStore(connection)];
    await raw.set("lw:{n}:node:0", "nonsense");
    expect(await nodes.list(TRANSPORT_SLOTS)).toEqual([]);
    const entry = { name: "a", bootId: node.bootId, address: "", version: "", draining: false, ready: false };
    expect(await nodes.lease(entry, TRANSPORT_SLOTS, 1_000)).toMatchObject({ slot: 0 });

    const record = { kind: "device", tenant: "default", id: "meter", value: Uint8Array.of(1), offset: 1 } as const;
    await provisioning.put(record, [{ type: "noSec", endpoint: "meter" }]);
    const [key = ""] = await raw.keys("lw:{p*}:rec:device");
    for (const bad of ["", "nonsense", "\x01\0\0\0\0\0\x09\0\0\0\x02{}", "\x01\0\0\0\0\0\x09\0\0\0\x02{{"]) {
      await raw.hset(key, "default/meter", bad);
      expect(await provisioning.get("device", "default", "meter")).toBeUndefined();
      expect(await provisioning.deviceByIdentity({ type: "noSec", endpoint: "meter" })).toBeUndefined();
      expect(await provisioning.list("device")).toEqual([]);
    }
    await raw.hset(key, "default/meter", "nonsense");
    expect(await provisioning.put({ ...record, offset: 2 }, [])).toEqual({ type: "stored" });
    expect(await provisioning.get("device", "default", "meter")).toMatchObject({ offset: 2 });
  });

  it("A device and its credential are read in one step, and found in one by its name in the clear, else in two", async () => {
    const provisioning = new RedisProvisioningStore(connection);
    const record = { kind: "device", tenant: "default", id: "steps", value: Uint8Array.of(1), offset: 1 } as const;
    const psk = { type: "psk", identity: "another" } as const;
    await provisioning.put(record, [psk, { type: "noSec", endpoint: "steps" }]);
    const found = { record, generated: undefined };
    const stepsOf = async (ask: () => Promise<unknown>): Promise<number> => {
      await ask(); // Redis knows the scripts now.
      await raw.config("RESETSTAT");
      expect(await ask()).toEqual(found);
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await raw.info("commandstats"))?.[1]);
    };
    expect(await stepsOf(() => provisioning.deviceRecords("default", "steps"))).toBe(1);
    expect(await stepsOf(() => provisioning.deviceByIdentity({ type: "noSec", endpoint: "steps" }))).toBe(1);
    expect(await stepsOf(() => provisioning.deviceByIdentity(psk))).toBe(2);
  });

  it("A put that was cut short leaves a pointer that is void", async () => {
    const provisioning = new RedisProvisioningStore(connection);
    const identity = { type: "psk", identity: "cut" } as const;
    const record = { kind: "device", tenant: "default", id: "cut", value: Uint8Array.of(1), offset: 1 } as const;
    await provisioning.put(record, [identity]);
    const [pointer = ""] = await raw.keys("lw:{p*}:id:psk:cut");
    await raw.hdel((await raw.keys("lw:{p*}:rec:device")).find((key) => key !== pointer) ?? "", "default/cut");
    for (const key of await raw.keys("lw:{p*}:rec:device")) await raw.hdel(key, "default/cut");
    expect(await provisioning.deviceByIdentity(identity)).toBeUndefined();
    const other = { ...record, id: "other", offset: 2 };
    expect(await provisioning.put(other, [identity])).toEqual({ type: "stored" });
    expect(await provisioning.deviceByIdentity(identity)).toEqual({ record: other, generated: undefined });
  });

  it("The outbox is capped: the oldest entries are dropped and counted", async () => {
    let dropped = 0;
    const small = new RedisDeviceStore(connection, {
      outboxMaxEntries: 3,
      onOutboxDropped: (count) => (dropped += count),
    });
    const { registrationId, peer } = request.registration;
    for (let i = 0; i < 5; i++) await small.update({ registrationId, peer, node, sender: NO_SEC, nowMs: Date.now() });
    expect(dropped).toBe(3);
    expect(await raw.xlen(`${prefix}out`)).toBe(3);
  });

  it("Scripts that Redis forgot are sent again", async () => {
    await store.get(device);
    for (const atOnce of [1, 3]) {
      await raw.script("FLUSH");
      const states = await Promise.all(Array.from({ length: atOnce }, () => store.get(device)));
      expect(states.map((state) => state?.registration.endpoint)).toEqual(Array(atOnce).fill(device.endpoint));
    }
  });

  it("However many steps go out on a new connection at once, a script's source goes with the first only", async () => {
    const sources = async (): Promise<number> =>
      Number(/cmdstat_eval:calls=(\d+)/.exec(await raw.info("commandstats"))?.[1] ?? 0);
    // What was not awaited of the registration is done.
    for (let i = 0; i < 5; i++) await connection.run((client) => client.ping());
    await raw.script("FLUSH");
    const before = await sources();
    const other = new RedisConnection({ url: server.url });
    const devices = new RedisDeviceStore(other);
    const states = await Promise.all(Array.from({ length: 20 }, () => devices.get(device)));
    expect(states.every((state) => state?.registration.endpoint === device.endpoint)).toBe(true);
    expect((await sources()) - before).toBe(1);
    await other.close();
  });

  it("Register, Update and claim cost one step each; hints are written besides where the address is new or half its time is over", async () => {
    const calls = async (): Promise<number> => {
      // What was not awaited is done: removing a hint, adding one, asking whom else it names.
      for (let i = 0; i < 5; i++) await connection.run((client) => client.ping());
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await raw.info("commandstats"))?.[1]);
    };
    const { registrationId, peer } = request.registration;
    const nowMs = Date.now();
    const costs = async (step: () => Promise<unknown>): Promise<number> => {
      const before = await calls();
      await step();
      return (await calls()) - before;
    };
    const other = newRegister(newDevice(), nowMs, {}, { peer: "198.51.100.1:1" });
    const proof = { type: "registrationId", registrationId } as const;
    await costs(() => store.register(other));
    await costs(() => store.claim({ proof, peer: "198.51.100.4:1", node, sender: NO_SEC, nowMs })); // Redis knows the scripts now.
    await costs(() => store.claim({ proof, peer, node, sender: NO_SEC, nowMs }));
    expect(await costs(() => store.register({ ...other, digest: "another" }))).toBe(2);
    expect(await costs(() => store.update({ registrationId, peer, node, sender: NO_SEC, nowMs }))).toBe(1);
    expect(await costs(() => store.claim({ proof, peer, node, sender: NO_SEC, nowMs }))).toBe(1);
    const moved = "198.51.100.2:1";
    expect(await costs(() => store.claim({ proof, peer: moved, node, sender: NO_SEC, nowMs }))).toBe(3);
    const later = { registrationId, peer: moved, sender: NO_SEC, node, nowMs: nowMs + PEER_HINT_MIN_MS / 2 };
    expect(await costs(() => store.update(later))).toBe(2);
    expect(await costs(() => store.update({ ...later, nowMs: later.nowMs + 1_000 }))).toBe(1);
  });

  it("A hint lapses with its device, and one that does not parse or leads nowhere is written anew", async () => {
    const peer = "198.51.100.3:1";
    const key = peerKey(peer);
    const lifetimeS = 500_000;
    for (const hint of ["nonsense", "A".repeat(14), `${"A".repeat(14)}nonsense`]) {
      await raw.set(key, hint);
      expect(await store.findByPeer(peer)).toBeUndefined();
      const { state } = await store.register(newRegister(newDevice("at-3"), Date.now(), {}, { peer, lifetimeS }));
      let left: string | null = null;
      for (let i = 0; i < 1_000 && left !== state.registration.registrationId; i++) {
        await sleep(10);
        left = await raw.get(key);
      }
      expect(left).toBe(state.registration.registrationId);
      expect(await store.findByPeer(peer)).toEqual(state);
    }
    const ttlMs = await raw.pttl(key);
    expect(ttlMs).toBeGreaterThan(2 * lifetimeS * 1000 - 60_000);
    expect(ttlMs).toBeLessThanOrEqual(2 * lifetimeS * 1000);
  });

  it("What waits for a device that never comes is forgotten in time", async () => {
    const nowMs = Date.now();
    const open = { requestId: "r1", request: Uint8Array.of(1), contentType: "application/json" };
    await store.accept({ device, open: { ...open, expiresAtMs: nowMs + 60_000 }, limit: 9, nowMs });
    await store.accept({ device, open: { ...open, requestId: "r2", expiresAtMs: nowMs }, limit: 9, nowMs });
    const queueTtlMs = await raw.pttl(`${prefix}q:${nameOf(device)}`);
    expect(queueTtlMs).toBeGreaterThan(OPEN_MEMORY_MS + 30_000);
    expect(queueTtlMs).toBeLessThanOrEqual(OPEN_MEMORY_MS + 60_000);
    await store.desire({ device, key: "target", value: "1", version: 1, writtenMs: 1, nowMs });
    for (const kind of ["v:", "vv:"]) {
      const ttlMs = await raw.pttl(`${prefix}${kind}${nameOf(device)}`);
      expect(ttlMs).toBeGreaterThan(DESIRED_MEMORY_MS - 60_000);
      expect(ttlMs).toBeLessThanOrEqual(DESIRED_MEMORY_MS);
    }
    await store.remove({ device, reason: "test", nowMs });
    const endedTtlMs = await raw.pttl(`${prefix}ended:${nameOf(device)}`);
    expect(endedTtlMs).toBeGreaterThan(ENDED_MEMORY_MS - 60_000);
    expect(endedTtlMs).toBeLessThanOrEqual(ENDED_MEMORY_MS);
  });

  it("A request that an earlier version dispatched was so by a node whose life is over", async () => {
    const open = { requestId: "r1", request: Uint8Array.of(1), contentType: "application/json" };
    await store.accept({ device, open: { ...open, expiresAtMs: Date.now() + 1_000 }, limit: 9, nowMs: Date.now() });
    await raw.hset(`${prefix}rpc:r1:${nameOf(device)}`, "dispatched", 1);
    expect(await store.openRequests({ device, limit: 9 })).toMatchObject({
      requests: [{ dispatchedBy: { bootId: "" } }],
    });
  });

  it("A store that was rolled back is another incarnation for every node", async () => {
    const [a, b] = [new RedisDeviceStore(connection), new RedisDeviceStore(connection)];
    const first = await a.incarnation();
    expect(await b.incarnation()).toMatchObject({ id: first.id });
    const keys = await raw.keys("lw:{n}:incarnation*");
    const older = await Promise.all(keys.map(async (key) => ({ key, dump: await raw.dumpBuffer(key) })));
    expect(await a.incarnation()).toMatchObject({ id: first.id });
    for (const { key, dump } of older) await raw.restore(key, 0, dump as Buffer, "REPLACE");
    // Who saw nothing later than the copy, or nothing at all, finds nothing wrong, and hides it from nobody.
    expect(await b.incarnation()).toMatchObject({ id: first.id });
    expect(await new RedisDeviceStore(connection).incarnation()).toMatchObject({ id: first.id });
    const second = await a.incarnation();
    expect(second.id).not.toBe(first.id);
    expect(await b.incarnation()).toMatchObject({ id: second.id });
    expect(await a.incarnation()).toMatchObject({ id: second.id });
  });

  it("Who asks at once which life of the store this is costs Redis one answer, and those who ask meanwhile another", async () => {
    const calls = async (): Promise<number> =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await raw.info("commandstats"))?.[1] ?? 0);
    const { id } = await store.incarnation();
    const before = await calls();
    const lives = await Promise.all(Array.from({ length: 50 }, () => store.incarnation()));
    expect(new Set(lives.map((life) => life.id))).toEqual(new Set([id]));
    expect((await calls()) - before).toBe(2);
  });

  it.each(["nonsense", "5", "null", "[]", "{}"])("A lease that is %s holds nothing", async (damaged) => {
    const nodes = new RedisNodeDirectory(connection);
    const entry = { name: "a", bootId: node.bootId, address: "", version: "", draining: false, ready: false };
    await raw.set("lw:{n}:node:9", damaged);
    expect(await nodes.get(9)).toBeUndefined();
    expect(await nodes.renew({ ...entry, slot: 9 }, 1_000)).toBe(false);
    await nodes.release({ slot: 9, bootId: node.bootId });
    expect(await nodes.lease(entry, onlySlot(9), 1_000)).toMatchObject({ slot: 9 });
  });

  it.each([TypeError, RangeError, URIError])("A mistake of ours is not told as an outage: %p", async (Mistake) => {
    const step = connection.run(async () => {
      throw new Mistake("a mistake");
    });
    await expect(step).rejects.toThrow(Mistake);
  });
});

it("A replica that takes over is another incarnation, also for who asked for none in the second that it lacks", async () => {
  const primary = await startRedis();
  const { host, port } = primary;
  const replica = await startRedis(["--replicaof", host, String(port)]);
  const store = connectRedis({ url: primary.url });
  const raw = new Redis(replica.url);
  try {
    const first = await store.devices.incarnation();
    while ((await raw.get("lw:{n}:incarnation")) === null) await sleep(10);
    await raw.call("REPLICAOF", "NO", "ONE");
    await primary.kill9();
    await raw.call("CONFIG", "SET", "port", port);
    const second = await eventually(() => store.devices.incarnation());
    expect(second.id).not.toBe(first.id);
    expect(second.restored).toBe(false);
    expect(await store.devices.incarnation()).toMatchObject({ id: second.id });
  } finally {
    raw.disconnect();
    await Promise.all([store.stop(), replica.stop(), primary.stop()]);
  }
});

/** The result of a step, once Redis does it. */
async function eventually<Result>(step: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      await sleep(50);
    }
  }
}

describe.each(["single", "cluster"] as const)("When Redis (%s) is killed", (mode) => {
  let server: RedisProcess | undefined;
  let cluster: RedisClusterProcess | undefined;
  afterEach(() => Promise.all([server?.stop(), cluster?.stop()]));

  it("a step fails within 1.2 s with StateUnavailableError, one episode is told, and steps go on when it is back", async () => {
    if (mode === "single") server = await startRedis();
    else cluster = await startRedisCluster();
    const episodes: string[] = [];
    const state = connectRedis(
      server === undefined ? { url: "", clusterNodes: cluster?.nodes ?? [] } : { url: server.url },
      {
        onUnavailable: ({ name }) => episodes.push(name),
        onAvailable: () => episodes.push("available"),
      },
    );
    const device = newDevice();
    await state.devices.register(newRegister(device, Date.now()));
    expect(state.problem()).toBeUndefined();
    const servers = cluster?.masters ?? [server as RedisProcess];
    await Promise.all(servers.map((each) => each.kill9()));
    for (let i = 0; i < 3; i++) {
      const startedMs = performance.now();
      await expect(state.devices.get(device)).rejects.toThrow(StateUnavailableError);
      expect(performance.now() - startedMs).toBeLessThan(2_000); // A busy machine is late itself.
    }
    expect(state.problem()).toMatch(/^Redis cannot be reached/);
    await Promise.all(servers.map((each) => each.restart()));
    const deadlineMs = Date.now() + 20_000;
    let healed = false;
    while (!healed && Date.now() < deadlineMs) {
      healed = await state.devices.register(newRegister(device, Date.now())).then(
        () => true,
        () => false,
      );
      if (!healed) await sleep(50);
    }
    expect(healed).toBe(true);
    expect(state.problem()).toBeUndefined();
    expect(episodes).toEqual(["StateUnavailableError", "available"]);
    await state.stop();
  }, 60_000);
});

it("A Redis that was never there fails steps, not the start, and its password is in no error", async () => {
  const state = connectRedis({ url: "redis://user:secret@127.0.0.1:1" });
  expect(state.problem()).toBe("Redis is not connected yet");
  const error = await state.devices.get(newDevice()).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StateUnavailableError);
  expect(
    JSON.stringify([String(error), (error as Error).message, String((error as Error).cause), state.problem()]),
  ).not.toContain("secret");
  await state.stop();
});

it("A Redis that answers nothing fails steps within the command timeout, and its late answers go to nobody", async () => {
  const server = await startRedis();
  const state = connectRedis({ url: server.url, commandTimeoutMs: 200 });
  const device = newDevice();
  await eventually(() => state.devices.register(newRegister(device, Date.now())));
  await eventually(() => state.devices.get(device));
  const raw = new Redis(server.url);
  await raw.client("PAUSE", 3_000);
  const startedMs = performance.now();
  const late = await Promise.allSettled(Array.from({ length: 3 }, () => state.devices.get(newDevice())));
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  for (const step of late) expect(step).toMatchObject({ reason: { name: "StateUnavailableError" } });
  await raw.ping(); // Answered when the pause is over.
  expect(await eventually(() => state.devices.get(device))).toMatchObject({ registration: device });
  raw.disconnect();
  await state.stop();
  await server.stop();
}, 30_000);

it("A cluster that answers nothing fails steps within the command timeout", async () => {
  const cluster = await startRedisCluster();
  const state = connectRedis({ url: "", clusterNodes: cluster.nodes, commandTimeoutMs: 200 });
  const raws = cluster.masters.map((master) => new Redis(master.url));
  await eventually(() => state.devices.get(newDevice()));
  await Promise.all(raws.map((raw) => raw.client("PAUSE", 3_000)));
  await expect(state.devices.get(newDevice())).rejects.toThrow("no answer within 200 ms");
  for (const raw of raws) raw.disconnect();
  await state.stop();
  await cluster.stop();
}, 30_000);

it("A server that accepts connections and says nothing fails steps within the command timeout", async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const state = connectRedis({ url: `redis://127.0.0.1:${port}`, commandTimeoutMs: 100 });
  for (let i = 0; i < 3; i++) await expect(state.devices.get(newDevice())).rejects.toThrow(StateUnavailableError);
  await state.stop();
  for (const socket of sockets) socket.destroy();
  server.close();
});
