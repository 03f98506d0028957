import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import {
  BOOTSTRAP_SLOTS,
  type NodeDirectory,
  type NodeEntry,
  onlySlot,
  type SlotRange,
  TRANSPORT_SLOTS,
} from "../node-directory.ts";

/** A node directory, and a way to let time pass. */
export interface NodeDirectoryHarness {
  readonly directory: NodeDirectory;
  wipe(): Promise<void>;
  /** Returns when at least so much time has passed for the directory. */
  elapse(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** Every promise of `NodeDirectory`. */
export function describeNodeDirectory(name: string, open: () => Promise<NodeDirectoryHarness>): void {
  describe(name, () => {
    let harness: NodeDirectoryHarness;
    let directory: NodeDirectory;
    beforeAll(async () => {
      harness = await open();
    });
    beforeEach(async () => {
      await harness.wipe();
      directory = harness.directory;
    });
    afterAll(() => harness?.stop());

    it("A node gets the slot it asks for, or the lowest that is free, and is found there", async () => {
      const fixed = await directory.lease(newEntry("a"), onlySlot(1), LONG_MS);
      expect(fixed).toEqual({ ...newEntry("a"), slot: 1 });
      expect(await directory.lease(newEntry("b"), TRANSPORT_SLOTS, LONG_MS)).toEqual({ ...newEntry("b"), slot: 0 });
      expect(await directory.lease(newEntry("c"), TRANSPORT_SLOTS, LONG_MS)).toEqual({ ...newEntry("c"), slot: 2 });
      expect(await directory.get(1)).toEqual(fixed);
      expect(await directory.get(5)).toBeUndefined();
      expect((await directory.list(TRANSPORT_SLOTS)).map(({ slot, name }) => [slot, name])).toEqual([
        [0, "b"],
        [1, "a"],
        [2, "c"],
      ]);
    });

    it("A held slot is not shared; the same life asks for it again without harm", async () => {
      await directory.lease(newEntry("a"), onlySlot(1), LONG_MS);
      expect(await directory.lease(newEntry("b"), onlySlot(1), LONG_MS)).toBeUndefined();
      expect(await directory.lease(newEntry("a"), onlySlot(1), LONG_MS)).toMatchObject({ slot: 1 });
      expect(await directory.lease(newEntry("a"), TRANSPORT_SLOTS, LONG_MS)).toMatchObject({ slot: 1 });
    });

    it.each<[string, SlotRange, number]>([
      ["transport nodes", TRANSPORT_SLOTS, 64],
      ["bootstrap processes", BOOTSTRAP_SLOTS, 128],
    ])("There are so many slots for %s and no more", async (_, slots, count) => {
      for (let i = 0; i < count; i++) {
        expect(await directory.lease(newEntry(`n${i}`), slots, LONG_MS)).toMatchObject({ slot: slots.first + i });
      }
      expect(await directory.lease(newEntry("one-too-many"), slots, LONG_MS)).toBeUndefined();
    });

    it("Transport nodes and bootstrap processes are listed apart, also where one life is both", async () => {
      expect(await directory.lease(newEntry("a"), TRANSPORT_SLOTS, LONG_MS)).toMatchObject({ slot: 0 });
      expect(await directory.lease(newEntry("a"), BOOTSTRAP_SLOTS, LONG_MS)).toMatchObject({ slot: 64 });
      const last = await directory.lease(newEntry("b"), onlySlot(191), LONG_MS);
      expect(await directory.list(TRANSPORT_SLOTS)).toEqual([{ ...newEntry("a"), slot: 0 }]);
      expect(await directory.list(BOOTSTRAP_SLOTS)).toEqual([{ ...newEntry("a"), slot: 64 }, last]);
      expect(await directory.get(191)).toEqual(last);
    });

    it("A lease lapses unless renewed; who lost it is told so and cannot renew it", async () => {
      const short = await lease(directory, "a", 0, SHORT_MS);
      const renewed = await lease(directory, "b", 1, SHORT_MS);
      expect(await directory.renew(renewed, LONG_MS)).toBe(true);
      await harness.elapse(SHORT_MS);
      expect(await directory.get(0)).toBeUndefined();
      expect(await directory.renew(short, LONG_MS)).toBe(false);
      expect(await directory.get(1)).toEqual(renewed);
      await lease(directory, "c", 0, LONG_MS);
      expect(await directory.renew(short, LONG_MS)).toBe(false);
      expect(await directory.get(0)).toMatchObject({ name: "c" });
    });

    it("A renewal updates the entry", async () => {
      const entry = await lease(directory, "a", 7, LONG_MS);
      const draining = { ...entry, draining: true, ready: true };
      expect(await directory.renew(draining, LONG_MS)).toBe(true);
      expect(await directory.get(7)).toEqual(draining);
    });

    it("A slot is free after its release, which another life cannot do", async () => {
      const entry = await lease(directory, "a", 3, LONG_MS);
      await directory.release({ slot: 3, bootId: newEntry("other").bootId });
      expect(await directory.get(3)).toEqual(entry);
      await directory.release(entry);
      await directory.release(entry);
      expect(await directory.get(3)).toBeUndefined();
    });
  });
}

const LONG_MS = 60_000;
const SHORT_MS = 500;

async function lease(directory: NodeDirectory, name: string, slot: number, leaseMs: number): Promise<NodeEntry> {
  const entry = await directory.lease(newEntry(name), onlySlot(slot), leaseMs);
  expect(entry).toBeDefined();
  return entry as NodeEntry; // Just expected.
}

function newEntry(name: string): Omit<NodeEntry, "slot"> {
  const bootId = Buffer.from(name).toString("hex").padStart(16, "0");
  return { name, bootId, address: "10.0.0.1:9464", version: "0.1.0", draining: false, ready: false };
}
