import { ALERT } from "@ferry/dtls";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { BitString, Utf8String } from "asn1js";
import fc from "fast-check";
import { BasicConstraints, ExtKeyUsage } from "pkijs";
import { parseCertificate } from "./certificate.ts";
import { type Issued, issue, issueCa, NOW_MS } from "./certificate-fixture.ts";
import { findPath, type PathTerms } from "./certificate-path.ts";
import { extension } from "./make-certificate.ts";

const DAY_MS = 86_400_000;

let root: Issued;
let other: Issued;
let middle: Issued;
let leaf: Issued;

beforeAll(async () => {
  root = await issueCa("Root CA");
  other = await issueCa("Root CA");
  middle = await issueCa("Plant CA", { by: root });
  leaf = await issue("meter-1", { by: middle });
});

function judge(device: Issued, intermediates: readonly Issued[], terms: Partial<PathTerms> = {}) {
  const verdict = findPath(device.parsed, {
    anchors: [root.parsed],
    intermediates: intermediates.map(({ parsed }) => parsed),
    nowMs: NOW_MS,
    isRevoked: () => false,
    ...terms,
  });
  return verdict.type === "trusted" ? verdict.anchor.x509.fingerprint256 : verdict;
}

const trusts = ({ parsed }: Issued): string => parsed.x509.fingerprint256;
const refusal = (alert: number, reason: RegExp, isSigned = alert !== ALERT.UNKNOWN_CA) => ({
  type: "refused",
  alert,
  reason: expect.stringMatching(reason),
  isSigned,
});

describe("a device's certificate", () => {
  it("is trusted when its chain leads to an anchor, in whatever order it came, with or without the anchor in it", async () => {
    const third = await issueCa("Line CA", { by: middle });
    const device = await issue("meter-1", { by: third });
    for (const chain of [
      [third, middle],
      [middle, third],
      [root, middle, other, third],
    ])
      expect(judge(device, chain)).toBe(trusts(root));
  });

  it("is trusted when an anchor signed it, or a CA in the middle is the anchor", async () => {
    expect(judge(await issue("meter-1", { by: root }), [])).toBe(trusts(root));
    expect(judge(leaf, [], { anchors: [middle.parsed] })).toBe(trusts(middle));
  });

  it("is not when a CA of the same name signed it: the key decides", () => {
    expect(judge(leaf, [middle], { anchors: [other.parsed] })).toEqual(
      refusal(ALERT.UNKNOWN_CA, /no CA that is declared/),
    );
  });

  it("is not when a link is missing, and the reason names the issuer", () => {
    expect(judge(leaf, [])).toEqual(refusal(ALERT.UNKNOWN_CA, /its issuer is CN=Plant CA/));
  });

  it("is not of an issuer that is no CA, though it signed it", async () => {
    const plain = await issue("plain", { by: root, replace: [] });
    expect(judge(await issue("meter-2", { by: plain }), [plain])).toEqual(
      refusal(ALERT.BAD_CERTIFICATE, /CN=plain may not sign certificates/, false),
    );
    expect(judge(await issue("meter-2", { by: leaf }), [leaf, middle])).toEqual(refusal(ALERT.UNKNOWN_CA, /./));
  });

  it("is not of a CA whose key usage lacks keyCertSign", async () => {
    const keyUsage = new BitString({ valueHex: Uint8Array.of(0x80).buffer, unusedBits: 7 }).toBER(false);
    const basic = new BasicConstraints({ cA: true }).toSchema().toBER(false);
    const odd = await issue("Odd CA", {
      by: root,
      replace: [extension("2.5.29.19", basic, true), extension("2.5.29.15", keyUsage, true)],
    });
    expect(judge(await issue("meter-1", { by: odd }), [odd])).toMatchObject({ type: "refused" });
  });

  it("is not beyond a CA's path length", async () => {
    const narrow = await issueCa("Narrow CA", { by: root, pathLength: 0 });
    const below = await issueCa("Below CA", { by: narrow });
    expect(judge(await issue("meter-1", { by: narrow }), [narrow])).toBe(trusts(root));
    expect(judge(await issue("meter-1", { by: below }), [below, narrow])).toEqual(
      refusal(ALERT.BAD_CERTIFICATE, /CN=Narrow CA allows 0 CAs below it, here are 1/),
    );
  });

  it.each([
    ["expired", { notAfterMs: NOW_MS - 1 }, /expired at/],
    ["not valid yet", { notBeforeMs: NOW_MS + DAY_MS / 2 }, /is not valid before/],
  ])("is not when it has %s", async (_, terms, reason) => {
    expect(judge(await issue("meter-1", { by: root, ...terms }), [])).toEqual(
      refusal(ALERT.CERTIFICATE_EXPIRED, reason),
    );
  });

  it("is not when a CA on the way, or the anchor, has expired", async () => {
    const old = await issueCa("Old CA", { by: root, notAfterMs: NOW_MS - 1000 });
    const device = await issue("meter-1", { by: old });
    expect(judge(device, [old])).toEqual(refusal(ALERT.CERTIFICATE_EXPIRED, /the CA CN=Old CA expired/));
    expect(judge(device, [], { anchors: [old.parsed] })).toEqual(
      refusal(ALERT.CERTIFICATE_EXPIRED, /the CA CN=Old CA/),
    );
  });

  it("is not when it or a CA on the way is revoked", () => {
    for (const bad of [leaf, middle]) {
      const isRevoked: PathTerms["isRevoked"] = (certificate) => certificate === bad.parsed;
      expect(judge(leaf, [middle], { isRevoked })).toEqual(refusal(ALERT.CERTIFICATE_REVOKED, /is revoked by/));
    }
  });

  it("is looked for in revocation lists only when its chain leads to an anchor: lists are large", async () => {
    const impostor = await issueCa("Plant CA");
    const isRevoked: PathTerms["isRevoked"] = () => {
      throw new TypeError("a list was verified for a stranger");
    };
    const stranger = await issue("meter-1", { by: impostor });
    expect(judge(stranger, [impostor], { isRevoked })).toEqual(refusal(ALERT.UNKNOWN_CA, /./));
  });

  it("is not when it is for servers", async () => {
    expect(judge(await issue("meter-1", { by: root, usage: "server" }), [])).toEqual(
      refusal(ALERT.UNSUPPORTED_CERTIFICATE, /is not for clients: .*clientAuth/),
    );
  });

  it("may be for any purpose, or say nothing of it", async () => {
    const any = extension("2.5.29.37", new ExtKeyUsage({ keyPurposes: ["2.5.29.37.0"] }).toSchema().toBER(false));
    expect(judge(await issue("meter-1", { by: root, replace: [any] }), [])).toBe(trusts(root));
    expect(judge(await issue("meter-1", { by: root, replace: [] }), [])).toBe(trusts(root));
  });

  it("is not with a critical extension that is not understood; one that is not critical is passed over", async () => {
    const value = new Utf8String({ value: "x" }).toBER(false);
    const odd = (critical: boolean) =>
      issue("meter-1", { by: root, extensions: [extension("1.2.3.4", value, critical)] });
    expect(judge(await odd(true), [])).toEqual(refusal(ALERT.UNSUPPORTED_CERTIFICATE, /1\.2\.3\.4/));
    expect(judge(await odd(false), [])).toBe(trusts(root));
  });

  it("with CAs that sign each other has an end", async () => {
    const a = await issueCa("A");
    const b = await issueCa("B", { by: a });
    const crossed = await issueCa("A", { by: b, privateKey: a.privateKey });
    expect(judge(await issue("meter-1", { by: b }), [a, b, crossed, b])).toEqual(refusal(ALERT.UNKNOWN_CA, /./));
  });
});

