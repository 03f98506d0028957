import type { WriteGrant } from "./association-state.ts";
import { NonceCounter, sequenceNonce } from "./explicit-nonce.ts";
import { MAX_SEQUENCE } from "./record.ts";

/** What makes a record of ours one of its kind. */
export interface RecordNumber {
  readonly sequence: number;
  /** The 8 explicit bytes of an AEAD nonce. */
  readonly nonce: Uint8Array;
}

/** More is asked for when less than this share of a block of sequence numbers is left. */
const LOW_SHARE = 4;
const PROTECTED_EPOCH = 1;

/** Leave to write, and how much of it is used up: see {@link WriteGrant}. */
export class WritePermit {
  readonly #stamp: number;
  readonly #slot: number;
  readonly #nonces: NonceCounter | undefined;
  #next: number;
  #ceiling: number;
  #lowAt: number;

  /** `nonce`: by grant, or by epoch and sequence number for a modem that insists. Make one per grant. */
  constructor(grant: WriteGrant, nonce: "stamped" | "sequence") {
    this.#stamp = grant.stamp;
    this.#slot = grant.slot;
    this.#next = grant.from;
    this.#ceiling = 0;
    this.#lowAt = 0;
    this.extend(grant.ceiling);
    this.#nonces = nonce === "stamped" ? new NonceCounter(grant) : undefined;
  }

  /** As it is now: `from` is the next sequence number. */
  get grant(): WriteGrant {
    return { stamp: this.#stamp, slot: this.#slot, from: this.#next, ceiling: this.#ceiling };
  }

  /** Less than a quarter of the last block of sequence numbers is left, and there may be more. */
  get isLow(): boolean {
    return (this.#next > this.#lowAt || this.#next >= this.#ceiling) && this.#ceiling <= MAX_SEQUENCE;
  }

  /** What another record cannot be written without; `end`: no epoch has more records (RFC 6347 §4.1). */
  get lacks(): "sequence" | "nonce" | "end" | undefined {
    if (this.#next > MAX_SEQUENCE) return "end";
    if (this.#next >= this.#ceiling) return "sequence";
    return this.#nonces?.isUsedUp === true ? "nonce" : undefined;
  }

  /** The next one; undefined when something lacks. */
  take(): RecordNumber | undefined {
    if (this.lacks !== undefined) return undefined;
    const sequence = this.#next++;
    return { sequence, nonce: this.#nonces?.next() ?? sequenceNonce(PROTECTED_EPOCH, sequence) };
  }

  /** More sequence numbers were reserved. */
  extend(ceiling: number): void {
    const block = ceiling - this.#ceiling;
    if (block <= 0) return;
    this.#ceiling = Math.min(ceiling, MAX_SEQUENCE + 1);
    this.#lowAt = this.#ceiling - Math.floor(Math.min(block, this.#ceiling - this.#next) / LOW_SHARE);
  }
}
