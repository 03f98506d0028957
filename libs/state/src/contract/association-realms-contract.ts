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
    /** Of one device, which shows the same Connection ID and address in both realms. */
    let ofServer: StoredAssociation;
    let ofBootstrap: StoredAssociation;
    beforeAll(async () => {
      harness = await open();
    });
    beforeEach(() => {
      const [node] = NODES;
      ofServer = newAssociation(newDevice(), node, Date.now());
      const { device, cid, address } = ofServer;
      ofBootstrap = newAssociation(device, { ...node, slot: 64 }, Date.now(), { cid, address });
    });
    afterAll(() => harness?.stop());

    const found = async (store: AssociationStore): Promise<readonly (StoredAssociation | undefined)[]> => {
      const { device, cid, address } = ofServer;
      return [await store.get(device), await store.findByCid(cid as Uint8Array), await store.findByAddress(address)];
    };

    it("A device has an association in each realm, found there by device, Connection ID and address", async () => {
      await harness.associations.put(ofServer, HOUR_MS);
      await harness.bootstrapAssociations.put(ofBootstrap, HOUR_MS);
      expect(await found(harness.associations)).toEqual([ofServer, ofServer, ofServer]);
      expect(await found(harness.bootstrapAssociations)).toEqual([ofBootstrap, ofBootstrap, ofBootstrap]);
      await harness.associations.remove(ofServer);
      expect(await found(harness.associations)).toEqual([undefined, undefined, undefined]);
      expect(await found(harness.bootstrapAssociations)).toEqual([ofBootstrap, ofBootstrap, ofBootstrap]);
    });

    it.each([
      ["associations", "bootstrapAssociations"],
      ["bootstrapAssociations", "associations"],
    ] as const)("What is among the %s is not among the %s, by whatever it is asked for", async (one, other) => {
      await harness[one].put(ofServer, HOUR_MS);
      expect(await found(harness[other])).toEqual([undefined, undefined, undefined]);
      const hold = { association: ofServer, node: ofServer.owner, ttlMs: HOUR_MS };
      const { stamp, sendCeiling: ceiling, mark, address } = ofServer;
      expect(await harness[other].claim({ ...hold, nowMs: Date.now() })).toEqual({ type: "gone" });
      expect(await harness[other].reserve({ ...hold, stamp, ceiling })).toEqual({ type: "gone" });
      expect(await harness[other].mark({ ...hold, stamp, ceiling, mark, address })).toEqual({ type: "gone" });
      await harness[other].remove(ofServer);
      expect(await found(harness[one])).toEqual([ofServer, ofServer, ofServer]);
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
