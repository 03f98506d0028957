import { createCipheriv, createHmac } from "node:crypto";
import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import type { WireRecord } from "./record.ts";
import { CbcProtection } from "./record-protection-cbc.ts";

const KEY = new Uint8Array(16).fill(1);
const MAC_KEY = new Uint8Array(32).fill(2);
const IV = new Uint8Array(16).fill(3);
const MAC_BYTES = 32;
const HEADER = hex("17 fefd 0001 000000000005 0000");

const macFirst = protection(false);
const macLast = protection(true);

function protection(encryptThenMac: boolean): CbcProtection {
  return new CbcProtection({ key: KEY, macKey: MAC_KEY, salt: new Uint8Array(0) }, encryptThenMac, () => IV);
}

function record(fragment: Uint8Array): WireRecord {
  return { type: 23, version: 0xfefd, epoch: 1, sequence: 5, cid: undefined, header: HEADER, fragment };
}

function encrypt(plaintext: Uint8Array): Buffer {
  return Buffer.concat([IV, createCipheriv("aes-128-cbc", KEY, IV).setAutoPadding(false).update(plaintext)]);
}

function mac(bytes: Uint8Array): Buffer {
  const data = Buffer.concat([hex("0001 000000000005 17 fefd"), Uint8Array.of(bytes.length >> 8, bytes.length)]);
  return createHmac("sha256", MAC_KEY).update(data).update(bytes).digest();
}

/** What a sender with the keys makes of a content and a padding of its choice, the byte that tells the length included. */
function sealFirst(content: Uint8Array, padding: Uint8Array): WireRecord {
  return record(encrypt(Buffer.concat([content, mac(content), padding])));
}

function sealLast(content: Uint8Array, padding: Uint8Array): WireRecord {
  const encrypted = encrypt(Buffer.concat([content, padding]));
  return record(Buffer.concat([encrypted, mac(encrypted)]));
}

function opened(protection: CbcProtection, sealed: WireRecord): string | undefined {
  const result = protection.open(sealed);
  return result && toHex(result.content);
}

/** Paddings of `length` bytes with the one that tells it: right, and all that has one byte wrong. */
function wrongPaddings(length: number): Uint8Array[] {
  const right = new Uint8Array(length).fill(length - 1);
  return Array.from({ length }, (_, at) => right.with(at, (length - 1) ^ 0x20));
}

describe.each([
  ["MAC-then-encrypt", macFirst, sealFirst],
  ["encrypt-then-MAC", macLast, sealLast],
])("a CBC record with %s", (_name, own, seal) => {
  it("opens with any padding that fills the last block, up to 256 bytes (RFC 5246 §6.2.3.2)", () => {
    for (let length = 1; length <= 256; length++) {
      const content = new Uint8Array(16 * 17 - length - (own === macFirst ? MAC_BYTES : 0) + 16 * 2).fill(7);
      const padding = new Uint8Array(length).fill(length - 1);
      expect(opened(own, seal(content, padding))).toBe(toHex(content));
    }
  });

  it("does not open with a padding that has one byte wrong, however right the MAC is", () => {
    for (const length of [1, 2, 15, 16, 17, 100, 255, 256]) {
      const content = new Uint8Array(16 * 17 - length).fill(7);
      for (const padding of wrongPaddings(length)) expect(opened(own, seal(content, padding))).toBeUndefined();
    }
  });

  it("does not open, nor throw, at any length that it cannot have", () => {
    for (let length = 0; length < 200; length++) {
      expect(own.open(record(new Uint8Array(length).fill(length)))).toBeUndefined();
    }
  });

  it("has a padding that is not longer than the record", () => {
    // The last byte alone says that all before it, and more, is padding.
    expect(opened(own, seal(new Uint8Array(47), Uint8Array.of(255)))).toBeUndefined();
    expect(opened(own, seal(new Uint8Array(0), new Uint8Array(16).fill(16)))).toBeUndefined();
  });

  it("may have no content", () => {
    expect(opened(own, seal(new Uint8Array(0), new Uint8Array(16).fill(15)))).toBe("");
  });
});

describe("a CBC record", () => {
  it("of the one order does not open in the other", () => {
    for (let length = 0; length < 64; length++) {
      const content = new Uint8Array(length);
      const padding = (bytes: number): Uint8Array => new Uint8Array(16 - (bytes % 16)).fill(15 - (bytes % 16));
      expect(opened(macLast, sealFirst(content, padding(length)))).toBeUndefined();
      expect(opened(macFirst, sealLast(content, padding(length)))).toBeUndefined();
    }
  });

  it("has an IV of its own, from the random bytes that were passed in", () => {
    let next = 0;
    const random = (size: number): Uint8Array => new Uint8Array(size).fill(++next);
    const own = new CbcProtection({ key: KEY, macKey: MAC_KEY, salt: new Uint8Array(0) }, false, random);
    const input = { type: 23, epoch: 1, sequence: 1, cid: undefined, content: IV, nonce: new Uint8Array(8) };
    const ivs = [own.seal(input), own.seal(input)].map((sealed) => toHex(sealed.subarray(13, 29)));
    expect(ivs).toEqual(["01".repeat(16), "02".repeat(16)]);
  });
});
