import { describe, expect, it } from "@jest/globals";
import { issueCa } from "./certificate-fixture.ts";
import { ParsedAuthorities } from "./parsed-authorities.ts";

describe("ParsedAuthorities", () => {
  it("parses equal bytes once", async () => {
    const { der } = await issueCa("Meters CA");
    const authorities = new ParsedAuthorities();
    const first = authorities.get(der);
    expect(first?.x509.subject).toBe("CN=Meters CA");
    expect(authorities.get(Uint8Array.from(der))).toBe(first);
  });

  it("tells apart two CAs of one name", async () => {
    const [mine, theirs] = [await issueCa("Meters CA"), await issueCa("Meters CA")];
    const authorities = new ParsedAuthorities();
    expect(authorities.get(mine.der)?.x509.raw).toEqual(Buffer.from(mine.der));
    expect(authorities.get(theirs.der)?.x509.raw).toEqual(Buffer.from(theirs.der));
  });

  it("knows no CA by bytes that are no certificate", () => {
    const authorities = new ParsedAuthorities();
    expect(authorities.get(Uint8Array.of(0x30, 0x00))).toBeUndefined();
    expect(authorities.get(Uint8Array.of(0x30, 0x00))).toBeUndefined();
  });
});
