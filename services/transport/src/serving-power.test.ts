import { lwm2m, provisioningKey } from "@ferry/proto";
import { Catalogue, parseProvisioningRecord } from "@ferry/provisioning";
import { MemoryProvisioningStore } from "@ferry/state/memory";
import { expect, it } from "@jest/globals";
import { ServingCache } from "./serving.ts";

it("a device is served by the power mode of its own declaration, the others of its kind by the profile's", () => {
  const catalogue = new Catalogue(new MemoryProvisioningStore());
  const profile = { json: '{"power":{"mode":"psm","activityTimerMs":20000}}' };
  const value = lwm2m.v1.ProvisioningRecord.encode({ profile }).finish();
  catalogue.put(parseProvisioningRecord(provisioningKey("profile", "default", "meter"), value));
  const servings = new ServingCache(catalogue);
  const registration = { tenant: "default", profile: "meter", lwm2mVersion: "1.1", objectLinks: "</3/0>" };
  const { power } = servings.of({ ...registration, power: { mode: "E_DRX", edrxCycleMs: 81_000 } });
  expect(power).toMatchObject({ mode: "E_DRX", edrxCycleMs: 81_000, psmActivityTimerMs: undefined });
  expect(servings.of(registration).power).toMatchObject({ mode: "PSM", psmActivityTimerMs: 20_000 });
});
