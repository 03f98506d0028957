import { MemoryBus } from "@ferry/bus/memory";
import { lwm2m, TOPICS } from "@ferry/proto";
import { makeRegistrationId, type Registration, SHARDS, shardOf } from "@ferry/state";
import { MemoryDeviceStore, memoryState } from "@ferry/state/memory";
import { afterEach, expect, it } from "@jest/globals";
import { shardsOfRound } from "./expiry.ts";
import { collect, provision, type System, startNode, stopAll, until } from "./transport-fixture.ts";

afterEach(stopAll);

/** A device that is swept as soon as a node has started. */
function firstSwept(): string {
  for (let number = 0; ; number++) if (shardOf("default", `ep-${number}`) === 0) return `ep-${number}`;
}

/** Stores a registration whose lifetime was over an hour ago, unless it was prolonged since. */
async function storeLapsed(devices: MemoryDeviceStore): Promise<Registration> {
  const endpoint = firstSwept();
  const nowMs = Date.now() - 3_900_000;
  const registration = {
    tenant: "default",
    endpoint,
    registrationId: makeRegistrationId(0, (size) => new Uint8Array(size)),
    lifetimeS: 300,
    lwm2mVersion: "1.1",
    bindingMode: "U",
    queueMode: false,
    objectLinks: "</3/0>",
    profile: "meter",
    securityMode: "NO_SEC",
    peer: "192.0.2.1:5683",
  } as const;
  const node = { slot: 7, bootId: "00000000000000b7" };
  return (await devices.register({ registration, digest: "", node, nowMs })).state.registration;
}

it("A node sweeps its share in each round, and comes by every other shard within eight, for those who claim them may never live so long", () => {
  for (const [turn, nodes] of [
    [0, 1],
    [1, 2],
    [0, 4],
    [7, 8],
    [63, 64],
  ] as const) {
    const rounds = Array.from({ length: 8 }, (_, round) => shardsOfRound(turn, nodes, round));
    for (let shard = 0; shard < SHARDS; shard++) {
      const swept = rounds.flatMap((shards) => shards.find((one) => one.shard === shard) ?? []);
      const own = shard % nodes === turn;
      expect(swept).toEqual(Array.from({ length: own ? 8 : 1 }, () => ({ shard, own })));
    }
  }
});

it("A node comes by every shard within eight rounds, also when its turn and their number change from round to round", () => {
  const rounds = Array.from({ length: 8 }, (_, round) => shardsOfRound(0, 2 + (round % 2), round));
  expect(new Set(rounds.flat().map(({ shard }) => shard)).size).toBe(SHARDS);
});

it("Nothing expires in a store that is not restored: it may lack what its devices prolonged", async () => {
  let nowMs = Date.now() - 3_900_000;
  const devices = new MemoryDeviceStore({ lost: true, now: () => nowMs });
  const system: System = { bus: new MemoryBus(), state: { ...memoryState(), devices } };
  await provision(system);
  const registration = await storeLapsed(devices);
  nowMs = Date.now();
  const expired = (): readonly string[] =>
    lifecycle.flatMap(({ event, registration }) =>
      event === lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_EXPIRED ? [registration?.endpoint ?? ""] : [],
    );
  const lifecycle = collect(system.bus, TOPICS.lifecycle);
  await startNode(system);
  await new Promise((resolve) => setImmediate(resolve));
  expect(await devices.list({ limit: 2 })).toMatchObject({ devices: [{ registration }] });

  await devices.markRestored((await devices.incarnation()).id);
  await until(() => expired().length > 0, "its end");
  expect(expired()).toEqual([registration.endpoint]);
});
