import type { KeyObject } from "node:crypto";
import type { AlertDescription } from "./alert.ts";
import type { DirectionKeys, ReceiveMark } from "./association-state.ts";
import type { HandshakeFailure } from "./server-io.ts";

/** How a client proves who it is and, unless the key is shared, how it knows the server. */
export type ClientCredential =
  /** RFC 4279. The key is a secret key object; so it is in no log and no inspection. */
  | { readonly type: "psk"; readonly identity: Uint8Array; readonly key: KeyObject }
  /** A P-256 key (RFC 7250). */
  | { readonly type: "rawPublicKey"; readonly privateKey: KeyObject; readonly server: ServerTrust }
  /** A P-256 key and its certificates: DER, the client's own first. */
  | {
      readonly type: "certificate";
      readonly privateKey: KeyObject;
      readonly chain: readonly Uint8Array[];
      readonly server: ServerTrust;
    };

/** Which server a client believes. */
export type ServerTrust =
  /** The one with this key, in a certificate or as it is: SubjectPublicKeyInfo, DER. */
  | { readonly type: "publicKey"; readonly publicKey: Uint8Array }
  /** Those with a certificate that leads to this one, DER. */
  | { readonly type: "trustAnchor"; readonly certificate: Uint8Array };

/** What the client takes. */
export type DtlsClientInput =
  /** Starts a handshake, with a session to resume where one is given; an association that there is ends silently. */
  | { readonly type: "connect"; readonly session?: ClientSession }
  | { readonly type: "datagram"; readonly bytes: Uint8Array }
  /** Application data that fits a record; dropped when there is no association. */
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** Ends the association with close_notify, or the handshake silently. */
  | { readonly type: "close" };

/** What the client gives back, in the order in which it is to be performed. */
export type DtlsClientOutput =
  | { readonly type: "send"; readonly bytes: Uint8Array }
  | ({ readonly type: "established" } & Established)
  | { readonly type: "received"; readonly bytes: Uint8Array }
  /** A handshake ended without an association. `alert` is what the server said, for `peerAlert`; `detail` is for people, no secret in it. */
  | {
      readonly type: "failed";
      readonly reason: HandshakeFailure;
      readonly detail: string;
      readonly alert: AlertDescription | undefined;
    }
  /** The server ended the association. */
  | { readonly type: "closed"; readonly reason: "closeNotify" | "fatalAlert" };

/** What a handshake came to. */
export interface Established {
  /** IANA number of the cipher suite. */
  readonly suite: number;
  readonly resumed: boolean;
  readonly extendedMasterSecret: boolean;
  readonly encryptThenMac: boolean;
  /** Connection ID in the records that come to us, and in those that we send; undefined: not negotiated (RFC 9146). */
  readonly ownCid: Uint8Array | undefined;
  readonly serverCid: Uint8Array | undefined;
  /** For a later `connect`; undefined when the server gave no session id. */
  readonly session: ClientSession | undefined;
}

/** What a client needs to resume a session (RFC 5246 §7.3). Holds a secret. */
export interface ClientSession {
  /** At most 32 bytes. */
  readonly id: Uint8Array;
  readonly suite: number;
  /** 48 bytes. */
  readonly masterSecret: Uint8Array;
  readonly extendedMasterSecret: boolean;
}

/** An association as it can be kept and gone on with, in this process or another; who exported it writes no more. Holds secrets. */
export interface ClientAssociationState {
  readonly suite: number;
  readonly encryptThenMac: boolean;
  readonly client: DirectionKeys;
  readonly server: DirectionKeys;
  /** Undefined: no Connection IDs were negotiated (RFC 9146 §3). */
  readonly ownCid: Uint8Array | undefined;
  readonly serverCid: Uint8Array | undefined;
  /** Largest plaintext of a record that the server takes, bytes; undefined: any. */
  readonly maxPlaintextBytes: number | undefined;
  /** Of the next record of epoch 1 that we write. */
  readonly nextSequence: number;
  readonly mark: ReceiveMark;
}
