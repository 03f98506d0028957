import type { DeviceRef, NodeRef } from "./device-store.ts";

/** What was received of an association, so that nothing is taken twice: see `ReceiveMark` of @ferry/dtls. */
export interface StoredMark {
  readonly newest: number;
  /** 8 bytes. */
  readonly window: Uint8Array;
}

/**
 * A DTLS association that outlives its node; a device has at most one. Who opens `sealed` has its keys; the rest is for pointers, people and fences, and is
 * authenticated together with it.
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

/** A step under a claim: `stale` when somebody claimed the association since, or it is gone. */
export type AssociationOutcome = { readonly type: "done" } | { readonly type: "stale" };

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
  /** Another id, none at all, or a stamp more than `MAX_STAMP_LEAD_S` ahead of the clock: the device must make a new one. */
  | { readonly type: "gone" };

/** Sequence numbers that an owner reserves at a time. */
export const SEQUENCE_BLOCK = 1024;
/** What is left out after a take-over: the owner before may have sent beyond what was stored. */
export const SEQUENCE_GAP = 65_536;
/** A stored stamp further ahead of the clock ends the association, s. */
export const MAX_STAMP_LEAD_S = 86_400;

/**
 * DTLS associations and sessions. A device's association lies in its own slot; pointers from Connection ID, address and session id are hints outside it, proven
 * by what they lead to. Every method is one atomic step there and safe to repeat; all reject with `StateUnavailableError` when the store cannot be reached in time.
 */
export interface AssociationStore {
  /**
   * Stores the association of a device in place of the one before, with its pointers; one of a later stamp stays, and the answer is `stale`.
   * Also how an owner writes back to a store that was emptied. `ttlMs` counts from the last `put`, `claim`, `reserve` or `mark`.
   */
  put(association: StoredAssociation, ttlMs: number): Promise<AssociationOutcome>;
  get(device: DeviceRef): Promise<StoredAssociation | undefined>;
  findByCid(cid: Uint8Array): Promise<StoredAssociation | undefined>;
  /** The association whose device was last heard at this address; a hint. */
  findByAddress(address: string): Promise<StoredAssociation | undefined>;
  /** Gives the association to a node: stamp := max(clock in seconds, stored + 1), numbers from the stored ceiling plus `SEQUENCE_GAP`. */
  claim(request: {
    readonly association: AssociationRef;
    readonly node: NodeRef;
    readonly ttlMs: number;
    readonly nowMs: number;
  }): Promise<ClaimAssociationOutcome>;
  /** Gives its owner the next `SEQUENCE_BLOCK` numbers. */
  reserve(request: {
    readonly association: AssociationRef;
    readonly stamp: number;
    readonly ttlMs: number;
  }): Promise<{ readonly type: "reserved"; readonly ceiling: number } | { readonly type: "stale" }>;
  /** Stores how far its owner has received, and where from. */
  mark(request: {
    readonly association: AssociationRef;
    readonly stamp: number;
    readonly mark: StoredMark;
    readonly address: string;
    readonly ttlMs: number;
  }): Promise<AssociationOutcome>;
  /** Ends an association, with its pointers. */
  remove(association: AssociationRef): Promise<void>;
  putSession(session: StoredSession, ttlMs: number): Promise<void>;
  getSession(id: Uint8Array): Promise<StoredSession | undefined>;
  removeSession(id: Uint8Array): Promise<void>;
}
