import { ProfileError } from "./errors.ts";

const HEX = /^([0-9A-Fa-f]{2})+$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** DER of a key or a certificate begins so; in Base64 with M, which is not hex. */
const DER_SEQUENCE = 0x30;

const PEM_BLOCK = /-----BEGIN ([^-]*)-----([^-]*)-----END [^-]*-----/g;

/** What a document wants: the label of its PEM, and its name for people. */
export const DER_KINDS = {
  publicKey: { label: "PUBLIC KEY", name: "a public key (SubjectPublicKeyInfo, RFC 7250)" },
  certificate: { label: "CERTIFICATE", name: "a certificate" },
  privateKey: { label: "PRIVATE KEY", name: "a private key (PKCS#8, RFC 5958)" },
} as const;
export type DerKind = keyof typeof DER_KINDS;

/** Reads DER as hex, Base64 or PEM. @throws {ProfileError} never quotes the text */
export function readDerText(text: string, kind: DerKind, field: string): Uint8Array {
  const { label, name } = DER_KINDS[kind];
  const bare = text.includes("-----") ? parsePem(text, label, field) : text;
  const compact = bare.replace(/\s/g, "");
  const bytes = HEX.test(compact) ? Buffer.from(compact, "hex") : parseBase64(compact);
  if (bytes === undefined) throw new ProfileError(field, "is neither hex nor Base64 nor PEM");
  if (bytes[0] !== DER_SEQUENCE)
    throw new ProfileError(field, `is not ${name}: its DER begins with 30 in hex, with M in Base64`);
  return bytes;
}

function parsePem(text: string, label: string, field: string): string {
  const blocks = [...text.matchAll(PEM_BLOCK)];
  const [block] = blocks;
  const found = block?.[1] ?? "";
  if (label !== DER_KINDS.privateKey.label && blocks.some(([, one = ""]) => one.includes("PRIVATE KEY")))
    throw new ProfileError(field, "holds a private key, which stays with its owner: give the public part");
  if (block === undefined || blocks.length > 1)
    throw new ProfileError(field, `holds ${blocks.length} PEM blocks: give exactly one`);
  if (found !== label) throw new ProfileError(field, `is PEM of a ${found}: give that of a ${label}${hintOf(label)}`);
  return block[2] ?? "";
}

function hintOf(label: string): string {
  return label === DER_KINDS.privateKey.label ? ", as `openssl pkcs8 -topk8 -nocrypt` writes it" : "";
}

/** Undefined where the text is not Base64, or not the one text of its bytes. */
export function parseBase64(text: string): Uint8Array | undefined {
  if (!BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64").replace(/=+$/, "") === text.replace(/=+$/, "") ? bytes : undefined;
}
