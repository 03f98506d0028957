import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  type AssociationHold,
  type AssociationStore,
  type ClaimAssociationOutcome,
  MAX_SEQUENCE,
  MAX_SEQUENCE_JUMP,
  MAX_STAMP_LEAD_S,
  SEQUENCE_BLOCK,
  SEQUENCE_GAP,
  SEQUENCES_PER_SECOND,
  type StoredAssociation,
  type StoredSession,
} from "../association-store.ts";
import type { DeviceRef, NodeRef } from "../device-store.ts";
import { NODES, newAssociation, newDevice } from "./harness.ts";

/** A store as three nodes see it, and a way to let time pass. */
export interface AssociationStoreHarness {
  readonly stores: readonly [AssociationStore, AssociationStore, AssociationStore];
  wipe(): Promise<void>;
  /** Returns when at least so much time has passed for the store. */
  elapse(ms: number): Promise<void>;
  stop(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const NO_CID: Partial<StoredAssociation> = { cid: undefined };

/** Every promise of `AssociationStore`. */
export function describeAssociationStore(name: string, open: () => Promise<AssociationStoreHarness>): void {
  describe(name, () => {
    // Ahead of the store's own clock, so that the tests decide what time it is.
    let nowMs = Date.now() + HOUR_MS;
    let harness: AssociationStoreHarness;
    let store: AssociationStore;
    let device: DeviceRef;
    beforeAll(async () => {
      harness = await open();
    });
    beforeEach(async () => {
      nowMs += 10_000;
      await lose();
      device = newDevice();
    });
    afterAll(() => harness?.stop());

    const lose = async (): Promise<void> => {
      await harness.wipe();
      [store] = harness.stores;
    };
    const [a, b] = NODES;
    const nowS = (): number => Math.floor(nowMs / 1000);
    const put = async (changes: Partial<StoredAssociation> = {}): Promise<StoredAssociation> => {
      const association = newAssociation(device, a, nowMs, changes);
      expect(await store.put(association, HOUR_MS)).toEqual({ type: "done" });
      return association;
    };
    const claim = (
      association: StoredAssociation,
      node: NodeRef,
      index: 0 | 1 | 2 = 0,
    ): Promise<ClaimAssociationOutcome> => harness.stores[index].claim({ association, node, ttlMs: HOUR_MS, nowMs });
    const claimed = async (
      association: StoredAssociation,
      node: NodeRef,
    ): Promise<Extract<ClaimAssociationOutcome, { type: "claimed" }>> => {
      const outcome = await claim(association, node);
      if (outcome.type !== "claimed") throw new TypeError("there is one to be claimed");
      return outcome;
    };
    const holdOf = (association: StoredAssociation): AssociationHold => ({
      association,
      node: association.owner,
      stamp: association.stamp,
      ceiling: association.sendCeiling,
      ttlMs: HOUR_MS,
    });
    /** Hints come a moment later than what they follow. */
    const eventually = async (find: () => Promise<unknown>, expected: unknown): Promise<void> => {
      let found: unknown;
      for (let i = 0; i < 100; i++) {
        found = await find();
        if (JSON.stringify(found) === JSON.stringify(expected)) return;
        await sleep(10);
      }
      expect(found).toEqual(expected);
    };

    describe("put", () => {
      it.each<Partial<StoredAssociation>>([
        {},
        { cid: undefined, address: "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
        { securityMode: "RPK", suite: 0xc02b, mark: { newest: -1, window: new Uint8Array(8) } },
        { securityMode: "X509", suite: 0xc0ae, sendCeiling: MAX_SEQUENCE, mark: { newest: MAX_SEQUENCE, window: ALL } },
      ])("An association is read as it was stored, on any node (%#)", async (changes) => {
        const association = await put(changes);
        expect(await harness.stores[1].get(device)).toEqual(association);
        expect(await store.get(newDevice())).toBeUndefined();
      });

      it("It is found by its Connection ID, and by nothing else", async () => {
        const association = await put();
        expect(await harness.stores[1].findByCid(association.cid as Uint8Array)).toEqual(association);
        expect(await harness.stores[2].findByAddress(association.address)).toBeUndefined();
        for (const cid of [randomBytes(8), randomBytes(12), new Uint8Array(1), new Uint8Array()]) {
          expect(await store.findByCid(cid)).toBeUndefined();
        }
      });

      it("Without a Connection ID it is found by its address, where one with it has come too", async () => {
        const association = await put(NO_CID);
        expect(await harness.stores[2].findByAddress(association.address)).toEqual(association);
        expect(await store.findByAddress("192.0.2.1:1")).toBeUndefined();
        const other = newAssociation(newDevice(), a, nowMs, { address: association.address });
        await store.put(other, HOUR_MS);
        expect(await harness.stores[2].findByAddress(association.address)).toEqual(association);
      });

      it.each([{}, NO_CID])(
        "A new association takes the place of another one, whatever its stamp, and nothing leads to that any more (%#)",
        async (changes) => {
          const old = await put({ ...changes, stamp: nowS() + 1_000 });
          const association = await put();
          expect(await store.get(device)).toEqual(association);
          await eventually(() => store.findByCid(old.cid ?? randomBytes(8)), undefined);
          await eventually(() => store.findByAddress(old.address), undefined);
          expect(await store.reserve(holdOf(old))).toEqual({ type: "stale" });
          expect(await store.mark({ ...holdOf(old), mark: old.mark, address: old.address })).toEqual({ type: "stale" });
          expect(await claim(old, b)).toEqual({ type: "gone" });
          expect(await store.findByCid(association.cid as Uint8Array)).toEqual(association);
        },
      );

      it.each([{}, NO_CID])("Repeated, it takes nothing back (%#)", async (changes) => {
        const association = await put(changes);
        const hold = holdOf(association);
        const mark = { newest: association.mark.newest + 1, window: ALL };
        await store.reserve(hold);
        const address = "192.0.2.200:2";
        await store.mark({ ...hold, mark, address });
        const { cid } = association;
        const find = () => (cid === undefined ? store.findByAddress(address) : store.findByCid(cid));
        const now = { ...association, sendCeiling: association.sendCeiling + SEQUENCE_BLOCK, mark, address };
        await eventually(find, now);
        expect(await store.put(association, HOUR_MS)).toEqual({ type: "done" });
        expect(await store.get(device)).toEqual(now);
        expect(await find()).toEqual(now);
      });

      it("Repeated when somebody claimed it since, it is stale", async () => {
        const association = await put();
        await claim(association, b);
        expect(await store.put(association, HOUR_MS)).toEqual({ type: "stale" });
        expect(await store.get(device)).toMatchObject({ owner: b });
      });
    });

    describe("claim", () => {
      it("Gives the association to a node, under a stamp of now, behind all numbers that may have been used", async () => {
        const previous = await put({ stamp: nowS() - 100 });
        const from = previous.sendCeiling + SEQUENCE_GAP;
        const ceiling = from + SEQUENCE_BLOCK;
        expect(await claim(previous, b, 1)).toEqual({ type: "claimed", stamp: nowS(), from, ceiling, previous });
        expect(await store.get(device)).toEqual({ ...previous, owner: b, stamp: nowS(), sendCeiling: ceiling });
      });

      it("Begins no earlier than so many numbers a second since the handshake", async () => {
        const aged = { createdAtMs: nowMs - HOUR_MS, stamp: nowS() - 100 };
        const from = 3_600 * SEQUENCES_PER_SECOND;
        expect(await claimed(await put(aged), b)).toMatchObject({
          stamp: nowS(),
          from,
          ceiling: from + SEQUENCE_BLOCK,
        });
        const beyond = await put({ ...aged, sendCeiling: from });
        expect(await claimed(beyond, b)).toMatchObject({ from: from + SEQUENCE_GAP });
        const ahead = await put({ createdAtMs: nowMs + HOUR_MS });
        expect(await claimed(ahead, b)).toMatchObject({ from: ahead.sendCeiling + SEQUENCE_GAP });
      });

      it("Goes no further at once than every client follows, however long nobody claimed it", async () => {
        const old = await put({ createdAtMs: nowMs - 1_000 * HOUR_MS, stamp: nowS() - 100 });
        const from = old.sendCeiling + MAX_SEQUENCE_JUMP;
        expect(await claimed(old, b)).toMatchObject({ from, ceiling: from + SEQUENCE_BLOCK });
      });

      it("Six claims may go unheard: wolfSSL follows to less than 2^32 beyond the last number that it received", async () => {
        const old = await put({ createdAtMs: nowMs - 1_000 * HOUR_MS, stamp: nowS() - 100 });
        for (const node of [b, a, b, a, b, a]) await claimed(old, node);
        const { ceiling } = await claimed(old, b);
        expect(ceiling - (old.sendCeiling - SEQUENCE_BLOCK)).toBeLessThan(2 ** 32);
      });

      it("Begins beyond all that was given since the copy that the store fell back to, whatever that is", async () => {
        const second = fc.record({ claims: fc.boolean(), node: fc.constantFrom(...NODES), reserves: fc.nat(2) });
        const life = fc.array(second, { minLength: 1, maxLength: 12 });
        await fc.assert(
          fc.asyncProperty(life, fc.nat(), async (seconds, at) => {
            device = newDevice();
            let held = await put();
            const copies = [held];
            for (const { claims, node, reserves } of seconds) {
              nowMs += 1_000;
              if (claims) {
                const { stamp, ceiling } = await claimed(held, node);
                held = { ...held, owner: node, stamp, sendCeiling: ceiling };
              }
              for (let i = 0; i < reserves; i++) {
                const reserved = await store.reserve(holdOf(held));
                if (reserved.type === "reserved") held = { ...held, sendCeiling: reserved.ceiling };
              }
              copies.push(held);
            }
            await lose();
            const copy = copies[at % copies.length] as StoredAssociation; // There is one at least.
            await store.restore(copy, HOUR_MS);
            nowMs += 1_000;
            const { from, stamp } = await claimed(copy, b);
            expect(from).toBeGreaterThanOrEqual(held.sendCeiling);
            expect(stamp).toBeGreaterThan(held.stamp);
          }),
          { numRuns: 50 },
        );
      });

      it("No stamp comes twice, whoever claims in one second", async () => {
        const association = await put({ stamp: nowS() });
        const stamps = [];
        for (const node of [b, a, a]) stamps.push((await claimed(association, node)).stamp);
        expect(stamps).toEqual([nowS() + 1, nowS() + 2, nowS() + 3]);
      });

      it("The store's own clock counts where the node's is behind", async () => {
        const association = await put({ stamp: 1 });
        const before = await harness.stores[0].claim({ association, node: b, ttlMs: HOUR_MS, nowMs: 0 });
        expect(before).toMatchObject({ type: "claimed" });
        expect(before.type === "claimed" && before.stamp).toBeGreaterThan(1_000_000);
      });

      it("Of another association, or of a device that has none, there is nothing to claim", async () => {
        const association = await put();
        expect(await claim({ ...association, id: newId() }, b)).toEqual({ type: "gone" });
        expect(await claim({ ...association, device: newDevice() }, b)).toEqual({ type: "gone" });
        expect(await store.get(device)).toEqual(association);
      });

      it("A stamp more than a day ahead of the clock ends the association", async () => {
        const limit = nowS() + MAX_STAMP_LEAD_S;
        expect(await claim(await put({ stamp: limit }), b)).toMatchObject({ type: "claimed", stamp: limit + 1 });
        expect(await claim(await put({ stamp: limit + 1 }), b)).toEqual({ type: "gone" });
        expect(await store.get(device)).toBeUndefined();
      });

      it("Without sequence numbers left the association ends", async () => {
        const last = MAX_SEQUENCE - SEQUENCE_GAP - SEQUENCE_BLOCK;
        expect(await claim(await put({ sendCeiling: last }), b)).toMatchObject({
          type: "claimed",
          ceiling: MAX_SEQUENCE,
        });
        expect(await claim(await put({ sendCeiling: last + 1 }), b)).toEqual({ type: "gone" });
        expect(await store.get(device)).toBeUndefined();
      });
    });

    describe("reserve", () => {
      it("Gives an owner the numbers behind its ceiling, and the same again to a repeat", async () => {
        const association = await put();
        const hold = holdOf(association);
        const ceiling = hold.ceiling + SEQUENCE_BLOCK;
        expect(await store.reserve(hold)).toEqual({ type: "reserved", ceiling });
        expect(await store.reserve(hold)).toEqual({ type: "reserved", ceiling });
        expect(await store.reserve({ ...hold, ceiling })).toEqual({
          type: "reserved",
          ceiling: ceiling + SEQUENCE_BLOCK,
        });
        const stored = { ...association, sendCeiling: ceiling + SEQUENCE_BLOCK };
        expect(await store.get(device)).toEqual(stored);
        await store.reserve(hold); // A repeat that comes late takes nothing back.
        expect(await store.get(device)).toEqual(stored);
      });

      it("Ends the association when there are no more", async () => {
        const last = await put({ sendCeiling: MAX_SEQUENCE - SEQUENCE_BLOCK });
        expect(await store.reserve(holdOf(last))).toEqual({ type: "reserved", ceiling: MAX_SEQUENCE });
        const beyond = await put({ sendCeiling: MAX_SEQUENCE - SEQUENCE_BLOCK + 1 });
        expect(await store.reserve(holdOf(beyond))).toEqual({ type: "gone" });
        expect(await store.get(device)).toBeUndefined();
      });
    });

    describe("owners", () => {
      const steps = {
        reserve: (hold: AssociationHold): Promise<{ type: string }> => store.reserve(hold),
        mark: (hold: AssociationHold): Promise<{ type: string }> =>
          store.mark({ ...hold, mark: { newest: 7, window: ALL }, address: "192.0.2.1:1" }),
      };
      describe.each(["reserve", "mark"] as const)("%s", (step) => {
        it("Who owned the association before a claim is stale", async () => {
          const association = await put();
          await claim(association, b);
          const stored = await store.get(device);
          expect(await steps[step](holdOf(association))).toEqual({ type: "stale" });
          expect(await store.get(device)).toEqual(stored);
        });

        it("Another node under the same stamp is stale, and so is another life of the same one", async () => {
          const association = await put();
          for (const node of [b, { ...a, bootId: "00000000000000ff" }]) {
            expect(await steps[step]({ ...holdOf(association), node })).toEqual({ type: "stale" });
          }
          expect(await store.get(device)).toEqual(association);
        });

        it("It is gone where the device has no association", async () => {
          const association = newAssociation(device, a, nowMs);
          expect(await steps[step](holdOf(association))).toEqual({ type: "gone" });
          await store.put(association, HOUR_MS);
          await store.remove(association);
          expect(await steps[step](holdOf(association))).toEqual({ type: "gone" });
        });

        it("A store that fell back to an older copy learns from the owner of a later stamp", async () => {
          const copy = await put();
          const { stamp, ceiling } = await claimed(copy, b);
          await lose();
          await store.restore(copy, HOUR_MS);
          expect((await steps[step](holdOf(copy))).type).not.toBe("stale"); // It knows no better.
          const { type } = await steps[step]({ association: copy, node: b, stamp, ceiling, ttlMs: HOUR_MS });
          expect(type).toBe(step === "mark" ? "done" : "reserved");
          const sendCeiling = step === "mark" ? ceiling : ceiling + SEQUENCE_BLOCK;
          expect(await store.get(device)).toMatchObject({ owner: b, stamp, sendCeiling });
          expect(await steps[step](holdOf(copy))).toEqual({ type: "stale" });
        });
      });
    });

    describe("mark", () => {
      it("Stores what was received and from where, and the association is found there from then on, without a Connection ID", async () => {
        const association = await put(NO_CID);
        const mark = { newest: association.mark.newest + 40, window: ALL };
        const address = "198.51.100.7:40000";
        expect(await store.mark({ ...holdOf(association), mark, address })).toEqual({ type: "done" });
        const moved = { ...association, mark, address };
        expect(await store.get(device)).toEqual(moved);
        await eventually(() => store.findByAddress(address), moved);
        await eventually(() => store.findByAddress(association.address), undefined);
      });

      it("Wherever it was received from, it is found by its Connection ID", async () => {
        const association = await put();
        const mark = { newest: association.mark.newest + 40, window: ALL };
        const address = "198.51.100.7:40000";
        await store.mark({ ...holdOf(association), mark, address });
        expect(await store.findByCid(association.cid as Uint8Array)).toEqual({ ...association, mark, address });
        expect(await store.findByAddress(address)).toBeUndefined();
      });

      it("Never moves back: a late repeat changes neither mark nor address", async () => {
        const association = await put({ mark: { newest: 100, window: ALL } });
        const late = { newest: 99, window: ALL };
        expect(await store.mark({ ...holdOf(association), mark: late, address: "192.0.2.9:9" })).toEqual({
          type: "done",
        });
        expect(await store.get(device)).toEqual(association);
      });

      it("Of the same newest number it has all that was received by either account", async () => {
        const window = Uint8Array.of(1, 0, 0, 0, 0, 0, 0x80, 1);
        const association = await put({ mark: { newest: 100, window } });
        const mark = { newest: 100, window: Uint8Array.of(0, 0, 2, 0, 0, 0, 0x40, 1) };
        await store.mark({ ...holdOf(association), mark, address: association.address });
        expect((await store.get(device))?.mark).toEqual({
          newest: 100,
          window: Uint8Array.of(1, 0, 2, 0, 0, 0, 0xc0, 1),
        });
      });
    });

    describe("restore", () => {
      it("An owner writes back to a store that was emptied", async () => {
        const association = await put();
        await lose();
        expect(await store.restore(association, HOUR_MS)).toEqual({ type: "done" });
        expect(await store.restore(association, HOUR_MS)).toEqual({ type: "done" });
        expect(await harness.stores[1].findByCid(association.cid as Uint8Array)).toEqual(association);
      });

      it("Takes the place of an older association, not of one that the device made since", async () => {
        const older = await put({ createdAtMs: nowMs - 1, stamp: nowS() + 50 });
        const association = newAssociation(device, b, nowMs);
        expect(await store.restore(association, HOUR_MS)).toEqual({ type: "done" });
        expect(await store.restore(older, HOUR_MS)).toEqual({ type: "stale" });
        expect(await store.get(device)).toEqual(association);
      });

      it("An owner that somebody took the association from is stale", async () => {
        const association = await put();
        await claim(association, b);
        expect(await store.restore(association, HOUR_MS)).toEqual({ type: "stale" });
      });
    });

    describe("remove", () => {
      it.each([{}, NO_CID])("Ends the association, and nothing leads to it (%#)", async (changes) => {
        const association = await put(changes);
        await store.remove(association);
        await store.remove(association);
        expect(await store.get(device)).toBeUndefined();
        expect(await store.findByCid(association.cid ?? randomBytes(8))).toBeUndefined();
        expect(await store.findByAddress(association.address)).toBeUndefined();
      });

      it("Leaves another one that the device made since", async () => {
        const old = await put();
        const association = await put();
        await store.remove(old);
        expect(await store.findByCid(association.cid as Uint8Array)).toEqual(association);
      });
    });

    describe("hints", () => {
      it("An address leads to the device that came to it last, and to nobody once that is elsewhere", async () => {
        const first = await put(NO_CID);
        const { address } = first;
        device = newDevice();
        const second = await put({ ...NO_CID, address });
        expect(await store.findByAddress(address)).toEqual(second);
        const mark = { newest: second.mark.newest + 1, window: ALL };
        await store.mark({ ...holdOf(second), mark, address: "192.0.2.201:1" });
        await eventually(() => store.findByAddress(address), undefined);
        expect(await store.get(first.device)).toEqual(first);
      });

      it("One device's end leaves the address to another that has it meanwhile", async () => {
        const first = await put(NO_CID);
        device = newDevice();
        const second = await put({ ...NO_CID, address: first.address });
        await store.remove(first);
        expect(await store.findByAddress(first.address)).toEqual(second);
      });
    });

    it("An association lapses when no step was made for its time; each step starts it anew", async () => {
      const SHORT_MS = 1_000;
      const lapsing = newAssociation(newDevice(), a, nowMs);
      const steps: readonly ((each: StoredAssociation) => Promise<unknown>)[] = [
        (each) => store.put(each, HOUR_MS),
        (each) => store.restore(each, HOUR_MS),
        (each) => store.claim({ association: each, node: b, ttlMs: HOUR_MS, nowMs }),
        (each) => store.reserve(holdOf(each)),
        (each) => store.mark({ ...holdOf(each), mark: each.mark, address: each.address }),
      ];
      const nameless = newAssociation(newDevice(), a, nowMs, NO_CID);
      for (const each of [lapsing, nameless]) await store.put(each, SHORT_MS);
      const kept = [{}, NO_CID].flatMap((changes) =>
        steps.map((step) => ({ step, association: newAssociation(newDevice(), a, nowMs, changes) })),
      );
      for (const { step, association } of kept) {
        await store.put(association, SHORT_MS);
        await step(association);
      }
      const session = newSession(lapsing.device);
      await store.putSession(session, SHORT_MS);
      const long = newSession(lapsing.device);
      await store.putSession(long, HOUR_MS);
      await harness.elapse(SHORT_MS);
      expect(await store.get(lapsing.device)).toBeUndefined();
      expect(await store.findByCid(lapsing.cid as Uint8Array)).toBeUndefined();
      expect(await store.findByAddress(nameless.address)).toBeUndefined();
      expect(await claim(lapsing, b)).toEqual({ type: "gone" });
      expect(await store.getSession(session.id)).toBeUndefined();
      expect(await store.getSession(long.id)).toEqual(long);
      for (const { association } of kept) {
        const { id, cid, address } = association;
        const find = (): Promise<StoredAssociation | undefined> =>
          cid === undefined ? store.findByAddress(address) : store.findByCid(cid);
        await eventually(async () => (await find())?.id, id);
      }
    });

    describe("sessions", () => {
      it("A session is read as it was stored, on any node, until it is removed or replaced", async () => {
        const session = newSession(device);
        await store.putSession(session, HOUR_MS);
        expect(await harness.stores[1].getSession(session.id)).toEqual(session);
        expect(await store.getSession(randomBytes(32))).toBeUndefined();
        const other = { ...session, sealed: Uint8Array.of(1) };
        await store.putSession(other, HOUR_MS);
        expect(await store.getSession(session.id)).toEqual(other);
        await store.removeSession(session.id);
        await store.removeSession(session.id);
        expect(await store.getSession(session.id)).toBeUndefined();
      });
    });

    it("Whatever three nodes do at once: no stamp comes twice, no number is two owners', and no mark goes back", async () => {
      const rounds = fc.array(fc.array(command, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(rounds, async (all) => {
          nowMs += 300;
          device = newDevice();
          const log: Log = { stamps: new Map(), given: new Map(), holds: new Map() };
          grant(log, a, await put({ stamp: nowS(), sendCeiling: SEQUENCE_BLOCK }), 0);
          for (const round of all) {
            nowMs += 300;
            const before = await store.get(device);
            await Promise.all(round.map((each) => run(each, harness.stores, device, before, nowMs, log)));
            const after = await store.get(device);
            if (before?.id === after?.id && before !== undefined) {
              expect(after?.mark.newest).toBeGreaterThanOrEqual(before.mark.newest);
              expect(after?.stamp).toBeGreaterThanOrEqual(before.stamp);
            }
          }
          for (const stamps of log.stamps.values()) expect(new Set(stamps).size).toBe(stamps.length);
          for (const given of log.given.values()) expectDisjoint([...given.values()]);
        }),
        { numRuns: 100 },
      );
    });
  });
}

const ALL = Uint8Array.from({ length: 8 }, () => 0xff);

/** A step of one of three nodes on one device. Clocks of nodes differ. */
interface Command {
  readonly node: 0 | 1 | 2;
  readonly step: "claim" | "reserve" | "mark" | "put" | "restore";
  readonly skewMs: number;
  readonly newest: number;
}

const command: fc.Arbitrary<Command> = fc.record({
  node: fc.constantFrom(0, 1, 2),
  step: fc.constantFrom("claim", "claim", "claim", "reserve", "reserve", "mark", "put", "restore"),
  skewMs: fc.integer({ min: -2_000, max: 2_000 }),
  newest: fc.integer({ min: -1, max: 1_000 }),
});

/** What came of all commands, by association id. */
interface Log {
  readonly stamps: Map<string, number[]>;
  /** Numbers that were given, by stamp, node and first number: a repeat gives the same. */
  readonly given: Map<string, Map<string, { readonly from: number; readonly to: number }>>;
  /** What each node holds last, by boot id. */
  readonly holds: Map<string, StoredAssociation>;
}

function grant(log: Log, node: NodeRef, held: StoredAssociation, from: number): void {
  const { id, stamp, sendCeiling } = held;
  const given = log.given.get(id) ?? new Map<string, { from: number; to: number }>();
  log.given.set(id, given.set(`${stamp} ${node.bootId} ${from}`, { from, to: sendCeiling }));
  log.holds.set(node.bootId, held);
}

async function run(
  { node: index, step, skewMs, newest }: Command,
  stores: AssociationStoreHarness["stores"],
  device: DeviceRef,
  current: StoredAssociation | undefined,
  nowMs: number,
  log: Log,
): Promise<void> {
  const store = stores[index];
  const node: NodeRef = NODES[index];
  const held = log.holds.get(node.bootId);
  const noteStamp = (id: string, stamp: number): void => {
    log.stamps.set(id, [...(log.stamps.get(id) ?? []), stamp]);
  };
  switch (step) {
    case "claim": {
      if (current === undefined) return;
      const outcome = await store.claim({ association: current, node, ttlMs: HOUR_MS, nowMs: nowMs + skewMs });
      if (outcome.type !== "claimed") return;
      const { stamp, from, ceiling, previous } = outcome;
      noteStamp(previous.id, stamp);
      expect(stamp).toBeGreaterThan(previous.stamp);
      grant(log, node, { ...previous, owner: node, stamp, sendCeiling: ceiling }, from);
      return;
    }
    case "reserve": {
      if (held === undefined) return;
      const { stamp, sendCeiling: ceiling } = held;
      const outcome = await store.reserve({ association: held, node, stamp, ceiling, ttlMs: HOUR_MS });
      if (outcome.type !== "reserved") return;
      // Who claimed meanwhile holds something else.
      const latest = log.holds.get(node.bootId);
      grant(log, node, { ...held, sendCeiling: outcome.ceiling }, ceiling);
      if (latest !== undefined && latest !== held && latest.stamp > stamp) log.holds.set(node.bootId, latest);
      return;
    }
    case "mark": {
      if (held === undefined) return;
      const { stamp, sendCeiling: ceiling, address } = held;
      const mark = { newest, window: ALL };
      await store.mark({ association: held, node, stamp, ceiling, ttlMs: HOUR_MS, mark, address });
      return;
    }
    case "put": {
      const association = newAssociation(device, node, nowMs, { sendCeiling: SEQUENCE_BLOCK });
      await store.put(association, HOUR_MS);
      await store.put(association, HOUR_MS); // As if the first answer was lost.
      noteStamp(association.id, association.stamp);
      grant(log, node, association, 0);
      return;
    }
    case "restore":
      if (held !== undefined) await store.restore(held, HOUR_MS);
      return;
  }
}

function expectDisjoint(given: readonly { readonly from: number; readonly to: number }[]): void {
  const sorted = given.toSorted((x, y) => x.from - y.from);
  for (const [index, { to }] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next !== undefined) expect(next.from).toBeGreaterThanOrEqual(to);
  }
}

function newId(): string {
  return randomBytes(9).toString("base64url");
}

function newSession(device: DeviceRef): StoredSession {
  return { id: Uint8Array.from(randomBytes(32)), device, sealed: Uint8Array.from(randomBytes(140)) };
}
