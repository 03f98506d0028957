import type { StackLimits } from "./stack-limits.ts";

/**
 * What a repeat of a message gets: nothing yet because the application still thinks, nothing at all, the empty
 * acknowledgement or reset (which its Message ID makes), or these bytes once more.
 */
export type Reply = "pending" | "none" | "ack" | "reset" | Uint8Array;

/** A message that was received, as far as a repeat of it needs. */
export interface Remembered {
  /** Of the message: see {@link identityOf}. */
  readonly identity: number;
  readonly expiresAtMs: number;
  reply: Reply;
}

/**
 * What tells a repeat from another message: the Message ID, and 14 bits of a hash over the Token.
 *
 * RFC 7252 §4.5 goes by the Message ID alone; but a NAT may give a port to another device within EXCHANGE_LIFETIME, whose message must not be
 * taken for a repeat, and a repeat has the same Token. Small enough to be stored without an allocation.
 */
export function identityOf({ messageId, token }: { readonly messageId: number; readonly token: Uint8Array }): number {
  let hash = token.length;
  for (const byte of token) hash = (Math.imul(hash, 31) + byte) | 0;
  return ((hash & 0x3fff) << 16) | messageId;
}

/** Where the entries of one peer are kept, oldest first. */
export interface Memory {
  remembered: readonly Remembered[];
}

/**
 * Remembers which Message IDs came in lately and what they were answered (RFC 7252 §4.5).
 *
 * The entries of a peer are a short list that the peer holds; this class keeps the list within its limit and counts
 * what all lists hold together.
 */
export class Deduplicator {
  readonly #limits: StackLimits;
  #count = 0;
  #replyBytes = 0;

  constructor(limits: StackLimits) {
    this.#limits = limits;
  }

  /** Entries of all peers. */
  get count(): number {
    return this.#count;
  }

  /** More is remembered than the limits allow: some peer must be forgotten. */
  get isOverfull(): boolean {
    return this.#count > this.#limits.maxRemembered || this.#replyBytes > this.#limits.maxReplyBytes;
  }

  find({ remembered: list }: Memory, identity: number, nowMs: number): Remembered | undefined {
    for (let index = list.length - 1; index >= 0; index--) {
      const entry = list[index] as Remembered; // The loop bounds it.
      if (entry.identity === identity && entry.expiresAtMs > nowMs) return entry;
    }
    return undefined;
  }

  /** Adds a message that was not there, in place of what has expired or of the oldest beyond the limit. */
  remember(memory: Memory, identity: number, reply: Reply, nowMs: number, lifetimeMs: number): Remembered {
    let expired = 0;
    while ((memory.remembered[expired]?.expiresAtMs ?? Number.POSITIVE_INFINITY) <= nowMs) expired++;
    this.#remove(memory, 0, expired);
    if (memory.remembered.length >= this.#limits.maxRememberedPerPeer) {
      this.#remove(memory, oldestSettled(memory.remembered), 1);
    }
    // Whole milliseconds are stored in less space than fractions.
    const entry: Remembered = { identity, expiresAtMs: Math.ceil(nowMs + lifetimeMs), reply: "pending" };
    // A list that is copied has no spare room, unlike one that grows by `push`: most peers have a few entries for long.
    memory.remembered = memory.remembered.concat(entry);
    this.#count++;
    this.settle(entry, reply);
    return entry;
  }

  /** Says what a repeat will get from now on. */
  settle(entry: Remembered, reply: Reply): void {
    this.#replyBytes += replyLength(reply) - replyLength(entry.reply);
    entry.reply = reply;
  }

  /** Forgets one message: a repeat of it is taken as new. */
  forget(memory: Memory, entry: Remembered): void {
    const index = memory.remembered.indexOf(entry);
    if (index >= 0) this.#remove(memory, index, 1);
  }

  clear(memory: Memory): void {
    this.#remove(memory, 0, memory.remembered.length);
  }

  #remove(memory: Memory, start: number, count: number): void {
    if (count === 0) return;
    const list = memory.remembered;
    for (let index = start; index < start + count; index++) {
      this.#replyBytes -= replyLength((list[index] as Remembered).reply); // The callers stay in range.
    }
    this.#count -= count;
    memory.remembered = start === 0 ? list.slice(count) : list.toSpliced(start, count);
  }
}

function replyLength(reply: Reply): number {
  return typeof reply === "string" ? 0 : reply.length;
}

/** The oldest entry that no application works on; the oldest of all when there is none. */
function oldestSettled(list: readonly Remembered[]): number {
  const index = list.findIndex((entry) => entry.reply !== "pending");
  return index < 0 ? 0 : index;
}
