import type { Principal } from "@ferry/dtls";
import type { DeviceRef } from "@ferry/state";

/** How a device proved who it is. */
export type SecurityMode = "PSK" | "RPK" | "X509";

/** Who a device has proved to be, and by which credential. */
export interface ProvenIdentity {
  readonly securityMode: SecurityMode;
  readonly device: DeviceRef;
  /** Which of its credentials it was; see credential-generation.ts. */
  readonly generation: string;
}

/** The text that the DTLS machine carries: mode, tenant, endpoint and generation, a line each. None of them can hold a line feed. */
export function formatPrincipal({ securityMode, device, generation }: ProvenIdentity): Principal {
  return `${securityMode}\n${device.tenant}\n${device.endpoint}\n${generation}`;
}

/** The inverse of {@link formatPrincipal}; undefined when the text is no principal. */
export function parsePrincipal(principal: Principal): ProvenIdentity | undefined {
  const [securityMode, tenant, endpoint, generation, ...more] = principal.split("\n");
  if (!isSecurityMode(securityMode) || !tenant || !endpoint || !generation || more.length > 0) return undefined;
  return { securityMode, device: { tenant, endpoint }, generation };
}

function isSecurityMode(text: string | undefined): text is SecurityMode {
  return text === "PSK" || text === "RPK" || text === "X509";
}
