import { lwm2m } from "@ferry/proto";
import { MemoryProvisioningStore } from "@ferry/state/memory";
import { beforeEach, expect, it, jest } from "@jest/globals";
import { declaredProfile, isProvisioned } from "./provisioned.ts";

const DEVICE = { tenant: "default", endpoint: "meter-1" };

let provisioning: MemoryProvisioningStore;

beforeEach(() => {
  provisioning = new MemoryProvisioningStore();
});

/** The store has been filled by the time at which it first says so. */
function filledBeforePosition(kind: "device" | "credential"): void {
  jest.spyOn(provisioning, "position").mockImplementationOnce(async () => {
    await Promise.resolve(); // What is asked at the same time, is asked before.
    const device = { endpoint: DEVICE.endpoint, profile: "meter", credentials: [{ noSec: {} }] };
    const value = lwm2m.v1.ProvisioningRecord.encode({ device }).finish();
    await provisioning.put({ kind, tenant: DEVICE.tenant, id: DEVICE.endpoint, value, offset: 0 }, []);
    return 0;
  });
}

it.each(["device", "credential"] as const)(
  "A device is known whose %s comes into a store that is being filled while it is asked",
  async (kind) => {
    filledBeforePosition(kind);
    expect(await isProvisioned(DEVICE, { provisioning })).toBe(true);
  },
);

it("A device has the profile of a record that comes into a store that is being filled while it is asked", async () => {
  filledBeforePosition("device");
  expect(await declaredProfile(DEVICE, provisioning)).toBe("meter");
});

it("Of an empty topic it is known that nobody is declared", async () => {
  await provisioning.setPosition(-1);
  expect(await isProvisioned(DEVICE, { provisioning })).toBe(false);
});
