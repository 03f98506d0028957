import { hash, type KeyObject, X509Certificate } from "node:crypto";
import {
  type BasicConstraints,
  Certificate,
  type Extension,
  type ExtKeyUsage,
  type GeneralName,
  type GeneralNames,
  type RelativeDistinguishedNames,
} from "pkijs";

/** Extensions of RFC 5280 §4.2.1 that are understood here: another one that is critical makes a certificate unusable. */
const EXTENSION = {
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  extKeyUsage: "2.5.29.37",
} as const;

const UNDERSTOOD: readonly string[] = Object.values(EXTENSION);

/** RFC 5280 §4.2.1.12. */
const EXTENDED_KEY_USAGE = { any: "2.5.29.37.0", clientAuth: "1.3.6.1.5.5.7.3.2" } as const;
const COMMON_NAME = "2.5.4.3";
const GENERAL_NAME = { dnsName: 2, uri: 6 } as const;

/** A name is looked up once for each issuer. */
export const MAX_CERTIFICATE_NAMES = 3;
/** Longest endpoint name, bytes. */
const MAX_NAME_BYTES = 255;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

const HASH_DIGITS = 12;
/** RFC 5280 §4.1.2.2: 20 bytes. */
const MAX_SERIAL_DIGITS = 40;
export const MAX_REVOCATION_KEY_DIGITS: number = 2 * HASH_DIGITS + MAX_SERIAL_DIGITS;

/** A certificate and what X509Certificate does not tell of it. */
export interface DeviceCertificate {
  readonly x509: X509Certificate;
  /** Its own: P-256 or another; `usable` does not look at it. */
  readonly publicKey: KeyObject;
  /** Common name, then subject alternative names of type dNSName and URI; none that could be a pattern. */
  readonly names: readonly string[];
  /** May sign certificates: X509Certificate and the library agree about it, and so does the key usage. */
  readonly isCa: boolean;
  /** CAs that may follow below it; undefined: any number. */
  readonly pathLength: number | undefined;
  /** May be used to authenticate a client: key usage and extended key usage, where it has them (RFC 5280 §4.2.1.3, §4.2.1.12). */
  readonly isForClients: boolean;
  /** Critical extensions that are not understood here. */
  readonly unknownCritical: readonly string[];
  /** As {@link distinguishedName} has it. */
  readonly subject: string;
  /** As {@link serialText} has it. */
  readonly serial: string;
}

/** A name as revocation lists and certificates are compared by: types and values, without case and surplus white space (RFC 5280 §7.1). */
export function distinguishedName({ typesAndValues }: RelativeDistinguishedNames): string {
  return typesAndValues
    .map(({ type, value }) => `${type}=${String(value.valueBlock.value).trim().toLowerCase().replace(/\s+/g, " ")}`)
    .join("\n");
}

/** A serial number in hex, without leading zeros: the content of an INTEGER. */
export function serialText(content: Uint8Array): string {
  const hex = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("hex");
  return hex.replace(/^0+(?=.)/, "");
}

/** A name as {@link distinguishedName} has it. */
export function nameHash(name: string): string {
  return hash("sha256", name, "hex").slice(0, HASH_DIGITS);
}

export function keyHash(publicKey: KeyObject): string {
  return hash("sha256", publicKey.export({ format: "der", type: "spki" }), "hex").slice(0, HASH_DIGITS);
}

/**
 * What an association knows a certificate by that leads to its CA, so that a list can end it: hashes of its issuer's name and key, for CAs of different
 * tenants may have one name, and its serial number. Hex digits, at most {@link MAX_REVOCATION_KEY_DIGITS}.
 */
export function revocationKey({ serial }: DeviceCertificate, issuer: DeviceCertificate): string {
  return nameHash(issuer.subject) + keyHash(issuer.publicKey) + serial;
}

/** The parts of a {@link revocationKey}. */
export function parseRevocationKey(key: string): {
  readonly issuerName: string;
  readonly issuerKey: string;
  readonly serial: string;
} {
  const [name, end] = [HASH_DIGITS, 2 * HASH_DIGITS];
  return { issuerName: key.slice(0, name), issuerKey: key.slice(name, end), serial: key.slice(end) };
}

