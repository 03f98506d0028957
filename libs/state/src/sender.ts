import type { Registration, Sender } from "./device-store.ts";

/** Whether a registration is a sender's: see `Sender`. */
export function isSenders(
  { tenant, endpoint, securityMode }: Pick<Registration, "tenant" | "endpoint" | "securityMode">,
  sender: Sender,
): boolean {
  if (sender.securityMode === "NO_SEC") return securityMode === "NO_SEC";
  const { device } = sender;
  return securityMode !== "NO_SEC" && device.tenant === tenant && device.endpoint === endpoint;
}
