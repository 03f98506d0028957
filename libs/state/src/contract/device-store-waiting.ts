import { beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { AcceptOutcome, DeviceRef, DeviceState, DeviceStore, OpenRequest, Owner } from "../device-store.ts";
import { EXPIRY_GRACE_MS, NO_SEC } from "../device-store.ts";
import { ANSWER_MEMORY_MS, MAX_DESIRED_VALUES, OPEN_MEMORY_MS, PAGE_MAX_BYTES } from "../limits.ts";
import { shardOf } from "../shard.ts";
import type { ContractClock } from "./clock.ts";
import { NODES, newDevice, newRegister, openRequestsOf } from "./harness.ts";

/** What waits in the store for a device: its open requests, in order, and its desired values. */
export function describeWaiting(
  stores: () => readonly [DeviceStore, DeviceStore, DeviceStore],
  clock: ContractClock,
): void {
  const [a, b] = NODES;
  let store: DeviceStore;
  let device: DeviceRef;
  beforeEach(() => {
    [store] = stores();
    device = newDevice();
  });
  const open = (requestId: string, expiresAtMs = clock.now() + 30_000): OpenRequest => ({
    requestId,
    request: Uint8Array.of(1, 2, 255),
    contentType: "application/json",
    expiresAtMs,
  });
  const accept = (requestId: string, limit = 100, expiresAtMs?: number, inHand?: number): Promise<AcceptOutcome> =>
    store.accept({ device, open: open(requestId, expiresAtMs), limit, ...(inHand && { inHand }), nowMs: clock.now() });
  const displaced = async (requestId: string, limit: number, inHand?: number): Promise<string[] | string> => {
    const outcome = await accept(requestId, limit, undefined, inHand);
    return outcome.type === "accepted" ? outcome.displaced.map((each) => each.requestId) : outcome.type;
  };
  const finish = (requestId: string): ReturnType<DeviceStore["finish"]> =>
    store.finish({ device, requestId, response: Uint8Array.of(1), nowMs: clock.now() });
  const register = async (): Promise<DeviceState> => (await store.register(newRegister(device, clock.now()))).state;
  const waiting = async (): Promise<readonly string[]> =>
    (await openRequestsOf(store, device)).map(({ requestId }) => requestId);

  describe("what waits: requests", () => {
    it("A device's requests wait in the order of their acceptance, whenever they expire", async () => {
      await accept("first", 100, clock.now() + 90_000);
      await accept("second", 100, clock.now() + 10_000);
      await accept("third", 100, clock.now() + 50_000);
      await accept("first");
      expect(await waiting()).toEqual(["first", "second", "third"]);
      await finish("second");
      await accept("fourth", 100, clock.now() + 1);
      expect(await waiting()).toEqual(["first", "third", "fourth"]);
    });

    it("A request whose memory lapsed and that is asked for again comes last", async () => {
      await accept("early");
      await accept("late", 100, clock.now() + 2 * OPEN_MEMORY_MS);
      clock.pass(30_000 + OPEN_MEMORY_MS);
      expect(await accept("early")).toMatchObject({ type: "accepted" });
      expect(await waiting()).toEqual(["late", "early"]);
    });

    it("An accepted request is told the registration as it is then, and that of nobody where there is none", async () => {
      expect(await accept("r1")).toEqual({ type: "accepted", displaced: [] });
      const state = await register();
      expect(await accept("r2")).toEqual({
        type: "accepted",
        state: { ...state, waiting: { requests: 2, values: 0 } },
        displaced: [],
      });
      clock.pass(300_000 + EXPIRY_GRACE_MS);
      expect(await accept("r3")).toEqual({ type: "accepted", displaced: [] });
    });

    it("Who becomes the owner is told what waits, in the same step", async () => {
      await accept("r1");
      await accept("r2");
      await finish("r1");
      await store.desire({ device, key: "target", value: "21.5", version: 7, writtenMs: 70, nowMs: clock.now() });
      const expected = { waiting: { requests: 1, values: 1 } };
      const request = newRegister(device, clock.now());
      const { registration } = await store.register(request).then(({ state }) => {
        expect(state).toMatchObject(expected);
        return state;
      });
      expect(await store.register(request)).toMatchObject({ type: "repeated", state: expected });
      const { registrationId, peer } = registration;
      const moved = { peer, sender: NO_SEC, node: b, nowMs: clock.now() };
      expect(await store.update({ registrationId, ...moved })).toMatchObject({ type: "updated", state: expected });
      const proof = { type: "registrationId", registrationId } as const;
      expect(await store.claim({ proof, ...moved })).toMatchObject({ type: "owned", state: expected });
      expect(await store.get(device)).toMatchObject(expected);
    });

    it("Register, Deregister, removal and expiry leave what waits", async () => {
      await accept("r1", 100, clock.now() + 3_600_000);
      await store.desire({ device, key: "target", value: "21.5", version: 7, writtenMs: 70, nowMs: clock.now() });
      const { registration } = await register();
      await register();
      const { registrationId } = (await register()).registration;
      expect(registrationId).not.toBe(registration.registrationId);
      await store.deregister({ registrationId, node: a, sender: NO_SEC, nowMs: clock.now() });
      await register();
      await store.remove({ device, reason: "test", nowMs: clock.now() });
      await register();
      clock.pass(300_000 + EXPIRY_GRACE_MS);
      const shard = shardOf(device.tenant, device.endpoint);
      await store.sweep({
        shard,
        node: a,
        outboxAgeMs: 0,
        graceMs: EXPIRY_GRACE_MS,
        limit: 100,
        nowMs: clock.now(),
      });
      expect(await waiting()).toEqual(["r1"]);
      expect(await store.desiredValues(device)).toEqual([{ key: "target", value: "21.5", version: 7, writtenMs: 70 }]);
      expect(await register()).toMatchObject({ waiting: { requests: 1, values: 1 } });
    });

    it("Who passed dispatch is told with the request, by device and by shard", async () => {
      const { registration, owner } = await register();
      const { registrationId, peer } = registration;
      await accept("r1");
      await store.dispatch({ device, requestId: "r1", owner, nowMs: clock.now() });
      await store.update({ registrationId, peer, node: b, sender: NO_SEC, nowMs: clock.now() });
      const shard = shardOf(device.tenant, device.endpoint);
      const { request, ...listed } = {
        device,
        ...open("r1"),
        failFast: false,
        displaced: false,
        dispatchedBy: { slot: a.slot, bootId: a.bootId },
      };
      expect(await store.openRequests({ device, limit: 10 })).toEqual({
        requests: [{ ...listed, request }],
        more: false,
      });
      expect(await store.listOpenRequests({ shard, limit: 10 })).toEqual({ requests: [listed], more: false });
    });

    it("Beyond the limit the oldest request that was not dispatched is displaced, and named until it is finished", async () => {
      const { owner } = await register();
      for (const requestId of ["r1", "r2", "r3"]) expect(await displaced(requestId, 3)).toEqual([]);
      await store.dispatch({ device, requestId: "r1", owner, nowMs: clock.now() });
      expect(await displaced("r4", 3)).toEqual(["r2"]);
      expect(await displaced("r5", 3)).toEqual(["r2", "r3"]);
      const shard = shardOf(device.tenant, device.endpoint);
      const { requests } = await store.listOpenRequests({ shard, limit: 10 });
      expect(requests.map((each) => each.displaced)).toEqual([false, true, true, false, false]);
      await finish("r2");
      await finish("r3");
      expect(await waiting()).toEqual(["r1", "r4", "r5"]);
      expect(await displaced("r4", 3)).toBe("open");
    });

    it("A request that is displaced is not dispatched any more", async () => {
      const { owner } = await register();
      await accept("r1", 1);
      const outcome = await accept("r2", 1);
      const { request: _, ...listed } = open("r1");
      expect(outcome).toMatchObject({ displaced: [{ ...listed, device, displaced: true }] });
      expect(await store.dispatch({ device, requestId: "r1", owner, nowMs: clock.now() })).toEqual({
        type: "finished",
      });
      expect(await finish("r1")).toMatchObject({ type: "won" });
    });

    it("The first requests, which a node may have in hand, are not displaced", async () => {
      const { owner } = await register();
      for (const requestId of ["sent", "r1", "r2", "r3", "r4"]) expect(await displaced(requestId, 5, 2)).toEqual([]);
      await store.dispatch({ device, requestId: "sent", owner, nowMs: clock.now() });
      expect(await displaced("r5", 5, 2)).toEqual(["r3"]);
      await finish("sent");
      await finish("r1");
      await finish("r2");
      // One that is displaced is in nobody's hand.
      expect(await displaced("r6", 3, 2)).toEqual(["r3"]);
      await finish("r3");
      expect(await displaced("r7", 3, 2)).toEqual(["r6"]);
    });

    it("When all open requests were dispatched or may be in hand, another is displaced itself", async () => {
      const { owner } = await register();
      await accept("r1", 2);
      await accept("r2", 2);
      await store.dispatch({ device, requestId: "r2", owner, nowMs: clock.now() });
      expect(await displaced("r3", 2, 1)).toBe("full");
      expect(await accept("r3")).toMatchObject({ type: "open", open: { displaced: true } });
      expect(await store.dispatch({ device, requestId: "r3", owner, nowMs: clock.now() })).toEqual({
        type: "finished",
      });
      await finish("r2");
      expect(await displaced("r4", 2, 1)).toEqual(["r3"]);
      expect(await finish("r3")).toMatchObject({ type: "won" });
      expect(await accept("r3")).toMatchObject({ type: "finished" });
    });

    it("What lapsed unanswered takes no place, whenever it was accepted", async () => {
      await accept("r1", 2, clock.now() + 2 * OPEN_MEMORY_MS);
      await accept("r2", 2);
      clock.pass(30_000 + OPEN_MEMORY_MS);
      expect(await displaced("r3", 2)).toEqual([]);
      expect(await waiting()).toEqual(["r1", "r3"]);
    });

    it("The open requests of a shard are listed page by page", async () => {
      for (let i = 0; i < 5; i++) await accept(`r${i}`, 100, clock.now() + 1_000 + i);
      const shard = shardOf(device.tenant, device.endpoint);
      const page = async (offset: number): Promise<unknown[]> => {
        const { requests, more } = await store.listOpenRequests({ shard, limit: 2, offset });
        return [...requests.map(({ requestId }) => requestId), more];
      };
      expect([await page(0), await page(2), await page(3), await page(4), await page(6)]).toEqual([
        ["r0", "r1", true],
        ["r2", "r3", true],
        ["r3", "r4", false],
        ["r4", false],
        [false],
      ]);
    });

    it("A request that is accepted long after its expiry is listed as one that expires now", async () => {
      await accept("early", 100, clock.now() - 2 * OPEN_MEMORY_MS);
      await accept("late");
      const shard = shardOf(device.tenant, device.endpoint);
      const { requests } = await store.listOpenRequests({ shard, limit: 9 });
      expect(requests.map(({ requestId }) => requestId)).toEqual(["early", "late"]);
    });

    it("Requests that lapsed unanswered do not end the list of their shard early", async () => {
      for (let i = 0; i < 3; i++) await accept(`lapsed-${i}`, 100, clock.now());
      for (let i = 0; i < 3; i++) await accept(`r${i}`, 100, clock.now() + 1 + i);
      clock.pass(OPEN_MEMORY_MS);
      const shard = shardOf(device.tenant, device.endpoint);
      const listed: string[] = [];
      for (let more = true; more; ) {
        const page = await store.listOpenRequests({ shard, limit: 2, offset: listed.length });
        listed.push(...page.requests.map(({ requestId }) => requestId));
        more = page.more;
      }
      expect(listed).toEqual(["r0", "r1", "r2"]);
    });

    it("The requests of a device are handed over page by page, in order, behind one that is open", async () => {
      for (let i = 0; i < 5; i++) await accept(`r${i}`);
      const page = async (after?: string): Promise<unknown[]> => {
        const { requests, more } = await store.openRequests({ device, limit: 2, ...(after && { after }) });
        return [...requests.map(({ requestId }) => requestId), more];
      };
      expect([await page(), await page("r1"), await page("r2"), await page("r3"), await page("r4")]).toEqual([
        ["r0", "r1", true],
        ["r2", "r3", true],
        ["r3", "r4", false],
        ["r4", false],
        [false],
      ]);
      await finish("r1");
      expect(await page("r1")).toEqual(["r0", "r2", true]);
    });

    it("Large requests are handed over few at a time, one at least", async () => {
      const request = new Uint8Array(PAGE_MAX_BYTES / 2 + 1);
      const acceptLarge = async (requestId: string, bytes: Uint8Array): Promise<void> =>
        void (await store.accept({
          device,
          open: { ...open(requestId), request: bytes },
          limit: 100,
          nowMs: clock.now(),
        }));
      for (let i = 0; i < 3; i++) await acceptLarge(`r${i}`, request);
      await acceptLarge("largest", new Uint8Array(2 ** 20).fill(255));
      await accept("small");
      const page = async (after?: string): Promise<readonly [number, boolean][]> => {
        const { requests, more } = await store.openRequests({ device, limit: 10, ...(after && { after }) });
        return requests.map((each) => [each.request.length, more]);
      };
      expect(await page()).toEqual([
        [request.length, true],
        [request.length, true],
      ]);
      expect(await page("r2")).toEqual([[2 ** 20, true]]);
      expect(await page("largest")).toEqual([[3, false]]);
    });

    it("Whatever is accepted, dispatched, finished or forgotten, the requests wait as a plain list would have them", async () => {
      await fc.assert(
        fc.asyncProperty(fc.commands(queueCommands, { size: "+1" }), async (commands) => {
          const target = newDevice();
          const { owner } = (await store.register(newRegister(target, clock.now()))).state;
          const model: QueueModel = { requests: [] };
          await fc.asyncModelRun(() => ({ model, real: { store, device: target, owner, clock } }), commands);
        }),
        { numRuns: 100 },
      );
    });
  });

  describe("what waits: desired values", () => {
    const desire = (
      key: string,
      value: string | undefined,
      version: number,
      writtenMs: number = 10 * version,
    ): ReturnType<DeviceStore["desire"]> =>
      store.desire({ device, key, value, version, writtenMs, nowMs: clock.now() });
    const fulfil = (
      key: string,
      version: number,
      writtenMs: number = 10 * version,
    ): ReturnType<DeviceStore["fulfil"]> => store.fulfil({ device, key, version, writtenMs, nowMs: clock.now() });

    it("A desired value waits until it is fulfilled, and its record's repeat is older then too", async () => {
      expect(await desire("target", "21.5", 7)).toEqual({ type: "stored" });
      expect(await desire("target", "21.5", 7)).toEqual({ type: "older" });
      expect(await store.desiredValues(device)).toEqual([{ key: "target", value: "21.5", version: 7, writtenMs: 70 }]);
      expect(await fulfil("target", 7)).toEqual({ type: "done" });
      expect(await fulfil("target", 7)).toEqual({ type: "done" });
      expect(await store.desiredValues(device)).toEqual([]);
      expect(await desire("target", "21.5", 7)).toEqual({ type: "older" });
      expect(await desire("target", "21.5", 8)).toEqual({ type: "stored" });
    });

    it("A newer version replaces the value, and what fulfils the older one does not fulfil it", async () => {
      await desire("target", "21", 7);
      await desire("target", "22", 9);
      expect(await desire("target", "21.5", 8)).toEqual({ type: "older" });
      expect(await fulfil("target", 7)).toEqual({ type: "newer" });
      expect(await store.desiredValues(device)).toEqual([{ key: "target", value: "22", version: 9, writtenMs: 90 }]);
    });

    it("A value that is withdrawn waits no longer, and its version stays", async () => {
      await desire("target", "21", 7);
      expect(await desire("target", undefined, 8)).toEqual({ type: "stored" });
      expect(await store.desiredValues(device)).toEqual([]);
      expect(await fulfil("target", 7)).toEqual({ type: "newer" });
      expect(await desire("target", "21", 7)).toEqual({ type: "older" });
    });

    it("A later offset is newer though its producer's clock is behind; a later time is newer though its topic was made anew", async () => {
      await desire("target", "21", 7, 1_000);
      expect(await desire("target", "22", 8, 900)).toEqual({ type: "stored" });
      expect(await desire("target", "21", 7, 900)).toEqual({ type: "older" });
      expect(await desire("target", "23", 0, 2_000)).toEqual({ type: "stored" });
      expect(await desire("target", "23", 0, 2_000)).toEqual({ type: "older" });
      expect(await fulfil("target", 8, 900)).toEqual({ type: "newer" });
      expect(await store.desiredValues(device)).toEqual([{ key: "target", value: "23", version: 0, writtenMs: 2_000 }]);
      expect(await fulfil("target", 0, 2_000)).toEqual({ type: "done" });
    });

    it("The oldest version comes first", async () => {
      await desire("b", "1", 3);
      await desire("c", "{}", 1);
      await desire("a", '"größe"', 2);
      const values = await store.desiredValues(device);
      expect(values.map(({ key, value }) => [key, value])).toEqual([
        ["c", "{}"],
        ["a", '"größe"'],
        ["b", "1"],
      ]);
    });

    it("Who desires is told the registration, also of a repeat: so the owner hears of it though the first who asked died", async () => {
      const state = await register();
      const expected = { state: { ...state, waiting: { requests: 0, values: 1 } } };
      expect(await desire("target", "21", 7)).toEqual({ type: "stored", ...expected });
      expect(await desire("target", "21", 7)).toEqual({ type: "older", ...expected });
    });

    it("A device has room for so many keys; a value that is there can change, and what is fulfilled makes room", async () => {
      for (let i = 0; i < MAX_DESIRED_VALUES; i++) await desire(`key-${i}`, "1", i);
      expect(await desire("one-more", "1", 100)).toEqual({ type: "full" });
      expect(await desire("key-3", "2", 101)).toEqual({ type: "stored" });
      expect(await desire("unheard-of", undefined, 102)).toEqual({ type: "stored" });
      await fulfil("key-5", 5);
      expect(await desire("one-more", "1", 100)).toEqual({ type: "stored" });
      expect(await desire("another", "1", 103)).toEqual({ type: "full" });
      expect(await store.desiredValues(device)).toHaveLength(MAX_DESIRED_VALUES);
    });

    it("However many keys come and go, the versions of the last ones are remembered", async () => {
      for (let i = 0; i < MAX_DESIRED_VALUES + 10; i++) {
        await desire(`key-${i}`, "1", i);
        await fulfil(`key-${i}`, i);
      }
      expect(await desire(`key-${10}`, "1", 10)).toMatchObject({ type: "older" });
      expect(await desire(`key-${MAX_DESIRED_VALUES + 9}`, "1", 0)).toMatchObject({ type: "older" });
    });

    it("In whatever order and how often records come, the newest version of a key counts", async () => {
      const step = fc.record({
        type: fc.constantFrom("desire", "withdraw", "fulfil"),
        key: fc.constantFrom("a", "b", "__proto__"),
        version: fc.nat(6),
        writtenMs: fc.nat(2),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
          const target = newDevice();
          const versions = new Map<string, { readonly version: number; readonly writtenMs: number }>();
          const values = new Map<string, string>();
          for (const { type, key, version, writtenMs } of steps) {
            const last = versions.get(key) ?? { version: -1, writtenMs: -1 };
            const request = { device: target, key, version, writtenMs, nowMs: clock.now() };
            if (type === "fulfil") {
              const newer = last.version > version || last.writtenMs > writtenMs;
              expect(await store.fulfil(request)).toEqual({ type: newer ? "newer" : "done" });
              if (!newer) values.delete(key);
              if (!newer) versions.set(key, { version, writtenMs });
              continue;
            }
            const value = type === "withdraw" ? undefined : `"${version}"`;
            const older = last.version >= version && last.writtenMs >= writtenMs;
            expect(await store.desire({ ...request, value })).toEqual({ type: older ? "older" : "stored" });
            if (older) continue;
            versions.set(key, { version, writtenMs });
            if (value === undefined) values.delete(key);
            else values.set(key, value);
          }
          const stored = await store.desiredValues(target);
          expect(new Map(stored.map(({ key, value }) => [key, value]))).toEqual(values);
          for (const { key, version, writtenMs } of stored) expect({ version, writtenMs }).toEqual(versions.get(key));
        }),
        { numRuns: 50 },
      );
    });
  });
}

