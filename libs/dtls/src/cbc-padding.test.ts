import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { balancingBytes, hashBlocks, MAX_BALANCING_BYTES, readCbcPadding } from "./cbc-padding.ts";

const MAC_BYTES = 32;

function padded(contentBytes: number, padding: number): Uint8Array {
  const plaintext = new Uint8Array(contentBytes + padding + 1).fill(0xa5);
  return plaintext.fill(padding, contentBytes);
}

describe("a CBC padding (RFC 5246 §6.2.3.2)", () => {
  it("of any length from 0 to 255 ends where the content does", () => {
    for (let padding = 0; padding <= 255; padding++) {
      expect(readCbcPadding(padded(40, padding), MAC_BYTES)).toEqual({ isValid: true, end: 40 });
    }
  });

  it("is wrong when any of its bytes is another, and is then taken as of no bytes", () => {
    for (let padding = 1; padding <= 255; padding++) {
      // Not the last one: that would be another length.
      for (let at = 40; at < 40 + padding; at++) {
        const plaintext = padded(40, padding);
        plaintext[at] = padding ^ 0x80;
        const { isValid, end } = readCbcPadding(plaintext, MAC_BYTES);
        if (isValid || end !== plaintext.length - 1) expect({ padding, at }).toBe("wrong");
      }
    }
  });

  it("may leave a MAC and no content, and not less", () => {
    expect(readCbcPadding(padded(MAC_BYTES, 15), MAC_BYTES)).toEqual({ isValid: true, end: MAC_BYTES });
    expect(readCbcPadding(padded(MAC_BYTES - 1, 16), MAC_BYTES)).toEqual({ isValid: false, end: 47 });
    expect(readCbcPadding(new Uint8Array(48).fill(255), MAC_BYTES)).toEqual({ isValid: false, end: 47 });
  });

  it("may be all there is when the MAC is elsewhere (RFC 7366)", () => {
    expect(readCbcPadding(new Uint8Array(16).fill(15), 0)).toEqual({ isValid: true, end: 0 });
    expect(readCbcPadding(new Uint8Array(16).fill(16), 0)).toEqual({ isValid: false, end: 15 });
  });

  it("of any bytes leaves an end within them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: MAC_BYTES + 1, maxLength: 600 }), (plaintext) => {
        const { isValid, end } = readCbcPadding(plaintext, MAC_BYTES);
        expect(end).toBeGreaterThanOrEqual(MAC_BYTES);
        expect(end).toBeLessThan(plaintext.length);
        expect(isValid).toBe(plaintext.subarray(end).every((byte) => byte === plaintext.length - 1 - end));
      }),
    );
  });
});

describe("the hash blocks of a record (Lucky 13)", () => {
  it("are as SHA-256 counts them", () => {
    // 55 bytes are the most that go into one block with a bit and a length of 64 bits (FIPS 180-4 §5.1.1).
    expect([0, 55, 56, 63, 64, 119, 120].map(hashBlocks)).toEqual([1, 1, 2, 2, 2, 2, 3]);
  });

  it("are the same in number for every padding of every length", () => {
    for (let length = 48; length <= 48 + 64 * 16; length += 16) {
      for (const dataBytes of [13, 23 + 1, 23 + 8, 23 + 255]) {
        const maxHashed = dataBytes + length - MAC_BYTES - 1;
        const totals = new Set<number>();
        for (let padding = 0; padding <= Math.min(255, length - MAC_BYTES - 1); padding++) {
          const hashed = maxHashed - padding;
          const ballast = balancingBytes(hashed, maxHashed);
          expect(ballast).toBeGreaterThanOrEqual(0);
          expect(ballast).toBeLessThanOrEqual(MAX_BALANCING_BYTES);
          totals.add(hashBlocks(hashed) + hashBlocks(ballast));
        }
        expect([...totals]).toEqual([hashBlocks(maxHashed) + 1]);
      }
    }
  });
});
