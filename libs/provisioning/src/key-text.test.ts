import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { ProvisioningError } from "./errors.ts";
import { parseDerText, parsePskText } from "./key-text.ts";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const DER = publicKey.export({ format: "der", type: "spki" });
const PEM = publicKey.export({ format: "pem", type: "spki" }) as string; // PEM is a text.
const PRIVATE_PEM = privateKey.export({ format: "pem", type: "pkcs8" }) as string; // PEM is a text.

function problemOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ProvisioningError) return error.reason;
    throw error;
  }
  return "none";
}

describe("a pre-shared key", () => {
  it("of 16, 32 or 64 bytes is read from hex and from Base64, padded or not, and never as the other", () => {
    const keys = fc.constantFrom(16, 32, 64).chain((size) => fc.uint8Array({ minLength: size, maxLength: size }));
    fc.assert(
      fc.property(keys, (bytes) => {
        const key = Buffer.from(bytes);
        const base64 = key.toString("base64");
        for (const text of [key.toString("hex"), key.toString("hex").toUpperCase(), base64, base64.replace(/=/g, "")])
          expect(Buffer.from(parsePskText(text, "key"))).toEqual(key);
      }),
    );
  });

  it("of another length keeps its hex reading, so that its length can be refused", () => {
    expect(parsePskText("1a2b3c4d", "key")).toHaveLength(4);
  });

  it.each([
    ["a word", "correct horse"],
    ["Base64 of another length", Buffer.alloc(20, 0xfe).toString("base64")],
    ["Base64 that is not the text of its bytes", "AAAAAAAAAAAAAAAAAAAAAB=="],
    ["nothing", ""],
  ])("is refused as %s, without being quoted", (_, text) => {
    const reason = problemOf(() => parsePskText(text, "key"));
    expect(reason).toMatch(/^is neither hex of 32, 64 or 128 characters/);
    if (text !== "") expect(reason).not.toContain(text);
  });
});

describe("DER", () => {
  it("is read from hex, Base64 and PEM, with white space in it", () => {
    const hex = DER.toString("hex");
    const base64 = DER.toString("base64");
    for (const text of [hex, hex.toUpperCase(), `${hex.slice(0, 20)}\n ${hex.slice(20)}`, base64, ` ${base64}\n`, PEM])
      expect(parseDerText(text, "publicKey", "key")).toEqual(DER);
  });

  it.each([
    ["a private key", PRIVATE_PEM, "holds a private key, which stays with the device: give the public part"],
    [
      "PEM of something else",
      PEM.replace(/PUBLIC KEY/g, "CERTIFICATE"),
      "is PEM of a CERTIFICATE: give that of a PUBLIC KEY",
    ],
    ["two blocks", PEM + PEM, "holds 2 PEM blocks: give exactly one"],
    ["half a block", PEM.slice(0, 60), "holds 0 PEM blocks: give exactly one"],
    [
      "a bare point",
      `04${"ab".repeat(64)}`,
      "is not a public key (SubjectPublicKeyInfo, RFC 7250): its DER begins with 30",
    ],
    ["a sentence", "my key!", "is neither hex nor Base64 nor PEM"],
    ["nothing", "", "is neither hex nor Base64 nor PEM"],
  ])("is refused of %s, with the reason", (_, text, reason) => {
    expect(problemOf(() => parseDerText(text, "publicKey", "key"))).toContain(reason);
  });

  it("of any text is bytes or a reason", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        problemOf(() => parseDerText(text, "certificate", "ca"));
      }),
    );
  });
});
