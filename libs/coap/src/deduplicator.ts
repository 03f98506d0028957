import type { StackLimits } from "./stack-limits.ts";

/**
 * What a repeat of a message gets: nothing yet because the application still thinks, nothing at all, the empty
 * acknowledgement or reset (which its Message ID makes), or these bytes once more.
 */
export type Reply = "pending" | "none" | "ack" | "reset" | Uint8Array;

/** A message that was received, as far as a repeat of it needs. */
export interface Remembered {
  readonly messageId: number;
  readonly expiresAtMs: number;
  reply: Reply;
}

/**
 * Remembers which Message IDs came in lately and what they were answered (RFC 7252 §4.5).
 *
 * The entries of a peer are a short list held by the peer, in order of arrival; this class keeps the list within its
 * limit and counts what all lists hold together.
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

  find(list: readonly Remembered[], messageId: number, nowMs: number): Remembered | undefined {
    for (let index = list.length - 1; index >= 0; index--) {
      const entry = list[index] as Remembered; // The loop bounds it.
      if (entry.messageId === messageId && entry.expiresAtMs > nowMs) return entry;
    }
    return undefined;
  }

  /** Adds a message that was not there, in place of what has expired or of the oldest beyond the limit. */
  remember(list: Remembered[], messageId: number, reply: Reply, nowMs: number, lifetimeMs: number): Remembered {
    while (list.length > 0 && (list[0] as Remembered).expiresAtMs <= nowMs) this.#removeAt(list, 0);
    if (list.length >= this.#limits.maxRememberedPerPeer) this.#removeAt(list, oldestSettled(list));
    const entry: Remembered = { messageId, expiresAtMs: nowMs + lifetimeMs, reply: "pending" };
    list.push(entry);
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
  forget(list: Remembered[], entry: Remembered): void {
    const index = list.indexOf(entry);
    if (index >= 0) this.#removeAt(list, index);
  }

  /** Forgets what has expired. */
  prune(list: Remembered[], nowMs: number): void {
    for (let index = list.length - 1; index >= 0; index--) {
      if ((list[index] as Remembered).expiresAtMs <= nowMs) this.#removeAt(list, index); // The loop bounds it.
    }
  }

  clear(list: Remembered[]): void {
    while (list.length > 0) this.#removeAt(list, list.length - 1);
  }

  #removeAt(list: Remembered[], index: number): void {
    const [entry] = list.splice(index, 1);
    if (entry === undefined) return;
    this.#count--;
    this.#replyBytes -= replyLength(entry.reply);
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
