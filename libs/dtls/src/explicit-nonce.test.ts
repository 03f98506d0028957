import { toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { MAX_COUNTER, NonceCounter, sequenceNonce } from "./explicit-nonce.ts";

describe("the explicit nonces of a grant", () => {
  it("are stamp, slot and a counter from 0", () => {
    const nonces = new NonceCounter({ stamp: 0xfedcba98, slot: 0xab });
    expect([nonces.next(), nonces.next()].map((nonce) => toHex(nonce ?? new Uint8Array(0)))).toEqual([
      "fedcba98ab000000",
      "fedcba98ab000001",
    ]);
  });

  it("are used up after 2^24, each having been another", () => {
    const nonces = new NonceCounter({ stamp: 1, slot: 2 });
    let expected = 0;
    for (let nonce = nonces.next(); nonce !== undefined; nonce = nonces.next()) {
      const counter = ((nonce[5] ?? 0) << 16) | ((nonce[6] ?? 0) << 8) | (nonce[7] ?? 0);
      if (counter !== expected++ || nonce[3] !== 1 || nonce[4] !== 2) expect({ nonce, expected }).toBe("in order");
    }
    expect(expected).toBe(MAX_COUNTER + 1);
    expect(expected).toBe(2 ** 24);
    expect(nonces.next()).toBeUndefined();
  });

  it("are never of a stamp or a slot that would be cut", () => {
    for (const grant of [
      { stamp: 2 ** 32, slot: 0 },
      { stamp: -1, slot: 0 },
      { stamp: 0.5, slot: 0 },
      { stamp: 0, slot: 256 },
      { stamp: 0, slot: -1 },
    ]) {
      expect(() => new NonceCounter(grant)).toThrow(/of a grant has/);
    }
  });
});

describe("the explicit nonce of a sequence number", () => {
  it("is the epoch and all 48 bits", () => {
    expect(toHex(sequenceNonce(1, 0))).toBe("0001000000000000");
    expect(toHex(sequenceNonce(0xfedc, 0x0102a3040506))).toBe("fedc0102a3040506");
    expect(toHex(sequenceNonce(1, 2 ** 48 - 1))).toBe("0001ffffffffffff");
  });
});
