import { hash } from "node:crypto";
import { hmacSha256, secretKey } from "@ferry/dtls";
import { MAX_REVOCATION_KEY_DIGITS } from "./certificate.ts";
import { MAX_INTERMEDIATES } from "./certificate-path.ts";

const DIGITS = 16;

/** Names a pre-shared key without telling anything of it. An equal key applied again has the same name, a changed one another. */
export function pskGeneration(key: Uint8Array): string {
  return hmacSha256(secretKey(key), Buffer.from("ferry credential")).toString("hex").slice(0, DIGITS);
}

/** Names a raw public key or a pinned certificate: by its DER. */
export function publicGeneration(der: Uint8Array): string {
  return hash("sha256", der, "hex").slice(0, DIGITS);
}

/** Names the CA of a fleet; the dot tells it from a pinned certificate of the same DER, which is another credential. */
export function caGeneration(der: Uint8Array): string {
  return `${publicGeneration(der)}.`;
}

/** A certificate that a CA signed: the CA, and what the revocation of it and of each CA in between is known by. */
export function issuedGeneration(ca: Uint8Array, revocationKeys: readonly string[]): string {
  return caGeneration(ca) + revocationKeys.join(",");
}

/** The two parts of {@link issuedGeneration}, the first as {@link caGeneration}; without a dot it is another kind. */
export function parseIssuedGeneration(
  generation: string,
): { readonly ca: string; readonly revocationKeys: readonly string[] } | undefined {
  const [ca, keys, ...more] = generation.split(".");
  return ca && keys && more.length === 0 ? { ca: `${ca}.`, revocationKeys: keys.split(",") } : undefined;
}

/** The generation of a credential that is over at a time, ms since 1970: the last certificate of RFC 5280 (year 9999, §4.1.2.5) needs 8 digits. */
export function limitedGeneration(generation: string, validUntilMs: number): string {
  return `${generation}@${Math.floor(validUntilMs / 1000).toString(36)}`;
}

const VALIDITY_DIGITS = 8;

/** The two parts of {@link limitedGeneration}; `validUntilMs` is infinite for a credential that is never over. */
export function parseLimitedGeneration(generation: string): {
  readonly generation: string;
  readonly validUntilMs: number;
} {
  const at = generation.lastIndexOf("@");
  if (at < 0) return { generation, validUntilMs: Number.POSITIVE_INFINITY };
  return { generation: generation.slice(0, at), validUntilMs: Number.parseInt(generation.slice(at + 1), 36) * 1000 };
}

/** Longest of all: that of a certificate with as many CAs in between as there may be. */
export const MAX_GENERATION_BYTES: number =
  DIGITS + (1 + MAX_INTERMEDIATES) * (1 + MAX_REVOCATION_KEY_DIGITS) + 1 + VALIDITY_DIGITS;
