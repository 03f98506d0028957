import { type DtlsEndpoint, isDtlsPeer } from "@ferry/dtls-endpoint";
import type { PeerKey } from "@ferry/runtime";
import { NO_SEC, type Sender } from "@ferry/state";

/**
 * Who has sent what came from a peer; undefined when its association is not here any more, or its address was shown by one record only, which could be a
 * captured one: nothing begins then, and the device sends its request once more.
 */
export function senderOf(peer: PeerKey, dtls: Pick<DtlsEndpoint, "peer"> | undefined): Sender | undefined {
  if (!isDtlsPeer(peer)) return NO_SEC;
  const known = dtls?.peer(peer);
  if (known === undefined || known.provisional) return undefined;
  const { device, securityMode } = known;
  return { device, securityMode };
}
