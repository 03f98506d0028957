import type { HandshakeFailure, ReceiveMark } from "@ferry/dtls";
import type { Clock, Logger, openUdpSocket, PeerKey } from "@ferry/runtime";
import type { AssociationStore, DeviceRef, NodeRef, StoredAssociation } from "@ferry/state";
import type { AssociationSealing } from "./association-sealing.ts";
import type { DeviceCredentials } from "./device-credentials.ts";
import type { DtlsMetrics } from "./metrics.ts";
import type { ServerKeys } from "./server-keys.ts";
import type { DtlsSettings } from "./settings.ts";

/** A device that has proved who it is. */
export interface DtlsPeer {
  readonly device: DeviceRef;
  readonly association: string;
  readonly securityMode: "PSK" | "RPK" | "X509";
  /** Which of the device's credentials it was: of a pre-shared key its `pskGeneration`. */
  readonly generation: string;
  /** Where its last authenticated record came from: `192.0.2.1:5684`. */
  readonly address: string;
  /** The address was shown by one record only, after a take-over from a dead node: nothing that waits for the device is sent there. */
  readonly provisional: boolean;
  /** IANA name of the cipher suite. */
  readonly suite: string;
  readonly hasCid: boolean;
  /** When the handshake ended, ms since 1970. */
  readonly createdAtMs: number;
}

/** A handshake that did not end. */
export interface RefusedHandshake {
  /** Whose credential was shown, where that is known; it is proven only for the reason `unauthorized`. */
  readonly device: DeviceRef | undefined;
  readonly address: string;
  readonly reason: HandshakeFailure;
  /** One sentence for people, without secrets. */
  readonly detail: string;
}

/** Why an association is no longer here. */
export type DtlsCloseReason =
  /** The device ended it, or is not allowed any more: the store does not have it either. */
  | "closed"
  /** The device made a new one. */
  | "replaced"
  /** Not heard for long, or too many: the store still has it. */
  | "idle"
  /** Another node has it. */
  | "lost";

/** What the endpoint tells. A peer is named `dtls:<association id>`, which no address is. */
export interface DtlsHandlers {
  /** Application data, authenticated; the bytes are the receiver's to keep. */
  datagram(bytes: Uint8Array, peer: PeerKey): void;
  /** A handshake ended; the device's association before, where it was here, is told `closed` in the same turn. */
  established(peer: PeerKey): void;
  /** An association that another node had is served here from now on. */
  takenOver(peer: PeerKey): void;
  /** The device is at another address now. */
  moved(peer: PeerKey): void;
  /** A provisional address is none any more. */
  confirmed(peer: PeerKey): void;
  closed(peer: PeerKey, reason: DtlsCloseReason): void;
  /** At most once per device (or network, where the device is not known) and reason in a while: `REFUSAL_MEMORY_MS`. */
  refused(handshake: RefusedHandshake): void;
}

/** An association, who has it, and since which claim: what is asked of an owner is void for what it claims later. */
export type OwnedAssociation = Pick<StoredAssociation, "device" | "id" | "owner" | "stamp">;

/** What the node that has an association says to one that would have it, and how far it has received. */
export type OwnerAnswer =
  /** It has forgotten the association. Without a mark it held it under an older stamp: what was received since is not known there. */
  | { readonly type: "released"; readonly mark: ReceiveMark | undefined }
  /** It goes on: it has received the record that the other one shows, or a newer one. */
  | { readonly type: "kept"; readonly mark: ReceiveMark };

/** What an endpoint works with. */
export interface DtlsEndpointParts {
  readonly settings: DtlsSettings;
  readonly openSocket: typeof openUdpSocket;
  readonly credentials: DeviceCredentials;
  readonly associations: AssociationStore;
  readonly sealing: AssociationSealing;
  readonly serverKeys: ServerKeys;
  readonly node: NodeRef;
  /**
   * Whether this node still holds its slot: asked before anything is given to the machine. Where it does not, all associations are discarded first, and
   * nothing is sent.
   */
  readonly mayServe: () => boolean;
  /**
   * Asks the node that has an association for it (its `release`), for a record with this sequence number. Answers within 200 ms; undefined when that node is
   * dead, says nothing, has forgotten the association, or has claimed it anew since.
   */
  readonly askOwner: (association: OwnedAssociation, sequence: number | undefined) => Promise<OwnerAnswer | undefined>;
  readonly on: DtlsHandlers;
  readonly metrics: DtlsMetrics;
  readonly logger: Logger;
  /** Wall clock for what is stored, monotonic for deadlines; ms. */
  readonly clock: { readonly wallMs: Clock; readonly monotonicMs: Clock };
  readonly random: (size: number) => Uint8Array;
}

/** A DTLS listener. */
export interface DtlsEndpoint {
  /** UDP port. */
  readonly port: number;
  /** Associations in memory. */
  readonly size: number;
  /** Sends application data; lost, as any datagram may be, when there is no such association. */
  send(bytes: Uint8Array, peer: PeerKey): void;
  peer(peer: PeerKey): DtlsPeer | undefined;
  /** The association of a device that is in memory here. */
  byDevice(device: DeviceRef): PeerKey | undefined;
  /**
   * Another node would have the association: forgets it silently, without `closed`, unless the record that the other one shows was received here, or a newer
   * one. Without a `sequence` it is the other's already.
   *
   * `stamp`: of the claim that made this node the owner, as the other one read it. Undefined when the association is not here, or was claimed here since: then
   * it stays.
   */
  release(association: Omit<OwnedAssociation, "owner">, sequence: number | undefined): OwnerAnswer | undefined;
  /** What is provisioned for the device changed: ends its association unless its credential is still the one that it was made with. */
  recheck(device: DeviceRef): Promise<void>;
  /** A fleet's declaration changed: the same for all devices of a tenant that have shown a certificate. */
  recheckCertificates(tenant: string): Promise<void>;
  /** So many devices changed that all associations here are looked at. */
  recheckAll(): Promise<void>;
  /** Puts a device's association back into a store that was emptied. */
  writeBack(device: DeviceRef): Promise<void>;
  /** Forgets all associations silently: this node cannot prove any more that they are its own. */
  discard(): void;
  /** Datagrams lost because the socket's receive buffer was full. */
  kernelDrops(): number;
  /** Stores how far each association was received, and closes the socket; devices notice nothing. */
  stop(): Promise<void>;
}
