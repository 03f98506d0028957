import type { KeyObject } from "node:crypto";
import type { AlertDescription } from "./alert.ts";
import type {
  Address,
  AssociationId,
  AssociationState,
  Principal,
  ReceiveMark,
  SessionState,
  WriteGrant,
} from "./association-state.ts";

/** Names a question of the machine until it is answered. */
export type QuestionId = number;

/** What the machine asks; whoever drives it answers with `answer`, at once or later, or never: then what waits for it times out. */
export type Question =
  /** The key of a PSK identity (RFC 4279); the bytes are the peer's and prove nothing. */
  | { readonly type: "psk"; readonly identity: Uint8Array; readonly address: Address }
  /** Who the holder of this raw public key is: SubjectPublicKeyInfo, DER (RFC 7250). */
  | { readonly type: "rawPublicKey"; readonly publicKey: Uint8Array; readonly address: Address }
  /** Who the holder of this certificate is: the chain as it came, the peer's own first, DER. Trust, validity and names are decided by who answers. */
  | { readonly type: "certificate"; readonly chain: readonly Uint8Array[]; readonly address: Address }
  /** The session that a client would resume. */
  | { readonly type: "session"; readonly id: Uint8Array }
  /** Stores a new association, and the session when it may be resumed, before the handshake ends. */
  | {
      readonly type: "store";
      readonly association: AssociationState;
      readonly grant: WriteGrant;
      readonly session: SessionState | undefined;
    }
  /** An association that this node does not know, by what a record shows. It proves nothing: the record is opened with what comes. */
  | { readonly type: "find"; readonly by: { readonly cid: Uint8Array } | { readonly address: Address } }
  /** A record of the association was opened and is newer than its mark: this node may write from now on. Also asked when a grant's counter is used up. */
  | {
      readonly type: "claim";
      readonly association: AssociationId;
      readonly principal: Principal;
      /** Of that record: its owner knows better whether it is newer. Undefined: the association is here already. */
      readonly sequence: number | undefined;
    }
  /** More sequence numbers. */
  | {
      readonly type: "reserve";
      readonly association: AssociationId;
      readonly principal: Principal;
      readonly grant: WriteGrant;
    }
  /** Public-key cryptography, in place or on a thread: see `compute` and `computeInPool`. */
  | { readonly type: "compute"; readonly job: CryptoJob };

/** One operation of P-256. */
export type CryptoJob =
  | { readonly operation: "sign"; readonly key: KeyObject; readonly data: Uint8Array }
  | {
      readonly operation: "verify";
      readonly key: KeyObject;
      readonly data: Uint8Array;
      readonly signature: Uint8Array;
    }
  | { readonly operation: "deriveSecret"; readonly privateKey: KeyObject; readonly publicKey: KeyObject };

/** Answers, by the question's type. One that comes late or twice is ignored. */
export type Answer =
  /** No key: the handshake goes on with a random one and fails as with a wrong one, so that identities cannot be guessed. */
  | { readonly type: "psk"; readonly key: Uint8Array; readonly principal: Principal }
  | { readonly type: "principal"; readonly principal: Principal }
  /** The certificate or key is not accepted; `reason` is for the event, never on the wire. */
  | {
      readonly type: "refused";
      readonly alert: AlertDescription;
      readonly reason: string;
      readonly principal?: Principal;
    }
  | { readonly type: "session"; readonly session: SessionState }
  | { readonly type: "stored" }
  | { readonly type: "found"; readonly association: AssociationState }
  | {
      readonly type: "claimed";
      readonly grant: WriteGrant;
      /** The exact mark of a living owner; undefined when it is dead: then the one that was stored holds, and the address is provisional. */
      readonly mark: ReceiveMark | undefined;
      /** Where a living owner heard it last, if not where the store says. */
      readonly address?: Address;
    }
  /** A living owner has received that record, or a newer one, and keeps the association: so far it has received. */
  | { readonly type: "kept"; readonly mark: ReceiveMark }
  | { readonly type: "reserved"; readonly ceiling: number }
  /** A secret, a signature; `undefined` when the operation failed. */
  | { readonly type: "bytes"; readonly bytes: Uint8Array | undefined }
  | { readonly type: "verified"; readonly valid: boolean }
  /** There is none, or it is not ours any more. */
  | { readonly type: "none" }
  /** It cannot be told now: what waits is dropped silently, for the peer will try again. */
  | { readonly type: "unavailable" };

/** What the machine takes. */
export type DtlsServerInput =
  | { readonly type: "datagram"; readonly address: Address; readonly bytes: Uint8Array }
  /** Application data to a peer; dropped, and told, when there is no such association. */
  | { readonly type: "send"; readonly association: AssociationId; readonly bytes: Uint8Array }
  | { readonly type: "answer"; readonly question: QuestionId; readonly answer: Answer }
  /** Ends an association: with an alert, so that the peer makes a new one, or silently because another node has it. */
  | {
      readonly type: "close";
      readonly association: AssociationId;
      readonly alert: "closeNotify" | "accessDenied" | undefined;
    }
  /** Forgets all associations and sends nothing: this node can no longer prove that they are its own. Whoever drives it drops what it has not yet sent. */
  | { readonly type: "discard" };

