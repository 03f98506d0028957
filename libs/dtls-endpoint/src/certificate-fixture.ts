import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { Certificate, RelativeDistinguishedNames } from "pkijs";
import { type DeviceCertificate, parseCertificate } from "./certificate.ts";
import { type CertificateTerms, makeCertificate } from "./make-certificate.ts";

/** The time of the tests, ms since 1970: 2026-11-23. */
export const NOW_MS = 1_795_392_000_000;
const DAY_MS = 86_400_000;

/** A key and its certificate. */
export interface Issued {
  readonly der: Uint8Array;
  readonly privateKey: KeyObject;
  readonly parsed: DeviceCertificate;
}

/** Makes a certificate that is in its time, unless told otherwise, signed by `by` or by itself. */
export async function issue(
  commonName: string,
  {
    by,
    privateKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
    ...terms
  }: Partial<CertificateTerms> & { readonly by?: Issued; readonly privateKey?: KeyObject } = {},
): Promise<Issued> {
  const der = await makeCertificate(
    {
      commonName,
      publicKey: createPublicKey(privateKey.export({ format: "pem", type: "pkcs8" })),
      usage: "client",
      notBeforeMs: NOW_MS - DAY_MS,
      notAfterMs: NOW_MS + DAY_MS,
      signer: by === undefined ? { privateKey } : { privateKey: by.privateKey, certificate: by.der },
      ...terms,
    },
    randomBytes,
  );
  const parsed = parseCertificate(der);
  if (parsed === undefined) throw new TypeError("a certificate of the fixture does not parse");
  return { der, privateKey, parsed };
}

/** A CA that signs itself, or below `by`. */
export function issueCa(commonName: string, terms: Parameters<typeof issue>[1] = {}): Promise<Issued> {
  return issue(commonName, { usage: "ca", ...terms });
}

/** What a hostile or careless CA may say: a certificate with another content, signed anew. */
export async function alter(
  { der }: Pick<Issued, "der">,
  change: Partial<Certificate>,
  { privateKey }: Pick<Issued, "privateKey">,
): Promise<Uint8Array> {
  const certificate = Certificate.fromBER(Uint8Array.from(der));
  Object.assign(certificate, change);
  await certificate.sign(privateKey.toCryptoKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]), "SHA-256");
  return new Uint8Array(certificate.toSchema(true).toBER(false));
}

/** A name without any part. */
export function noName(): RelativeDistinguishedNames {
  return new RelativeDistinguishedNames({ typesAndValues: [] });
}
