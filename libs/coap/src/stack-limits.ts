/** How much a {@link CoapStack} may hold; what goes beyond is refused and counted, never queued without end. */
export interface StackLimits {
  /** Peers of which anything is remembered. When reached, the longest known peer at rest is forgotten for a new one. */
  readonly maxPeers: number;
  /** Own exchanges towards one peer, open or queued behind NSTART. */
  readonly maxExchangesPerPeer: number;
  /** Own exchanges in total. */
  readonly maxExchanges: number;
  /** Requests and notifications of one peer that wait for the application. */
  readonly maxPendingPerPeer: number;
  /** Requests and notifications that wait for the application, in total. */
  readonly maxPending: number;
  /** Message IDs of one peer that are remembered to detect duplicates (RFC 7252 §4.5); the oldest is forgotten first. */
  readonly maxRememberedPerPeer: number;
  /** Message IDs that are remembered in total; the peer at rest that is known longest is forgotten first. */
  readonly maxRemembered: number;
  /** Replies that are kept to be sent again to a duplicate, in total, bytes. */
  readonly maxReplyBytes: number;
  /** One body put together from blocks or cut into blocks, bytes. */
  readonly maxBodyBytes: number;
  /** Bodies in transfer from or to one peer. */
  readonly maxBodiesPerPeer: number;
  /** Bodies in transfer in total, bytes. */
  readonly maxTotalBodyBytes: number;
  /** How long an unfinished body is kept after its last block, ms (RFC 7959 §2.4 advises EXCHANGE_LIFETIME). */
  readonly bodyLifetimeMs: number;
  /** The block size we offer, bytes: a power of two from 16 to 1024. */
  readonly blockSize: number;
  /** How often one exchange may begin its body anew: after 4.08, 4.13 with a smaller block, or an ETag that changed. */
  readonly maxBlockwiseRestarts: number;
}

/** Limits for one server process with tens of thousands of peers. */
export const DEFAULT_STACK_LIMITS: StackLimits = {
  maxPeers: 200_000,
  maxExchangesPerPeer: 64,
  maxExchanges: 100_000,
  maxPendingPerPeer: 16,
  maxPending: 20_000,
  maxRememberedPerPeer: 32,
  maxRemembered: 1_000_000,
  maxReplyBytes: 64 * 1024 * 1024,
  maxBodyBytes: 1024 * 1024,
  maxBodiesPerPeer: 4,
  maxTotalBodyBytes: 64 * 1024 * 1024,
  bodyLifetimeMs: 247_000,
  blockSize: 1024,
  maxBlockwiseRestarts: 2,
};
