import type { KeyObject } from "node:crypto";
import { hmacSha256 } from "./hmac.ts";

/**
 * The pseudorandom function of TLS 1.2 with SHA-256 (RFC 5246 §5): `length` bytes of P_SHA256(secret, label + seed).
 *
 * ```
 * A(0) = label + seed      A(i) = HMAC(secret, A(i-1))
 * P_SHA256 = HMAC(secret, A(1) + label + seed) + HMAC(secret, A(2) + label + seed) + …
 * ```
 */
export function prf(secret: KeyObject, label: string, seed: Uint8Array, length: number): Uint8Array {
  const name = Buffer.from(label, "latin1");
  const output = new Uint8Array(length);
  let chain = hmacSha256(secret, name, seed);
  for (let at = 0; ; ) {
    const block = hmacSha256(secret, chain, name, seed);
    output.set(length - at < block.length ? block.subarray(0, length - at) : block, at);
    at += block.length;
    if (at >= length) return output;
    chain = hmacSha256(secret, chain);
  }
}
