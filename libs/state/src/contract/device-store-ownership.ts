import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { type DeviceRef, type DeviceStore, NO_SEC, type NodeRef, type Owner } from "../device-store.ts";
import { NODES, newDevice, newObservation, newRegister } from "./harness.ts";

/** A step of one of three nodes on one device. Clocks of nodes differ. */
interface Command {
  readonly node: 0 | 1 | 2;
  readonly step:
    | "register"
    | "update"
    | "claim"
    | "release"
    | "observe"
    | "accept"
    | "dispatch"
    | "finish"
    | "deregister";
  readonly skewMs: number;
  readonly request: number;
}

/** What came of all commands. */
interface Log {
  /** By the round of concurrent commands that granted them. */
  readonly epochs: number[][];
  readonly generations: number[][];
  readonly go: string[];
  readonly won: string[];
  readonly owners: Owner[];
}

const command: fc.Arbitrary<Command> = fc.record({
  node: fc.constantFrom(0, 1, 2),
  step: fc.constantFrom(
    "register",
    "update",
    "update",
    "claim",
    "claim",
    "release",
    "observe",
    "accept",
    "dispatch",
    "dispatch",
    "finish",
    "deregister",
  ),
  skewMs: fc.integer({ min: -5_000, max: 5_000 }),
  request: fc.integer({ min: 0, max: 2 }),
});

/** What must hold whatever three nodes do to one device at the same time. */
export function describeOwnership(
  stores: () => readonly [DeviceStore, DeviceStore, DeviceStore],
  nextMs: () => number,
): void {
  it("Whatever three nodes do at once: one owner, growing epochs and generations, at most one go and one won per request", async () => {
    const rounds = fc.array(fc.array(command, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(rounds, async (commands) => {
        const device = newDevice();
        const log: Log = { epochs: [], generations: [], go: [], won: [], owners: [] };
        const registered = await stores()[0].register(newRegister(device, nextMs()));
        log.owners.push(registered.state.owner);
        log.epochs.push([registered.state.owner.epoch]);
        log.generations.push([registered.state.registration.generation]);
        for (const round of commands) {
          const nowMs = nextMs();
          log.epochs.push([]);
          log.generations.push([]);
          const state = await stores()[0].get(device);
          const registrationId = state?.registration.registrationId ?? "";
          await Promise.all(round.map((each) => run(each, stores(), device, registrationId, nowMs + each.skewMs, log)));
          await expectOneOwner(stores()[1], device, log);
        }
        expectGrowing(log.epochs);
        expectGrowing(log.generations);
        expect(new Set(log.go).size).toBe(log.go.length);
        expect(new Set(log.won).size).toBe(log.won.length);
      }),
      { numRuns: 100 },
    );
  });
}

async function run(
  { node: index, step, request }: Command,
  stores: readonly [DeviceStore, DeviceStore, DeviceStore],
  device: DeviceRef,
  registrationId: string,
  nowMs: number,
  log: Log,
): Promise<void> {
  const store = stores[index];
  const node: NodeRef = NODES[index];
  const peer = `192.0.2.${index}:5683`;
  const requestId = `request-${request}`;
  const known = log.owners.findLast(({ bootId }) => bootId === node.bootId) ?? { ...node, epoch: 0 };
  const granted = (owner: Owner): void => {
    log.epochs.at(-1)?.push(owner.epoch);
    log.owners.push(owner);
  };
  switch (step) {
    case "register": {
      const outcome = await store.register(newRegister(device, nowMs, { node }));
      granted(outcome.state.owner);
      log.generations.at(-1)?.push(outcome.state.registration.generation);
      return;
    }
    case "update": {
      const outcome = await store.update({ registrationId, peer, node, sender: NO_SEC, nowMs });
      if (outcome.type === "updated" && outcome.previousOwner !== undefined) granted(outcome.state.owner);
      return;
    }
    case "claim": {
      const outcome = await store.claim({
        proof: { type: "registrationId", registrationId },
        peer,
        node,
        sender: NO_SEC,
        nowMs,
      });
      if (outcome.type === "claimed") granted(outcome.state.owner);
      return;
    }
    case "release":
      await store.release({ device, owner: known });
      return;
    case "observe":
      await store.observe({ device, owner: known, add: [newObservation(device)], remove: [] });
      return;
    case "accept": {
      const open = {
        requestId,
        request: new Uint8Array(),
        contentType: "application/json",
        expiresAtMs: nowMs + 60_000,
      };
      await store.accept({ device, open, limit: 2, nowMs });
      return;
    }
    case "dispatch": {
      const outcome = await store.dispatch({ device, requestId, owner: known, nowMs });
      if (outcome.type === "go") log.go.push(requestId);
      return;
    }
    case "finish": {
      const outcome = await store.finish({ device, requestId, response: Uint8Array.of(index), nowMs });
      if (outcome.type === "won") log.won.push(requestId);
      return;
    }
    case "deregister":
      await store.deregister({ registrationId, node, sender: NO_SEC, nowMs });
      return;
  }
}

/** The latest epoch has the device (or nobody, after its release); every other owner is refused. */
async function expectOneOwner(store: DeviceStore, device: DeviceRef, log: Log): Promise<void> {
  const state = await store.get(device);
  const latest = Math.max(...log.epochs.flat());
  if (state !== undefined) expect(state.owner.epoch).toBe(latest);
  for (const owner of log.owners) {
    const { type } = await store.observe({ device, owner, add: [], remove: [] });
    expect(type).toBe(state?.owner.epoch === owner.epoch && state.owner.bootId === owner.bootId ? "done" : "stale");
  }
}

/** Numbers of one round are in no order, but each is beyond all of the rounds before, and none comes twice. */
function expectGrowing(rounds: readonly (readonly number[])[]): void {
  let highest = 0;
  for (const round of rounds) {
    expect(new Set(round).size).toBe(round.length);
    for (const each of round) expect(each).toBeGreaterThan(highest);
    highest = Math.max(highest, ...round);
  }
}