interface ModelRequest {
  readonly id: string;
  readonly expiresAtMs: number;
  untilMs: number;
  dispatched: boolean;
  displaced: boolean;
  finished: boolean;
}

/** All requests that are remembered, in order of acceptance. */
interface QueueModel {
  requests: ModelRequest[];
}

interface QueueReal {
  readonly store: DeviceStore;
  readonly device: DeviceRef;
  readonly owner: Owner;
  readonly clock: ContractClock;
}

type QueueCommand = fc.AsyncCommand<QueueModel, QueueReal>;

const LIMIT = 3;
const IN_HAND = 1;

function command(text: string, run: (model: QueueModel, real: QueueReal) => Promise<void>): QueueCommand {
  return {
    check: () => true,
    run: async (model, real) => {
      model.requests = model.requests.filter(({ untilMs }) => real.clock.now() < untilMs);
      await run(model, real);
      model.requests = model.requests.filter(({ untilMs }) => real.clock.now() < untilMs);
      const { slot, bootId } = real.owner;
      const stored = await openRequestsOf(real.store, real.device);
      expect(stored.map(({ requestId, dispatchedBy }) => ({ requestId, dispatchedBy }))).toEqual(
        openOf(model).map(({ id, dispatched }) => ({
          requestId: id,
          dispatchedBy: dispatched ? { slot, bootId } : undefined,
        })),
      );
    },
    toString: () => text,
  };
}

