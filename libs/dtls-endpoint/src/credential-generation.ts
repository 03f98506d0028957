import { hash } from "node:crypto";
import { hmacSha256, secretKey } from "@ferry/dtls";

const DIGITS = 16;

/** Names a pre-shared key without telling anything of it. An equal key applied again has the same name, a changed one another. */
export function pskGeneration(key: Uint8Array): string {
  return hmacSha256(secretKey(key), Buffer.from("ferry credential")).toString("hex").slice(0, DIGITS);
}

/** Names a raw public key, a pinned certificate, or the CA of a fleet: by its DER. */
export function publicGeneration(der: Uint8Array): string {
  return hash("sha256", der, "hex").slice(0, DIGITS);
}

/** A certificate that a CA signed: the CA, and what its revocation is known by. */
export function issuedGeneration(ca: Uint8Array, certificateKey: string): string {
  return `${publicGeneration(ca)}.${certificateKey}`;
}

/** The two parts of {@link issuedGeneration}; without a dot it is another kind. */
export function parseIssuedGeneration(
  generation: string,
): { readonly ca: string; readonly certificateKey: string } | undefined {
  const [ca, certificateKey, ...more] = generation.split(".");
  return ca && certificateKey && more.length === 0 ? { ca, certificateKey } : undefined;
}
