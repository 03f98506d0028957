import { pskGeneration } from "@ferry/dtls-endpoint";
import { type DeviceCredential, openSecret, SealingError } from "@ferry/provisioning";
import type { DeviceRef } from "@ferry/state";
import type { TransportPorts } from "../ports.ts";
import type { Source } from "../source.ts";

type DropPorts = Pick<TransportPorts, "dtls" | "records" | "sealingKeys" | "logger" | "unpublished">;

/**
 * A device has registered: with the pre-shared key that Ferry made for it, the credential which that replaced goes. `generated`: as `generatedCredentials` has it.
 *
 * Nobody waits for it: what fails here happens at the next Register, and twice is as well as once.
 */
export function dropReplaced(
  { tenant, endpoint }: DeviceRef,
  generated: readonly DeviceCredential[] | undefined,
  source: Pick<Source, "peer">,
  { dtls, records, sealingKeys, logger, unpublished }: DropPorts,
): void {
  const device = { tenant, endpoint };
  const [credential, ...replaced] = generated ?? [];
  if (credential?.type !== "psk" || replaced.length === 0) return;
  const peer = dtls?.peer(source.peer);
  if (peer?.securityMode !== "PSK") return;
  try {
    if (peer.generation !== pskGeneration(openSecret(credential.key, device, sealingKeys))) return;
  } catch (error) {
    if (!(error instanceof SealingError)) throw error;
    logger.warn({ ...device, reason: error.message }, "Whether a device has its new key cannot be told");
    return;
  }
  void records
    .credential(device, credential)
    .then(() => logger.info(device, "A device has its new key: the credential before is not accepted any more"))
    .catch(unpublished);
}
