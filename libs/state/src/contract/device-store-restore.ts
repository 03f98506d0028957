import { beforeEach, describe, expect, it } from "@jest/globals";
import {
  type DeviceRef,
  type DeviceState,
  type DeviceStore,
  EXPIRY_GRACE_MS,
  NO_SEC,
  type OpenRequest,
  type ReopenOutcome,
  type RestoreOutcome,
  type SweepOutcome,
} from "../device-store.ts";
import { ANSWER_MEMORY_MS } from "../limits.ts";
import { shardOf } from "../shard.ts";
import type { ContractClock } from "./clock.ts";
import { NODES, newDevice, newObservation, newRegister, newRegistrationId, openRequestsOf } from "./harness.ts";

/** What an open request is, when it was accepted, and whether it was dispatched. */
interface Reopened {
  readonly requestId: string;
  readonly acceptedAtMs?: number;
  readonly dispatched?: boolean;
}

/** What a store that was lost gets back. */
export function describeRestore(
  stores: () => readonly [DeviceStore, DeviceStore, DeviceStore],
  wipe: () => Promise<void>,
  clock: ContractClock,
): void {
  const [a, b] = NODES;
  let store: DeviceStore;
  let device: DeviceRef;
  beforeEach(() => {
    [store] = stores();
    device = newDevice();
  });
  const lose = async (): Promise<void> => {
    await wipe();
    [store] = stores();
  };
  const register = async (node = a): Promise<DeviceState> => {
    const observations = [newObservation(device, "/3/0/9"), { ...newObservation(device), contentFormat: 112 }];
    const request = newRegister(
      device,
      clock.pass(1),
      { observations, node },
      { smsNumber: "+491234", additionalParameters: { foo: "bar" }, queueMode: true, bindingMode: "UQ" },
    );
    return (await store.register(request)).state;
  };
  const restore = (
    state: DeviceState,
    owner: DeviceState["owner"] | undefined = state.owner,
  ): Promise<RestoreOutcome> =>
    store.restore({
      registration: state.registration,
      observations: state.observations,
      ...(owner === undefined ? {} : { owner }),
      nowMs: clock.now(),
    });
  const sweep = (): Promise<SweepOutcome> => {
    const shard = shardOf(device.tenant, device.endpoint);
    return store.sweep({ shard, node: a, outboxAgeMs: 0, graceMs: EXPIRY_GRACE_MS, limit: 10, nowMs: clock.now() });
  };

  describe("restore", () => {
    it("A device that the store lost is there again with its owner and observations, and nobody is told", async () => {
      const state = await register();
      await lose();
      clock.pass(10_000);
      const outcome = await restore(state);
      expect(outcome).toEqual({ type: "restored", state: { ...state, firstMessageId: expect.any(Number) } });
      expect(await store.get(device)).toEqual(outcome.state);
      expect(await store.observe({ device, owner: state.owner, add: [], remove: [] })).toEqual({ type: "done" });
      expect(await sweep()).toEqual({ type: "swept", expired: [], outbox: [], more: false });
    });

    it("A restored device is found by its registration id and its tokens, and is swept when its lifetime is over", async () => {
      const state = await register();
      const { registrationId, peer, expiresAtMs } = state.registration;
      await lose();
      await restore(state);
      for (const proof of [
        { type: "registrationId", registrationId } as const,
        ...state.observations.map(({ token }) => ({ type: "token", token }) as const),
      ]) {
        expect(await store.claim({ proof, peer, node: a, sender: NO_SEC, nowMs: clock.now() })).toMatchObject({
          type: "owned",
        });
      }
      clock.pass(expiresAtMs + EXPIRY_GRACE_MS - clock.now());
      expect(await sweep()).toMatchObject({ expired: [{ registration: { registrationId } }], outbox: [{}] });
    });

    it("A device that lapsed meanwhile is restored, so that its end is told", async () => {
      const state = await register();
      await lose();
      clock.pass(300_000 + EXPIRY_GRACE_MS);
      expect(await restore(state)).toMatchObject({ type: "restored" });
      expect(await sweep()).toMatchObject({ expired: [{ registration: state.registration }] });
    });

    it("A generation that is there, or a newer one, is left as it is", async () => {
      const old = await register();
      const state = await register(b);
      expect(await restore(state)).toEqual({ type: "known", state });
      expect(await restore(old)).toEqual({ type: "known", state });
      expect(await store.get(device)).toEqual(state);
    });

    it("Of a generation that is there the later expiry holds, whoever has the device", async () => {
      const state = await register();
      const { registration } = state;
      const expiring = (expiresAtMs: number): DeviceState["registration"] => ({ ...registration, expiresAtMs });
      const later = registration.expiresAtMs + 60_000;
      for (const [given, expiresAtMs] of [
        [later, later],
        [later - 1, later],
      ] as const) {
        const outcome = await restore({ ...state, registration: expiring(given) }, { ...state.owner, bootId: "" });
        expect(outcome).toEqual({ type: "known", state: { ...state, registration: expiring(expiresAtMs) } });
      }
      clock.pass(later + EXPIRY_GRACE_MS - 1 - clock.now());
      expect(await sweep()).toMatchObject({ expired: [] });
      clock.pass(1);
      expect(await sweep()).toMatchObject({
        expired: [{ registration: { registrationId: registration.registrationId } }],
      });
    });

    it("An Update that the store lost its owner gives back; what it knows longer than the owner it keeps", async () => {
      const state = await register();
      const links = { objectLinks: "</1/0>,</3/0>", lifetimeS: 600 };
      const times = { updatedAtMs: clock.pass(1_000), expiresAtMs: clock.now() + 600_000 };
      const registration = { ...state.registration, ...links, ...times };
      expect(await restore({ ...state, registration })).toMatchObject({
        type: "restored",
        state: { registration, owner: state.owner },
      });
      expect(await restore(state)).toMatchObject({ type: "known", state: { registration, owner: state.owner } });
      expect(await store.observe({ device, owner: state.owner, add: [], remove: [] })).toEqual({ type: "done" });
      for (const { token } of state.observations) {
        const proof = { type: "token", token } as const;
        const { peer } = registration;
        expect(await store.claim({ proof, peer, node: a, sender: NO_SEC, nowMs: clock.now() })).toMatchObject({
          type: "owned",
        });
      }
    });

    it("A newer generation than the one that is there takes its place, with a greater epoch", async () => {
      const old = await register();
      const state = await register(b);
      await lose();
      await restore(old);
      expect(await restore(state)).toMatchObject({ type: "restored", state: { owner: state.owner } });
      const { registrationId, peer } = old.registration;
      expect(await store.update({ registrationId, peer, node: a, sender: NO_SEC, nowMs: clock.now() })).toEqual({
        type: "notFound",
      });
      expect(await store.observe({ device, owner: old.owner, add: [], remove: [] })).toMatchObject({ type: "stale" });
    });

    it("A registration that ended is not restored, one that began later is", async () => {
      const state = await register();
      await store.remove({ device, reason: "test", nowMs: clock.now() });
      expect(await restore(state)).toEqual({ type: "known" });
      expect(await store.get(device)).toBeUndefined();
      const registration = { ...state.registration, generation: clock.now() + 60_000 };
      expect(await restore({ ...state, registration }, undefined)).toMatchObject({ type: "restored" });
    });

    it("What ended says nothing of another device of its shard", async () => {
      const state = await register();
      await lose();
      const shard = shardOf(device.tenant, device.endpoint);
      let other = newDevice();
      while (shardOf(other.tenant, other.endpoint) !== shard) other = newDevice();
      await store.register(newRegister(other, clock.now()));
      await store.remove({ device: other, reason: "test", nowMs: clock.now() });
      expect(await restore(state)).toMatchObject({ type: "restored" });
    });

    it("Without an owner nobody has the device, and the next claim takes it", async () => {
      const state = await register();
      await lose();
      const { registration, observations } = state;
      const outcome = await store.restore({ registration, observations, nowMs: clock.now() });
      expect(outcome).toMatchObject({ type: "restored", state: { owner: { slot: 0, bootId: "" } } });
      const proof = { type: "registrationId", registrationId: state.registration.registrationId } as const;
      const claimed = await store.claim({
        proof,
        peer: registration.peer,
        node: a,
        sender: NO_SEC,
        nowMs: clock.now(),
      });
      expect(claimed).toMatchObject({ type: "claimed" });
      const epoch = claimed.type === "claimed" ? claimed.state.owner.epoch : 0;
      expect(epoch).toBeGreaterThan(outcome.state?.owner.epoch ?? Number.NaN);
    });

    it("An owner whose epoch is behind one that was given meanwhile does not get the device back", async () => {
      const state = await register();
      await lose();
      const registration = { ...state.registration, generation: state.registration.generation - 1 };
      const before = await store.restore({ registration, observations: [], nowMs: clock.pass(1) });
      const outcome = await restore(state);
      expect(outcome).toMatchObject({ type: "restored", state: { owner: { bootId: "" } } });
      expect(outcome.state?.owner.epoch).toBeGreaterThan(before.state?.owner.epoch ?? Number.NaN);
      expect(await store.observe({ device, owner: state.owner, add: [], remove: [] })).toMatchObject({ type: "stale" });
    });

    it("Its owner gets back a device that was restored meanwhile without one, or with an older one", async () => {
      const state = await register();
      const older = { ...b, epoch: state.owner.epoch - 256 + b.slot }; // A millisecond before.
      for (const meanwhile of [{ ...state.owner, bootId: "" }, older]) {
        await lose();
        expect(await restore(state, meanwhile)).toMatchObject({ type: "restored", state: { owner: meanwhile } });
        expect(await restore(state)).toMatchObject({ type: "restored", state: { owner: state.owner } });
        expect(await restore(state, meanwhile)).toMatchObject({ type: "known", state: { owner: state.owner } });
        expect(await store.observe({ device, owner: state.owner, add: [], remove: [] })).toEqual({ type: "done" });
      }
    });

    it("Its owner does not get back a device that another claimed meanwhile", async () => {
      const state = await register();
      await lose();
      await restore(state, { ...state.owner, bootId: "" });
      const proof = { type: "registrationId", registrationId: state.registration.registrationId } as const;
      const { peer } = state.registration;
      await store.claim({ proof, peer, node: b, sender: NO_SEC, nowMs: clock.pass(1) });
      expect(await restore(state)).toMatchObject({ type: "known", state: { owner: { bootId: b.bootId } } });
    });

    it("A Register after it has a greater generation and epoch, also when the clock is behind", async () => {
      const ahead = { registrationId: newRegistrationId(device) };
      const state = (await store.register(newRegister(device, clock.now() + 60_000, { node: b }, ahead))).state;
      await lose();
      await restore(state);
      const next = (await store.register(newRegister(device, clock.now()))).state;
      expect(next.registration.generation).toBeGreaterThan(state.registration.generation);
      expect(next.owner.epoch).toBeGreaterThan(state.owner.epoch);
    });
  });

  describe("reopen", () => {
    const open = (requestId: string): OpenRequest => ({
      requestId,
      request: Uint8Array.of(1, 2, 255),
      contentType: "application/json",
      expiresAtMs: clock.now() + 30_000,
      digest: "what is asked",
      failFast: true,
    });
    const reopen = ({ requestId, acceptedAtMs = clock.now(), dispatched = false }: Reopened): Promise<ReopenOutcome> =>
      store.reopen({ device, open: open(requestId), acceptedAtMs, dispatched, nowMs: clock.now() });
    const accept = (requestId: string): ReturnType<DeviceStore["accept"]> =>
      store.accept({ device, open: open(requestId), limit: 100, nowMs: clock.now() });

    it("Requests are open again in the order of their acceptance, before those that were accepted since", async () => {
      const beforeMs = clock.now();
      await lose();
      await accept("new-1");
      for (const [requestId, atMs] of [
        ["old-3", 300],
        ["old-1", 100],
        ["old-2", 200],
      ] as const) {
        expect(await reopen({ requestId, acceptedAtMs: beforeMs - 1000 + atMs })).toEqual({ type: "reopened" });
      }
      await accept("new-2");
      const waiting = await openRequestsOf(store, device);
      expect(waiting.map(({ requestId }) => requestId)).toEqual(["old-1", "old-2", "old-3", "new-1", "new-2"]);
      const { digest: _, ...stored } = open("old-1");
      expect(waiting[0]).toEqual({ ...stored, device, displaced: false });
      expect(await accept("old-1")).toMatchObject({ type: "open" });
    });

    it("A request that is open already stays as it is, and tells the registration that it waits for", async () => {
      const state = await register();
      await accept("r1");
      const told = { ...state, waiting: { requests: 1, values: 0 } };
      expect(await reopen({ requestId: "r1" })).toEqual({ type: "open", state: told });
      expect(await openRequestsOf(store, device)).toHaveLength(1);
    });

    it("A request that has its final answer stays finished", async () => {
      await accept("r1");
      await store.finish({ device, requestId: "r1", response: Uint8Array.of(1), nowMs: clock.now() });
      expect(await reopen({ requestId: "r1", dispatched: true })).toEqual({ type: "finished" });
      expect(await openRequestsOf(store, device)).toEqual([]);
    });

    it("What was dispatched before the loss nobody can dispatch again, also where it was accepted once more meanwhile", async () => {
      const { owner } = await register();
      await accept("r2");
      for (const requestId of ["r1", "r2"]) {
        for (let times = 0; times < 2; times++) {
          expect(await reopen({ requestId, dispatched: true })).toMatchObject({ type: "reopened" });
        }
        const dispatch = { device, requestId, owner, nowMs: clock.now() };
        expect(await store.dispatch(dispatch)).toEqual({ type: "dispatched" });
      }
      const dispatchers = (await openRequestsOf(store, device)).map(({ dispatchedBy }) => dispatchedBy);
      expect(dispatchers).toEqual([
        { slot: 0, bootId: "" },
        { slot: 0, bootId: "" },
      ]);
    });

    it("What the store knows a node to have dispatched is left to that node", async () => {
      const { owner } = await register();
      await accept("r1");
      await store.dispatch({ device, requestId: "r1", owner, nowMs: clock.now() });
      expect(await reopen({ requestId: "r1", dispatched: true })).toMatchObject({ type: "open" });
      expect(await openRequestsOf(store, device)).toMatchObject([{ dispatchedBy: { bootId: owner.bootId } }]);
    });
  });

  describe("close", () => {
    const about = (requestId: string): Parameters<DeviceStore["close"]>[0] => ({
      device,
      requestId,
      nowMs: clock.now(),
    });

    it("A request that ended before the store was rolled back is open no more, and leaves no answer to be published", async () => {
      const open = { request: Uint8Array.of(1), contentType: "application/json", expiresAtMs: clock.now() + 30_000 };
      for (const requestId of ["r1", "r2"]) {
        await store.accept({ device, open: { ...open, requestId }, limit: 100, nowMs: clock.now() });
      }
      expect([await store.close(about("r1")), await store.close(about("r1"))]).toEqual([true, false]);
      expect(await openRequestsOf(store, device)).toMatchObject([{ requestId: "r2" }]);
      expect(await store.finish({ ...about("r1"), response: Uint8Array.of(1) })).toEqual({ type: "lost" });
      expect(await sweep()).toMatchObject({ outbox: [] });
    });

    it("A request that ended before the store was rolled back is not accepted anew when it is delivered once more", async () => {
      const { owner } = await register();
      const contentType = "application/json";
      const open = { requestId: "r1", request: Uint8Array.of(1), contentType, expiresAtMs: clock.now() + 30_000 };
      const redelivered = () => store.accept({ device, open, limit: 100, nowMs: clock.now() });
      await redelivered();
      await store.close(about("r1"));
      expect(await redelivered()).toEqual({ type: "finished", contentType });
      expect(await store.dispatch({ ...about("r1"), owner })).toEqual({ type: "finished" });
      clock.pass(30_000 + ANSWER_MEMORY_MS - 1);
      expect(await redelivered()).toEqual({ type: "finished", contentType });
      clock.pass(1);
      expect(await redelivered()).toMatchObject({ type: "accepted" });
    });

    it("A request that has its final answer keeps it", async () => {
      const requestId = "r1";
      const open = { requestId, request: Uint8Array.of(1), contentType: "application/json", expiresAtMs: clock.now() };
      await store.accept({ device, open, limit: 100, nowMs: clock.now() });
      await store.finish({ ...about(requestId), response: Uint8Array.of(1) });
      expect(await store.close(about(requestId))).toBe(false);
      expect(await store.accept({ device, open, limit: 100, nowMs: clock.now() })).toMatchObject({ type: "finished" });
    });
  });

  describe("the mark of a restored store", () => {
    it("An emptied store is not restored until somebody says so of this life", async () => {
      const { id: before } = await store.incarnation();
      expect(await store.markRestored(before)).toBe(true);
      expect(await store.incarnation()).toMatchObject({ id: before, restored: true });
      await lose();
      const { id, restored } = await store.incarnation();
      expect({ isNew: id !== before, restored }).toEqual({ isNew: true, restored: false });
      expect(await store.markRestored(before)).toBe(false);
      expect(await store.incarnation()).toMatchObject({ id, restored: false });
      expect(await store.markRestored(id)).toBe(true);
      expect(await stores()[2].incarnation()).toMatchObject({ id, restored: true });
    });

    it("An emptied store has its requests before it has all, and keeps the mark that says more", async () => {
      await lose();
      const { id, requestsRestored } = await store.incarnation();
      expect(requestsRestored).toBe(false);
      expect(await store.markRestored(`${id}0`, "requests")).toBe(false);
      expect(await store.markRestored(id, "requests")).toBe(true);
      expect(await stores()[2].incarnation()).toMatchObject({ id, requestsRestored: true, restored: false });
      await store.markRestored(id);
      expect(await stores()[2].incarnation()).toMatchObject({ id, requestsRestored: true, restored: true });
      expect(await store.markRestored(id, "requests")).toBe(true);
      expect(await store.incarnation()).toMatchObject({ requestsRestored: true, restored: true });
    });
  });
}
