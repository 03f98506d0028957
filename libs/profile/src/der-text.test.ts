import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { readDerText } from "./der-text.ts";
import { ProfileError } from "./errors.ts";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const DER = publicKey.export({ format: "der", type: "spki" });
const PEM = publicKey.export({ format: "pem", type: "spki" }) as string; // PEM is a text.
const PRIVATE_PEM = privateKey.export({ format: "pem", type: "pkcs8" }) as string; // PEM is a text.

function problemOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ProfileError) return error.reason;
    throw error;
  }
  return "none";
}

describe("DER in a document", () => {
  it("is read from hex, Base64 and PEM, with white space in it", () => {
    const hex = DER.toString("hex");
    const base64 = DER.toString("base64");
    for (const text of [hex, hex.toUpperCase(), `${hex.slice(0, 20)}\n ${hex.slice(20)}`, base64, ` ${base64}\n`, PEM])
      expect(readDerText(text, "publicKey", "key")).toEqual(DER);
  });

  it.each([
    ["a private key", PRIVATE_PEM, "holds a private key, which stays with its owner: give the public part"],
    [
      "PEM of something else",
      PEM.replace(/PUBLIC KEY/g, "CERTIFICATE"),
      "is PEM of a CERTIFICATE: give that of a PUBLIC KEY",
    ],
    ["an encrypted private key", PRIVATE_PEM.replace(/PRIVATE/g, "ENCRYPTED PRIVATE"), "holds a private key"],
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
    expect(problemOf(() => readDerText(text, "publicKey", "key"))).toContain(reason);
  });

  it("is read from a private key where one is asked for, without a password", () => {
    expect(readDerText(PRIVATE_PEM, "privateKey", "key")).toEqual(privateKey.export({ format: "der", type: "pkcs8" }));
    const encrypted = PRIVATE_PEM.replace(/PRIVATE/g, "ENCRYPTED PRIVATE");
    expect(problemOf(() => readDerText(encrypted, "privateKey", "key"))).toBe(
      "is PEM of a ENCRYPTED PRIVATE KEY: give that of a PRIVATE KEY, as `openssl pkcs8 -topk8 -nocrypt` writes it",
    );
  });

  it("of any text is bytes or a reason", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        problemOf(() => readDerText(text, "certificate", "ca"));
      }),
    );
  });
});
