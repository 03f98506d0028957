import type { Block } from "./block.ts";
import { type Deadline, NOT_QUEUED } from "./deadline-queue.ts";
import type { Remembered } from "./deduplicator.ts";
import type { Message } from "./message.ts";
import type { Peer } from "./peer.ts";
import type { Handle } from "./stack-io.ts";

/** A request or notification that waits for the application's word. */
export class Pending implements Deadline {
  readonly kind = "pending";
  readonly handle: Handle;
  readonly peer: Peer;
  readonly message: Message;
  readonly remembered: Remembered;
  /** The empty ACK went out: the response will be a separate one. */
  acknowledged = false;
  /** The last block of an assembled body, which the response repeats (RFC 7959 §2.3). */
  readonly block1: Block | undefined;
  /** The block of the response that the request asks for. */
  readonly block2: Block | undefined;
  dueMs = 0;
  place: number = NOT_QUEUED;

  constructor(
    handle: Handle,
    peer: Peer,
    message: Message,
    remembered: Remembered,
    block1: Block | undefined,
    block2: Block | undefined,
  ) {
    this.handle = handle;
    this.peer = peer;
    this.message = message;
    this.remembered = remembered;
    this.block1 = block1;
    this.block2 = block2;
  }
}