function openOf(model: QueueModel): ModelRequest[] {
  return model.requests.filter(({ finished }) => !finished);
}

const requestIds = fc.constantFrom("a", "b", "c", "d", "e", "f");

const queueCommands = [
  fc.record({ id: requestIds, expiryMs: fc.constantFrom(0, 1_000, 2 * OPEN_MEMORY_MS) }).map(({ id, expiryMs }) =>
    command(`accept ${id} for ${expiryMs} ms`, async (model, { store, device, clock }) => {
      const expiresAtMs = clock.now() + expiryMs;
      const open = { requestId: id, request: new Uint8Array(), contentType: "application/json", expiresAtMs };
      const outcome = await store.accept({ device, open, limit: LIMIT, inHand: IN_HAND, nowMs: clock.now() });
      const known = model.requests.find((request) => request.id === id);
      if (known !== undefined) {
        expect(outcome.type).toBe(known.finished ? "finished" : "open");
        return;
      }
      const excess = openOf(model).length + 1 - LIMIT;
      const notSent = openOf(model).filter(({ dispatched }) => !dispatched);
      const inHand = notSent.filter((each) => !each.displaced).slice(0, IN_HAND);
      const leave = excess > 0 ? notSent.filter((each) => !inHand.includes(each)) : [];
      const full = excess > 0 && leave.length === 0;
      for (const each of leave.slice(0, excess)) each.displaced = true;
      const untilMs = expiresAtMs + OPEN_MEMORY_MS;
      model.requests.push({ id, expiresAtMs, untilMs, dispatched: false, displaced: full, finished: false });
      if (full) {
        expect(outcome).toEqual({ type: "full" });
        return;
      }
      expect(outcome).toMatchObject({
        type: "accepted",
        displaced: leave.slice(0, excess).map((each) => ({ requestId: each.id })),
      });
    }),
  ),
  requestIds.map((id) =>
    command(`dispatch ${id}`, async (model, { store, device, owner, clock }) => {
      const outcome = await store.dispatch({ device, requestId: id, owner, nowMs: clock.now() });
      const known = model.requests.find((request) => request.id === id);
      if (known === undefined) expect(outcome.type).toBe("stale");
      else if (known.finished || known.displaced) expect(outcome.type).toBe("finished");
      else expect(outcome.type).toBe(known.dispatched ? "dispatched" : "go");
      if (outcome.type === "go" && known !== undefined) known.dispatched = true;
    }),
  ),
  requestIds.map((id) =>
    command(`finish ${id}`, async (model, { store, device, clock }) => {
      const response = Uint8Array.of(1);
      const outcome = await store.finish({ device, requestId: id, response, nowMs: clock.now() });
      const known = model.requests.find((request) => request.id === id);
      expect(outcome.type).toBe(known === undefined ? "unknown" : known.finished ? "lost" : "won");
      if (known === undefined || known.finished) return;
      known.finished = true;
      known.untilMs = Math.max(known.expiresAtMs, clock.now()) + ANSWER_MEMORY_MS;
    }),
  ),
  fc
    .constantFrom(1_000, ANSWER_MEMORY_MS, OPEN_MEMORY_MS)
    .map((ms) => command(`${ms} ms pass`, async (_, { clock }) => void clock.pass(ms))),
];
