import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { ProvisioningError } from "./errors.ts";
import { parseDerText, parsePskText } from "./key-text.ts";

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
  it("is read as in profiles, and refused by the same reasons", () => {
    const der = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "der", type: "spki" });
    expect(parseDerText(der.toString("base64"), "publicKey", "key")).toEqual(der);
    expect(problemOf(() => parseDerText("my key!", "publicKey", "key"))).toBe("is neither hex nor Base64 nor PEM");
  });

  it("is refused where it is masked", () => {
    expect(problemOf(() => parseDerText("******", "privateKey", "key"))).toBe(
      "is masked (******): put the key in its place",
    );
  });
});
