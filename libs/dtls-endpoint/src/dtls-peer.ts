import type { PeerKey } from "@ferry/runtime";

/** What a peer's name begins with where it is that of its association: no address does. */
export const DTLS_PEER_PREFIX = "dtls:";

/** Whether a peer is named by its DTLS association, and not by its address. */
export function isDtlsPeer(peer: PeerKey): boolean {
  return peer.startsWith(DTLS_PEER_PREFIX);
}
