import { DtlsFormatError } from "./errors.ts";

/** A cursor over bytes in network order (RFC 5246 §4). What it gives shares the bytes; what is not there is a {@link DtlsFormatError} that names `subject`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #subject: string;
  #offset = 0;

  constructor(bytes: Uint8Array, subject: string) {
    this.#bytes = bytes;
    this.#subject = subject;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  uint8(): number {
    return this.#uint(1);
  }

  uint16(): number {
    return this.#uint(2);
  }

  uint24(): number {
    return this.#uint(3);
  }

  /** The next `length` bytes, not copied. */
  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, this.#offset);
  }

  /** `opaque field<min..max>` with a length of one byte. */
  vector8(field: string, min = 0, max = 0xff): Uint8Array {
    return this.#vector(field, this.uint8(), min, max);
  }

  /** `opaque field<min..max>` with a length of two bytes. */
  vector16(field: string, min = 0, max = 0xffff): Uint8Array {
    return this.#vector(field, this.uint16(), min, max);
  }

  /** `opaque field<min..max>` with a length of three bytes. */
  vector24(field: string, min = 0, max = 0xff_ffff): Uint8Array {
    return this.#vector(field, this.uint24(), min, max);
  }

  /** Everything must have been read: RFC 5246 §7.4.1.2 and others want trailing bytes refused. */
  end(): void {
    if (this.remaining > 0) {
      throw new DtlsFormatError(`${this.#subject} has ${this.remaining} bytes after its end at byte ${this.#offset}`);
    }
  }

  #uint(size: number): number {
    const start = this.#advance(size);
    let value = 0;
    for (let place = start; place < this.#offset; place++) value = value * 256 + (this.#bytes[place] ?? 0);
    return value;
  }

  /** Moves on by `length` bytes, which must be there; where they start. */
  #advance(length: number): number {
    const start = this.#offset;
    const end = start + length;
    if (end > this.#bytes.length) {
      throw new DtlsFormatError(`${this.#subject} ends at byte ${this.#bytes.length} of at least ${end}`);
    }
    this.#offset = end;
    return start;
  }

  #vector(field: string, length: number, min: number, max: number): Uint8Array {
    if (length < min || length > max) {
      throw new DtlsFormatError(`${field} of ${this.#subject} has ${length} bytes; ${min} to ${max} are allowed`);
    }
    return this.bytes(length);
  }
}