/** What the server shows of itself; asked for each handshake, so that a changed key holds from the next one on. */
export interface ServerIdentity {
  /** P-256; `publicKey` is its SubjectPublicKeyInfo, DER (RFC 7250). Undefined: no raw public key is offered. */
  readonly rawPublicKey: { readonly privateKey: KeyObject; readonly publicKey: Uint8Array } | undefined;
  /**
   * The certificate for a server name (RFC 6066 §3, lower case), or for none: the chain, the server's own first, DER. Undefined: no certificate is offered.
   */
  certificate(
    serverName: string | undefined,
  ): { readonly privateKey: KeyObject; readonly chain: readonly Uint8Array[] } | undefined;
}

/** All of an association as it is now: what `DtlsServer.snapshot(id)` gives, to be stored or handed to another node. The mark is exact. */
export interface AssociationSnapshot {
  readonly association: AssociationState;
  /** `from` is the next record sequence number. */
  readonly grant: WriteGrant;
}

/** An association as the machine has it now: a live view, to be kept until its `closed` was performed and no longer. */
export interface Association {
  readonly id: AssociationId;
  readonly principal: Principal;
  readonly suite: number;
  readonly address: Address;
  /** The address came in one record only, after a take-over from a dead node: it could be a captured one's. */
  readonly provisional: boolean;
  readonly hasCid: boolean;
  readonly createdAtMs: number;
}

/** What the machine gives back, in the order in which it is to be performed. */
export type DtlsServerOutput =
  | { readonly type: "send"; readonly address: Address; readonly bytes: Uint8Array }
  | { readonly type: "question"; readonly id: QuestionId; readonly question: Question }
  /** Application data, authenticated. */
  | { readonly type: "received"; readonly association: Association; readonly bytes: Uint8Array }
  /** A handshake ended. `replaced`: the association of the same address that it took the place of. */
  | {
      readonly type: "established";
      readonly association: Association;
      readonly resumed: boolean;
      readonly replaced: AssociationId | undefined;
    }
  /** An association of another node is served here from now on. */
  | { readonly type: "takenOver"; readonly association: Association }
  /** A newer record came from another address (RFC 9146 §6). */
  | { readonly type: "moved"; readonly association: Association; readonly from: Address }
  /** A provisional address was confirmed by a second newer record. */
  | { readonly type: "confirmed"; readonly association: Association }
  /** Worth storing: every 32 records or 30 s. Nobody waits for it. */
  | { readonly type: "mark"; readonly association: Association; readonly mark: ReceiveMark }
  | { readonly type: "closed"; readonly association: Association; readonly reason: CloseReason }
  | {
      readonly type: "handshakeFailed";
      readonly address: Address;
      readonly reason: HandshakeFailure;
      /** For people; no secret in it. */
      readonly detail: string;
      /** Whose credential it was, where that is known; it is proven only for `unauthorized`. */
      readonly principal: Principal | undefined;
    }
  | {
      readonly type: "dropped";
      readonly reason: DtlsDropReason;
      /** For `badMac`: whose record it pretended to be, and how many have by now. Many are somebody's tries (RFC 9147 §4.5.3). */
      readonly association?: AssociationId;
      readonly failedOpens?: number;
    };

/** Why an association ended. */
export type CloseReason =
  | "closeNotify"
  | "fatalAlert"
  | "replaced"
  /** By `close`. */
  | "closed"
  /** Not heard for `idleMs`; the store still has it. */
  | "idle"
  /** Least recently used, beyond `maxAssociations`; the store still has it. */
  | "evicted"
  /** Another node has it now. */
  | "lost";

/** Why a handshake did not end: labels of a metric. */
export type HandshakeFailure =
  | "unknownIdentity"
  /** The peer's Finished, or its signature, does not verify: wrong key. */
  | "wrongKey"
  | "unauthorized"
  | "noCommonSuite"
  | "noCommonParameters"
  | "extendedMasterSecretRequired"
  | "clientCertificateRequired"
  | "unexpectedMessage"
  | "malformed"
  | "peerAlert"
  | "timeout"
  | "unavailable"
  | "evicted";

/** Why a record or a datagram was not used: labels of a metric. */
export type DtlsDropReason =
  | "malformed"
  | "version"
  | "unknownAssociation"
  | "unknownEpoch"
  | "replay"
  | "badMac"
  | "cidMissing"
  | "plaintextAlert"
  | "noHandshake"
  | "badFragment"
  | "tooManyHandshakes"
  | "tooManyComputations"
  | "tooManyLookups"
  | "parkedFull"
  | "amplification"
  | "noAssociation"
  /** No leave to write came in time, or too many records waited for it. */
  | "noSequence"
  /** Application data beyond what the peer takes in a record. */
  | "tooLarge";
