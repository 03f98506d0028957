import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { AssociationStore, StoredAssociation, StoredSession } from "../association-store.ts";
import { NODES, newAssociation, newDevice } from "./harness.ts";

/** The stores of both realms, as services get them. */
export interface AssociationRealmsHarness {
  readonly associations: AssociationStore;
  readonly bootstrapAssociations: AssociationStore;
  stop(): Promise<void>;
}

const HOUR_MS = 3_600_000;

/** That nothing of one realm is found in the other. */
export function describeAssociationRealms(name: string, open: () => Promise<AssociationRealmsHarness>): void {
  describe(name, () => {
    let harness: AssociationRealmsHarness;
    /** Of one device, which shows the same Connection ID, or without one the same address, in both realms. */
    let ofServer: StoredAssociation;
    let ofBootstrap: StoredAssociation;
    beforeAll(async () => {
      harness = await open();
    });
    beforeEach(() => {
      show(newAssociation(newDevice(), NODES[0], Date.now()));
    });
    afterAll(() => harness?.stop());

    const show = (association: StoredAssociation): void => {
      ofServer = association;
      const { device, cid, address } = association;
      ofBootstrap = newAssociation(device, { ...NODES[0], slot: 64 }, Date.now(), { cid, address });
    };
    const found = async (store: AssociationStore): Promise<readonly (StoredAssociation | undefined)[]> => {
      const { device, cid, address } = ofServer;
      return [await store.get(device), await (cid === undefined ? store.findByAddress(address) : store.findByCid(cid))];
    };

    it.each(["Connection ID", "address"])(
      "A device has an association in each realm, found there by device and %s",
      async (by) => {
        if (by === "address") show({ ...ofServer, cid: undefined });
        await harness.associations.put(ofServer, HOUR_MS);
        await harness.bootstrapAssociations.put(ofBootstrap, HOUR_MS);
        expect(await found(harness.associations)).toEqual([ofServer, ofServer]);
        expect(await found(harness.bootstrapAssociations)).toEqual([ofBootstrap, ofBootstrap]);
        await harness.associations.remove(ofServer);
        expect(await found(harness.associations)).toEqual([undefined, undefined]);
        expect(await found(harness.bootstrapAssociations)).toEqual([ofBootstrap, ofBootstrap]);
      },
    );

    it.each([
      ["associations", "bootstrapAssociations", "Connection ID"],
      ["bootstrapAssociations", "associations", "Connection ID"],
      ["associations", "bootstrapAssociations", "address"],
      ["bootstrapAssociations", "associations", "address"],
    ] as const)("What is among the %s is not among the %s, by device and %s", async (one, other, by) => {
      if (by === "address") show({ ...ofServer, cid: undefined });
      await harness[one].put(ofServer, HOUR_MS);
      expect(await found(harness[other])).toEqual([undefined, undefined]);
      const hold = { association: ofServer, node: ofServer.owner, ttlMs: HOUR_MS };
      const { stamp, sendCeiling: ceiling, mark, address } = ofServer;
      expect(await harness[other].claim({ ...hold, nowMs: Date.now() })).toEqual({ type: "gone" });
      expect(await harness[other].reserve({ ...hold, stamp, ceiling })).toEqual({ type: "gone" });
      expect(await harness[other].mark({ ...hold, stamp, ceiling, mark, address })).toEqual({ type: "gone" });
      await harness[other].remove(ofServer);
      expect(await found(harness[one])).toEqual([ofServer, ofServer]);
    });

    it.each([
      ["associations", "bootstrapAssociations"],
      ["bootstrapAssociations", "associations"],
    ] as const)("A session of the %s is not resumed among the %s", async (one, other) => {
      const id = Uint8Array.from(Buffer.alloc(32, one));
      const session: StoredSession = { id, device: ofServer.device, sealed: Uint8Array.of(1, 2, 3) };
      await harness[one].putSession(session, HOUR_MS);
      expect(await harness[other].getSession(id)).toBeUndefined();
      await harness[other].removeSession(id);
      expect(await harness[one].getSession(id)).toEqual(session);
    });
  });
}
