import { decidingRecords, parseStoredRecord } from "@ferry/provisioning";
import type { DeviceRef, ProvisioningStore } from "@ferry/state";
import type { RouterPorts } from "./ports.ts";

/** Whether somebody declared the device: by its name, by a credential, or by a pattern that its name fits. */
export async function isProvisioned(
  device: DeviceRef,
  { provisioning }: Pick<RouterPorts, "provisioning">,
): Promise<boolean> {
  const { tenant, endpoint } = device;
  const [record, credential] = await Promise.all([
    provisioning.get("device", tenant, endpoint),
    provisioning.get("credential", tenant, endpoint),
  ]);
  if (record !== undefined || credential !== undefined) return true;
  const deciding = await decidingRecords(device, provisioning);
  return deciding.record !== undefined || deciding.generated !== undefined;
}

/** Name of the profile that a device will have when it registers, by its declaration; undefined when nobody declared it. */
export async function declaredProfile(device: DeviceRef, provisioning: ProvisioningStore): Promise<string | undefined> {
  const exact = await provisioning.get("device", device.tenant, device.endpoint);
  const stored = exact ?? (await decidingRecords(device, provisioning)).record;
  const record = stored && parseStoredRecord(stored);
  return record?.kind === "device" ? record.device.profile : undefined;
}
