import type { DeviceState, NodeEntry } from "@ferry/state";
import { describe, expect, it } from "@jest/globals";
import { type Reachability, route } from "./route.ts";

const NOW_MS = 1_700_000_000_000;
const FLOW: Reachability = { mode: "flow", flowWindowMs: 110_000, revalidateAfterMs: 60_000 };
const VIP: Reachability = { ...FLOW, mode: "vip" };
const READ = { method: "Read", expiresAtMs: NOW_MS + 10_000 };
const NODE: NodeEntry = {
  slot: 3,
  bootId: "boot-3",
  name: "n3",
  address: "n3:9464",
  version: "0.1.0",
  draining: false,
  ready: true,
};

function state(changes: { lastSeenMs?: number; bootId?: string; expiresAtMs?: number } = {}): DeviceState {
  const { lastSeenMs = NOW_MS - 1000, bootId = "boot-3", expiresAtMs = NOW_MS + 60_000 } = changes;
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
    lastSeenMs,
    waiting: { requests: 0, values: 0 },
  };
}

describe("a request", () => {
  it("goes to the slot of the node that has the device, under its boot id and epoch", () => {
    expect(route(READ, state(), NODE, FLOW, NOW_MS)).toEqual({ to: "node", slot: 3, bootId: "boot-3", epoch: 771 });
  });

  it.each<[string, string, Parameters<typeof route>]>([
    ["REJECTED", "its method is unknown", [{ ...READ, method: "read" }, state(), NODE, FLOW, NOW_MS]],
    [
      "REJECTED",
      "its method is unknown and it has lapsed",
      [{ method: "read", expiresAtMs: 0 }, undefined, undefined, FLOW, NOW_MS],
    ],
    ["EXPIRED", "it has lapsed", [{ ...READ, expiresAtMs: NOW_MS }, state(), NODE, FLOW, NOW_MS]],
    [
      "EXPIRED",
      "it has lapsed, also for a device that is not registered",
      [{ ...READ, expiresAtMs: NOW_MS - 1 }, undefined, undefined, FLOW, NOW_MS],
    ],
    ["NOT_REGISTERED", "the device is not registered", [READ, undefined, undefined, FLOW, NOW_MS]],
    [
      "NOT_REGISTERED",
      "the registration has lapsed and is not swept yet",
      [READ, state({ expiresAtMs: NOW_MS }), NODE, FLOW, NOW_MS],
    ],
    ["UNREACHABLE", "nobody holds the owner's slot", [READ, state(), undefined, FLOW, NOW_MS]],
    [
      "UNREACHABLE",
      "another life of the node holds the slot",
      [READ, state(), { ...NODE, bootId: "boot-4" }, FLOW, NOW_MS],
    ],
    ["UNREACHABLE", "the owner gave the device up", [READ, state({ bootId: "" }), NODE, VIP, NOW_MS]],
    [
      "UNREACHABLE",
      "the owner does not read its commands yet",
      [READ, state(), { ...NODE, ready: false }, FLOW, NOW_MS],
    ],
    [
      "UNREACHABLE",
      "the device was silent beyond the window, for certain",
      [READ, state({ lastSeenMs: NOW_MS - 170_001 }), NODE, FLOW, NOW_MS],
    ],
  ])("is answered %s when %s", (status, _, args) => {
    expect(route(...args)).toMatchObject({ to: "caller", answer: { status } });
  });

  it("goes to the owner, who knows the last datagram, while the store may be behind", () => {
    expect(route(READ, state({ lastSeenMs: NOW_MS - 170_000 }), NODE, FLOW, NOW_MS)).toMatchObject({ to: "node" });
  });

  it("always finds the device where nodes send from the balancer's address", () => {
    expect(route(READ, state({ lastSeenMs: 0 }), NODE, VIP, NOW_MS)).toMatchObject({ to: "node" });
  });

  it("of an unknown method is told so in the words of the RPC specification", () => {
    expect(route({ ...READ, method: "Reboot" }, state(), NODE, FLOW, NOW_MS)).toEqual({
      to: "caller",
      answer: { status: "REJECTED", result: "METHOD_NOT_ALLOWED", error: "Unsupported operation type: Reboot" },
    });
  });
});
