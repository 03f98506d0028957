import type { StackLimits } from "./stack-limits.ts";

/**
 * What a repeat of a message gets: nothing yet because the application still thinks, nothing at all, the empty
 * acknowledgement or reset (which its Message ID makes), or these bytes once more.
 */
export type Reply = "pending" | "none" | "ack" | "reset" | Uint8Array;

/** A reply as it is kept. */
export type KeptReply = Exclude<Reply, Uint8Array> | KeptBytes;

/**
 * Bytes as a text, a character each. They wait for minutes and most are few: 25 take 80 bytes so, and 500 as an array that was sent, whose store lies
 * outside the heap and in the way of giving back what was around it.
 */
export interface KeptBytes {
  readonly characters: string;
}

/** A message that was received, as far as a repeat of it needs. */
export interface Remembered {
  /** Of the message: see {@link identityOf}. */
  readonly identity: number;
  readonly expiresAtMs: number;
  reply: KeptReply;
  /** What came from the same peer after it. */
  next: Remembered | undefined;
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

/** Where the entries of one peer are kept: a linked list, for one comes and one goes with every message, and most peers have few for long. */
export interface Memory {
  oldest: Remembered | undefined;
  newest: Remembered | undefined;
  rememberedCount: number;
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

  find({ oldest }: Memory, identity: number, nowMs: number): Remembered | undefined {
    for (let entry = oldest; entry !== undefined; entry = entry.next) {
      if (entry.identity === identity && entry.expiresAtMs > nowMs) return entry;
    }
    return undefined;
  }

  /** Adds a message that was not there, in place of what has expired or of the oldest beyond the limit. */
  remember(memory: Memory, identity: number, reply: Reply, nowMs: number, lifetimeMs: number): Remembered {
    while (memory.oldest !== undefined && memory.oldest.expiresAtMs <= nowMs) this.#removeBehind(memory, undefined);
    if (memory.rememberedCount >= this.#limits.maxRememberedPerPeer) this.#makeRoom(memory);
    // Whole milliseconds are stored in less space than fractions.
    const expiresAtMs = Math.ceil(nowMs + lifetimeMs);
    const entry: Remembered = { identity, expiresAtMs, reply: "pending", next: undefined };
    if (memory.newest === undefined) memory.oldest = entry;
    else memory.newest.next = entry;
    memory.newest = entry;
    memory.rememberedCount++;
    this.#count++;
    this.settle(entry, reply);
    return entry;
  }

  /** Says what a repeat will get from now on. */
  settle(entry: Remembered, reply: Reply): void {
    const kept = typeof reply === "string" ? reply : keepBytes(reply);
    this.#replyBytes += keptLength(kept) - keptLength(entry.reply);
    entry.reply = kept;
  }

  /** Forgets one message: a repeat of it is taken as new. */
  forget(memory: Memory, entry: Remembered): void {
    this.#removeFirst(memory, (each) => each === entry);
  }

  clear(memory: Memory): void {
    while (memory.oldest !== undefined) this.#removeBehind(memory, undefined);
  }

  /** Removes the oldest entry that no application works on; the oldest of all when there is none. */
  #makeRoom(memory: Memory): void {
    if (!this.#removeFirst(memory, isSettled)) this.#removeBehind(memory, undefined);
  }

  /** Removes the oldest entry that matches; false when none does. */
  #removeFirst(memory: Memory, matches: (entry: Remembered) => boolean): boolean {
    let previous: Remembered | undefined;
    for (let entry = memory.oldest; entry !== undefined; entry = entry.next) {
      if (matches(entry)) {
        this.#removeBehind(memory, previous);
        return true;
      }
      previous = entry;
    }
    return false;
  }

  /** Removes the entry behind another, or the oldest. */
  #removeBehind(memory: Memory, previous: Remembered | undefined): void {
    const entry = previous === undefined ? memory.oldest : previous.next;
    if (entry === undefined) return;
    if (previous === undefined) memory.oldest = entry.next;
    else previous.next = entry.next;
    if (memory.newest === entry) memory.newest = previous;
    entry.next = undefined; // An old object that is dead would keep younger ones alive.
    memory.rememberedCount--;
    this.#count--;
    this.#replyBytes -= keptLength(entry.reply);
  }
}

/** Of one message at the most, so that the bytes can be arguments. */
function keepBytes(bytes: Uint8Array): KeptBytes {
  return { characters: String.fromCharCode.apply(null, bytes as unknown as number[]) }; // It takes whatever has a length.
}

/** The bytes that were kept. */
export function keptBytes({ characters }: KeptBytes): Uint8Array {
  return Uint8Array.from(characters, (character) => character.charCodeAt(0));
}

function keptLength(reply: KeptReply): number {
  return typeof reply === "string" ? 0 : reply.characters.length;
}

function isSettled({ reply }: Remembered): boolean {
  return reply !== "pending";
}
