import { ok } from "node:assert";

/** Longest NULLABLE_STRING: its length is a signed number of two bytes. */
const MAX_STRING_BYTES = 0x7fff;

/** Writes Kafka's primitive types one behind the other into one buffer that grows. Big-endian. */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  /** Bytes written so far: where the next goes. */
  get length(): number {
    return this.#length;
  }

  /** What was written. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  int8(value: number): void {
    const offset = this.#take(1);
    this.#bytes[offset] = value;
  }

  int16(value: number): void {
    const offset = this.#take(2);
    this.#bytes[offset] = value >>> 8;
    this.#bytes[offset + 1] = value;
  }

  int32(value: number): void {
    const offset = this.#take(4);
    this.setInt32(offset, value);
  }

  /** A safe integer. */
  int64(value: number): void {
    this.int32(Math.floor(value / 2 ** 32));
    this.int32(value);
  }

  bigInt64(value: bigint): void {
    const offset = this.#take(8);
    this.#bytes.writeBigInt64BE(value, offset);
  }

  /** NULLABLE_STRING: its length in two bytes, -1 for null, then UTF-8. */
  string(value: string | null): void {
    const byteLength = value === null ? -1 : Buffer.byteLength(value);
    ok(byteLength <= MAX_STRING_BYTES, "a text of Kafka's protocol is at most 32767 bytes long");
    this.int16(byteLength);
    if (value !== null) this.utf8(value, byteLength);
  }

  /** VARINT or VARLONG: zigzag, seven bits a byte, the lowest first. */
  varint(value: number): void {
    let rest = zigzag(value);
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.int8((rest % 0x80) | 0x80);
    this.int8(rest);
  }

  /** The UTF-8 form of a text, of which the caller knows the length. */
  utf8(value: string, byteLength: number): void {
    const offset = this.#take(byteLength);
    this.#bytes.write(value, offset, "utf8");
  }

  raw(value: Uint8Array): void {
    const offset = this.#take(value.length);
    this.#bytes.set(value, offset);
  }

  /** Fills in what was not known when `int32(0)` kept its place. */
  setInt32(offset: number, value: number): void {
    this.#bytes[offset] = value >>> 24;
    this.#bytes[offset + 1] = value >>> 16;
    this.#bytes[offset + 2] = value >>> 8;
    this.#bytes[offset + 3] = value;
  }

  /** Makes room, in a larger buffer if need be: call it before the buffer is looked at. */
  #take(count: number): number {
    const offset = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, offset));
      this.#bytes = larger;
    }
    return offset;
  }
}

/** How many bytes {@link ByteWriter.varint} writes. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** Small numbers of either sign as small ones without. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}
