import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type RedisProcess, startRedis } from "@ferry/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { Redis } from "ioredis";
import type { AssociationHold, StoredAssociation, StoredSession } from "../association-store.ts";
import { NODES, newAssociation, newDevice } from "../contract/harness.ts";
import type { DeviceRef } from "../device-store.ts";
import { StateUnavailableError, StoredValueError } from "../errors.ts";
import { shardOf } from "../shard.ts";
import { decodeAssociation } from "./association-record.ts";
import { RedisConnection } from "./connection.ts";
import { associationAddressKey, associationPrefix, cidKey, nameOf, sessionKeys, shardPrefix } from "./keys.ts";
import { RedisAssociationStore } from "./redis-association-store.ts";

const [a, b] = NODES;
const HOUR_MS = 3_600_000;

let server: RedisProcess;
let raw: Redis;
let connection: RedisConnection;
let store: RedisAssociationStore;
let quarantined: number;
let device: DeviceRef;
let association: StoredAssociation;
let key: string;
let badKey: string;
let hold: AssociationHold;

beforeAll(async () => {
  server = await startRedis();
  raw = new Redis(server.url);
  connection = new RedisConnection({ url: server.url });
  store = new RedisAssociationStore(connection, { onQuarantine: (count) => (quarantined += count) });
});
beforeEach(async () => {
  await raw.flushall();
  quarantined = 0;
  device = newDevice();
  association = newAssociation(device, a, Date.now());
  const prefix = shardPrefix(shardOf(device.tenant, device.endpoint));
  key = `${prefix}c:${nameOf(device)}`;
  badKey = `${prefix}bad:c:${nameOf(device)}`;
  const { stamp, sendCeiling: ceiling } = association;
  hold = { association, node: a, stamp, ceiling, ttlMs: HOUR_MS };
  await store.put(association, HOUR_MS);
});
afterAll(async () => {
  await connection.close();
  raw.disconnect();
  await server.stop();
});

