import { ProvisioningError } from "./errors.ts";

/** What stands in a document in place of a secret. */
export const MASK = "******";

/** Lengths of a pre-shared key, bytes. Hex of one is never Base64 of another, so that the two can be told apart. */
export const PSK_KEY_BYTES: readonly number[] = [16, 32, 64];

const HEX = /^([0-9A-Fa-f]{2})+$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** DER of a key or a certificate begins so; in Base64 with M, which is not hex. */
const DER_SEQUENCE = 0x30;

const PEM_BLOCK = /-----BEGIN ([^-]*)-----([^-]*)-----END [^-]*-----/g;

/** Reads a pre-shared key as hex or, where that is what its length says, Base64. @throws {ProvisioningError} never quotes the text */
export function parsePskText(text: string, field: string): Uint8Array {
  if (text === MASK) throw new ProvisioningError(field, `is masked (${MASK}): put the key in its place`);
  const asHex = HEX.test(text) ? Buffer.from(text, "hex") : undefined;
  if (asHex && PSK_KEY_BYTES.includes(asHex.length)) return asHex;
  const asBase64 = parseBase64(text);
  if (asBase64 && PSK_KEY_BYTES.includes(asBase64.length)) return asBase64;
  if (asHex) return asHex; // Its length is refused with those that are possible.
  throw new ProvisioningError(
    field,
    "is neither hex of 32, 64 or 128 characters (pairs of 0-9, a-f) nor Base64 of 16, 32 or 64 bytes",
  );
}

/** What a document wants: the label of its PEM, and its name for people. */
export const DER_KINDS = {
  publicKey: { label: "PUBLIC KEY", name: "a public key (SubjectPublicKeyInfo, RFC 7250)" },
  certificate: { label: "CERTIFICATE", name: "a certificate" },
  privateKey: { label: "PRIVATE KEY", name: "a private key (PKCS#8, RFC 5958)" },
} as const;

/** Reads DER as hex, Base64 or PEM. @throws {ProvisioningError} never quotes the text */
export function parseDerText(text: string, kind: keyof typeof DER_KINDS, field: string): Uint8Array {
  if (text === MASK) throw new ProvisioningError(field, `is masked (${MASK}): put the key in its place`);
  const { label, name } = DER_KINDS[kind];
  const bare = text.includes("-----") ? parsePem(text, label, field) : text;
  const compact = bare.replace(/\s/g, "");
  const bytes = HEX.test(compact) ? Buffer.from(compact, "hex") : parseBase64(compact);
  if (bytes === undefined) throw new ProvisioningError(field, "is neither hex nor Base64 nor PEM");
  if (bytes[0] !== DER_SEQUENCE)
    throw new ProvisioningError(field, `is not ${name}: its DER begins with 30 in hex, with M in Base64`);
  return bytes;
}

function parsePem(text: string, label: string, field: string): string {
  const blocks = [...text.matchAll(PEM_BLOCK)];
  const [block] = blocks;
  const found = block?.[1] ?? "";
  if (label !== "PRIVATE KEY" && blocks.some(([, one = ""]) => one.includes("PRIVATE KEY")))
    throw new ProvisioningError(field, "holds a private key, which stays with the device: give the public part");
  if (block === undefined || blocks.length > 1)
    throw new ProvisioningError(field, `holds ${blocks.length} PEM blocks: give exactly one`);
  if (found !== label)
    throw new ProvisioningError(field, `is PEM of a ${found}: give that of a ${label}${hintOf(label)}`);
  return block[2] ?? "";
}

function hintOf(label: string): string {
  return label === "PRIVATE KEY" ? ", as `openssl pkcs8 -topk8 -nocrypt` writes it" : "";
}

/** Undefined where the text is not Base64, or not the one text of its bytes. */
function parseBase64(text: string): Buffer | undefined {
  if (!BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64").replace(/=+$/, "") === text.replace(/=+$/, "") ? bytes : undefined;
}
