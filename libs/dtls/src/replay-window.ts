import type { ReceiveMark } from "./association-state.ts";

/** Sequence numbers that are told apart, up to and with the newest (RFC 6347 §4.1.2.6 asks for 32, and prefers 64). */
export const REPLAY_WINDOW_RECORDS = 64;

const HALF = 32;

/** The mark of an epoch in which nothing was received. */
export const NOTHING_RECEIVED: ReceiveMark = { newest: -1, window: new Uint8Array(REPLAY_WINDOW_RECORDS / 8) };

/**
 * Which records of an epoch were received (RFC 6347 §4.1.2.6). Ask {@link isNew} before a record is opened, and {@link accept} it only once it was:
 * a forged one must not move the window.
 */
export class ReplayWindow {
  #newest: number;
  /** Bit n of `#low`: `newest - n` was received; of `#high`: `newest - 32 - n`. As signed 32-bit integers. */
  #low: number;
  #high: number;

  private constructor(newest: number, low: number, high: number) {
    this.#newest = newest;
    this.#low = low;
    this.#high = high;
  }

  static from({ newest, window }: ReceiveMark): ReplayWindow {
    const view = new DataView(window.buffer, window.byteOffset, window.byteLength);
    return new ReplayWindow(newest, view.getInt32(4), view.getInt32(0));
  }

  /** A copy: it does not change with the window. */
  get mark(): ReceiveMark {
    const window = new Uint8Array(REPLAY_WINDOW_RECORDS / 8);
    const view = new DataView(window.buffer);
    view.setInt32(0, this.#high);
    view.setInt32(4, this.#low);
    return { newest: this.#newest, window };
  }

  /** The highest sequence number that was received; -1 before any was. */
  get newest(): number {
    return this.#newest;
  }

  /** False for a record that was received already, and for one so old that this cannot be told. */
  isNew(sequence: number): boolean {
    // Sequence numbers have 48 bits: their difference is taken as a number, and only one below 64 is used for a shift.
    const age = this.#newest - sequence;
    if (age < 0) return true;
    if (age >= REPLAY_WINDOW_RECORDS) return false;
    return ((age < HALF ? this.#low >>> age : this.#high >>> (age - HALF)) & 1) === 0;
  }

  /** Takes down that a record was received and found authentic; true when it is newer than all before. */
  accept(sequence: number): boolean {
    const age = this.#newest - sequence;
    if (age < 0) {
      this.#shift(-age);
      this.#newest = sequence;
      this.#low |= 1;
      return true;
    }
    if (age < HALF) this.#low |= 1 << age;
    else if (age < REPLAY_WINDOW_RECORDS) this.#high |= 1 << (age - HALF);
    return false;
  }

  /** Moves all bits up by `count`, 1 or more. A shift by 32 or more would be one by its remainder. */
  #shift(count: number): void {
    if (count >= REPLAY_WINDOW_RECORDS) {
      this.#high = 0;
      this.#low = 0;
    } else if (count >= HALF) {
      this.#high = this.#low << (count - HALF);
      this.#low = 0;
    } else {
      this.#high = (this.#high << count) | (this.#low >>> (HALF - count));
      this.#low <<= count;
    }
  }
}
