import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { Integer } from "asn1js";
import fc from "fast-check";
import { Certificate, CertificateRevocationList, Extensions, RevokedCertificate, Time } from "pkijs";
import { parseCertificate, revocationKey } from "./certificate.ts";
import { type Issued, issue, issueCa, NOW_MS } from "./certificate-fixture.ts";
import { KeyFileError } from "./errors.ts";
import { parseRevocationList } from "./key-files.ts";
import { extension } from "./make-certificate.ts";
import { RevocationList } from "./revocation-list.ts";

/** Made with openssl 3.0.19: req -x509, ca, ca -revoke, ca -gencrl. */
const OPENSSL = {
  ca: "MIIBvTCCAWOgAwIBAgIUVwpGpWSeC7uHKR1y3Aagv3+MlN0wCgYIKoZIzj0EAwIwNDELMAkGA1UEBhMCREUxEjAQBgNVBAoMCUFjbWUsIEluYzERMA8GA1UEAwwIRmxlZXQgQ0EwHhcNMjYxMTIzMTY1NjQ0WhcNMzYxMTIwMTY1NjQ0WjA0MQswCQYDVQQGEwJERTESMBAGA1UECgwJQWNtZSwgSW5jMREwDwYDVQQDDAhGbGVldCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBHCEQacTd4IYoj0ArGGH5EOw6X8BRY3QkQeoRb4uTx+JXVsM+vZ2Iuq7rBuJ+8MCAfoqVPHdbhugdwOpCRP7N2jUzBRMB0GA1UdDgQWBBQWtbpcxpid0xEpGGKbY8pLQa2yWDAfBgNVHSMEGDAWgBQWtbpcxpid0xEpGGKbY8pLQa2yWDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCZLnCbExl1ZN8cqIDYW0Z7ey4y0bf4VYQdJo55D60HEQIgNnEv9mXkHgIplrZCaptXxBofauPzK7MShXE5s2MgieY=",
  device:
    "MIIBLDCB1AIBATAKBggqhkjOPQQDAjA0MQswCQYDVQQGEwJERTESMBAGA1UECgwJQWNtZSwgSW5jMREwDwYDVQQDDAhGbGVldCBDQTAeFw0yNjExMjMxNjU2NDRaFw0yNzExMjMxNjU2NDRaMBIxEDAOBgNVBAMMB21ldGVyLTEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAROUjaKLELMgMhbSJp0BmbgRgMtDjZ2RTl0k2r7lBEPbxhOo1tipS7zaBnHtBCJ9e/gLl8WlvTE3bx0EctofsRXMAoGCCqGSM49BAMCA0cAMEQCIAzgZX4wk4XA7SROILHFO3HA/qVmvDLwHN9n9CMDCbk5AiAG6cFxqjRD8RjZeIoemSVyRkNXMIQc5KLQy9XQ7iqEMQ==",
  list: "MIHjMIGJAgEBMAoGCCqGSM49BAMCMDQxCzAJBgNVBAYTAkRFMRIwEAYDVQQKDAlBY21lLCBJbmMxETAPBgNVBAMMCEZsZWV0IENBFw0yNjExMjMxNjU2NDRaFw0yNjEyMjMxNjU2NDRaMBQwEgIBARcNMjYxMTIzMTY1NjQ0WqAOMAwwCgYDVR0UBAMCAQEwCgYIKoZIzj0EAwIDSQAwRgIhAKX3lxTzb37w4iLZdOYPbGIke3JGbsltlVXfcCv6dBTNAiEAsj+0KS0eCja/Zu1FPDgSz2pjUTH6GHUnQkrPduBoD8c=",
} as const;

let ca: Issued;
let impostor: Issued;
let revoked: Issued;
let good: Issued;

beforeAll(async () => {
  ca = await issueCa("Fleet CA");
  impostor = await issueCa("Fleet CA");
  revoked = await issue("meter-1", { by: ca });
  good = await issue("meter-2", { by: ca });
});

async function listOf(signer: Issued, certificates: readonly Issued[], critical = false): Promise<Uint8Array> {
  const list = new CertificateRevocationList({
    version: 1,
    issuer: Certificate.fromBER(Uint8Array.from(signer.der)).subject,
    thisUpdate: new Time({ value: new Date(NOW_MS) }),
    nextUpdate: new Time({ value: new Date(NOW_MS + 1000) }),
    revokedCertificates: certificates.map(
      ({ parsed }) =>
        new RevokedCertificate({
          userCertificate: new Integer({
            valueHex: Uint8Array.from(Buffer.from(parsed.x509.serialNumber, "hex")).buffer,
          }),
          revocationDate: new Time({ value: new Date(NOW_MS) }),
        }),
    ),
    ...(critical
      ? {
          crlExtensions: new Extensions({
            extensions: [extension("2.5.29.27", new Integer({ value: 1 }).toBER(false), true)],
          }),
        }
      : {}),
  });
  await list.sign(signer.privateKey.toCryptoKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]), "SHA-256");
  return new Uint8Array(list.toSchema(true).toBER(false));
}

