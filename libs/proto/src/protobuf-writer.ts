/** Wire types: what follows a tag. */
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;

/** Most bytes of a varint: 64 bits, seven a byte. */
const MAX_VARINT_BYTES = 10;
/** Lengths below take one byte. */
const ONE_BYTE = 0x80;
/** Longer text is worth a call of the native encoder. */
const SHORT_TEXT_CHARACTERS = 64;
/** What is kept between messages; one that needs more gives its room back. */
const KEPT_BYTES = 64 * 1024;

/**
 * Writes protobuf messages by hand, one after the other: `start()`, the fields in the order of their numbers, `finish()`.
 *
 * It writes what it is told to: that proto3 leaves zeros and empty text out is the caller's to know. Fields have numbers below 16, so that a tag is one byte.
 * https://protobuf.dev/programming-guides/encoding
 */
export class ProtobufWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES);
  #length = 0;

  /** Begins a message; one that was not finished is gone. */
  start(): void {
    this.#length = 0;
  }

  /** The message. */
  finish(): Uint8Array {
    const message = Buffer.allocUnsafe(this.#length);
    this.#bytes.copy(message, 0, 0, this.#length);
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);
    return message;
  }

  /** `uint32`, `uint64`, `int64` or an enum. A number is an integer within ±2^53; negative ones take all 64 bits. */
  varint(field: number, value: number | bigint): void {
    this.#tag(field, VARINT, MAX_VARINT_BYTES);
    if (typeof value === "bigint") this.#varint(Number((value >> 32n) & 0xffff_ffffn), Number(value & 0xffff_ffffn));
    else this.#varint(Math.floor(value / 2 ** 32) >>> 0, value >>> 0);
  }

  /** `sint64`: small numbers of either sign are short. A number is an integer within ±2^53. */
  zigzag(field: number, value: number | bigint): void {
    if (typeof value === "bigint") {
      this.varint(field, BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
      return;
    }
    this.#tag(field, VARINT, MAX_VARINT_BYTES);
    // Twice a number is exact where one more is not, so the bit of the sign is set by itself.
    const doubled = 2 * (value < 0 ? -1 - value : value);
    this.#varint(Math.floor(doubled / 2 ** 32), (doubled | (value < 0 ? 1 : 0)) >>> 0);
  }

  bool(field: number, value: boolean): void {
    this.#tag(field, VARINT, 1);
    this.#bytes[this.#length++] = value ? 1 : 0;
  }

  double(field: number, value: number): void {
    this.#tag(field, FIXED_64, 8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, LENGTH_DELIMITED, MAX_VARINT_BYTES + value.length);
    this.#varint(0, value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** `string`. Half a surrogate pair is no text in UTF-8, and becomes U+FFFD. */
  text(field: number, value: string): void {
    if (value.length <= SHORT_TEXT_CHARACTERS && this.#shortAscii(field, value)) return;
    const size = Buffer.byteLength(value);
    this.#tag(field, LENGTH_DELIMITED, MAX_VARINT_BYTES + size);
    this.#varint(0, size);
    this.#length += this.#bytes.write(value, this.#length, "utf8");
  }

  /** Begins a message within the message. The result is for `close`. */
  open(field: number): number {
    this.#tag(field, LENGTH_DELIMITED, 1);
    this.#length += 1; // Most messages are short enough for a length of one byte.
    return this.#length;
  }

  /** Ends the message within the message that began at `start`. */
  close(start: number): void {
    const length = this.#length - start;
    if (length < ONE_BYTE) {
      this.#bytes[start - 1] = length;
      return;
    }
    this.#reserve(MAX_VARINT_BYTES);
    const width = varintWidth(length);
    this.#bytes.copyWithin(start - 1 + width, start, this.#length);
    this.#length = start - 1;
    this.#varint(0, length);
    this.#length += length;
  }

  /** Writes text of few characters, or nothing when one is not ASCII. */
  #shortAscii(field: number, value: string): boolean {
    const { length } = value;
    this.#reserve(2 + length);
    const bytes = this.#bytes;
    let next = this.#length;
    bytes[next++] = (field << 3) | LENGTH_DELIMITED;
    bytes[next++] = length;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      bytes[next++] = code;
    }
    this.#length = next;
    return true;
  }

  /** Writes a tag and makes room for what follows, `size` bytes at most. */
  #tag(field: number, wireType: number, size: number): void {
    this.#reserve(1 + size);
    this.#bytes[this.#length++] = (field << 3) | wireType;
  }

  /** Writes 64 bits, given as two halves, into the room that there is. */
  #varint(high: number, low: number): void {
    const bytes = this.#bytes;
    let next = this.#length;
    for (; high > 0; high >>>= 7) {
      bytes[next++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
    }
    for (; low >= ONE_BYTE; low >>>= 7) bytes[next++] = (low & 0x7f) | 0x80;
    bytes[next++] = low;
    this.#length = next;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function varintWidth(value: number): number {
  let width = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) width++;
  return width;
}
