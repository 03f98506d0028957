import type { Body } from "./blockwise.ts";
import { type Deadline, NOT_QUEUED } from "./deadline-queue.ts";
import type { Memory, Remembered } from "./deduplicator.ts";
import type { Exchange } from "./exchange.ts";
import type { PeerKey } from "./stack-io.ts";

/** What is known of a far side while anything about it is open or remembered; it is forgotten once that is over. */
export class Peer implements Deadline, Memory {
  readonly kind = "peer";
  readonly key: PeerKey;
  /** The Message ID of our next message to it; chosen when there is one. */
  nextMessageId: number | undefined;
  /** Until then the Message IDs that we used must not be used again (EXCHANGE_LIFETIME). */
  messageIdsExpireAtMs = 0;
  /** Messages that came from it. */
  oldest: Remembered | undefined;
  newest: Remembered | undefined;
  rememberedCount = 0;
  /** Our exchanges with it, in the order in which they begin. */
  readonly exchanges: Exchange[] = [];
  /** How many of its requests and notifications wait for the application. */
  pendingCount = 0;
  /** Bodies in transfer, oldest first. */
  readonly bodies: Body[] = [];
  dueMs = 0;
  place: number = NOT_QUEUED;

  constructor(key: PeerKey) {
    this.key = key;
  }

  /** Nothing is open: what is left is memory of the past. */
  get isAtRest(): boolean {
    return this.exchanges.length === 0 && this.pendingCount === 0 && this.bodies.length === 0;
  }
}
