import type { DeviceState, NodeEntry } from "@ferry/state";
import { describe, expect, it } from "@jest/globals";
import { type Routed, route } from "./route.ts";

const NOW_MS = 1_700_000_000_000;
const READ: Routed = { method: "Read", expiresAtMs: NOW_MS + 10_000, failFast: false, persistent: false };
const PERSISTENT: Routed = { ...READ, persistent: true };
const FAIL_FAST: Routed = { ...READ, failFast: true };
const NODE: NodeEntry = {
  slot: 3,
  bootId: "boot-3",
  name: "n3",
  address: "n3:9464",
  version: "0.1.0",
  draining: false,
  ready: true,
};

function state(changes: { bootId?: string; expiresAtMs?: number } = {}): DeviceState {
  const { bootId = "boot-3", expiresAtMs = NOW_MS + 60_000 } = changes;
  return {
    registration: {
      tenant: "default",
      endpoint: "demo",
      registrationId: "AAAAAAAAAAAAAA",
      generation: 1,
      lifetimeS: 60,
      lwm2mVersion: "1.1",
      bindingMode: "U",
      queueMode: false,
      objectLinks: "</3/0>",
      profile: "quickstart",
      securityMode: "NO_SEC",
      peer: "192.0.2.1:5683",
      registeredAtMs: NOW_MS - 5000,
      updatedAtMs: NOW_MS - 5000,
      expiresAtMs,
    },
    owner: { slot: 3, bootId, epoch: 771 },
    observations: [],
    firstMessageId: 0,
    lastSeenMs: 0,
    waiting: { requests: 0, values: 0 },
  };
}

describe("a request", () => {
  it("goes to the slot of the node that has the device, under its boot id and epoch, however long that was silent", () => {
    expect(route(READ, state(), NODE, true, NOW_MS)).toEqual({ to: "node", slot: 3, bootId: "boot-3", epoch: 771 });
  });

  it.each<[string, string, Parameters<typeof route>]>([
    ["REJECTED", "its method is unknown", [{ ...READ, method: "read" }, state(), NODE, true, NOW_MS]],
    [
      "REJECTED",
      "its method is unknown and it has lapsed",
      [{ ...READ, method: "read", expiresAtMs: 0 }, undefined, undefined, true, NOW_MS],
    ],
    ["EXPIRED", "it has lapsed", [{ ...READ, expiresAtMs: NOW_MS }, state(), NODE, true, NOW_MS]],
    [
      "EXPIRED",
      "it has lapsed, also for a device that is not registered",
      [{ ...READ, expiresAtMs: NOW_MS - 1 }, undefined, undefined, true, NOW_MS],
    ],
    ["NOT_REGISTERED", "the device is not registered", [READ, undefined, undefined, true, NOW_MS]],
    [
      "NOT_REGISTERED",
      "the registration has lapsed and is not swept yet",
      [READ, state({ expiresAtMs: NOW_MS }), NODE, true, NOW_MS],
    ],
    [
      "NOT_REGISTERED",
      "it is persistent and nobody declared the device",
      [PERSISTENT, undefined, undefined, false, NOW_MS],
    ],
    [
      "NOT_REGISTERED",
      "it is persistent, is to fail fast, and the device is not registered",
      [{ ...PERSISTENT, failFast: true }, undefined, undefined, true, NOW_MS],
    ],
    [
      "UNREACHABLE",
      "it is to fail fast and nobody holds the owner's slot",
      [FAIL_FAST, state(), undefined, true, NOW_MS],
    ],
    [
      "UNREACHABLE",
      "it is to fail fast and the owner does not read its commands yet",
      [FAIL_FAST, state(), { ...NODE, ready: false }, true, NOW_MS],
    ],
  ])("is answered %s when %s", (status, _, args) => {
    expect(route(...args)).toMatchObject({ to: "caller", answer: { status } });
  });

  it.each<[string, Parameters<typeof route>]>([
    ["nobody holds the owner's slot", [READ, state(), undefined, true, NOW_MS]],
    ["another life of the node holds the slot", [READ, state(), { ...NODE, bootId: "boot-4" }, true, NOW_MS]],
    ["the owner gave the device up", [READ, state({ bootId: "" }), NODE, true, NOW_MS]],
    ["the owner does not read its commands yet", [READ, state(), { ...NODE, ready: false }, true, NOW_MS]],
    ["it is persistent and the device is not registered", [PERSISTENT, undefined, undefined, true, NOW_MS]],
  ])("waits in the store for the device's next node when %s", (_, args) => {
    expect(route(...args)).toEqual({ to: "store" });
  });

  it("of an unknown method is told so in the words of the RPC specification", () => {
    expect(route({ ...READ, method: "Reboot" }, state(), NODE, true, NOW_MS)).toEqual({
      to: "caller",
      answer: { status: "REJECTED", result: "METHOD_NOT_ALLOWED", error: "Unsupported operation type: Reboot" },
    });
  });
});
