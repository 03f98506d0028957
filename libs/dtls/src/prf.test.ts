import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { hmacSha256, secretKey } from "./hmac.ts";
import { prf } from "./prf.ts";

describe("hmacSha256", () => {
  it("gives test case 2 of RFC 4231 §4.3, in parts or in one", () => {
    const key = secretKey(Buffer.from("Jefe"));
    const expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    expect(toHex(hmacSha256(key, Buffer.from("what do ya want for nothing?")))).toBe(expected);
    expect(toHex(hmacSha256(key, Buffer.from("what do ya want "), Buffer.from("for nothing?")))).toBe(expected);
  });
});

describe("secretKey", () => {
  it("does not show its bytes", () => {
    expect(JSON.stringify(secretKey(Buffer.from("secret")))).toBe("{}");
  });
});

describe("prf", () => {
  // Posted to the TLS working group's list for P_SHA256 of RFC 5246, and used by most libraries since.
  const secret = secretKey(hex("9bbe436ba940f017b17652849a71db35"));
  const seed = hex("a0ba9f936cda311827a6f796ffd5198c");
  const expected = hex(`
    e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a
    6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab
    4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701
    87347b66
  `);

  it("gives the 100 bytes of the public test vector", () => {
    expect(toHex(prf(secret, "test label", seed, 100))).toBe(toHex(expected));
  });

  it.each([1, 12, 31, 32, 33, 48, 64, 65])("gives the first %d bytes of a longer output", (length) => {
    expect(toHex(prf(secret, "test label", seed, length))).toBe(toHex(expected.subarray(0, length)));
  });
});
