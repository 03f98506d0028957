import { createPublicKey, generateKeyPairSync, hash, type KeyObject, randomBytes, X509Certificate } from "node:crypto";
import { type CertificateTerms, makeCertificate } from "@ferry/dtls-endpoint";

/** A file to be written. */
export interface KeyFile {
  readonly name: string;
  readonly content: string;
}

/** Who signs certificates: a CA's certificate, PEM, and its key. */
export interface Signer {
  readonly certificate: string;
  readonly privateKey: KeyObject;
}

const DAY_MS = 86_400_000;
/** Clocks of devices may be behind: a certificate is valid from a day before it was made. */
const BACKDATED_MS = DAY_MS;
const SEALING_KEY_BYTES = 32;
const PSK_BYTES = 16;

interface CertificateOptions {
  readonly names: readonly string[];
  readonly days: number;
  readonly signer: Signer | undefined;
  readonly nowMs: number;
}

/** `rpk.key`: what a server shows to devices with raw public keys. */
export function rawServerKey(): KeyFile[] {
  return [{ name: "rpk.key", content: privatePem(newKey()) }];
}

/** `server.key` and `server.crt`; the first name is the common name. With `byName` they are shown only to devices that ask for that name. */
export async function serverCertificate(
  options: CertificateOptions & { readonly byName: boolean },
): Promise<KeyFile[]> {
  const stem = options.byName ? `server-${options.names[0]}` : "server";
  return certificateFiles(stem, "server", { dnsNames: options.names }, options);
}

/** A key and a certificate that signs those of devices or servers. */
export function caCertificate(stem: string, options: Omit<CertificateOptions, "signer">): Promise<KeyFile[]> {
  return certificateFiles(stem, "ca", {}, { ...options, signer: undefined });
}

/** A device with a certificate of the CA or, without one, one that is pinned; with the document that declares it. */
export async function deviceCertificate(
  endpoint: string,
  options: Omit<CertificateOptions, "names">,
): Promise<KeyFile[]> {
  const files = await certificateFiles(fileName(endpoint), "client", {}, { ...options, names: [endpoint] });
  const [, own] = files;
  const shown = options.signer?.certificate ?? own?.content ?? "";
  const member = options.signer === undefined ? "certificate" : "ca";
  const credential = `  - x509:\n      ${member}: |\n${indent(lastCertificate(member, shown), 8)}`;
  return [...files, document(endpoint, credential)];
}

/** What is declared: the CA itself, or of a pinned certificate the device's own. */
function lastCertificate(member: "certificate" | "ca", pem: string): string {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n?/g) ?? [];
  return (member === "ca" ? blocks.at(-1) : blocks[0]) ?? "";
}

/** A device with a raw public key. */
export function deviceRawKey(endpoint: string): KeyFile[] {
  const privateKey = newKey();
  const credential = `  - rawPublicKey: ${spki(privateKey).toString("base64")}\n`;
  return [{ name: `${fileName(endpoint)}.key`, content: privatePem(privateKey) }, document(endpoint, credential)];
}

/** A device with a pre-shared key, which stands in its document. */
export function devicePsk(endpoint: string): KeyFile[] {
  const key = randomBytes(PSK_BYTES).toString("hex");
  return [document(endpoint, `  - psk:\n      identity: ${JSON.stringify(endpoint)}\n      key: "${key}"\n`)];
}

/** A key that secrets are sealed with. */
export function sealingKey(name: string): KeyFile[] {
  return [{ name, content: `${randomBytes(SEALING_KEY_BYTES).toString("base64")}\n` }];
}

async function certificateFiles(
  stem: string,
  usage: CertificateTerms["usage"],
  more: Pick<CertificateTerms, "dnsNames">,
  { names, days, signer, nowMs }: CertificateOptions,
): Promise<KeyFile[]> {
  const privateKey = newKey();
  const [commonName = ""] = names;
  const der = await makeCertificate(
    {
      commonName,
      ...more,
      publicKey: createPublicKey(privatePem(privateKey)),
      usage,
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: nowMs + days * DAY_MS,
      signer:
        signer === undefined
          ? { privateKey }
          : { privateKey: signer.privateKey, certificate: new X509Certificate(signer.certificate).raw },
    },
    randomBytes,
  );
  const chain = new X509Certificate(der).toString() + intermediatesOf(signer);
  return [
    { name: `${stem}.key`, content: privatePem(privateKey) },
    { name: `${stem}.crt`, content: chain },
  ];
}

/** A CA that another one has signed goes with what it signs; a root is known to who trusts it. */
function intermediatesOf(signer: Signer | undefined): string {
  if (signer === undefined) return "";
  const own = new X509Certificate(signer.certificate);
  return own.subject === own.issuer ? "" : signer.certificate;
}

function document(endpoint: string, credential: string): KeyFile {
  const name = `${fileName(endpoint)}.yaml`;
  const content = `kind: device\nendpoint: ${JSON.stringify(endpoint)}\nprofile: default # the name of its profile\ncredentials:\n${credential}`;
  return { name, content };
}

function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

function privatePem(key: KeyObject): string {
  return key.export({ format: "pem", type: "pkcs8" }) as string; // PEM is a text.
}

function spki(privateKey: KeyObject): Buffer {
  return createPublicKey(privatePem(privateKey)).export({ format: "der", type: "spki" });
}

/** An endpoint may hold what a file name must not. */
function fileName(endpoint: string): string {
  return endpoint.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^\./, "_");
}

function indent(text: string, spaces: number): string {
  return text.replace(/^(?=.)/gm, " ".repeat(spaces));
}

/** A Kubernetes Secret that holds the files. */
export function formatSecret(name: string, files: readonly KeyFile[]): string {
  const data = files.map((file) => `  ${file.name}: ${Buffer.from(file.content).toString("base64")}\n`).join("");
  return `apiVersion: v1\nkind: Secret\nmetadata:\n  name: ${name}\ntype: Opaque\ndata:\n${data}`;
}

/** The public part of a key, as devices and documents want it. */
export function formatPublicKey(key: KeyObject): string {
  const der = createPublicKey(
    key.type === "private" ? privatePem(key) : (key.export({ format: "pem", type: "spki" }) as string),
  ).export({ format: "der", type: "spki" }); // PEM is a text.
  return [
    `raw public key (SubjectPublicKeyInfo, RFC 7250), ${key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType}`,
    `  SHA-256  ${hash("sha256", der, "hex")}`,
    `  Base64   ${der.toString("base64")}`,
    `  hex      ${der.toString("hex")}\n`,
  ].join("\n");
}

/** A certificate, as people and documents want it. */
export function formatCertificate(certificate: X509Certificate): string {
  return [
    `certificate${certificate.ca ? " of a CA" : ""}`,
    `  subject  ${oneLine(certificate.subject)}`,
    `  issuer   ${oneLine(certificate.issuer)}`,
    ...(certificate.subjectAltName ? [`  names    ${certificate.subjectAltName}`] : []),
    `  valid    ${certificate.validFromDate.toISOString()} to ${certificate.validToDate.toISOString()}`,
    `  serial   ${certificate.serialNumber}`,
    `  SHA-256  ${hash("sha256", certificate.raw, "hex")}`,
    `  Base64   ${certificate.raw.toString("base64")}\n`,
  ].join("\n");
}

function oneLine(name: string): string {
  return name.replaceAll("\n", ", ");
}