/** Hints come a moment later than what they follow. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1_000 && !(await holds()); i++) await sleep(10);
  expect(await holds()).toBe(true);
}

function newSession(): StoredSession {
  return { id: Uint8Array.from(randomBytes(32)), device, sealed: Uint8Array.from(randomBytes(140)) };
}

const damages: Record<string, () => Promise<unknown>> = {
  "cut short": () => raw.getBuffer(key).then((packed) => raw.set(key, packed?.subarray(0, 60) ?? "")),
  "of another version": () => raw.setrange(key, 0, "\x7f"),
  empty: () => raw.set(key, ""),
  "of no security mode": () => raw.setrange(key, 10, "\x04"),
  "without anything sealed": () =>
    raw.getBuffer(key).then((packed) => raw.set(key, packed?.subarray(0, -association.sealed.length) ?? "")),
  "of another type": () => raw.del(key).then(() => raw.lpush(key, "x")),
};

describe("An association that does not parse", () => {
  it.each(Object.keys(damages))("Counts as none, is counted and kept apart (%s)", async (damage) => {
    await damages[damage]?.();
    expect(await store.findByCid(association.cid as Uint8Array)).toBeUndefined();
    expect(quarantined).toBe(1);
    expect(await store.get(device)).toBeUndefined();
    expect(quarantined).toBe(1);
    expect([await raw.exists(badKey), await raw.pttl(badKey)]).toEqual([1, expect.any(Number)]);
    expect(await raw.pttl(badKey)).toBeGreaterThan(6 * 86_400_000);
    expect(await store.put(association, HOUR_MS)).toEqual({ type: "done" });
  });

  const steps: Record<string, () => Promise<unknown>> = {
    put: () => store.put(association, HOUR_MS),
    restore: () => store.restore(association, HOUR_MS),
    claim: () => store.claim({ association, node: b, ttlMs: HOUR_MS, nowMs: Date.now() }),
    reserve: () => store.reserve(hold),
    mark: () => store.mark({ ...hold, mark: association.mark, address: association.address }),
    remove: () => store.remove(association),
  };
  it.each(Object.keys(steps))("Is none for %s, too", async (step) => {
    await damages["of another version"]?.();
    const outcome = await steps[step]?.();
    const expected = { put: { type: "done" }, restore: { type: "done" }, remove: undefined };
    expect(outcome).toEqual(step in expected ? expected[step as keyof typeof expected] : { type: "gone" });
    expect(quarantined).toBe(1);
  });

  it("Whatever bytes there are, the scripts take for an association what a node reads as one, and nothing else", async () => {
    const packed = (await raw.getBuffer(key)) as Buffer;
    const damage = fc.tuple(fc.nat(75), fc.nat(255));
    const damaged = fc.tuple(fc.array(damage, { maxLength: 3 }), fc.nat(packed.length * 2));
    await fc.assert(
      fc.asyncProperty(damaged, async ([bytes, length]) => {
        const stored = Buffer.from(packed.subarray(0, length));
        for (const [at, byte] of bytes) if (at < stored.length) stored[at] = byte;
        await raw.set(key, stored);
        const before = quarantined;
        const found = await store.get(device);
        expect(found).toEqual(readOrRefused(stored));
        expect(quarantined - before).toBe(found === undefined ? 1 : 0);
      }),
      { numRuns: 300 },
    );
  });
});

function readOrRefused(packed: Buffer): StoredAssociation | undefined {
  try {
    return decodeAssociation(device, packed);
  } catch (error) {
    if (error instanceof StoredValueError) return undefined;
    throw error;
  }
}

describe("A session that does not parse", () => {
  it.each(["", "\x01", "\x02\0\x03a/bx", "\x01\0\x03a/b", "\x01\0\x09a/bx", "\x01\0\x03abcx"])(
    "Counts as none, is counted and kept apart (%j)",
    async (value) => {
      const session = newSession();
      await store.putSession(session, HOUR_MS);
      const keys = sessionKeys(session.id, "server");
      await raw.set(keys.session, Buffer.from(value, "latin1"));
      expect(await store.getSession(session.id)).toBeUndefined();
      expect(await store.getSession(session.id)).toBeUndefined();
      expect(quarantined).toBe(1);
      expect(await raw.pttl(keys.bad)).toBeGreaterThan(0);
    },
  );

  it("So does one of another type", async () => {
    const { id } = newSession();
    await raw.lpush(sessionKeys(id, "server").session, "x");
    expect(await store.getSession(id)).toBeUndefined();
    expect(quarantined).toBe(1);
  });
});

describe("hints", () => {
  it("Only the association itself says whether a hint still holds", async () => {
    const withoutCid = newAssociation(newDevice(), a, Date.now(), { cid: undefined });
    await store.put(withoutCid, HOUR_MS);
    const cid = cidKey(association.cid as Uint8Array, "server");
    const address = associationAddressKey(withoutCid.address, "server");
    // Of nobody, of a device that has no association, and of one whose association has another name.
    for (const wrong of ["", "nonsense", "/", nameOf(newDevice()), nameOf(withoutCid.device)]) {
      await raw.set(cid, wrong);
      expect(await store.findByCid(association.cid as Uint8Array)).toBeUndefined();
    }
    for (const wrong of ["", "nonsense", "/", nameOf(newDevice()), nameOf(device)]) {
      await raw.set(address, wrong);
      expect(await store.findByAddress(withoutCid.address)).toBeUndefined();
    }
    // Who has a Connection ID is not to be found by its address, whatever leads there.
    await raw.set(associationAddressKey(association.address, "server"), nameOf(device));
    expect(await store.findByAddress(association.address)).toBeUndefined();
    await raw.set(address, nameOf(withoutCid.device));
    expect(await store.findByAddress(withoutCid.address)).toEqual(withoutCid);
  });

  it("Everything lapses, and hints not before the association, whatever times the steps give", async () => {
    await store.putSession(newSession(), HOUR_MS);
    const keys = await raw.keys("*");
    expect(keys).toHaveLength(3);
    for (const each of keys) expect(await raw.pttl(each)).toBeGreaterThan(0);
    const hint = cidKey(association.cid as Uint8Array, "server");
    for (const hours of [3, 1, 10, 10, 25]) {
      await store.reserve({ ...hold, ttlMs: hours * HOUR_MS });
      const left = await raw.pttl(key);
      expect(left).toBeGreaterThan((hours - 1) * HOUR_MS);
      await eventually(async () => (await raw.pttl(hint)) >= left);
    }
  });

  it("Steps on one association after the other cost one round trip and write no hint", async () => {
    const calls = async (command: string): Promise<number> =>
      Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await raw.info("commandstats"))?.[1] ?? 0);
    const step = { ...hold, mark: association.mark, address: association.address };
    await store.mark(step); // Redis knows the script now.
    const before = [await calls("evalsha"), await calls("set"), await calls("eval")];
    await store.mark({ ...step, address: "192.0.2.9:9" }); // It moved, and has a Connection ID.
    expect([await calls("evalsha"), await calls("set"), await calls("eval")]).toEqual([
      (before[0] ?? 0) + 1,
      (before[1] ?? 0) + 1,
      before[2],
    ]);
  });

  it.each([
    ["server", ""],
    ["bootstrap", "b:"],
  ] as const)(
    "A device's keys lie in its own slot, hints in those of Connection ID, address and session (%s)",
    (realm, sign) => {
      const meter = { tenant: "default", endpoint: "meter-1" };
      expect(associationPrefix(meter, realm)).toBe(`lw:{881}:${sign}`);
      const cid = Uint8Array.of(0x1a, 0x3f, 1, 2, 3, 4, 5, 6);
      expect(cidKey(cid, realm)).toBe(`lw:{ca3f}:${sign}cid:1a3f010203040506`);
      expect(associationAddressKey("192.0.2.1:5684", realm)).toBe(`lw:{a4a}:${sign}c:192.0.2.1:5684`);
      expect(sessionKeys(Uint8Array.of(0x3f, 1, 2), realm)).toEqual({
        session: `lw:{s3f}:${sign}s:PwEC`,
        bad: `lw:{s3f}:${sign}bad:s:PwEC`,
      });
    },
  );

  it("Associations lie under these keys and no others", async () => {
    const bootstrap = new RedisAssociationStore(connection, { realm: "bootstrap" });
    await bootstrap.put(association, HOUR_MS);
    const cid = association.cid as Uint8Array;
    const keys = (["server", "bootstrap"] as const).flatMap((realm) => [
      `${associationPrefix(device, realm)}c:${nameOf(device)}`,
      cidKey(cid, realm),
    ]);
    expect((await raw.keys("*")).toSorted()).toEqual(keys.toSorted());
  });
});

describe("A Redis that falls back to an older copy", () => {
  it("Gives no node a stamp that it had before, however far stamps ran ahead of the clock", async () => {
    const commands = fc.array(fc.constantFrom<0 | 1 | "back">(0, 1, 0, 1, "back"), { minLength: 2, maxLength: 30 });
    const nodes = [new RedisAssociationStore(connection), new RedisAssociationStore(connection)] as const;
    const nowMs = Date.now() + HOUR_MS;
    await fc.assert(
      fc.asyncProperty(commands, async (all) => {
        const fresh = newAssociation(newDevice(), a, nowMs);
        await store.put(fresh, HOUR_MS);
        const seen: string[] = [];
        for (const each of all) {
          if (each === "back") {
            await raw.flushall();
            await store.restore(fresh, HOUR_MS);
            continue;
          }
          const node = NODES[each];
          const outcome = await nodes[each].claim({ association: fresh, node, ttlMs: HOUR_MS, nowMs });
          if (outcome.type === "claimed") seen.push(`${node.slot} ${outcome.stamp}`);
        }
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen.length).toBe(all.filter((each) => each !== "back").length);
      }),
      { numRuns: 50 },
    );
  });

  it("Knows no better than its copy until an owner of a later stamp is heard", async () => {
    const claimed = await store.claim({ association, node: b, ttlMs: HOUR_MS, nowMs: Date.now() });
    const { stamp, ceiling } = claimed as Extract<typeof claimed, { type: "claimed" }>;
    await raw.flushall();
    await store.restore(association, HOUR_MS);
    expect(await store.reserve(hold)).toMatchObject({ type: "reserved" });
    const later = await store.reserve({ association, node: b, stamp, ceiling, ttlMs: HOUR_MS });
    expect(later).toEqual({ type: "reserved", ceiling: ceiling + 1024 });
    expect(await store.reserve(hold)).toEqual({ type: "stale" });
  });
});

it("A Redis that is away rejects every step with StateUnavailableError", async () => {
  const away = new RedisConnection({ url: "redis://127.0.0.1:1", commandTimeoutMs: 100 });
  const absent = new RedisAssociationStore(away);
  const session = newSession();
  const steps: readonly (() => Promise<unknown>)[] = [
    () => absent.put(association, HOUR_MS),
    () => absent.restore(association, HOUR_MS),
    () => absent.get(device),
    () => absent.findByCid(association.cid as Uint8Array),
    () => absent.findByAddress(association.address),
    () => absent.claim({ association, node: b, ttlMs: HOUR_MS, nowMs: Date.now() }),
    () => absent.reserve(hold),
    () => absent.mark({ ...hold, mark: association.mark, address: association.address }),
    () => absent.remove(association),
    () => absent.putSession(session, HOUR_MS),
    () => absent.getSession(session.id),
    () => absent.removeSession(session.id),
  ];
  try {
    for (const step of steps) await expect(step()).rejects.toThrow(StateUnavailableError);
  } finally {
    await away.close();
  }
});
