import { createPublicKey, hash, type KeyObject } from "node:crypto";
import { BitString, Integer, OctetString, Utf8String } from "asn1js";
import {
  AltName,
  AttributeTypeAndValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  Extension,
  ExtKeyUsage,
  GeneralName,
  PublicKeyInfo,
  RelativeDistinguishedNames,
} from "pkijs";

/** What a certificate says. */
export interface CertificateTerms {
  /** Common name: the host of a server, the endpoint of a device, the name of a CA. */
  readonly commonName: string;
  /** Subject alternative names of type dNSName. */
  readonly dnsNames?: readonly string[];
  /** Of type URI. */
  readonly uris?: readonly string[];
  /** P-256. */
  readonly publicKey: KeyObject;
  readonly usage: "server" | "client" | "ca";
  /** Ms since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Who signs it: a CA by its certificate, DER, or without one the key itself. */
  readonly signer: { readonly privateKey: KeyObject; readonly certificate?: Uint8Array };
  /** Of a CA: how many CAs may follow below it. */
  readonly pathLength?: number;
  /** Beside what its usage asks for. */
  readonly extensions?: readonly Extension[];
  /** In place of what its usage asks for. */
  readonly replace?: readonly Extension[];
}

/** Bits of a key usage (RFC 5280 §4.2.1.3) in its first byte, and how many bits of that are unused. */
const KEY_USAGE = {
  digitalSignature: { bits: 0x80, unused: 7 },
  /** keyCertSign and cRLSign. */
  sign: { bits: 0x06, unused: 1 },
} as const;
const PURPOSE = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;
const SERIAL_BYTES = 16;

/** Makes a certificate that is signed with ECDSA and SHA-256: DER. */
export async function makeCertificate(
  terms: CertificateTerms,
  random: (size: number) => Uint8Array,
): Promise<Uint8Array> {
  const { publicKey, signer } = terms;
  const issuer = signer.certificate && Certificate.fromBER(Uint8Array.from(signer.certificate));
  const subject = new RelativeDistinguishedNames({
    typesAndValues: [
      new AttributeTypeAndValue({ type: "2.5.4.3", value: new Utf8String({ value: terms.commonName }) }),
    ],
  });
  const certificate = new Certificate({
    version: 2,
    serialNumber: new Integer({ valueHex: Uint8Array.from(positive(random(SERIAL_BYTES))).buffer }),
    subject,
    issuer: issuer?.subject ?? subject,
    subjectPublicKeyInfo: PublicKeyInfo.fromBER(Uint8Array.from(spki(publicKey))),
    extensions: [...(terms.replace ?? usageExtensions(terms)), ...authorityOf(issuer), ...(terms.extensions ?? [])],
  });
  certificate.notBefore.value = new Date(terms.notBeforeMs);
  certificate.notAfter.value = new Date(terms.notAfterMs);
  const key = signer.privateKey.toCryptoKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
  await certificate.sign(key, "SHA-256");
  return new Uint8Array(certificate.toSchema(true).toBER(false));
}

function usageExtensions({ usage, publicKey, pathLength, dnsNames = [], uris = [] }: CertificateTerms): Extension[] {
  const isCa = usage === "ca";
  const keyUsage = isCa ? KEY_USAGE.sign : KEY_USAGE.digitalSignature;
  const names = [
    ...dnsNames.map((value) => new GeneralName({ type: 2, value })),
    ...uris.map((value) => new GeneralName({ type: 6, value })),
  ];
  return [
    extension(
      "2.5.29.19",
      new BasicConstraints({ cA: isCa, ...(pathLength === undefined ? {} : { pathLenConstraint: pathLength }) })
        .toSchema()
        .toBER(false),
      true,
    ),
    extension(
      "2.5.29.15",
      new BitString({ valueHex: Uint8Array.of(keyUsage.bits).buffer, unusedBits: keyUsage.unused }).toBER(false),
      true,
    ),
    ...(isCa
      ? []
      : [extension("2.5.29.37", new ExtKeyUsage({ keyPurposes: [PURPOSE[usage]] }).toSchema().toBER(false))]),
    ...(names.length === 0 ? [] : [extension("2.5.29.17", new AltName({ altNames: names }).toSchema().toBER(false))]),
    extension("2.5.29.14", new OctetString({ valueHex: keyIdentifier(publicKey) }).toBER(false)),
  ];
}

/** An extension with its value in DER. */
export function extension(extnID: string, extnValue: ArrayBuffer, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue });
}

/** The issuer's key identifier, where it has one (RFC 5280 §4.2.1.1). */
function authorityOf(issuer: Certificate | undefined): Extension[] {
  const identifier = issuer?.extensions?.find(({ extnID }) => extnID === "2.5.29.14")?.parsedValue;
  if (!(identifier instanceof OctetString)) return [];
  const valueHex = Uint8Array.from(identifier.valueBlock.valueHexView).buffer;
  const authority = new AuthorityKeyIdentifier({ keyIdentifier: new OctetString({ valueHex }) });
  return [extension("2.5.29.35", authority.toSchema().toBER(false))];
}

/** The leftmost 160 bits of SHA-256 over the public key (RFC 7093 §2). */
function keyIdentifier(publicKey: KeyObject): ArrayBuffer {
  const { subjectPublicKey } = PublicKeyInfo.fromBER(Uint8Array.from(spki(publicKey)));
  const digest = hash("sha256", Uint8Array.from(subjectPublicKey.valueBlock.valueHexView), "buffer");
  return Uint8Array.from(digest.subarray(0, 20)).buffer;
}

function spki(key: KeyObject): Uint8Array {
  return (key.type === "private" ? createPublicKey(key) : key).export({ format: "der", type: "spki" });
}

/** Not negative, and with no leading zero (RFC 5280 §4.1.2.2). */
function positive(bytes: Uint8Array): Uint8Array {
  const serial = Uint8Array.from(bytes);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}
