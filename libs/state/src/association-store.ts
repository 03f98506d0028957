import type { DeviceRef, NodeRef } from "./device-store.ts";

/** What was received of an association, so that nothing is taken twice: see `ReceiveMark` of @ferry/dtls. */
export interface StoredMark {
  readonly newest: number;
  /** 8 bytes. */
  readonly window: Uint8Array;
}

/**
 * A DTLS association that outlives its node; a device has at most one in a realm. Who opens `sealed` has its keys; the rest is for pointers, people and fences,
 * and is authenticated together with it.
 */
export interface StoredAssociation {
  /** 12 characters of base64url. */
  readonly id: string;
  readonly device: DeviceRef;
  /** How the device proved who it is. */
  readonly securityMode: "PSK" | "RPK" | "X509";
  /** IANA number of the cipher suite. */
  readonly suite: number;
  /** Our Connection ID; undefined when none was negotiated. */
  readonly cid: Uint8Array | undefined;
  readonly createdAtMs: number;
  /** Keys and all else that is to be sealed. */
  readonly sealed: Uint8Array;
  /** The node that last claimed it. */
  readonly owner: NodeRef;
  /** Seconds since 1970 or later; the fence of the owner: of two stamps the later one holds. */
  readonly stamp: number;
  /** Record sequence numbers below it are given away. */
  readonly sendCeiling: number;
  readonly mark: StoredMark;
  /** Source of the last authenticated record, as it was stored last. */
  readonly address: string;
}

/** What may be resumed: kept apart, for it has another life. */
export interface StoredSession {
  /** 32 bytes. */
  readonly id: Uint8Array;
  readonly device: DeviceRef;
  readonly sealed: Uint8Array;
}

/** Names an association of a device; another id means that the device made a new one. */
export interface AssociationRef {
  readonly device: DeviceRef;
  readonly id: string;
}

/** What an owner shows with each step: itself and what it was given, so that a store that fell back to an older copy learns it again. */
export interface AssociationHold {
  readonly association: AssociationRef;
  readonly node: NodeRef;
  readonly stamp: number;
  /** First record sequence number that it may not use. */
  readonly ceiling: number;
  readonly ttlMs: number;
}

/** Why an owner's step was refused. */
export type AssociationLost =
  /** Another node claimed the association since, or the device made a new one: its owner forgets it. */
  | { readonly type: "stale" }
  /** The store has none of the device: it ended, or the store was emptied, and then its owner puts it back with `restore`. */
  | { readonly type: "gone" };

export type AssociationOutcome = { readonly type: "done" } | AssociationLost;

/** How far an owner has received an association, and where the newest record came from. */
export interface MarkAssociationRequest extends AssociationHold {
  readonly mark: StoredMark;
  readonly address: string;
}

/** Who is to have an association. */
export interface ClaimAssociationRequest {
  readonly association: AssociationRef;
  readonly node: NodeRef;
  readonly ttlMs: number;
  readonly nowMs: number;
}

export type ClaimAssociationOutcome =
  | {
      readonly type: "claimed";
      readonly stamp: number;
      /** First sequence number that may be used, and the first that may not. */
      readonly from: number;
      readonly ceiling: number;
      /** Who had it before, and what was stored of it. */
      readonly previous: StoredAssociation;
    }
  /** Another id, none at all, no sequence numbers left, or a stamp more than `MAX_STAMP_LEAD_S` ahead of the clock: the device must make a new one. */
  | { readonly type: "gone" };

/** Sequence numbers that an owner reserves at a time. */
export const SEQUENCE_BLOCK = 1024;
/** What is left out after a take-over: the owner before may have sent beyond what was stored. */
export const SEQUENCE_GAP = 1024;
/**
 * An association's numbers grow by no more in a second of its stamps: that of a claim, with its gap and block, and those of 2048 records. A claim begins
 * beyond as many for each second since the handshake, so that it is beyond all that was given when the store fell back to an older copy, however old: the
 * peer drops what comes under numbers that it knows (RFC 6347 §4.1.2.6).
 */
export const SEQUENCES_PER_SECOND: number = SEQUENCE_GAP + 3 * SEQUENCE_BLOCK;
/**
 * A claim goes no further beyond the stored ceiling for the time that passed. wolfSSL 5.9 drops for good what comes 2^32 or more numbers beyond the last that
 * it received ("way too far in the future"): of claims in a row that a device hears nothing of, it follows the seventh.
 */
export const MAX_SEQUENCE_JUMP = 536_870_912;
/** A stored stamp further ahead of the clock ends the association, s. */
export const MAX_STAMP_LEAD_S = 86_400;
/** No record sequence number is beyond it (RFC 6347 §4.1: 48 bits): who comes there ends the association. */
export const MAX_SEQUENCE = 281_474_976_710_655;

/**
 * DTLS associations and sessions of one realm. A device's association lies in its own slot; pointers from Connection ID and address are hints outside it,
 * written after the step and proven by what they lead to. Every method is one atomic step there and safe to repeat; all reject with `StateUnavailableError`
 * when the store cannot be reached in time.
 *
 * An owner of an older stamp is refused. One of a later stamp than the stored one is believed, for then the store fell back to an older copy: stored stamp,
 * owner and ceiling follow.
 */
export interface AssociationStore {
  /**
   * Stores a device's new association in place of the one before, with its pointers. Repeated when somebody claimed it since, it changes nothing and is `stale`.
   * `ttlMs` counts from the last `put`, `restore`, `claim`, `reserve` or `mark`.
   */
  put(association: StoredAssociation, ttlMs: number): Promise<AssociationOutcome>;
  /**
   * How an owner writes back to a store that was emptied or fell back to an older copy. One that the device made later stays, and so does the same one under a
   * later stamp: then the answer is `stale`.
   */
  restore(association: StoredAssociation, ttlMs: number): Promise<AssociationOutcome>;
  get(device: DeviceRef): Promise<StoredAssociation | undefined>;
  findByCid(cid: Uint8Array): Promise<StoredAssociation | undefined>;
  /** The association without Connection ID whose device was last heard at this address; a hint. One with it is found by that only (RFC 9146 §3). */
  findByAddress(address: string): Promise<StoredAssociation | undefined>;
  /**
   * Gives the association to a node: stamp := max(clock in seconds, stored + 1), numbers from the stored ceiling plus `SEQUENCE_GAP`, or, where that is later,
   * from `SEQUENCES_PER_SECOND` for each second from its handshake to the stamp, but at most `MAX_SEQUENCE_JUMP` beyond the stored ceiling.
   */
  claim(request: ClaimAssociationRequest): Promise<ClaimAssociationOutcome>;
  /** Gives its owner the `SEQUENCE_BLOCK` numbers behind its ceiling; `gone`, and ended, when there are no more. */
  reserve(hold: AssociationHold): Promise<{ readonly type: "reserved"; readonly ceiling: number } | AssociationLost>;
  /** Stores how far its owner has received, and where from. What is behind the stored mark, as a late repeat is, changes neither. */
  mark(request: MarkAssociationRequest): Promise<AssociationOutcome>;
  /** Ends an association, with its pointers. */
  remove(association: AssociationRef): Promise<void>;
  putSession(session: StoredSession, ttlMs: number): Promise<void>;
  getSession(id: Uint8Array): Promise<StoredSession | undefined>;
  removeSession(id: Uint8Array): Promise<void>;
}
