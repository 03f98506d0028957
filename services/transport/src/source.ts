import type { PeerKey } from "@ferry/coap";
import { type DtlsEndpoint, isDtlsPeer } from "@ferry/dtls-endpoint";
import { type DeviceRef, NO_SEC, type Registration, type Sender } from "@ferry/state";

/** Where a datagram came from, and who its transport proves to have sent it. */
export interface Source {
  /** The peer as CoAP knows it: an address, or with DTLS `dtls:` and the id of the association, which stays when the address changes. */
  readonly peer: PeerKey;
  /** Its address, for people and for what is stored. */
  readonly address: string;
  readonly sender: Sender;
}

/** With what sources are found. */
export type KnownPeers = Pick<DtlsEndpoint, "peer">;

/** The source of what came from a peer; undefined when its association is not here any more: then nobody proves anything. */
export function sourceOf(peer: PeerKey, dtls: KnownPeers | undefined): Source | undefined {
  if (!isDtlsPeer(peer)) return { peer, address: peer, sender: NO_SEC };
  const known = dtls?.peer(peer);
  if (known === undefined) return undefined;
  const { device, securityMode, address } = known;
  return { peer, address, sender: { device, securityMode } };
}

/** Whose datagrams serve a registration. */
export function senderOf({
  tenant,
  endpoint,
  securityMode,
}: Pick<Registration, "tenant" | "endpoint" | "securityMode">): Sender {
  return securityMode === "NO_SEC" ? NO_SEC : { securityMode, device: { tenant, endpoint } };
}

/** The device that a sender is proved to be; undefined without DTLS. */
export function provenDevice(sender: Sender): DeviceRef | undefined {
  return sender.securityMode === "NO_SEC" ? undefined : sender.device;
}

/** Whether the way to a device is open. */
export type Link =
  | "open"
  /** Its address was shown by one record only, which could be a captured one: nothing of ours is sent there. */
  | "provisional"
  /** Its association is not here: it is reached again when it comes back. */
  | "closed";

/** The way to a peer. Without DTLS it is open, as far as anyone can know. */
export function linkTo(peer: PeerKey, dtls: KnownPeers | undefined): Link {
  if (!isDtlsPeer(peer)) return "open";
  const known = dtls?.peer(peer);
  if (known === undefined) return "closed";
  return known.provisional ? "provisional" : "open";
}
