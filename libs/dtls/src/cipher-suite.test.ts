import { describe, expect, it } from "@jest/globals";
import { CIPHER_SUITES, cipherSuite } from "./cipher-suite.ts";

describe("the cipher suites", () => {
  it("are five, by the numbers of IANA", () => {
    expect([...CIPHER_SUITES.values()].map(({ id, name }) => [id, name])).toEqual([
      [0xc0a8, "TLS_PSK_WITH_AES_128_CCM_8"],
      [0x00a8, "TLS_PSK_WITH_AES_128_GCM_SHA256"],
      [0x00ae, "TLS_PSK_WITH_AES_128_CBC_SHA256"],
      [0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"],
      [0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
    ]);
  });

  it.each([
    ["NULL encryption", 0x002c],
    ["RC4", 0x008a],
    ["RSA key exchange", 0x002f],
    ["DHE", 0x00aa],
    ["CBC with SHA-1", 0x008c],
    ["a signalling value", 0x00ff],
    ["nothing", 0],
  ])("have none with %s", (_what, id) => {
    expect(cipherSuite(id)).toBeUndefined();
  });
});
