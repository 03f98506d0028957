import { describe, expect, it } from "@jest/globals";
import { retransmissionDelayMs } from "./retransmission.ts";

const random = (byte: number) => (): Uint8Array => Uint8Array.of(byte);

describe("retransmission (RFC 6347 §4.2.4.1)", () => {
  it("waits a second, twice as long each time, and gives up after 63 seconds", () => {
    const delays = [1, 2, 3, 4, 5, 6, 7].map((transmission) => retransmissionDelayMs(transmission, random(0)));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, undefined]);
  });

  it("waits no longer than the longest time", () => {
    const schedule = { initialMs: 1_000, maxMs: 60_000, maxRetransmissions: 20 };
    expect([7, 8, 21].map((transmission) => retransmissionDelayMs(transmission, random(0), schedule))).toEqual([
      60_000, 60_000, 60_000,
    ]);
  });

  it("is up to a tenth later, so that devices do not stay in step", () => {
    expect(retransmissionDelayMs(1, random(255))).toBeCloseTo(1_100);
    expect(retransmissionDelayMs(1, random(51))).toBeCloseTo(1_020);
  });
});
