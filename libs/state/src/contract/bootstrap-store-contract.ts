import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import {
  type BootstrapStore,
  type BootstrapSummary,
  type BootstrapSummaryStep,
  SUMMARY_MAX_STEPS,
} from "../bootstrap-store.ts";
import type { DeviceRef } from "../device-store.ts";
import { newDevice } from "./harness.ts";

/** A store of last bootstraps, and a way to let time pass. */
export interface BootstrapStoreHarness {
  readonly bootstraps: BootstrapStore;
  /** Returns when at least so much time has passed for the store. */
  elapse(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** Every promise of `BootstrapStore`. */
export function describeBootstrapStore(name: string, open: () => Promise<BootstrapStoreHarness>): void {
  describe(name, () => {
    let harness: BootstrapStoreHarness;
    let bootstraps: BootstrapStore;
    let device: DeviceRef;
    beforeAll(async () => {
      harness = await open();
      bootstraps = harness.bootstraps;
    });
    beforeEach(() => {
      device = newDevice();
    });
    afterAll(() => harness?.stop());

    it("The last bootstrap of a device is read as it was stored", async () => {
      await bootstraps.put(device, FINISHED);
      expect(await bootstraps.get(device)).toEqual(FINISHED);
      expect(await bootstraps.get(newDevice())).toBeUndefined();
      expect(await bootstraps.get({ ...device, tenant: "other" })).toBeUndefined();
    });

    it("A session is stored while it runs, again as it goes on, and when it has ended", async () => {
      for (const summary of [RUNNING, { ...RUNNING, steps: STEPS.slice(0, 2) }, FINISHED]) {
        await bootstraps.put(device, summary);
        expect(await bootstraps.get(device)).toEqual(summary);
      }
      await bootstraps.put(device, RUNNING); // What comes late.
      expect(await bootstraps.get(device)).toEqual(FINISHED);
    });

    it("A session that began later takes the place of an earlier one, which then changes nothing any more", async () => {
      const next = { ...RUNNING, sessionId: "b", startedAtMs: RUNNING.startedAtMs + 1 };
      await bootstraps.put(device, FINISHED);
      await bootstraps.put(device, next);
      expect(await bootstraps.get(device)).toEqual(next);
      await bootstraps.put(device, { ...FINISHED, outcome: "failed", reason: "the device asked again" });
      expect(await bootstraps.get(device)).toEqual(next);
    });

    it("Of many steps the last ones are kept, and how many were left out", async () => {
      const steps = Array.from({ length: 100 }, (_, index) => ({ ...STEP, path: `/${index}` }));
      await bootstraps.put(device, { ...FINISHED, steps });
      expect(await bootstraps.get(device)).toEqual({
        ...FINISHED,
        steps: steps.slice(-SUMMARY_MAX_STEPS),
        stepsLeftOut: 100 - SUMMARY_MAX_STEPS,
      });
    });

    it("It lapses", async () => {
      await bootstraps.put(device, FINISHED, SHORT_MS);
      await harness.elapse(SHORT_MS);
      expect(await bootstraps.get(device)).toBeUndefined();
      await bootstraps.put(device, RUNNING); // And is in nobody's way then.
      expect(await bootstraps.get(device)).toEqual(RUNNING);
    });
  });
}

const SHORT_MS = 100;
const BEGIN_MS = 1_800_000_000_000;
const STEP: BootstrapSummaryStep = { atMs: BEGIN_MS + 1, step: "WRITTEN", path: "/1/0", code: "2.04", reason: "" };
const STEPS: readonly BootstrapSummaryStep[] = [
  { atMs: BEGIN_MS, step: "STARTED", path: "", code: "", reason: "" },
  STEP,
  { atMs: BEGIN_MS + 2, step: "FAILED", path: "/0/1", code: "4.05", reason: 'the device answered 4.05: "süß"\n' },
];
const RUNNING: BootstrapSummary = {
  sessionId: "00000000000000a0",
  node: "ferry-bootstrap-7c9f",
  startedAtMs: BEGIN_MS,
  outcome: "running",
  reason: "",
  securityMode: "PSK",
  servers: [],
  steps: STEPS.slice(0, 1),
};
const FINISHED: BootstrapSummary = {
  ...RUNNING,
  endedAtMs: BEGIN_MS + 3,
  outcome: "finished",
  servers: ["1 → coaps://lwm2m.example.org:5686", "2 → coap://[2001:db8::1]:5685"],
  steps: STEPS,
};
