/** Tags of X.690 §8 that revocation lists are made of (RFC 5280 §5.1). */
export const DER = {
  integer: 0x02,
  bitString: 0x03,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** `[0]`, constructed. */
  context0: 0xa0,
} as const;

/** Bytes of a length in its long form: no file is larger. */
const MAX_LENGTH_BYTES = 4;

/** A value: what it holds, and with its tag and length. */
export interface DerValue {
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/** Reads DER value by value. A library makes objects of all of them, and bounds how many: too many, or too few, for a list of a hundred thousand. */
export class DerCursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next value when it has one of these tags; undefined otherwise, and at the end. @throws {RangeError} it is cut off */
  take(...tags: readonly number[]): DerValue | undefined {
    const tag = this.#bytes[this.#at];
    if (tag === undefined || !tags.includes(tag)) return undefined;
    const start = this.#at;
    const content = this.#lengthAt(start + 1);
    const end = content.from + content.size;
    if (end > this.#bytes.length) throw new RangeError("is cut off: store the whole file");
    this.#at = end;
    return { content: this.#bytes.subarray(content.from, end), whole: this.#bytes.subarray(start, end) };
  }

  /** As {@link take}, where it must be there. @throws {RangeError} it is not */
  need(...tags: readonly number[]): DerValue {
    const value = this.take(...tags);
    if (value === undefined) throw new RangeError("is not of the form that RFC 5280 §5.1 gives it");
    return value;
  }

  /** Where the content begins, and how long it is. */
  #lengthAt(at: number): { readonly from: number; readonly size: number } {
    const first = this.#bytes[at] ?? 0x80;
    if (first < 0x80) return { from: at + 1, size: first };
    const count = first & 0x7f;
    const bytes = this.#bytes.subarray(at + 1, at + 1 + count);
    // 0x80 alone is the indefinite form, which DER does not have (X.690 §10.1).
    if (count === 0 || count > MAX_LENGTH_BYTES || bytes.length < count)
      throw new RangeError("is not DER: a length in it cannot be read");
    return { from: at + 1 + count, size: bytes.reduce((size, byte) => size * 256 + byte, 0) };
  }
}
