/** How much a {@link DtlsServer} may hold and do; what goes beyond is dropped and counted, never queued without end. */
export interface DtlsLimits {
  /** Associations in memory. When reached, the one that was heard longest ago goes; the store still has it. */
  readonly maxAssociations: number;
  /** An association that was not heard for so long leaves the memory, ms; the store still has it. */
  readonly idleMs: number;

  /** Handshakes that have not ended. When reached, the oldest one goes of the network that has the most; an association never does. */
  readonly maxHandshakes: number;
  /** Of them, from one network: the first 24 bits of an IPv4 address, 56 of an IPv6 address. */
  readonly maxHandshakesPerNetwork: number;
  /** What all of them together keep: messages in pieces, transcripts, parked records, own flights; bytes. */
  readonly maxHandshakeBytes: number;
  /** A handshake that has not ended after so long is dropped, ms. */
  readonly handshakeTimeoutMs: number;
  /**
   * One that met a record which does not open with its keys ends after so long, ms: a wrong key, or a forged record before the right one, which a client
   * of RFC 7925 §11 sends again after 9 s.
   */
  readonly wrongKeyTimeoutMs: number;
  /** Handshakes that may begin in a second, and at once: a reconnecting fleet must not delay the records of others. */
  readonly handshakesPerSecond: number;
  readonly handshakeBurst: number;
  /** Of them, from one network. */
  readonly networkHandshakesPerSecond: number;
  readonly networkHandshakeBurst: number;
  /** Of them, from IPv6 networks beside each other: the first 48 bits. */
  readonly wideNetworkHandshakesPerSecond: number;
  readonly wideNetworkHandshakeBurst: number;
  /** Up to here a network, 24 or 48 bits, is quiet: it goes before others, for which a part of `handshakeBurst` is out of reach. */
  readonly quietHandshakesPerSecond: number;
  readonly quietHandshakeBurst: number;
  /** Computations that were asked for and not answered; further ones wait. */
  readonly maxComputations: number;
  /** Computations that wait for their turn; with more, no handshake with certificates begins. */
  readonly maxWaitingComputations: number;

  /** A Connection ID of a peer, bytes; a longer one is not agreed to. */
  readonly maxPeerCidBytes: number;

  /** Records of one handshake that came before they could be used. */
  readonly maxParkedHandshakeRecords: number;
  readonly maxParkedHandshakeBytes: number;
  /** Records of one association that is being found or claimed. */
  readonly maxParkedRecords: number;
  readonly maxParkedBytes: number;
  /** Associations that are being found or claimed. */
  readonly maxLookups: number;
  /** Records to one peer that wait for leave to write. */
  readonly maxQueuedSends: number;
  readonly maxQueuedSendBytes: number;
  /** A question that is not answered after so long is taken as `unavailable`, ms. */
  readonly questionTimeoutMs: number;

  /** A flight is sent again at most so often because the peer repeated its own, ms. */
  readonly minResendMs: number;
  /** How long the last flight is sent again to a peer that did not get it, ms: twice the MSL (RFC 6347 §4.2.4). */
  readonly lastFlightMs: number;
  /** Last flights that are kept; the oldest goes first. */
  readonly maxLastFlights: number;

  /** Fatal alerts to handshakes, of all peers, in a second and at once. */
  readonly alertsPerSecond: number;
  readonly alertBurst: number;
  /** Between two answers to a peer that would renegotiate, ms. */
  readonly renegotiationAnswerMs: number;

  /** Changes of one association's address in a minute (RFC 9146 §6). */
  readonly maxMovesPerMinute: number;
  /** What may be sent to an address that one record has named, as a multiple of what came from it. */
  readonly maxAmplification: number;

  /** A mark is told after so many newer records, or so long after the first of them, ms. */
  readonly markRecords: number;
  readonly markMs: number;

  /** Associations whose keys are ready to use; others make theirs ready when a record comes or goes, in some µs. */
  readonly maxReadyKeys: number;
}

/** Limits for one server process with tens of thousands of peers. */
export const DEFAULT_DTLS_LIMITS: DtlsLimits = {
  maxAssociations: 200_000,
  idleMs: 3_600_000,
  maxHandshakes: 4_096,
  maxHandshakesPerNetwork: 1_024,
  maxHandshakeBytes: 64 * 1024 * 1024,
  handshakeTimeoutMs: 75_000,
  wrongKeyTimeoutMs: 20_000,
  handshakesPerSecond: 2_000,
  handshakeBurst: 200,
  networkHandshakesPerSecond: 500,
  networkHandshakeBurst: 100,
  wideNetworkHandshakesPerSecond: 1_000,
  wideNetworkHandshakeBurst: 200,
  quietHandshakesPerSecond: 10,
  quietHandshakeBurst: 20,
  maxComputations: 64,
  maxWaitingComputations: 1_000,
  maxPeerCidBytes: 32,
  maxParkedHandshakeRecords: 4,
  maxParkedHandshakeBytes: 2 * 1024,
  maxParkedRecords: 8,
  maxParkedBytes: 8 * 1024,
  maxLookups: 1_000,
  maxQueuedSends: 8,
  maxQueuedSendBytes: 8 * 1024,
  questionTimeoutMs: 10_000,
  minResendMs: 200,
  lastFlightMs: 240_000,
  maxLastFlights: 20_000,
  alertsPerSecond: 100,
  alertBurst: 100,
  renegotiationAnswerMs: 10_000,
  maxMovesPerMinute: 10,
  maxAmplification: 3,
  markRecords: 32,
  markMs: 30_000,
  maxReadyKeys: 4_096,
};