describe("whose a refused certificate is", () => {
  it("is known when an anchor stands behind it, whatever else is wrong with it", async () => {
    const old = await issueCa("Old CA", { by: root, notAfterMs: NOW_MS - 1000 });
    const device = await issue("meter-1", { by: old, notAfterMs: NOW_MS - 1000 });
    expect(judge(device, [old])).toEqual(refusal(ALERT.CERTIFICATE_EXPIRED, /the device's certificate expired/));
  });

  it("is not known when none does: anyone can write a name into a certificate that has expired, or is for servers", async () => {
    const impostor = await issueCa("Root CA", { notAfterMs: NOW_MS - 1000 });
    for (const terms of [{ notAfterMs: NOW_MS - 1000 }, { usage: "server" as const }, {}])
      expect(judge(await issue("meter-1", { by: impostor, ...terms }), [impostor])).toMatchObject({ isSigned: false });
  });
});

describe("the names of a certificate", () => {
  it("are its common name, then its host names and URIs, none twice, none that could be a pattern", async () => {
    const { parsed } = await issue("meter-1", {
      dnsNames: ["meter-1", "meter-1.example.org", "*.example.org"],
      uris: ["urn:imei:490154203237518"],
    });
    expect(parsed.names).toEqual(["meter-1", "meter-1.example.org", "urn:imei:490154203237518"]);
    expect((await issue("meter-*")).parsed.names).toEqual([]);
  });
});

describe("bytes", () => {
  it("that are a certificate with one changed byte are refused or read, and never thrown over", () => {
    fc.assert(
      fc.property(fc.nat(leaf.der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Uint8Array.from(leaf.der);
        bytes[at] = (bytes[at] ?? 0) ^ change;
        const parsed = parseCertificate(bytes);
        if (parsed !== undefined) judge({ ...leaf, parsed }, [middle]);
      }),
    );
  });

  it("behind a certificate make it none", () => {
    expect(parseCertificate(Buffer.concat([leaf.der, Buffer.alloc(1)]))).toBeUndefined();
  });
});
