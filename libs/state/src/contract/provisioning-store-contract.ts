import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { CredentialIdentity, DeviceRecords, ProvisioningStore, StoredRecord } from "../provisioning-store.ts";

/** A provisioning store that can be emptied. */
export interface ProvisioningStoreHarness {
  readonly store: ProvisioningStore;
  wipe(): Promise<void>;
  stop(): Promise<void>;
}

/** Every promise of `ProvisioningStore`. */
export function describeProvisioningStore(name: string, open: () => Promise<ProvisioningStoreHarness>): void {
  describe(name, () => {
    let harness: ProvisioningStoreHarness;
    let store: ProvisioningStore;
    beforeAll(async () => {
      harness = await open();
    });
    beforeEach(async () => {
      await harness.wipe();
      store = harness.store;
    });
    afterAll(() => harness?.stop());

    it("A record is found by kind, tenant and id, and by each of its identities", async () => {
      const device = newRecord("meter-1", 5);
      const identities = [
        noSec("meter-1"),
        psk("meter-1-key"),
        { type: "publicKey", sha256Hex: "ab".repeat(32) },
      ] as const;
      expect(await store.put(device, identities)).toEqual({ type: "stored" });
      expect(await store.get("device", "default", "meter-1")).toEqual(device);
      for (const identity of identities) expect(await store.deviceByIdentity(identity)).toEqual(own(device));
      expect(await store.get("device", "other", "meter-1")).toBeUndefined();
      expect(await store.get("profile", "default", "meter-1")).toBeUndefined();
      expect(await store.deviceByIdentity(psk("meter-1"))).toBeUndefined();
    });

    it("A newer record takes the place of an older one with its identities; an older one changes nothing", async () => {
      await store.put(newRecord("meter-1", 5), [psk("old"), psk("both")]);
      const newer = newRecord("meter-1", 6);
      expect(await store.put(newer, [psk("both"), psk("new")])).toEqual({ type: "stored" });
      expect(await store.put(newRecord("meter-1", 5), [psk("old")])).toEqual({ type: "stored" });
      expect(await store.get("device", "default", "meter-1")).toEqual(newer);
      expect(await store.deviceByIdentity(psk("old"))).toBeUndefined();
      expect(await store.deviceByIdentity(psk("both"))).toEqual(own(newer));
      expect(await store.deviceByIdentity(psk("new"))).toEqual(own(newer));
    });

    it("The first offset owns an identity: a later record that names it is refused whole", async () => {
      const first = newRecord("meter-1", 5, "one");
      await store.put(first, [noSec("meter-1"), psk("shared")]);
      expect(await store.put(newRecord("meter-2", 6, "two"), [psk("own"), psk("shared")])).toEqual({
        type: "identityTaken",
        identity: psk("shared"),
        by: { tenant: "one", id: "meter-1" },
      });
      expect(await store.get("device", "two", "meter-2")).toBeUndefined();
      expect(await store.deviceByIdentity(psk("own"))).toBeUndefined();
      expect(await store.deviceByIdentity(psk("shared"))).toEqual(own(first));
    });

    it("A refused record leaves what was in force before", async () => {
      await store.put(newRecord("meter-1", 5), [psk("shared")]);
      const before = newRecord("meter-2", 6);
      await store.put(before, [psk("own")]);
      const refused = await store.put(newRecord("meter-2", 7), [psk("own"), psk("more"), psk("shared")]);
      expect(refused).toMatchObject({ type: "identityTaken" });
      expect(await store.get("device", "default", "meter-2")).toEqual(before);
      expect(await store.deviceByIdentity(psk("own"))).toEqual(own(before));
      expect(await store.deviceByIdentity(psk("more"))).toBeUndefined();
    });

    it("An owner keeps an identity since its first offset, however often its record is written", async () => {
      await store.put(newRecord("meter-1", 5), [psk("shared")]);
      await store.put(newRecord("meter-1", 9), [psk("shared")]);
      expect(await store.put(newRecord("meter-2", 7), [psk("shared")])).toMatchObject({ type: "identityTaken" });
    });

    it("A CA belongs to one tenant, whose records share it", async () => {
      const ca: CredentialIdentity = { type: "ca", sha256Hex: "cd".repeat(32) };
      const name = (endpoint: string): CredentialIdentity => ({
        type: "certificateName",
        issuerSha256Hex: "ef".repeat(32),
        endpoint,
      });
      const fleet = newRecord("meter-*", 5, "one");
      expect(await store.put(fleet, [name("meter-*"), ca])).toEqual({ type: "stored" });
      expect(await store.put(newRecord("meter-1", 6, "one"), [name("meter-1"), ca])).toEqual({ type: "stored" });
      expect(await store.put(newRecord("meter-2", 7, "two"), [name("meter-2"), ca])).toEqual({
        type: "identityTaken",
        identity: ca,
        by: { tenant: "one", id: "meter-*" },
      });
      expect(await store.deviceByIdentity(name("meter-2"))).toBeUndefined();
      expect(await store.deviceByIdentity(name("meter-*"))).toEqual(own(fleet));
      await store.remove({ kind: "device", tenant: "one", id: "meter-*" });
      expect(await store.put(newRecord("meter-2", 8, "two"), [name("meter-2")])).toEqual({ type: "stored" });
    });

    it("An identity is free when its record is removed or no longer names it", async () => {
      await store.put(newRecord("meter-1", 5), [psk("one"), psk("two")]);
      await store.put(newRecord("meter-1", 6), [psk("two")]);
      expect(await store.put(newRecord("meter-2", 7), [psk("one")])).toEqual({ type: "stored" });
      expect(await store.remove({ kind: "device", tenant: "default", id: "meter-1" })).toBe(true);
      expect(await store.remove({ kind: "device", tenant: "default", id: "meter-1" })).toBe(false);
      expect(await store.deviceByIdentity(psk("two"))).toBeUndefined();
      expect(await store.put(newRecord("meter-3", 8), [psk("two")])).toEqual({ type: "stored" });
    });

    it("A credential shares the identities of its device and keeps them when the device lets go", async () => {
      const device = newRecord("meter-1", 5);
      const generated = { ...newRecord("meter-1", 6), kind: "credential" } as const;
      await store.put(device, [psk("key")]);
      expect(await store.put(generated, [psk("key"), psk("rotated")])).toEqual({ type: "stored" });
      expect(await store.deviceByIdentity(psk("rotated"))).toEqual({ record: device, generated });
      const changed = newRecord("meter-1", 7);
      await store.put(changed, []);
      expect(await store.deviceByIdentity(psk("key"))).toEqual({ record: changed, generated });
      await store.remove({ kind: "credential", tenant: "default", id: "meter-1" });
      expect(await store.deviceByIdentity(psk("key"))).toBeUndefined();
    });

    it("A credential alone, as of a device that only a pattern declares, is found by its identities", async () => {
      const generated = { ...newRecord("meter-1", 5), kind: "credential" } as const;
      await store.put(generated, [psk("generated")]);
      expect(await store.deviceByIdentity(psk("generated"))).toEqual({ record: undefined, generated });
      const record = newRecord("meter-1", 6);
      await store.put(record, []);
      expect(await store.deviceByIdentity(psk("generated"))).toEqual({ record, generated });
    });

    it("The record of a device and what was generated for it are read together, each where there is one", async () => {
      const record = newRecord("meter-1", 5);
      const generated = { ...newRecord("meter-1", 6), kind: "credential" } as const;
      const none = { record: undefined, generated: undefined };
      expect(await store.deviceRecords("default", "meter-1")).toEqual(none);
      await store.put(record, []);
      expect(await store.deviceRecords("default", "meter-1")).toEqual(own(record));
      await store.put(generated, []);
      expect(await store.deviceRecords("default", "meter-1")).toEqual({ record, generated });
      await store.remove(record);
      expect(await store.deviceRecords("default", "meter-1")).toEqual({ record: undefined, generated });
      expect(await store.deviceRecords("other", "meter-1")).toEqual(none);
    });

    it("A kind is listed, of one tenant or of all", async () => {
      const records = Array.from({ length: 20 }, (_, i) => newRecord(`meter-${i}`, i, i % 4 === 0 ? "one" : "two"));
      for (const record of records) await store.put(record, []);
      await store.put({ ...newRecord("3_1.2", 20, "system"), kind: "model" }, []);
      expect(byOffset(await store.list("device"))).toEqual(records);
      expect(byOffset(await store.list("device", "one"))).toEqual(records.filter(({ tenant }) => tenant === "one"));
      expect(await store.list("model")).toHaveLength(1);
      expect(await store.list("profile")).toEqual([]);
    });

    it("Values and ids of any bytes come back as they went in", async () => {
      const record = { ...newRecord("a/b:c {d} ü", 1), value: Uint8Array.from({ length: 256 }, (_, i) => i) };
      await store.put(record, [noSec("a/b:c {d} ü"), psk(" ")]);
      expect(await store.get("device", "default", "a/b:c {d} ü")).toEqual(record);
      expect(await store.deviceByIdentity(psk(" "))).toEqual(own(record));
      expect(await store.deviceByIdentity(noSec("a/b:c {d} ü"))).toEqual(own(record));
    });

    it("The position is unknown until set, and after the store was emptied", async () => {
      expect(await store.position()).toBeUndefined();
      await store.setPosition(-1); // Of an empty topic all is known.
      expect(await store.position()).toBe(-1);
      await store.setPosition(0);
      expect(await store.position()).toBe(0);
      await store.setPosition(123_456);
      expect(await store.position()).toBe(123_456);
      await harness.wipe();
      expect(await harness.store.position()).toBeUndefined();
    });
  });
}

function newRecord(id: string, offset: number, tenant = "default"): StoredRecord {
  return { kind: "device", tenant, id, value: Uint8Array.of(offset, 0, 255), offset };
}

/** What there is of a device for which nothing was generated. */
function own(record: StoredRecord): DeviceRecords {
  return { record, generated: undefined };
}

function noSec(endpoint: string): CredentialIdentity {
  return { type: "noSec", endpoint };
}

function psk(identity: string): CredentialIdentity {
  return { type: "psk", identity };
}

function byOffset(records: readonly StoredRecord[]): StoredRecord[] {
  return [...records].sort((a, b) => a.offset - b.offset);
}
