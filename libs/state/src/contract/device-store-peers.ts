import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { type DeviceRef, type DeviceState, type DeviceStore, NO_SEC, type Registration } from "../device-store.ts";
import { PEER_HINT_MAX_DEVICES } from "../limits.ts";
import type { ContractClock } from "./clock.ts";
import { NODES, newDevice, newRegister } from "./harness.ts";

/** How a Send without DTLS, which names no device, is led to its device. */
export function describePeers(
  stores: () => readonly [DeviceStore, DeviceStore, DeviceStore],
  clock: ContractClock,
): void {
  const [a, b] = NODES;
  let store: DeviceStore;
  let peer: string;
  let port = 1_000;
  beforeEach(() => {
    [store] = stores();
    peer = newPeer();
  });
  /** An address that no other test has. */
  const newPeer = (): string => `192.0.2.1:${port++}`;
  const register = async (changes: Partial<Registration> = {}, device: DeviceRef = newDevice()): Promise<DeviceState> =>
    (await store.register(newRegister(device, clock.now(), {}, { peer, ...changes }))).state;
  /** Hints come a moment later than what they follow. */
  const eventually = async (expected: DeviceState | "ambiguous" | undefined, address: string): Promise<void> => {
    let found: unknown;
    for (let i = 0; i < 100; i++) {
      found = await stores()[2].findByPeer(address);
      if (JSON.stringify(found) === JSON.stringify(expected)) return;
      await sleep(10);
    }
    expect(found).toEqual(expected);
  };

  describe("findByPeer", () => {
    it("A device without DTLS is found by the address that it registered from, on any node", async () => {
      const state = await register({ peer: "[2001:db8::1]:5683" });
      await eventually(state, "[2001:db8::1]:5683");
      expect(await store.findByPeer(peer)).toBeUndefined();
    });

    it.each(["update", "claim"] as const)("A device that moved by %s is found where it is", async (step) => {
      const { registration } = await register();
      const { registrationId } = registration;
      const moved = newPeer();
      const request = { registrationId, peer: moved, sender: NO_SEC, node: b, nowMs: clock.now() };
      if (step === "update") await store.update(request);
      else await store.claim({ ...request, proof: { type: "registrationId", registrationId } });
      await eventually(await store.get(registration), moved);
      expect(await store.findByPeer(peer)).toBeUndefined();
    });

    it("Two devices at one address are ambiguous until one is gone from it", async () => {
      const first = await register();
      const second = await register();
      await eventually("ambiguous", peer);
      const { registrationId } = first.registration;
      await store.update({ registrationId, peer: newPeer(), node: a, sender: NO_SEC, nowMs: clock.now() });
      expect(await store.findByPeer(peer)).toEqual(second);
      await store.remove({ device: second.registration, reason: "test", nowMs: clock.now() });
      expect(await store.findByPeer(peer)).toBeUndefined();
    });

    it("However many devices are at one address, it is ambiguous", async () => {
      for (let i = 0; i < PEER_HINT_MAX_DEVICES + 2; i++) {
        const state = await register();
        await eventually(i === 0 ? state : "ambiguous", peer);
      }
    });

    it("An address that one device after the other had is the last one's", async () => {
      for (let i = 0; i < 2 * PEER_HINT_MAX_DEVICES; i++) {
        const state = await register();
        await eventually(state, peer);
        const { registrationId } = state.registration;
        await store.update({ registrationId, peer: newPeer(), node: a, sender: NO_SEC, nowMs: clock.now() });
      }
      await eventually(await register(), peer);
    });

    it.each(["PSK", "RPK", "X509"] as const)(
      "A device with %s is not found: its association names it",
      async (mode) => {
        await register({ securityMode: mode });
        const state = await register();
        await eventually(state, peer);
      },
    );

    it("A Register from another address moves the device there", async () => {
      const device = newDevice();
      await register({}, device);
      const moved = newPeer();
      const state = await register({ peer: moved }, device);
      await eventually(state, moved);
      expect(await store.findByPeer(peer)).toBeUndefined();
    });

    it("A device that was restored is found", async () => {
      const { registration, observations, owner } = await register();
      await store.remove({ device: registration, reason: "test", nowMs: clock.now() });
      const later = { ...registration, generation: registration.generation + 3_600_000 };
      const outcome = await store.restore({ registration: later, observations, owner, nowMs: clock.now() });
      await eventually(outcome.state, peer);
    });
  });
}