/** A list of the serial numbers below `count`: pkijs writes lists, but not as many. */
async function manyOf(count: number): Promise<Uint8Array> {
  const list = CertificateRevocationList.fromBER(Uint8Array.from(await listOf(ca, [])));
  const date = Buffer.from(new Time({ value: new Date(NOW_MS) }).toSchema().toBER(false));
  const entries = Array.from({ length: count }, (_, serial) => {
    const number = Buffer.from([2, 4, 0, serial >> 16, serial >> 8, serial & 0xff]);
    return Buffer.concat([Buffer.from([0x30, number.length + date.length]), number, date]);
  });
  const fields = Buffer.from(list.tbsView.subarray(list.tbsView[1] === 0x81 ? 3 : 2, -2)); // Without the empty list at its end.
  const signed = sequence(Buffer.concat([fields, sequence(Buffer.concat(entries))]));
  const signature = sign("sha256", signed, ca.privateKey);
  const algorithm = Buffer.from(list.signatureAlgorithm.toSchema().toBER(false));
  const bits = Buffer.concat([Buffer.from([3, signature.length + 1, 0]), signature]);
  return sequence(Buffer.concat([signed, algorithm, bits]));
}

function sequence(content: Buffer): Buffer {
  const header = Buffer.alloc(6, 0x30);
  header[1] = 0x84;
  header.writeUInt32BE(content.length, 2);
  return Buffer.concat([header, content]);
}

describe("a revocation list", () => {
  it("has what its CA took back, by issuer and serial number", async () => {
    const list = RevocationList.parse(await listOf(ca, [revoked]));
    expect(list.isRevoked(revoked.parsed, ca.parsed)).toBe(true);
    expect(list.isRevoked(good.parsed, ca.parsed)).toBe(false);
    expect(list.hasKey(revocationKey(revoked.parsed, ca.parsed))).toBe(true);
    expect(list.nextUpdateMs).toBe(NOW_MS + 1000);
  });

  it("that another CA of the same name has signed takes nothing back", async () => {
    const list = RevocationList.parse(await listOf(impostor, [revoked]));
    expect(list.isRevoked(revoked.parsed, ca.parsed)).toBe(false);
  });

  it("ends what it takes back of its own CA, and of one of its name only until that is known not to have signed it", async () => {
    const list = RevocationList.parse(await listOf(ca, [revoked]));
    const key = revocationKey(revoked.parsed, impostor.parsed);
    expect(list.hasKey(key)).toBe(true);
    expect(list.isRevoked(revoked.parsed, impostor.parsed)).toBe(false);
    expect(list.hasKey(key)).toBe(false);
    expect(list.isRevoked(revoked.parsed, ca.parsed)).toBe(true);
    expect(list.hasKey(revocationKey(revoked.parsed, ca.parsed))).toBe(true);
    expect(list.hasKey(revocationKey(good.parsed, ca.parsed))).toBe(false);
    const other = await issueCa("Other CA");
    expect(list.hasKey(revocationKey(revoked.parsed, other.parsed))).toBe(false);
  });

  it("may have a hundred thousand certificates, and is not read again from the same bytes", async () => {
    const count = 100_000;
    const bytes = Buffer.from(await manyOf(count));
    const list = parseRevocationList(bytes);
    expect(list.size).toBe(count);
    expect(list.isOf(ca.parsed)).toBe(true);
    expect(list.hasKey(`${revocationKey(good.parsed, ca.parsed).slice(0, 24)}1869f`)).toBe(true);
    expect(parseRevocationList(Buffer.from(bytes), list)).toBe(list);
    expect(parseRevocationList(Buffer.from(await listOf(ca, [])), list).size).toBe(0);
  });

  it.each(["ed25519", "ed448", "x25519"] as const)(
    "is not of a CA of its name with a key of another kind: %s",
    async (kind) => {
      const list = RevocationList.parse(await listOf(ca, [revoked]));
      const { privateKey } = generateKeyPairSync(kind as "ed25519");
      const stranger = await issueCa("Fleet CA", { by: ca, privateKey });
      expect(list.isRevoked(revoked.parsed, stranger.parsed)).toBe(false);
    },
  );

  it("that is a part, or none, is refused with the reason", async () => {
    const delta = await listOf(ca, [revoked], true);
    expect(() => RevocationList.parse(delta)).toThrow(/critical extensions \(2\.5\.29\.27\): give a complete list/);
    expect(() => RevocationList.parse(randomBytes(40))).toThrow(KeyFileError);
  });

  it("with one changed byte is refused, or takes nothing back that it did not", async () => {
    const bytes = await listOf(ca, [revoked]);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ change;
        try {
          expect(RevocationList.parse(changed).isRevoked(good.parsed, ca.parsed)).toBe(false);
        } catch (error) {
          if (!(error instanceof KeyFileError)) throw error;
        }
      }),
    );
  });

  it("of OpenSSL is read, with the names that OpenSSL wrote", () => {
    const list = RevocationList.parse(Buffer.from(OPENSSL.list, "base64"));
    const [issuer, device] = [OPENSSL.ca, OPENSSL.device].map((der) => parseCertificate(Buffer.from(der, "base64")));
    expect(issuer && device && list.isRevoked(device, issuer)).toBe(true);
  });
});
