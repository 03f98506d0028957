import type { DeviceRef } from "@ferry/state";
import type { RouterPorts } from "./ports.ts";

/** Whether somebody declared the device: by its name, by a credential, or by a pattern that its name fits. */
export async function isProvisioned({ tenant, endpoint }: DeviceRef, { provisioning }: RouterPorts): Promise<boolean> {
  const own = await Promise.all([
    provisioning.get("device", tenant, endpoint),
    provisioning.get("credential", tenant, endpoint),
  ]);
  if (own.some((record) => record !== undefined)) return true;
  const patterns = Array.from(endpoint, (_, length) => `${endpoint.slice(0, length)}*`);
  const records = await Promise.all(patterns.map((pattern) => provisioning.get("device", tenant, pattern)));
  return records.some((record) => record !== undefined);
}
