import assert from "node:assert";

const INITIAL_BYTES = 256;

/**
 * Writes bytes in network order (RFC 5246 §4). A value that does not fit its field is our own bug and throws.
 *
 * It writes into a piece of Buffer's pool, which costs a tenth of an ArrayBuffer, and gives out a copy: what is kept of a handshake must not keep the pool.
 */
export class ByteWriter {
  #bytes: Uint8Array = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  uint8(value: number): this {
    return this.#uint(value, 1);
  }

  uint16(value: number): this {
    return this.#uint(value, 2);
  }

  uint24(value: number): this {
    return this.#uint(value, 3);
  }

  bytes(bytes: Uint8Array): this {
    const start = this.#extend(bytes.length);
    this.#bytes.set(bytes, start);
    return this;
  }

  /** A vector with a length of one byte. */
  vector8(bytes: Uint8Array): this {
    return this.uint8(bytes.length).bytes(bytes);
  }

  /** A vector with a length of two bytes. */
  vector16(bytes: Uint8Array): this {
    return this.uint16(bytes.length).bytes(bytes);
  }

  /** A vector with a length of three bytes. */
  vector24(bytes: Uint8Array): this {
    return this.uint24(bytes.length).bytes(bytes);
  }

  /** What was written; the writer is not to be used after it. */
  finish(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  #uint(value: number, size: 1 | 2 | 3): this {
    if (!Number.isInteger(value) || value < 0 || value >= 1 << (8 * size)) {
      assert.fail(`${value} does not fit ${size} bytes`);
    }
    const start = this.#extend(size);
    for (let place = start + size - 1, rest = value; place >= start; place--, rest >>= 8) this.#bytes[place] = rest;
    return this;
  }

  /** Makes room; the offset of it. */
  #extend(size: number): number {
    const start = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    return start;
  }
}
