import type { Block } from "./block.ts";
import type { Context } from "./context.ts";
import { encodeEmpty, MESSAGE_TYPE, type Message } from "./message.ts";
import type { Peer } from "./peer.ts";
import type { PeerTable } from "./peer-table.ts";
import { Pending } from "./pending.ts";
import type { Handle, StackOutput } from "./stack-io.ts";

/** The requests and notifications that wait for the application's word, bounded per peer and in total. */
export class PendingTable {
  readonly #context: Context;
  readonly #peers: PeerTable;
  readonly #byHandle = new Map<Handle, Pending>();
  #nextHandle: Handle = 1;

  constructor(context: Context, peers: PeerTable) {
    this.#context = context;
    this.#peers = peers;
  }

  get size(): number {
    return this.#byHandle.size;
  }

  find(handle: Handle): Pending | undefined {
    return this.#byHandle.get(handle);
  }

  hasRoom(peer: Peer): boolean {
    const { maxPending, maxPendingPerPeer } = this.#context.limits;
    return this.#byHandle.size < maxPending && peer.pendingCount < maxPendingPerPeer;
  }

  /** Hands a message to the application: a repeat of it is absorbed until the application's word is known. */
  add(peer: Peer, message: Message, block1: Block | undefined, block2: Block | undefined, nowMs: number): Pending {
    const confirmable = message.type === MESSAGE_TYPE.CON;
    const remembered = this.#peers.remember(peer, message, confirmable, "pending", nowMs);
    const pending = new Pending(this.#nextHandle++, peer, message, remembered, block1, block2);
    peer.pendingCount++;
    this.#byHandle.set(pending.handle, pending);
    this.#context.deadlines.set(pending, remembered.expiresAtMs);
    return pending;
  }

  /** Acknowledges a CON once; a request stays, since its response is to come. */
  acknowledge(pending: Pending, out: StackOutput[]): void {
    const { message, remembered, peer } = pending;
    if (message.type === MESSAGE_TYPE.CON && !pending.acknowledged) {
      pending.acknowledged = true;
      this.#context.deduplicator.settle(remembered, "ack");
      out.push({ type: "send", peer: peer.key, bytes: encodeEmpty(MESSAGE_TYPE.ACK, message.messageId) });
    }
  }

  reset(pending: Pending, out: StackOutput[]): void {
    const { message, remembered, peer } = pending;
    this.#context.deduplicator.settle(remembered, "reset");
    out.push({ type: "send", peer: peer.key, bytes: encodeEmpty(MESSAGE_TYPE.RST, message.messageId) });
    this.delete(pending);
  }

  /** Stays silent: a repeat is taken as new. */
  abandon(pending: Pending): void {
    if (!pending.acknowledged) this.#context.deduplicator.forget(pending.peer, pending.remembered);
    this.delete(pending);
  }

  /** The application has spoken. */
  delete(pending: Pending): void {
    const { remembered, peer } = pending;
    if (remembered.reply === "pending") this.#context.deduplicator.settle(remembered, "none");
    peer.pendingCount--;
    this.#byHandle.delete(pending.handle);
    this.#context.deadlines.delete(pending);
  }

  /** Forgets all that the peer waits for. */
  forget(peer: Peer): void {
    if (peer.pendingCount === 0) return;
    for (const pending of this.#byHandle.values()) if (pending.peer === peer) this.delete(pending);
  }
}
