import { BOOTSTRAP_SLOTS, onlySlot, TRANSPORT_SLOTS } from "@ferry/state";
import { MemoryNodeDirectory } from "@ferry/state/memory";
import { FakeClock } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { SlotLease, type SlotLeaseParts } from "./slot-lease.ts";

const LEASE_MS = 10_000;

/** A directory on a clock of its own, and the nodes that want a slot of it. */
class Fixture {
  readonly clock = new FakeClock(1_000_000);
  readonly nodes: MemoryNodeDirectory = new MemoryNodeDirectory(this.clock.now);
  readonly lost: string[] = [];
  waits = 0;
  storeLost = false;
  /** Waiting moves the clock on. */
  readonly delay = async (ms: number): Promise<void> => this.clock.advance(ms);

  async take(bootId: string, slot?: number, change: Partial<SlotLeaseParts> = {}): Promise<SlotLease> {
    const lease = await SlotLease.take(
      {
        nodes: this.nodes,
        entry: { bootId, name: bootId, address: "", version: "" },
        slots: slot === undefined ? TRANSPORT_SLOTS : onlySlot(slot),
        leaseMs: LEASE_MS,
        monotonicMs: this.clock.now,
        onLost: (reason) => void this.lost.push(reason),
        isStoreLost: async () => this.storeLost,
        onUnavailable: () => {},
        onAvailable: () => {},
        delay: this.delay,
        ...change,
      },
      () => this.waits++,
      new AbortController().signal,
    );
    return lease as SlotLease; // Only an aborted signal leaves it undefined.
  }
}

describe("the slot of a node", () => {
  it("is the lowest that is free", async () => {
    const fixture = new Fixture();
    const slots = [await fixture.take("a"), await fixture.take("b"), await fixture.take("c")];
    expect(slots.map(({ entry }) => entry.slot)).toEqual([0, 1, 2]);
  });

  it("is one of the range that its service has", async () => {
    const fixture = new Fixture();
    await fixture.take("a");
    const slots = [];
    for (const bootId of ["b", "c"]) {
      slots.push((await fixture.take(bootId, undefined, { slots: BOOTSTRAP_SLOTS })).entry.slot);
    }
    expect(slots).toEqual([64, 65]);
  });

  it("is waited for, and that told once, while another node holds it", async () => {
    const fixture = new Fixture();
    await fixture.take("a", 7);
    const beginMs = fixture.clock.now();
    expect((await fixture.take("b", 7)).entry).toMatchObject({ slot: 7, bootId: "b" });
    expect(fixture.clock.now() - beginMs).toBeGreaterThanOrEqual(LEASE_MS);
    expect(fixture.waits).toBe(1);
  });

  it("is free at once when its node gives it back", async () => {
    const fixture = new Fixture();
    await (await fixture.take("a", 7)).stop();
    await fixture.take("b", 7);
    expect(fixture.waits).toBe(0);
  });

  it("is taken again when it lapsed, and ownership discarded: others may have taken the devices", async () => {
    const fixture = new Fixture();
    const lease = await fixture.take("a", 7);
    fixture.clock.advance(LEASE_MS + 1);
    await lease.announce({ ready: true });
    expect(fixture.lost).toEqual(["the lease of slot 7 had lapsed"]);
    expect(await fixture.nodes.get(7)).toMatchObject({ bootId: "a", ready: true });
  });

  it("is taken again with all that is in memory when an emptied store forgot it", async () => {
    const fixture = new Fixture();
    const lease = await fixture.take("a", 7);
    fixture.clock.advance(LEASE_MS + 1);
    fixture.storeLost = true;
    await lease.announce({ ready: true });
    expect(fixture.lost).toEqual([]);
    expect(await fixture.nodes.get(7)).toMatchObject({ bootId: "a" });
  });

  it("is never shared: a node whose slot another took ends", async () => {
    const fixture = new Fixture();
    const lease = await fixture.take("a");
    fixture.clock.advance(LEASE_MS + 1);
    await fixture.take("b");
    await expect(lease.announce({ ready: true })).rejects.toThrow(
      "slot 0 was not renewed in time and is another node's now",
    );
  });
});

describe("a node may serve", () => {
  it("while it is seen to run at least every 5 s", async () => {
    const fixture = new Fixture();
    const lease = await fixture.take("a");
    for (let seen = 0; seen < 10; seen++) {
      fixture.clock.advance(5_000);
      expect(lease.mayServe()).toBe(true);
    }
    expect(fixture.lost).toEqual([]);
  });

  it("not after it was held up for longer, which is told before that is answered, until its slot is renewed", async () => {
    const fixture = new Fixture();
    const lease = await fixture.take("a");
    fixture.clock.advance(5_001);
    expect(lease.mayServe()).toBe(false);
    expect(fixture.lost).toEqual(["this process was held up for 5001 ms"]);
    expect([lease.mayServe(), fixture.lost.length]).toEqual([false, 1]);
    await lease.announce({ ready: true });
    expect([lease.mayServe(), fixture.lost.length]).toEqual([true, 1]);
  });

  it("again when its slot had lapsed and was free", async () => {
    const fixture = new Fixture();
    const lease = await fixture.take("a");
    fixture.clock.advance(LEASE_MS + 1);
    expect(lease.mayServe()).toBe(false);
    await lease.announce({ ready: true });
    expect(lease.mayServe()).toBe(true);
  });

  it("not by a renewal that was asked for before it was held up: its slot may have been lost since", async () => {
    const fixture = new Fixture();
    const lease = await fixture.take("a");
    const { nodes } = fixture;
    const renew = nodes.renew.bind(nodes);
    const asked = Promise.withResolvers<void>();
    nodes.renew = async (...request) => {
      const ours = await renew(...request);
      await asked.promise;
      return ours;
    };
    const announced = lease.announce({ ready: true });
    fixture.clock.advance(5_001);
    expect(lease.mayServe()).toBe(false);
    asked.resolve();
    await announced;
    expect(lease.mayServe()).toBe(false);
    await lease.announce({ ready: true });
    expect(lease.mayServe()).toBe(true);
  });

  it("though nobody asks, and however seldom its slot is renewed: it looks for itself", async () => {
    const fixture = new Fixture();
    const sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();
    const delay = (ms: number, signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        sleepers.add({ untilMs: fixture.clock.now() + ms, wake: resolve });
        signal.addEventListener("abort", () => resolve());
      });
    const lease = await fixture.take("a", 7, { leaseMs: 60_000, delay });
    lease.start();
    for (let second = 1; second <= 100; second++) {
      fixture.clock.advance(1_000);
      for (const sleeper of sleepers) {
        if (sleeper.untilMs > fixture.clock.now()) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(fixture.lost).toEqual([]);
    expect(await fixture.nodes.get(7)).toMatchObject({ bootId: "a" });
    await lease.stop();
  });
});