/** Reads a certificate, DER; undefined when it is none, has bytes behind it, an issuer without a name, or a serial number that is too long (RFC 5280 §4.1.2). */
export function parseCertificate(der: Uint8Array): DeviceCertificate | undefined {
  try {
    const x509 = new X509Certificate(der);
    // An empty name, and one that cannot be printed, is undefined, whatever its type says.
    if (x509.raw.length !== der.length || !(x509.issuer as string | undefined)) return undefined;
    const described = describe(x509, Certificate.fromBER(Uint8Array.from(der)));
    return described.serial.length <= MAX_SERIAL_DIGITS ? described : undefined;
  } catch {
    // OpenSSL's and pkijs's errors have no common class; whatever they cannot read is no certificate.
    return undefined;
  }
}

function describe(x509: X509Certificate, certificate: Certificate): DeviceCertificate {
  const extensions = certificate.extensions ?? [];
  const constraints = parsedOf<BasicConstraints>(extensions, EXTENSION.basicConstraints);
  const usage = keyUsage(extensions);
  const pathLength = constraints?.pathLenConstraint;
  return {
    x509,
    publicKey: x509.publicKey,
    names: namesOf(certificate, extensions),
    isCa: x509.ca && constraints?.cA === true && (usage === undefined || usage.certSign),
    pathLength: typeof pathLength === "number" ? pathLength : undefined,
    isForClients: (usage === undefined || usage.digitalSignature) && isForClients(extensions),
    unknownCritical: extensions
      .filter(({ critical, extnID }) => critical && !UNDERSTOOD.includes(extnID))
      .map(({ extnID }) => extnID),
    subject: distinguishedName(certificate.subject),
    serial: serialText(certificate.serialNumber.valueBlock.valueHexView),
  };
}

/** @throws {TypeError} the extension is there twice, or not of its form */
function parsedOf<Parsed extends object>(extensions: readonly Extension[], id: string): Parsed | undefined {
  const [extension, ...more] = extensions.filter(({ extnID }) => extnID === id);
  if (extension === undefined) return undefined;
  const parsed = extension.parsedValue as (Parsed & { readonly parsingError?: unknown }) | undefined; // pkijs parses by id.
  if (more.length > 0 || parsed === undefined || parsed.parsingError !== undefined)
    throw new TypeError(`extension ${id} is not of its form`);
  return parsed;
}

/** Bits 0 and 5 of the first byte (RFC 5280 §4.2.1.3). */
function keyUsage(
  extensions: readonly Extension[],
): { readonly digitalSignature: boolean; readonly certSign: boolean } | undefined {
  const bits = parsedOf<{ readonly valueBlock: { readonly valueHexView: Uint8Array } }>(extensions, EXTENSION.keyUsage);
  if (bits === undefined) return undefined;
  const [first = 0] = bits.valueBlock.valueHexView;
  return { digitalSignature: (first & 0x80) !== 0, certSign: (first & 0x04) !== 0 };
}

function isForClients(extensions: readonly Extension[]): boolean {
  const purposes = parsedOf<ExtKeyUsage>(extensions, EXTENSION.extKeyUsage)?.keyPurposes;
  if (purposes === undefined) return true;
  return purposes.includes(EXTENDED_KEY_USAGE.clientAuth) || purposes.includes(EXTENDED_KEY_USAGE.any);
}

function namesOf({ subject }: Certificate, extensions: readonly Extension[]): readonly string[] {
  const common = subject.typesAndValues
    .filter(({ type }) => type === COMMON_NAME)
    .map(({ value }) => String(value.valueBlock.value));
  const alternatives = parsedOf<GeneralNames & { readonly altNames?: readonly GeneralName[] }>(
    extensions,
    EXTENSION.subjectAltName,
  );
  const others = (alternatives?.altNames ?? [])
    .filter(({ type }) => type === GENERAL_NAME.dnsName || type === GENERAL_NAME.uri)
    .map(({ value }) => String(value));
  return [...new Set([...common, ...others])].filter(isEndpoint).slice(0, MAX_CERTIFICATE_NAMES);
}

/** A name with a star would be that of a pattern. */
function isEndpoint(name: string): boolean {
  return (
    name !== "" && Buffer.byteLength(name) <= MAX_NAME_BYTES && !name.includes("*") && !CONTROL_CHARACTER.test(name)
  );
}
