import { Catalogue } from "@ferry/provisioning";
import { createEpisode, createLogger, createMetrics } from "@ferry/runtime";
import { type DeviceState, observationToken, shardOf } from "@ferry/state";
import { MemoryDeviceStore, MemoryProvisioningStore } from "@ferry/state/memory";
import { expect, it } from "@jest/globals";
import { TRANSPORT_METRICS } from "./metrics.ts";
import { OwnedDevice } from "./owned-device.ts";
import { Ownership } from "./ownership.ts";
import { ServingCache } from "./serving.ts";
import { type WriteBackPorts, writeBack } from "./write-back.ts";

const NODE = { slot: 1, bootId: "00000000000000b1" };
const OTHER = { slot: 2, bootId: "00000000000000b2" };
const DEVICES = 250; // More than two batches.

/** Registers a device at a node, with one observation. */
async function register(devices: MemoryDeviceStore, endpoint: string, node = NODE, id = "AAAAAAAAAAAAAA") {
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
      securityMode: "NO_SEC",
      peer: "192.0.2.1:5683",
    },
    digest: `${endpoint}-${node.slot}`,
    observations: [{ token, paths: ["/3/0/9"], source: "profile" }],
    node,
    nowMs: Date.now(),
  });
  return outcome.state;
}

/** Ports of a node that owns these devices, and a store that knows none of them. */
function afterLoss(states: readonly DeviceState[], devices: MemoryDeviceStore): WriteBackPorts {
  const servings = new ServingCache(new Catalogue(new MemoryProvisioningStore()));
  const ownership = new Ownership();
  for (const state of states) {
    ownership.adopt(new OwnedDevice(state, servings.of(state.registration), state.registration.peer, 0));
  }
  const logger = createLogger("test", { level: "silent", format: "json" });
  return {
    ownership,
    devices,
    clock: { wallMs: () => Date.now(), monotonicMs: () => 0 },
    stateEpisode: createEpisode(logger, { failed: "away", healed: "back" }),
    metrics: createMetrics({ process: false }).register(TRANSPORT_METRICS),
  };
}

it("gives an emptied store every owned device back, with its owner and observations", async () => {
  const before = new MemoryDeviceStore();
  const states = await Promise.all(Array.from({ length: DEVICES }, (_, at) => register(before, `d-${at}`)));
  const emptied = new MemoryDeviceStore();
  const ports = afterLoss(states, emptied);
  await writeBack(ports, new AbortController().signal);
  for (const { registration, owner, observations } of states) {
    const restored = await emptied.get(registration);
    expect(restored).toMatchObject({ registration, observations });
    expect(restored?.owner).toEqual(owner);
  }
  expect(ports.ownership.size).toBe(DEVICES);
});

it("gives up a device that registered anew at another node meanwhile", async () => {
  const before = new MemoryDeviceStore();
  const state = await register(before, "d-1");
  const emptied = new MemoryDeviceStore();
  const anew = await register(emptied, "d-1", OTHER, "BBBBBBBBBBBBBB");
  const ports = afterLoss([state], emptied);
  await writeBack(ports, new AbortController().signal);
  expect(ports.ownership.size).toBe(0);
  expect((await emptied.get(state.registration))?.owner).toEqual(anew.owner);
});
