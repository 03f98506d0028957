import { lwm2m, toSafeNumber } from "@ferry/proto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import {
  type DeviceRef,
  type DeviceState,
  type DeviceStore,
  EXPIRY_GRACE_MS,
  NO_SEC,
  type OutboxEntry,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
  type SweepOutcome,
  type UpdateRequest,
} from "../device-store.ts";
import { ANSWER_MEMORY_MS, OPEN_MEMORY_MS, REGISTER_MEMORY_MS, SWEEP_LEASE_MS } from "../limits.ts";
import { shardOf } from "../shard.ts";
import { describeOwnership } from "./device-store-ownership.ts";
import { describePeers } from "./device-store-peers.ts";
import { describeRestore } from "./device-store-restore.ts";
import { describeSenders } from "./device-store-senders.ts";
import { describeWaiting } from "./device-store-waiting.ts";
import { NODES, newDevice, newObservation, newRegister, newRegistrationId, openRequestsOf } from "./harness.ts";

/** A store as three nodes see it. */
export interface DeviceStoreHarness {
  readonly stores: readonly [DeviceStore, DeviceStore, DeviceStore];
  /** Loses all contents, as a store that is emptied does. */
  wipe(): Promise<void>;
  stop(): Promise<void>;
}

/** Every promise of `DeviceStore`. `open` gets the clock that the store takes for its own where that is not behind. */
export function describeDeviceStore(name: string, open: (now: () => number) => Promise<DeviceStoreHarness>): void {
  describe(name, () => {
    // Ahead of the store's own clock, so that the tests decide what time it is.
    let nowMs = Date.now() + 3_600_000;
    const now = (): number => nowMs;
    const pass = (ms: number): number => {
      nowMs += ms;
      return nowMs;
    };
    let harness: DeviceStoreHarness;
    let store: DeviceStore;
    beforeAll(async () => {
      harness = await open(now);
    });
    beforeEach(async () => {
      pass(1_000);
      await harness.wipe();
      store = harness.stores[0];
    });
    afterAll(() => harness?.stop());

    const [a, b, c] = NODES;
    const register = async (
      device: DeviceRef = newDevice(),
      changes: Partial<RegisterRequest> = {},
      registration: Partial<Registration> = {},
    ): Promise<Extract<RegisterOutcome, { type: "registered" }>> => {
      const outcome = await store.register(newRegister(device, nowMs, changes, registration));
      if (outcome.type !== "registered") throw new TypeError("a new datagram is not a repeat");
      return outcome;
    };
    const outboxOf = async (device: DeviceRef): Promise<readonly OutboxEntry[]> => {
      const shard = shardOf(device.tenant, device.endpoint);
      const outcome = await store.sweep({ ...SWEEP, shard, node: a, nowMs });
      return outcome.type === "swept" ? outcome.outbox : [];
    };
    const sweep = (
      device: DeviceRef,
      changes: Partial<Parameters<DeviceStore["sweep"]>[0]> = {},
    ): Promise<SweepOutcome> =>
      store.sweep({ ...SWEEP, shard: shardOf(device.tenant, device.endpoint), node: a, nowMs, ...changes });

    describe("register", () => {
      it("A Register is answered with the registration, its owner and the observations that are about to be made", async () => {
        const device = newDevice();
        const observations = [newObservation(device, "/3/0/9"), { ...newObservation(device), contentFormat: 112 }];
        const request = newRegister(
          device,
          nowMs,
          { observations, node: c },
          {
            smsNumber: "+491234",
            additionalParameters: { foo: "bar" },
            queueMode: true,
            bindingMode: "UQ",
            power: { mode: "PSM", psmActivityTimerMs: 20_000 },
          },
        );
        const outcome = await store.register(request);
        expect(outcome).toMatchObject({ type: "registered" });
        const { state } = outcome;
        expect(state.registration).toEqual({
          ...request.registration,
          generation: nowMs,
          registeredAtMs: nowMs,
          updatedAtMs: nowMs,
          expiresAtMs: nowMs + 300_000,
        });
        expect(state.owner).toEqual({ ...c, epoch: nowMs * 256 + 63 });
        expect(byPath(state)).toEqual(byPath({ observations }));
        expect(state.lastSeenMs).toBe(nowMs);
        expect(state.waiting).toEqual(NOTHING_WAITS);
        expect(state.firstMessageId).toBeLessThan(0x10000);
        expect(await store.get(device)).toEqual(state);
      });

      it("The same datagram within 247 s gets the same Location on any node", async () => {
        const device = newDevice();
        const request = newRegister(device, nowMs);
        const first = await store.register(request);
        const repeat = { ...request, node: b, nowMs: pass(REGISTER_MEMORY_MS - 1) };
        repeat.registration = { ...request.registration, registrationId: newRegistrationId(device) };
        expect(await harness.stores[1].register(repeat)).toEqual({ type: "repeated", state: first.state });
      });

      it("The same digest after 247 s is another Register", async () => {
        const device = newDevice();
        const first = await register(device, { digest: "same" });
        pass(REGISTER_MEMORY_MS);
        const second = await register(device, { digest: "same" });
        expect(second.replaced?.registration).toEqual(first.state.registration);
      });

      it("A Register replaces the device's registration: old id and observations are unknown, and all is told", async () => {
        const device = newDevice();
        const observation = newObservation(device);
        const first = await register(device, { observations: [observation] });
        const { registrationId } = first.state.registration;
        const second = await register(device, { node: b });
        expect(second.replaced).toEqual({ registration: first.state.registration, owner: first.state.owner });
        expect(second.state.registration.generation).toBeGreaterThan(first.state.registration.generation);
        expect(second.state.owner.epoch).toBeGreaterThan(first.state.owner.epoch);
        expect(second.state.firstMessageId).toBe((first.state.firstMessageId + 256) % 0x10000);
        expect(second.state.observations).toEqual([]);
        for (const proof of [
          { type: "registrationId", registrationId },
          { type: "token", token: observation.token },
        ] as const) {
          expect(await store.claim({ proof, peer: "192.0.2.9:1", node: c, sender: NO_SEC, nowMs })).toEqual({
            type: "notFound",
          });
        }
        expect(await store.update({ registrationId, peer: "192.0.2.9:1", node: c, sender: NO_SEC, nowMs })).toEqual({
          type: "notFound",
        });
        const records = (await outboxOf(device)).map(lifecycleOf);
        expect(records.map(({ replacedRegistrationId }) => replacedRegistrationId)).toEqual(["", registrationId]);
      });

      it("Generation and epoch grow across a lost store and a clock that lags", async () => {
        const device = newDevice();
        const first = await register(device);
        await harness.wipe();
        pass(1);
        const second = await register(device);
        const third = await store.register(newRegister(device, nowMs - 3_000));
        await store.remove({ device, reason: "test", nowMs });
        const fourth = await store.register(newRegister(device, nowMs - 5_000));
        const states = [first, second, third, fourth].map(({ state }) => state);
        expectIncreasing(states.map(({ registration }) => registration.generation));
        expectIncreasing(states.map(({ owner }) => owner.epoch));
      });

      it("A registration that ended leaves a mark that a clock behind cannot undercut", async () => {
        const device = newDevice();
        const first = await store.register(newRegister(device, nowMs + 60_000, { node: b }));
        await store.remove({ device, reason: "test", nowMs });
        const second = await register(device);
        expect(second.state.registration.generation).toBeGreaterThan(first.state.registration.generation);
        expect(second.state.owner.epoch).toBeGreaterThan(first.state.owner.epoch);
      });

      it.each(["with/slash", "with:colon", "with space", "{brace}", "größe-🔥", "a".repeat(300)])(
        "An endpoint may be called %j",
        async (endpoint) => {
          const device = newDevice(endpoint);
          const observation = newObservation(device);
          const { state } = await register(device, { observations: [observation] });
          expect(state.registration.endpoint).toBe(endpoint);
          const proof = { type: "token", token: observation.token } as const;
          expect(await store.claim({ proof, peer: "192.0.2.1:5683", node: a, sender: NO_SEC, nowMs })).toMatchObject({
            type: "owned",
          });
          expect((await outboxOf(device)).map((entry) => entry.device)).toEqual([device]);
          expect(await store.remove({ device, reason: "test", nowMs })).toMatchObject({ type: "deregistered" });
        },
      );

      it("Devices of two tenants with one endpoint name are two devices", async () => {
        const first = await register(newDevice("same", "one"));
        const second = await register(newDevice("same", "two"));
        expect(second.replaced).toBeUndefined();
        expect(await store.get({ tenant: "one", endpoint: "same" })).toEqual(first.state);
      });
    });

    describe("update", () => {
      it("An Update keeps what it does not name and starts the lifetime anew", async () => {
        const device = newDevice();
        const observations = [newObservation(device)];
        const { state } = await register(device, { observations });
        const { registrationId } = state.registration;
        pass(200_000);
        const outcome = await store.update({ registrationId, peer: "192.0.2.1:5683", node: a, sender: NO_SEC, nowMs });
        expect(outcome).toEqual({
          type: "updated",
          state: {
            ...state,
            registration: { ...state.registration, updatedAtMs: nowMs, expiresAtMs: nowMs + 300_000 },
            lastSeenMs: nowMs,
          },
          changes: [],
          outboxId: expect.any(String),
        });
        expect(await store.get(device)).toEqual(outcome.type === "updated" && outcome.state);
      });

      it("An Update changes what it names", async () => {
        const { state } = await register();
        const { registrationId } = state.registration;
        const changes = {
          lifetimeS: 60,
          bindingMode: "UQ",
          smsNumber: "+49",
          objectLinks: "</1/0>",
          peer: "[2001:db8::1]:5683",
        };
        const outcome = await store.update({ registrationId, ...changes, node: a, sender: NO_SEC, nowMs });
        expect(outcome).toMatchObject({
          state: { registration: { ...changes, queueMode: false, expiresAtMs: nowMs + 60_000 } },
        });
      });

      it("An Update says what it changed, and so does its copy from the outbox", async () => {
        const device = newDevice();
        const { state } = await register(device);
        const { registrationId, peer, objectLinks } = state.registration;
        const update = async (request: Partial<UpdateRequest>): Promise<unknown> => {
          pass(1);
          const outcome = await store.update({ registrationId, peer, ...request, node: a, sender: NO_SEC, nowMs });
          return outcome.type === "updated" && outcome.changes;
        };
        // What is named and is as before is no change.
        expect(await update({ lifetimeS: 300, bindingMode: "U", objectLinks })).toEqual([]);
        expect(await update({ lifetimeS: 60, smsNumber: "+49" })).toEqual(["lifetime", "sms"]);
        const rest = { bindingMode: "UQ", objectLinks: "</1/0>", peer: "192.0.2.9:1" };
        expect(await update(rest)).toEqual(["binding", "objects", "peer"]);
        expect(await update({})).toEqual(["peer"]);
        const told = (await outboxOf(device)).map((entry) => lifecycleOf(entry).changes);
        expect(told).toEqual([[], [], ["lifetime", "sms"], ["binding", "objects", "peer"], ["peer"]]);
      });

      it("The binding mode says whether a device of LwM2M 1.0 uses queue mode", async () => {
        const { state } = await register(newDevice(), {}, { lwm2mVersion: "1.0" });
        const { registrationId, peer } = state.registration;
        const outcome = await store.update({ registrationId, bindingMode: "UQ", peer, node: a, sender: NO_SEC, nowMs });
        expect(outcome).toMatchObject({ state: { registration: { queueMode: true } } });
      });

      it("An Update at another node moves the device there in the same step", async () => {
        const device = newDevice();
        const { state } = await register(device, { observations: [newObservation(device)] });
        const { registrationId, peer } = state.registration;
        const outcome = await harness.stores[1].update({ registrationId, peer, node: b, sender: NO_SEC, nowMs });
        expect(outcome).toMatchObject({
          type: "updated",
          previousOwner: state.owner,
          state: {
            owner: { ...b, epoch: (nowMs + 1) * 256 + 1 },
            observations: state.observations,
            firstMessageId: (state.firstMessageId + 256) % 0x10000,
          },
        });
      });

      it("An Update revives a registration that lapsed and was not swept", async () => {
        const device = newDevice();
        const { state } = await register(device);
        const { registrationId, peer } = state.registration;
        pass(300_000 + 10 * EXPIRY_GRACE_MS);
        expect(await store.get(device)).toBeUndefined();
        expect(await store.update({ registrationId, peer, node: a, sender: NO_SEC, nowMs })).toMatchObject({
          type: "updated",
        });
        expect(await sweep(device)).toMatchObject({ expired: [] });
        expect(await store.get(device)).toBeDefined();
      });

      it.each(["", "unknown", "AAAAAAAAAAAAAA", "..............", "AAAAAAAAAAAAAAA"])(
        "An Update of a registration id that is not stored (%j) is notFound",
        async (registrationId) => {
          expect(
            await store.update({ registrationId, peer: "192.0.2.1:5683", node: a, sender: NO_SEC, nowMs }),
          ).toEqual({
            type: "notFound",
          });
        },
      );
    });

    describe("deregister and remove", () => {
      it("A Deregister ends the registration with its id and observations; its repeat finds nothing", async () => {
        const device = newDevice();
        const observation = newObservation(device);
        const { state } = await register(device, { observations: [observation] });
        const { registrationId } = state.registration;
        const outcome = await store.deregister({ registrationId, node: a, sender: NO_SEC, nowMs });
        const { registration, owner } = state;
        expect(outcome).toEqual({ type: "deregistered", registration, owner, outboxId: expect.any(String) });
        expect(await store.get(device)).toBeUndefined();
        expect(await store.deregister({ registrationId, node: a, sender: NO_SEC, nowMs })).toEqual({
          type: "notFound",
        });
        const proof = { type: "token", token: observation.token } as const;
        expect(await store.claim({ proof, peer: "192.0.2.1:5683", node: a, sender: NO_SEC, nowMs })).toEqual({
          type: "notFound",
        });
      });

      it("An operator's removal tells its reason", async () => {
        const device = newDevice();
        await register(device);
        expect(await store.remove({ device, reason: "sold", nowMs })).toMatchObject({ type: "deregistered" });
        expect(await store.remove({ device, reason: "sold", nowMs })).toEqual({ type: "notFound" });
        const records = (await outboxOf(device)).map(lifecycleOf);
        expect(records.map(({ event, reason }) => ({ event, reason }))).toEqual([
          { event: lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_REGISTERED, reason: "" },
          { event: lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_DEREGISTERED, reason: "sold" },
        ]);
      });
    });

    describe("claim", () => {
      it.each(["registrationId", "token"] as const)(
        "A node that shows a proof by %s becomes the owner; shown again, it was already",
        async (type) => {
          const device = newDevice();
          const observation = newObservation(device);
          const { state } = await register(device, { observations: [observation] });
          const { registrationId } = state.registration;
          const proof = {
            registrationId: { type: "registrationId", registrationId },
            token: { type: "token", token: observation.token },
          } as const;
          const request = {
            proof: proof[type],
            sender: NO_SEC,
            peer: "198.51.100.7:40000",
            node: b,
            nowMs: pass(1_000),
          };
          const claimed = await harness.stores[1].claim(request);
          expect(claimed).toEqual({
            type: "claimed",
            state: {
              registration: { ...state.registration, peer: "198.51.100.7:40000" },
              owner: { ...b, epoch: nowMs * 256 + 1 },
              observations: state.observations,
              firstMessageId: (state.firstMessageId + 256) % 0x10000,
              lastSeenMs: nowMs,
              waiting: NOTHING_WAITS,
            },
            previousOwner: state.owner,
          });
          const again = await harness.stores[1].claim({ ...request, nowMs: pass(1_000) });
          expect(again).toEqual({
            type: "owned",
            state: { ...(claimed.type === "claimed" && claimed.state), lastSeenMs: nowMs },
          });
        },
      );

      it("Another life of the same slot is another owner", async () => {
        const { state } = await register();
        const { registrationId, peer } = state.registration;
        const node = { slot: a.slot, bootId: "00000000000000ff" };
        const proof = { type: "registrationId", registrationId } as const;
        const outcome = await store.claim({ proof, peer, node, sender: NO_SEC, nowMs });
        expect(outcome).toMatchObject({ type: "claimed", previousOwner: state.owner, state: { owner: node } });
        expect(outcome.type === "claimed" && outcome.state.owner.epoch).toBeGreaterThan(state.owner.epoch);
      });

      it("The first Message ID wraps around at 65536", async () => {
        const { state } = await register();
        const { registrationId, peer } = state.registration;
        const proof = { type: "registrationId", registrationId } as const;
        for (let i = 1; i <= 256; i++) {
          const outcome = await store.claim({
            proof,
            peer,
            node: NODES[i % 2] as (typeof NODES)[0],
            sender: NO_SEC,
            nowMs,
          });
          expect(outcome).toMatchObject({ state: { firstMessageId: (state.firstMessageId + i * 256) % 0x10000 } });
        }
      });

      it("The token of an observation that was removed proves nothing, nor does another kind of token", async () => {
        const device = newDevice();
        const observation = newObservation(device);
        const { state } = await register(device, { observations: [observation] });
        await store.observe({ device, owner: state.owner, add: [], remove: [observation.token] });
        for (const token of [observation.token, new Uint8Array(8), new Uint8Array([1, 2, 3]), new Uint8Array(0)]) {
          const proof = { type: "token", token } as const;
          expect(await store.claim({ proof, peer: "192.0.2.1:1", node: b, sender: NO_SEC, nowMs })).toEqual({
            type: "notFound",
          });
        }
      });

      it("A registration may be claimed until the grace after its lifetime is over", async () => {
        const { state } = await register();
        const { registrationId, peer, expiresAtMs } = state.registration;
        const proof = { type: "registrationId", registrationId } as const;
        nowMs = expiresAtMs + EXPIRY_GRACE_MS - 1;
        expect(await store.claim({ proof, peer, node: b, sender: NO_SEC, nowMs })).toMatchObject({ type: "claimed" });
        pass(1);
        expect(await store.claim({ proof, peer, node: a, sender: NO_SEC, nowMs })).toEqual({ type: "notFound" });
      });
    });

    describe("release and observe", () => {
      it("After a release nobody has the device, and the next claim takes it", async () => {
        const device = newDevice();
        const { state } = await register(device);
        const { owner, registration } = state;
        expect(await store.release({ device, owner })).toEqual({ type: "done" });
        expect(await store.release({ device, owner })).toEqual({ type: "done" });
        expect(await store.get(device)).toMatchObject({ owner: { bootId: "", epoch: owner.epoch } });
        expect(await store.observe({ device, owner, add: [], remove: [] })).toMatchObject({ type: "stale" });
        const proof = { type: "registrationId", registrationId: registration.registrationId } as const;
        const claimed = await store.claim({ proof, peer: "192.0.2.1:1", node: a, sender: NO_SEC, nowMs });
        expect(claimed).toMatchObject({ type: "claimed", previousOwner: { bootId: "" } });
      });

      it("A stale epoch is refused and told the owner; of a device that is gone there is none", async () => {
        const device = newDevice();
        const { state } = await register(device);
        const { registrationId, peer } = state.registration;
        const stale = state.owner;
        const moved = await store.update({ registrationId, peer, node: b, sender: NO_SEC, nowMs });
        const owner = moved.type === "updated" ? moved.state.owner : stale;
        const add = [newObservation(device)];
        expect(await store.observe({ device, owner: stale, add, remove: [] })).toEqual({ type: "stale", owner });
        expect(await store.release({ device, owner: stale })).toEqual({ type: "stale", owner });
        expect(await store.get(device)).toMatchObject({ owner, observations: [] });
        await store.deregister({ registrationId, node: b, sender: NO_SEC, nowMs });
        expect(await store.observe({ device, owner, add, remove: [] })).toEqual({ type: "stale", owner: undefined });
        expect(await store.release({ device, owner })).toEqual({ type: "stale", owner: undefined });
      });

      it("Observations are added, changed and removed in one step, and again without harm", async () => {
        const device = newDevice();
        const gone = newObservation(device, "/3/0/9");
        const { state } = await register(device, { observations: [gone] });
        const composite = {
          ...newObservation(device),
          paths: ["/3/0/9", "/3303/0/5700", "/3304/0"],
          source: "rpc" as const,
        };
        const plain = { ...newObservation(device, "/1/0/1"), contentFormat: 0 };
        const cancelled = { ...gone, source: "cancelled" as const };
        const request = { device, owner: state.owner, add: [composite, plain, cancelled], remove: [gone.token] };
        expect(await store.observe(request)).toEqual({ type: "done" });
        expect(await store.observe(request)).toEqual({ type: "done" });
        const stored = await store.get(device);
        expect(stored && byPath(stored)).toEqual(byPath({ observations: [composite, plain, cancelled] }));
      });
    });

    describe("requests", () => {
      const open = (requestId = "r1", expiresAtMs = nowMs + 30_000): Parameters<DeviceStore["accept"]>[0]["open"] => ({
        requestId,
        request: Uint8Array.of(1, 2, 255),
        contentType: "application/json",
        expiresAtMs,
      });
      const response = Uint8Array.of(9, 8, 0, 7);
      const accept = (
        device: DeviceRef,
        request: Parameters<DeviceStore["accept"]>[0]["open"] = open(),
        limit = 100,
      ): ReturnType<DeviceStore["accept"]> => store.accept({ device, open: request, limit, nowMs });

      it("A request is accepted once, open until its final answer, and then answered the same again", async () => {
        const device = newDevice();
        expect(await accept(device, open())).toEqual({ type: "accepted", displaced: [] });
        const waiting = { device, ...open(), failFast: false, displaced: false };
        expect(await accept(device, open())).toEqual({ type: "open", open: waiting });
        expect(await openRequestsOf(store, device)).toEqual([waiting]);
        const won = await store.finish({ device, requestId: "r1", response, nowMs });
        expect(won).toEqual({ type: "won", outboxId: expect.any(String), contentType: "application/json" });
        expect(await openRequestsOf(store, device)).toEqual([]);
        expect(await accept(device, open())).toEqual({
          type: "finished",
          response,
          contentType: "application/json",
        });
      });

      it("The first final answer wins and is in the outbox; another is void", async () => {
        const device = newDevice();
        await accept(device, open());
        const won = await store.finish({ device, requestId: "r1", response, nowMs });
        expect(await store.finish({ device, requestId: "r1", response: Uint8Array.of(1), nowMs })).toEqual({
          type: "lost",
        });
        expect(await outboxOf(device)).toEqual([
          {
            id: won.type === "won" && won.outboxId,
            shard: shardOf(device.tenant, device.endpoint),
            kind: "response",
            device,
            contentType: "application/json",
            value: response,
          },
        ]);
      });

      it("An id is one request's: another request under it is told so, while the first is open and after its answer", async () => {
        const device = newDevice();
        const first = { ...open(), digest: "read" };
        const other = { ...open(), digest: "write" };
        expect(await accept(device, first)).toMatchObject({ type: "accepted" });
        expect(await accept(device, other)).toEqual({ type: "conflict" });
        expect(await accept(device, first)).toMatchObject({ type: "open" });
        await store.finish({ device, requestId: "r1", response, nowMs });
        expect(await accept(device, other)).toEqual({ type: "conflict" });
        expect(await accept(device, first)).toMatchObject({ type: "finished" });
      });

      it("A request that nobody accepted has no final answer and is not dispatched", async () => {
        const device = newDevice();
        const { state } = await register(device);
        expect(await store.finish({ device, requestId: "r1", response, nowMs })).toEqual({ type: "unknown" });
        expect(await store.dispatch({ device, requestId: "r1", owner: state.owner, nowMs })).toEqual({ type: "stale" });
      });

      it("Only the owner dispatches, only once, and not after the final answer", async () => {
        const device = newDevice();
        const { state } = await register(device);
        const { owner } = state;
        await accept(device, open());
        const stranger = { ...b, epoch: owner.epoch + 1 };
        expect(await store.dispatch({ device, requestId: "r1", owner: stranger, nowMs })).toEqual({ type: "stale" });
        expect(await store.dispatch({ device, requestId: "r1", owner, nowMs })).toEqual({ type: "go" });
        expect(await store.dispatch({ device, requestId: "r1", owner, nowMs })).toEqual({ type: "dispatched" });
        expect(await openRequestsOf(store, device)).toMatchObject([{ requestId: "r1", dispatchedBy: a }]);
        await store.finish({ device, requestId: "r1", response, nowMs });
        expect(await store.dispatch({ device, requestId: "r1", owner, nowMs })).toEqual({ type: "finished" });
      });

      it("A final answer is remembered for 10 minutes; that there was one, for 10 minutes after the request expires when that is later", async () => {
        const device = newDevice();
        const shard = shardOf(device.tenant, device.endpoint);
        await accept(device, open("short"));
        await accept(device, open("long", nowMs + 2 * ANSWER_MEMORY_MS));
        for (const requestId of ["short", "long"]) await store.finish({ device, requestId, response, nowMs });
        pass(ANSWER_MEMORY_MS - 1);
        expect(await accept(device, open("short"))).toMatchObject({ type: "finished", response });
        pass(1);
        const finished = { type: "finished", contentType: "application/json" };
        expect(await accept(device, open("short"))).toEqual(finished);
        pass(30_000);
        expect(await accept(device, open("short"))).toEqual({ type: "accepted", displaced: [] });
        expect(await accept(device, open("long"))).toEqual(finished);
        await store.sweep({ shard, node: a, outboxAgeMs: 0, graceMs: EXPIRY_GRACE_MS, limit: 100, nowMs });
        expect(await accept(device, open("long"))).toEqual(finished);
        pass(2 * ANSWER_MEMORY_MS - 30_001);
        expect(await accept(device, open("long"))).toEqual(finished);
        pass(1);
        expect(await accept(device, open("long"))).toEqual({ type: "accepted", displaced: [] });
      });

      it("A request that nobody ends is kept for a day after it expires", async () => {
        const device = newDevice();
        const shard = shardOf(device.tenant, device.endpoint);
        await accept(device, open());
        pass(30_000 + OPEN_MEMORY_MS - 1);
        await accept(device, open("later"));
        expect(await openRequestsOf(store, device)).toMatchObject([{ requestId: "r1" }, { requestId: "later" }]);
        const { requests } = await store.listOpenRequests({ shard, limit: 10 });
        expect(requests).toMatchObject([{ requestId: "r1" }, { requestId: "later" }]);
        pass(1);
        expect(await openRequestsOf(store, device)).toMatchObject([{ requestId: "later" }]);
        expect(await store.finish({ device, requestId: "r1", response, nowMs })).toEqual({ type: "unknown" });
      });

      it("A request id belongs to its device", async () => {
        const [one, two] = [newDevice("x"), newDevice("y/x")];
        await accept(one, open("a:b/c"));
        expect(await accept(two, open("a:b/c"))).toEqual({ type: "accepted", displaced: [] });
        await store.finish({ device: one, requestId: "a:b/c", response, nowMs });
        expect(await openRequestsOf(store, two)).toMatchObject([{ requestId: "a:b/c" }]);
      });

      it("A shard lists its open requests, the first to expire first", async () => {
        const device = newDevice();
        const shard = shardOf(device.tenant, device.endpoint);
        await accept(device, open("later", nowMs + 20));
        await accept(device, open("first", nowMs + 10));
        await accept(device, open("last", nowMs + 30));
        const { requests, more } = await store.listOpenRequests({ shard, limit: 2 });
        expect(requests.map(({ requestId }) => requestId)).toEqual(["first", "later"]);
        expect(requests[0]?.device).toEqual(device);
        expect(more).toBe(true);
      });
    });

    describe("sweep", () => {
      it("A registration is ended once lifetime and grace are over, and its record is in the outbox", async () => {
        const device = newDevice();
        const { state } = await register(device, { observations: [newObservation(device)] });
        await settleAll(store, device, await outboxOf(device));
        nowMs = state.registration.expiresAtMs + EXPIRY_GRACE_MS - 1;
        expect(await sweep(device)).toEqual({ type: "swept", expired: [], outbox: [], more: false });
        pass(1);
        const swept = await sweep(device, { outboxAgeMs: 60_000 });
        const { registration, owner } = state;
        expect(swept).toMatchObject({ type: "swept", expired: [{ registration, owner }], more: false });
        const [entry] = swept.type === "swept" ? swept.outbox : [];
        const record = lifecycleOf(entry as OutboxEntry);
        expect(record).toMatchObject({
          event: lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_EXPIRED,
          reason: "lifetime lapsed",
          registration: { registrationId: registration.registrationId },
        });
        expect(toSafeNumber(record.context?.ownerEpoch)).toBe(owner.epoch);
        expect(await store.get(device)).toBeUndefined();
        expect(
          await store.update({ registrationId: registration.registrationId, peer: "", node: a, sender: NO_SEC, nowMs }),
        ).toEqual({
          type: "notFound",
        });
        expect(await sweep(device)).toMatchObject({ expired: [], outbox: [{ id: entry?.id }] });
      });

      it("A copy from the outbox has the event id that the writer's own copy has", async () => {
        const device = newDevice();
        await register(device);
        const [first] = await outboxOf(device);
        const [second] = await outboxOf(device);
        expect(first).toEqual(second);
        expect(lifecycleOf(first as OutboxEntry).context?.eventId).toHaveLength(16);
      });

      it("The outbox keeps the order of a device's events, leaves young ones to their writers and forgets what is settled", async () => {
        const device = newDevice();
        const { state, outboxId } = await register(device);
        const { registrationId, peer } = state.registration;
        pass(1_000);
        await store.update({ registrationId, peer, node: a, sender: NO_SEC, nowMs });
        pass(1_000);
        await store.deregister({ registrationId, node: a, sender: NO_SEC, nowMs });
        const { LifecycleEvent } = lwm2m.v1;
        const events = async (outboxAgeMs: number): Promise<unknown[]> => {
          const outcome = await sweep(device, { outboxAgeMs });
          return outcome.type === "swept" ? outcome.outbox.map((entry) => lifecycleOf(entry).event) : [];
        };
        expect(await events(1_001)).toEqual([LifecycleEvent.LIFECYCLE_EVENT_REGISTERED]);
        expect(await events(0)).toEqual([
          LifecycleEvent.LIFECYCLE_EVENT_REGISTERED,
          LifecycleEvent.LIFECYCLE_EVENT_UPDATED,
          LifecycleEvent.LIFECYCLE_EVENT_DEREGISTERED,
        ]);
        const shard = shardOf(device.tenant, device.endpoint);
        await store.settle(shard, [outboxId]);
        await store.settle(shard, [outboxId]);
        await store.settle(shard, []);
        expect(await events(0)).toHaveLength(2);
      });

      it("One node sweeps a shard; another takes over when it is silent for the length of the lease", async () => {
        const device = newDevice();
        await register(device);
        expect(await sweep(device, { node: a })).toMatchObject({ type: "swept" });
        expect(await sweep(device, { node: b })).toEqual({ type: "leased" });
        pass(SWEEP_LEASE_MS - 1);
        expect(await sweep(device, { node: b })).toEqual({ type: "leased" });
        expect(await sweep(device, { node: a })).toMatchObject({ type: "swept" });
        pass(SWEEP_LEASE_MS);
        expect(await sweep(device, { node: b })).toMatchObject({ type: "swept" });
        expect(await sweep(device, { node: a })).toEqual({ type: "leased" });
      });

      it("A node that only comes by has the shard for as long as it says, and as any when there is something to publish", async () => {
        const device = newDevice();
        await register(device);
        const visit = { node: b, leaseMs: 2_000 };
        expect(await sweep(device, { ...visit, outboxAgeMs: 60_000 })).toMatchObject({ type: "swept", outbox: [] });
        pass(1_999);
        expect(await sweep(device, { node: a })).toEqual({ type: "leased" });
        pass(1);
        expect(await sweep(device, { node: a })).toMatchObject({ type: "swept" });
        expect(await sweep(device, visit)).toEqual({ type: "leased" });
        pass(SWEEP_LEASE_MS);
        expect(await sweep(device, visit)).toMatchObject({ type: "swept", outbox: [{ device }] });
        pass(SWEEP_LEASE_MS - 1);
        expect(await sweep(device, { node: a })).toEqual({ type: "leased" });
        pass(1);
        expect(await sweep(device, visit)).toMatchObject({ type: "swept" });
      });

      it("A node that comes by when a lifetime is over has the shard as long as any", async () => {
        const device = newDevice();
        await register(device);
        pass(600_000);
        const visit = { node: b, leaseMs: 2_000, outboxAgeMs: 3_600_000 };
        expect(await sweep(device, visit)).toMatchObject({ type: "swept", expired: [{ registration: device }] });
        pass(SWEEP_LEASE_MS - 1);
        expect(await sweep(device, { node: a })).toEqual({ type: "leased" });
      });

      it("A sweep does at most as much as it is asked for and says that there is more", async () => {
        const device = newDevice();
        const { state } = await register(device);
        const { registrationId, peer } = state.registration;
        for (let i = 0; i < 4; i++)
          await store.update({ registrationId, peer, node: a, sender: NO_SEC, nowMs: pass(1) });
        const first = await sweep(device, { limit: 3 });
        expect(first).toMatchObject({ more: true });
        await settleAll(store, device, first.type === "swept" ? first.outbox : []);
        const second = await sweep(device, { limit: 3 });
        expect(second).toMatchObject({ more: false });
        expect(second.type === "swept" && second.outbox).toHaveLength(2);
      });

      it("An entry with a time before its predecessor's comes after it", async () => {
        const device = newDevice();
        const { state } = await store.register(newRegister(device, nowMs + 5_000));
        const { registrationId, peer } = state.registration;
        await store.update({ registrationId, peer, node: a, sender: NO_SEC, nowMs });
        const outcome = await sweep(device, { nowMs: nowMs + 10_000 });
        expect(outcome.type === "swept" && outcome.outbox.map((entry) => lifecycleOf(entry).event)).toEqual([1, 2]);
      });
    });

    describe("list and incarnation", () => {
      it("Pages hold every device once, in a tenant's bounds", async () => {
        const devices = Array.from({ length: 25 }, (_, i) => newDevice(`page-${i}`, i % 5 === 0 ? "other" : "default"));
        for (const device of devices) await register(device);
        const names = async (tenant: string | undefined, limit: number): Promise<string[]> => {
          const found: string[] = [];
          let cursor: string | undefined;
          do {
            const page = await store.list({ limit, ...(tenant && { tenant }), ...(cursor && { cursor }) });
            expect(page.devices.length).toBeLessThanOrEqual(limit);
            found.push(...page.devices.map(({ registration }) => `${registration.tenant}/${registration.endpoint}`));
            cursor = page.cursor;
          } while (cursor !== undefined);
          return found.sort();
        };
        const all = devices.map(({ tenant, endpoint }) => `${tenant}/${endpoint}`).sort();
        expect(await names(undefined, 7)).toEqual(all);
        expect(await names("other", 100)).toEqual(all.filter((name) => name.startsWith("other/")));
      });

      it("The incarnation stays, its high-water second goes forward, and an emptied store is another", async () => {
        const first = await store.incarnation();
        const second = await harness.stores[2].incarnation();
        expect(second.id).toBe(first.id);
        expect(second.highWaterS).toBeGreaterThanOrEqual(first.highWaterS);
        await harness.wipe();
        expect((await harness.stores[0].incarnation()).id).not.toBe(first.id);
      });
    });

    const clock = { now, pass };
    describeWaiting(() => harness.stores, clock);
    describeRestore(
      () => harness.stores,
      () => harness.wipe(),
      clock,
    );
    describePeers(() => harness.stores, clock);
    describeSenders(() => harness.stores, clock);
    describeOwnership(
      () => harness.stores,
      () => pass(1_000),
    );
  });
}

const NOTHING_WAITS = { requests: 0, values: 0 };
const SWEEP = { outboxAgeMs: 0, graceMs: EXPIRY_GRACE_MS, limit: 100 } as const;

function byPath({ observations }: Pick<DeviceState, "observations">): unknown[] {
  return observations
    .map(({ token, ...rest }) => ({ ...rest, token: Buffer.from(token).toString("hex") }))
    .sort((x, y) => x.token.localeCompare(y.token));
}

function lifecycleOf(entry: OutboxEntry): lwm2m.v1.LifecycleRecord {
  return lwm2m.v1.LifecycleRecord.decode(entry.value);
}

function expectIncreasing(values: readonly number[]): void {
  expect(values).toEqual([...new Set(values)].sort((x, y) => x - y));
  for (const value of values) expect(Number.isSafeInteger(value)).toBe(true);
}

async function settleAll(store: DeviceStore, device: DeviceRef, entries: readonly OutboxEntry[]): Promise<void> {
  await store.settle(
    shardOf(device.tenant, device.endpoint),
    entries.map(({ id }) => id),
  );
}
