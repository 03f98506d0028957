import { beforeEach, describe, expect, it } from "@jest/globals";
import {
  type ClaimProof,
  type DeviceRef,
  type DeviceState,
  type DeviceStore,
  NO_SEC,
  type Registration,
  type Sender,
} from "../device-store.ts";
import type { ContractClock } from "./clock.ts";
import { NODES, newDevice, newObservation, newRegister } from "./harness.ts";

type Mode = Registration["securityMode"];

/** That what a datagram shows serves only who the registration is of. */
export function describeSenders(
  stores: () => readonly [DeviceStore, DeviceStore, DeviceStore],
  clock: ContractClock,
): void {
  const [a, b] = NODES;
  let store: DeviceStore;
  let device: DeviceRef;
  beforeEach(() => {
    [store] = stores();
    device = newDevice();
  });
  const register = async (securityMode: Mode): Promise<DeviceState> => {
    const request = newRegister(device, clock.now(), { observations: [newObservation(device)] }, { securityMode });
    return (await store.register(request)).state;
  };
  /** What comes of all that a datagram of a sender may ask for, by what it shows. */
  const attempts = async ({ registration, observations }: DeviceState, sender: Sender): Promise<readonly string[]> => {
    const { registrationId, peer } = registration;
    const request = { sender, peer, node: a, nowMs: clock.now() };
    const proofs: readonly ClaimProof[] = [
      { type: "registrationId", registrationId },
      { type: "token", token: observations[0]?.token ?? new Uint8Array() },
      { type: "identity" },
    ];
    const outcomes = [];
    for (const proof of proofs) outcomes.push(await store.claim({ proof, ...request }));
    outcomes.push(await store.update({ registrationId, ...request }));
    outcomes.push(await store.deregister({ registrationId, ...request }));
    return outcomes.map(({ type }) => type);
  };
  const NOTHING = ["notFound", "notFound", "notFound", "notFound", "notFound"];
  const ALL = ["owned", "owned", "owned", "updated", "deregistered"];

  describe("senders", () => {
    it.each(["PSK", "RPK", "X509"] as const)(
      "A registration with DTLS serves its device, by whatever credential it comes now (%s)",
      async (securityMode) => {
        expect(await attempts(await register("PSK"), { securityMode, device })).toEqual(ALL);
      },
    );

    it("A registration with DTLS is not found by another device, by another tenant's of the same name, nor without DTLS", async () => {
      const state = await register("PSK");
      const senders: readonly Sender[] = [
        NO_SEC,
        { securityMode: "PSK", device: newDevice() },
        { securityMode: "PSK", device: { ...device, tenant: "other" } },
      ];
      for (const sender of senders) expect(await attempts(state, sender)).toEqual(NOTHING);
      expect(await store.get(device)).toEqual(state);
    });

    it("A registration without DTLS is not found by a datagram with DTLS, not even of its device", async () => {
      const state = await register("NO_SEC");
      expect(await attempts(state, { securityMode: "PSK", device })).toEqual(NOTHING);
      expect(await store.get(device)).toEqual(state);
    });

    it("Without DTLS a datagram that shows nothing is nobody's", async () => {
      expect(await attempts(await register("NO_SEC"), NO_SEC)).toEqual([
        "owned",
        "owned",
        "notFound",
        "updated",
        "deregistered",
      ]);
    });

    it("With DTLS a datagram that shows nothing moves its device to the node that received it", async () => {
      const { owner } = await register("RPK");
      const proof = { type: "identity" } as const;
      const sender = { securityMode: "RPK", device } as const;
      const claimed = await store.claim({ proof, sender, peer: "192.0.2.7:1", node: b, nowMs: clock.now() });
      expect(claimed).toMatchObject({
        type: "claimed",
        previousOwner: owner,
        state: { registration: { peer: "192.0.2.7:1" } },
      });
    });

    it.each(["NO_SEC", "PSK"] as const)(
      "A device that was restored is found by the same senders as before (%s)",
      async (mode) => {
        const { registration, observations } = await register(mode);
        await store.remove({ device, reason: "test", nowMs: clock.now() });
        const restored = { ...registration, generation: registration.generation + 60_000 };
        const outcome = await store.restore({ registration: restored, observations, nowMs: clock.now() });
        const state = outcome.state as DeviceState; // It was restored: the generation is newer than the one that ended.
        const own: Sender = mode === "NO_SEC" ? NO_SEC : { securityMode: mode, device };
        const foreign: Sender = mode === "NO_SEC" ? { securityMode: "PSK", device } : NO_SEC;
        expect(await attempts(state, foreign)).toEqual(NOTHING);
        expect((await attempts(state, own)).at(-1)).toBe("deregistered");
      },
    );

    it("What a device is replaced by says who is its sender from then on", async () => {
      await register("NO_SEC");
      const { registration } = await register("X509");
      const { registrationId, peer } = registration;
      const update = (sender: Sender): Promise<unknown> =>
        store.update({ registrationId, sender, peer, node: a, nowMs: clock.now() });
      expect(await update(NO_SEC)).toEqual({ type: "notFound" });
      // What is written back keeps it.
      expect(await update({ securityMode: "X509", device })).toMatchObject({ type: "updated" });
      expect(await update({ securityMode: "X509", device })).toMatchObject({ type: "updated" });
      expect(await update(NO_SEC)).toEqual({ type: "notFound" });
    });
  });
}
