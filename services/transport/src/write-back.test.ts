import { lwm2m, provisioningKey } from "@ferry/proto";
import { Catalogue, type ProvisioningDocument, parseProvisioningRecord } from "@ferry/provisioning";
import { createEpisode, createLogger, createMetrics } from "@ferry/runtime";
import { type DeviceState, observationToken, type Registration, shardOf } from "@ferry/state";
import { MemoryDeviceStore, MemoryProvisioningStore } from "@ferry/state/memory";
import { expect, it } from "@jest/globals";
import { TRANSPORT_METRICS } from "./metrics.ts";
import { OwnedDevice } from "./owned-device.ts";
import { Ownership } from "./ownership.ts";
import { TestListener } from "./secure/dtls-fixture.ts";
import { ServingCache } from "./serving.ts";
import { StoreWatch } from "./store-watch.ts";
import { type WriteBackPorts, writeBack } from "./write-back.ts";

const NODE = { slot: 1, bootId: "00000000000000b1" };
const OTHER = { slot: 2, bootId: "00000000000000b2" };
const tick = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
const DEVICES = 250; // More than two batches.

/** Registers a device at a node, with one observation. */
async function register(
  devices: MemoryDeviceStore,
  endpoint: string,
  node = NODE,
  id = "AAAAAAAAAAAAAA",
  securityMode: Registration["securityMode"] = "NO_SEC",
) {
  const shard = shardOf("default", endpoint);
  const token = observationToken(shard, (size) => new Uint8Array(size).fill(Number(endpoint.slice(2)) % 251));
  const outcome = await devices.register({
    registration: {
      tenant: "default",
      endpoint,
      registrationId: `${id.slice(0, 14 - endpoint.length)}${endpoint.replace("-", "_")}`,
      lifetimeS: 300,
      lwm2mVersion: "1.1",
      bindingMode: "U",
      queueMode: false,
      objectLinks: "</3/0>",
      profile: "meter",
      securityMode,
      peer: "192.0.2.1:5683",
    },
    digest: `${endpoint}-${node.slot}`,
    observations: [{ token, paths: ["/3/0/9"], source: "profile" }],
    node,
    nowMs: Date.now(),
  });
  return outcome.state;
}

const METER: ProvisioningDocument["body"] = {
  device: { endpoint: "d-*", profile: "meter", credentials: [{ noSec: {} }], allowUnauthenticatedFleet: true },
};

/** Provisioning as it is again: the fleet of these devices, unless it was deleted. */
async function provisioned(
  isFleetThere: boolean,
  declared: readonly ProvisioningDocument["body"][],
): Promise<Catalogue> {
  const store = new MemoryProvisioningStore();
  await store.setPosition(1);
  const catalogue = new Catalogue(store);
  const put = async (kind: "profile" | "device", id: string, body: ProvisioningDocument["body"]): Promise<void> => {
    const value = lwm2m.v1.ProvisioningRecord.encode({ tenant: "default", id, ...body }).finish();
    const identities = kind === "device" ? [{ type: "noSec", endpoint: id } as const] : [];
    await store.put({ kind, tenant: "default", id, value, offset: 1 }, identities);
    catalogue.put(parseProvisioningRecord(provisioningKey(kind, "default", id), value));
  };
  await put("profile", "meter", { profile: { json: '{"resources":{}}' } });
  if (isFleetThere) await put("device", "d-*", METER);
  for (const body of declared) await put("device", body.device?.endpoint ?? "", body);
  return catalogue;
}

/** Ports of a node that owns these devices, and a store that knows none of them. */
async function afterLoss(
  states: readonly DeviceState[],
  devices: MemoryDeviceStore,
  isFleetThere = true,
  declared: readonly ProvisioningDocument["body"][] = [],
): Promise<WriteBackPorts & { readonly served: string[]; readonly dtls: TestListener }> {
  const catalogue = await provisioned(isFleetThere, declared);
  const servings = new ServingCache(catalogue);
  const served: string[] = [];
  const ownership = new Ownership();
  for (const state of states) {
    const { peer } = state.registration;
    ownership.adopt(new OwnedDevice(state, servings.of(state.registration), { peer, address: peer }, 0));
  }
  const logger = createLogger("test", { level: "silent", format: "json" });
  return {
    dtls: new TestListener(),
    logger,
    ownership,
    devices,
    catalogue,
    storeWatch: await StoreWatch.begin(
      devices,
      () => 0,
      () => {},
    ),
    serveWaiting: ({ endpoint }) => served.push(endpoint),
    served,
    clock: { wallMs: () => Date.now(), monotonicMs: () => 0 },
    stateEpisode: createEpisode(logger, { failed: "away", healed: "back" }),
    metrics: createMetrics({ process: false }).register(TRANSPORT_METRICS),
  };
}

it("gives an emptied store every owned device back, with its owner and observations", async () => {
  const before = new MemoryDeviceStore();
  const states = await Promise.all(Array.from({ length: DEVICES }, (_, at) => register(before, `d-${at}`)));
  const emptied = new MemoryDeviceStore();
  const ports = await afterLoss(states, emptied);
  await writeBack(ports, new AbortController().signal);
  for (const { registration, owner, observations } of states) {
    const restored = await emptied.get(registration);
    expect(restored).toMatchObject({ registration, observations });
    expect(restored?.owner).toEqual(owner);
  }
  expect(ports.ownership.size).toBe(DEVICES);
});

