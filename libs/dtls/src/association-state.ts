/** A peer's address and port as text: `192.0.2.1:5684`, `[2001:db8::1]:5684`. */
export type Address = string;

/** Names an association on every node: 12 characters of base64url, 9 random bytes. */
export type AssociationId = string;

/** Who a peer has proved to be, as whoever answered for its credential calls it; at most 384 bytes. Opaque here. */
export type Principal = string;

/** What was received: the highest record sequence number of epoch 1, and the 64 numbers up to it, one bit each. */
export interface ReceiveMark {
  /** -1 when none was. */
  readonly newest: number;
  /** 8 bytes, big-endian: the lowest bit is `newest`, the next one `newest - 1`, and so on. */
  readonly window: Uint8Array;
}

/** Keys of one direction (RFC 5246 §6.3); made here they are `SecretBytes`, which nobody sees who prints them. */
export interface DirectionKeys {
  /** 16 bytes. */
  readonly key: Uint8Array;
  /** The 4 implicit bytes of an AEAD nonce; empty for CBC. */
  readonly salt: Uint8Array;
  /** 32 bytes for CBC; empty for an AEAD suite. */
  readonly macKey: Uint8Array;
}

/** All that another node needs to go on with an association: epoch 1 only, for there is no renegotiation. */
export interface AssociationState {
  readonly id: AssociationId;
  /** IANA number of the cipher suite. */
  readonly suite: number;
  /** RFC 7366, for CBC. */
  readonly encryptThenMac: boolean;
  /** RFC 7627. */
  readonly extendedMasterSecret: boolean;
  /** What the server writes with, and the client. */
  readonly server: DirectionKeys;
  readonly client: DirectionKeys;
  /** Connection ID in the records that come to us; undefined when none was negotiated (RFC 9146). */
  readonly ownCid: Uint8Array | undefined;
  /** Connection ID in the records that we send; undefined or empty: they have none. */
  readonly peerCid: Uint8Array | undefined;
  /** Largest plaintext that the peer takes in a record, bytes (RFC 6066 §4, RFC 8449). */
  readonly maxPlaintextBytes: number;
  readonly principal: Principal;
  readonly address: Address;
  /** When the handshake ended, ms since 1970. */
  readonly createdAtMs: number;
  readonly mark: ReceiveMark;
}

/**
 * Leave to write: `claim stamp ‖ slot ‖ counter` never repeats under one key, whatever became of the sequence numbers (docs/architecture.md).
 */
export interface WriteGrant {
  /** Seconds since 1970 or later: max(clock, stamp of the claim before + 1). 32 bits. */
  readonly stamp: number;
  /** 0 to 255. */
  readonly slot: number;
  /** First record sequence number that may be used, and the first that may not: more are asked for with `reserve`. */
  readonly from: number;
  readonly ceiling: number;
}

/** What resumption needs (RFC 5246 §7.3); never without extended master secret (RFC 7627 §5.3). */
export interface SessionState {
  /** 32 bytes. */
  readonly id: Uint8Array;
  readonly suite: number;
  /** 48 bytes. */
  readonly masterSecret: Uint8Array;
  readonly encryptThenMac: boolean;
  readonly serverName: string | undefined;
  readonly principal: Principal;
}
