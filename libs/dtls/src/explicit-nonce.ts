import assert from "node:assert";
import type { WriteGrant } from "./association-state.ts";

/** Bytes of an AEAD nonce that a record carries (RFC 5288 §3, RFC 6655 §3). */
export const EXPLICIT_NONCE_BYTES = 8;

const MAX_STAMP = 2 ** 32 - 1;
const MAX_SLOT = 2 ** 8 - 1;
/** Records that may be written under one stamp. */
export const MAX_COUNTER: number = 2 ** 24 - 1;

/**
 * The explicit nonces of one grant: `stamp (32) ‖ slot (8) ‖ counter (24)`, each once.
 *
 * The sender of a record is free in its choice (RFC 5288 §3, RFC 6655 §3: epoch and sequence number MAY be used). Those would repeat under the
 * same key when an old store comes back or two nodes write for a while; a stamp and a slot that no other owner has do not.
 */
export class NonceCounter {
  readonly #stamp: number;
  readonly #slot: number;
  #counter = 0;

  /** Make one per grant, never two of the same. */
  constructor({ stamp, slot }: Pick<WriteGrant, "stamp" | "slot">) {
    assert(Number.isInteger(stamp) && stamp >= 0 && stamp <= MAX_STAMP, "stamp of a grant has 32 bits");
    assert(Number.isInteger(slot) && slot >= 0 && slot <= MAX_SLOT, "slot of a grant has 8 bits");
    this.#stamp = stamp;
    this.#slot = slot;
  }

  /** All are used up. */
  get isUsedUp(): boolean {
    return this.#counter > MAX_COUNTER;
  }

  /** The next 8 bytes; undefined when all are used up and a new grant is needed. */
  next(): Uint8Array | undefined {
    if (this.isUsedUp) return undefined;
    const nonce = new Uint8Array(EXPLICIT_NONCE_BYTES);
    const counter = this.#counter++;
    writeUint32(nonce, 0, this.#stamp);
    writeUint32(nonce, 4, counter);
    nonce[4] = this.#slot;
    return nonce;
  }
}

/** The explicit nonce that others make: `epoch (16) ‖ sequence number (48)`, unique as long as the sequence numbers are (RFC 5288 §3, RFC 6655 §3). */
export function sequenceNonce(epoch: number, sequence: number): Uint8Array {
  const nonce = new Uint8Array(EXPLICIT_NONCE_BYTES);
  // Bit operators know 32 bits only.
  writeUint32(nonce, 0, epoch * 2 ** 16 + Math.floor(sequence / 2 ** 32));
  writeUint32(nonce, 4, sequence);
  return nonce;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