it("gives a store that fell back to an older copy the Updates that it lacks", async () => {
  const olderCopy = new MemoryDeviceStore();
  const state = await register(olderCopy, "d-1");
  const { updatedAtMs, expiresAtMs } = state.registration;
  const since = {
    updatedAtMs: updatedAtMs + 200_000,
    expiresAtMs: expiresAtMs + 200_000,
    objectLinks: "</1/0>,</3/0>",
  };
  const registration = { ...state.registration, ...since };
  const ports = await afterLoss([{ ...state, registration }], olderCopy);
  await writeBack(ports, new AbortController().signal);
  expect(await olderCopy.get(registration)).toMatchObject({ registration, owner: state.owner });
  expect([...ports.ownership.devices()].map((device) => device.registration)).toEqual([registration]);
});

it("gives up a device that registered anew at another node meanwhile", async () => {
  const before = new MemoryDeviceStore();
  const state = await register(before, "d-1");
  const emptied = new MemoryDeviceStore();
  const anew = await register(emptied, "d-1", OTHER, "BBBBBBBBBBBBBB");
  const ports = await afterLoss([state], emptied);
  await writeBack(ports, new AbortController().signal);
  expect(ports.ownership.size).toBe(0);
  expect((await emptied.get(state.registration))?.owner).toEqual(anew.owner);
});

it("waits with the rest until the store is restored, then carries out what waits for the devices", async () => {
  const states = [await register(new MemoryDeviceStore(), "d-1")];
  const emptied = new MemoryDeviceStore({ lost: true });
  const ports = await afterLoss(states, emptied);
  const writing = writeBack(ports, new AbortController().signal);
  while ((await emptied.get({ tenant: "default", endpoint: "d-1" })) === undefined) await tick();
  await tick();
  expect(ports.served).toEqual([]);
  await emptied.markRestored((await emptied.incarnation()).id);
  await writing;
  expect(ports.served).toEqual(["d-1"]);
});

it("ends the registration of a device that provisioning does not admit any more, and tells so", async () => {
  const state = await register(new MemoryDeviceStore(), "d-1");
  const emptied = new MemoryDeviceStore();
  const ports = await afterLoss([state], emptied, false);
  await writeBack(ports, new AbortController().signal);
  expect(ports.ownership.size).toBe(0);
  expect(await emptied.get(state.registration)).toBeUndefined();
  const shard = shardOf("default", "d-1");
  const swept = await emptied.sweep({ shard, node: NODE, outboxAgeMs: 0, graceMs: 0, limit: 10, nowMs: Date.now() });
  expect(swept).toMatchObject({ outbox: [{ kind: "lifecycle" }] });
  // Nor does it come back by who has it in memory still.
  const { registration, observations, owner } = state;
  const again = await emptied.restore({ registration, observations, owner, nowMs: Date.now() });
  expect(again).toEqual({ type: "known" });
});

it("gives back the association of a device with DTLS, whose credential is then looked at again", async () => {
  const state = await register(new MemoryDeviceStore(), "d-1", NODE, undefined, "PSK");
  const credentials = [{ psk: { identity: "d-1", key: { plain: Buffer.alloc(16) } } }];
  const ports = await afterLoss([state], new MemoryDeviceStore(), false, [
    { device: { endpoint: "d-1", profile: "meter", credentials } },
  ]);
  await writeBack(ports, new AbortController().signal);
  expect([ports.dtls.writtenBack, ports.dtls.rechecked, ports.served]).toEqual([["d-1"], ["d-1"], ["d-1"]]);
  expect(ports.ownership.size).toBe(1);
});

it("ends the registration of a device with DTLS whose declaration has no such credential any more", async () => {
  const state = await register(new MemoryDeviceStore(), "d-1", NODE, undefined, "PSK");
  const emptied = new MemoryDeviceStore();
  const ports = await afterLoss([state], emptied);
  await writeBack(ports, new AbortController().signal);
  expect([ports.dtls.rechecked, ports.ownership.size]).toEqual([["d-1"], 0]);
  expect(await emptied.get(state.registration)).toBeUndefined();
});

it("leaves a device alone that nothing admits because the store was emptied once more", async () => {
  const states = [await register(new MemoryDeviceStore(), "d-1")];
  const restored = new MemoryDeviceStore();
  const emptiedAgain = new MemoryDeviceStore({ lost: true });
  let looks = 0; // At the start, and before the devices are settled: then it is emptied.
  const connection = new Proxy(restored, {
    get: (_target, name) => {
      const store = looks < 2 ? restored : emptiedAgain;
      if (name === "incarnation") looks += 1;
      return Reflect.get(store, name, store).bind(store);
    },
  });
  const ports = await afterLoss(states, connection, false);
  await writeBack(ports, new AbortController().signal);
  expect(ports.ownership.size).toBe(1);
  expect(ports.served).toEqual([]);
  // What is lost once more is written back once more.
  await writeBack(ports, AbortSignal.timeout(50));
  expect(await emptiedAgain.get({ tenant: "default", endpoint: "d-1" })).toBeDefined();
});
