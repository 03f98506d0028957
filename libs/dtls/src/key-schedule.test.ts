import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { CIPHER_SUITES, cipherSuite } from "./cipher-suite.ts";
import { hmacSha256, secretKey } from "./hmac.ts";
import { expandKeys, pskPremasterSecret, verifyData } from "./key-schedule.ts";
import { prf } from "./prf.ts";

// Master secrets, keys and Finished messages made by others: record-protection.test.ts.

describe("a premaster secret of a plain PSK", () => {
  it("is as many zeros as the key has bytes, then the key, each behind its length (RFC 4279 §2)", () => {
    expect(toHex(pskPremasterSecret(hex("aabbcc")))).toBe("0003 000000 0003 aabbcc".replaceAll(" ", ""));
    expect(pskPremasterSecret(new Uint8Array(300)).subarray(0, 2)).toEqual(Uint8Array.of(0x01, 0x2c));
    expect(pskPremasterSecret(new Uint8Array(300)).subarray(302, 304)).toEqual(Uint8Array.of(0x01, 0x2c));
  });
});

describe("expandKeys", () => {
  const master = new Uint8Array(48).fill(1);
  const [clientRandom, serverRandom] = [new Uint8Array(32).fill(2), new Uint8Array(32).fill(3)];

  it.each([...CIPHER_SUITES.values()].map((suite) => [suite.name, suite] as const))(
    "cuts the key block into MAC keys, keys and salts, the client's first (RFC 5246 §6.3): %s",
    (_name, suite) => {
      const { client, server } = expandKeys(suite, master, clientRandom, serverRandom);
      const parts = [client.macKey, server.macKey, client.key, server.key, client.salt, server.salt];
      const block = prf(secretKey(master), "key expansion", Buffer.concat([serverRandom, clientRandom]), 96);
      const expected = toHex(block.subarray(0, suite.cipher === "cbc" ? 96 : 40));
      expect(parts.map(toHex).join("")).toBe(expected);
      expect([client.key.length, client.salt.length, client.macKey.length]).toEqual(
        suite.cipher === "cbc" ? [16, 0, 32] : [16, 4, 0],
      );
    },
  );

  it("keeps no key in the memory of another", () => {
    const suite = cipherSuite(0xc0a8);
    if (suite === undefined) throw new TypeError("no suite");
    const { client, server } = expandKeys(suite, master, clientRandom, serverRandom);
    for (const bytes of [client.key, client.salt, server.key, server.salt]) {
      expect(bytes.buffer.byteLength).toBe(bytes.length);
    }
  });
});

describe("verifyData", () => {
  it("is 12 bytes of the PRF over the transcript, by the side's own label (RFC 5246 §7.4.9)", () => {
    const [master, transcriptHash] = [new Uint8Array(48).fill(4), new Uint8Array(32).fill(5)];
    const key = secretKey(master);
    for (const side of ["client", "server"] as const) {
      const seed = Buffer.concat([Buffer.from(`${side} finished`), transcriptHash]);
      const expected = hmacSha256(key, hmacSha256(key, seed), seed).subarray(0, 12);
      expect(toHex(verifyData(master, side, transcriptHash))).toBe(toHex(expected));
    }
  });
});
