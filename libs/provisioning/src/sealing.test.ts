import { randomBytes } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { SealingError } from "./errors.ts";
import { parseSealingKeys, sealSecret, unsealSecret } from "./sealing.ts";

const oldKey = Buffer.alloc(32, 1).toString("base64");
const newKey = Buffer.alloc(32, 2).toString("base64");
const secret = Buffer.from("00112233445566778899aabbccddeeff", "hex");

describe("sealed secrets", () => {
  it("open for the device that they were sealed for", () => {
    const keys = parseSealingKeys(oldKey);
    const sealed = sealSecret(keys, secret, "default/meter-1", randomBytes);
    expect(sealed.keyId).toBe(keys.current);
    expect(Buffer.from(unsealSecret(keys, sealed, "default/meter-1"))).toEqual(secret);
  });

  it("do not open for another device", () => {
    const keys = parseSealingKeys(oldKey);
    const sealed = sealSecret(keys, secret, "default/meter-1", randomBytes);
    expect(() => unsealSecret(keys, sealed, "default/meter-2")).toThrow(/sealed for another device/);
  });

  it("do not open when a byte was changed", () => {
    const keys = parseSealingKeys(oldKey);
    const sealed = sealSecret(keys, secret, "default/meter-1", randomBytes);
    (sealed.ciphertext as Uint8Array)[0] = ~((sealed.ciphertext as Uint8Array)[0] as number) & 0xff;
    expect(() => unsealSecret(keys, sealed, "default/meter-1")).toThrow(SealingError);
  });

  it("open with an old key that stands behind the new one, which seals", () => {
    const rotated = parseSealingKeys(`${newKey}\n${oldKey}\n`);
    const sealed = sealSecret(parseSealingKeys(oldKey), secret, "default/meter-1", randomBytes);
    expect(Buffer.from(unsealSecret(rotated, sealed, "default/meter-1"))).toEqual(secret);
    expect(rotated.current).toBe(parseSealingKeys(newKey).current);
  });

  it("name the key that is missing", () => {
    const sealed = sealSecret(parseSealingKeys(oldKey), secret, "default/meter-1", randomBytes);
    const { current } = parseSealingKeys(oldKey);
    expect(() => unsealSecret(parseSealingKeys(newKey), sealed, "default/meter-1")).toThrow(
      `sealed under key "${current}"`,
    );
  });

  it("need a nonce of 12 bytes and a tag", () => {
    const keys = parseSealingKeys(oldKey);
    expect(() => unsealSecret(keys, { keyId: keys.current }, "default/meter-1")).toThrow(/cannot be AES-256-GCM/);
  });
});

describe("a key file", () => {
  it("has 32 bytes of Base64 a line", () => {
    expect(() => parseSealingKeys("aGVsbG8=")).toThrow("line 1 holds 5 bytes of Base64, a sealing key has 32");
  });

  it("holds at least one key", () => {
    expect(() => parseSealingKeys("\n\n")).toThrow(/holds no key/);
  });
});
