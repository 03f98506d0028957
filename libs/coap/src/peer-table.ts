import type { Context } from "./context.ts";
import { identityOf, type Remembered, type Reply } from "./deduplicator.ts";
import type { Message } from "./message.ts";
import { Peer } from "./peer.ts";
import type { PeerKey } from "./stack-io.ts";

/** How many peers are looked at for one that can be forgotten. */
const EVICTION_ATTEMPTS = 8;
/** A peer at rest is looked at this much after its memory ended, so that many go in one tick. */
const SWEEP_MS = 4_000;

/** The peers of whom anything is known, bounded; those at rest leave when their memory has expired. */
export class PeerTable {
  readonly #context: Context;
  /** In the order in which they are to be considered for eviction. */
  readonly #peers = new Map<PeerKey, Peer>();

  constructor(context: Context) {
    this.#context = context;
  }

  get size(): number {
    return this.#peers.size;
  }

  find(key: PeerKey): Peer | undefined {
    return this.#peers.get(key);
  }

  /** The peer, made known when it was not; `undefined` when there is no room for it. */
  findOrAdd(key: PeerKey, nowMs: number): Peer | undefined {
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    if (this.#peers.size >= this.#context.limits.maxPeers && !this.#evict()) return undefined;
    const peer = new Peer(key);
    this.#peers.set(key, peer);
    this.#context.deadlines.set(peer, nowMs + SWEEP_MS);
    return peer;
  }

  /** A Message ID that was not used towards the peer within EXCHANGE_LIFETIME (RFC 7252 §4.4). */
  takeMessageId(peer: Peer, nowMs: number): number {
    const messageId = peer.nextMessageId ?? randomUint16(this.#context);
    this.continueFrom(peer, (messageId + 1) & 0xffff, nowMs);
    return messageId;
  }

  /** Lets the next Message ID towards the peer be this one. */
  continueFrom(peer: Peer, messageId: number, nowMs: number): void {
    peer.nextMessageId = messageId;
    peer.messageIdsExpireAtMs = nowMs + this.#context.times.exchangeLifetimeMs;
  }

  /** Remembers a message of the peer for EXCHANGE_LIFETIME or NON_LIFETIME (RFC 7252 §4.8.2). */
  remember(
    peer: Peer,
    message: Pick<Message, "messageId" | "token">,
    confirmable: boolean,
    reply: Reply,
    nowMs: number,
  ): Remembered {
    const { deduplicator, times } = this.#context;
    const lifetimeMs = confirmable ? times.exchangeLifetimeMs : times.nonLifetimeMs;
    return deduplicator.remember(peer, identityOf(message), reply, nowMs, lifetimeMs);
  }

  /** Forgets peers at rest until what is remembered in total is within its limits again; not to be called while one is at work. */
  shrink(): void {
    while (this.#context.deduplicator.isOverfull && this.#evict()) {
      // Each turn forgets one peer.
    }
  }

  /** A peer's time has come: it goes, or waits until its memory has expired. */
  expire(peer: Peer, nowMs: number): void {
    let restsAtMs = peer.messageIdsExpireAtMs;
    for (let entry = peer.oldest; entry !== undefined; entry = entry.next) {
      restsAtMs = Math.max(restsAtMs, entry.expiresAtMs);
    }
    if (peer.isAtRest && restsAtMs <= nowMs) this.delete(peer);
    else this.#context.deadlines.set(peer, Math.max(restsAtMs, nowMs) + SWEEP_MS);
  }

  /** Forgets the peer, of whom nothing may be open. */
  delete(peer: Peer): void {
    this.#context.deduplicator.clear(peer);
    this.#context.deadlines.delete(peer);
    this.#peers.delete(peer.key);
  }

  /** Forgets the longest known of the peers at rest; busy ones go to the end of the line. */
  #evict(): boolean {
    let attempts = 0;
    for (const peer of this.#peers.values()) {
      if (peer.isAtRest) {
        this.delete(peer);
        return true;
      }
      if (++attempts === EVICTION_ATTEMPTS) break;
      this.#peers.delete(peer.key);
      this.#peers.set(peer.key, peer);
    }
    return false;
  }
}

function randomUint16({ random }: Context): number {
  const bytes = random(2);
  return ((bytes[0] as number) << 8) | (bytes[1] as number); // Two bytes were asked for.
}
