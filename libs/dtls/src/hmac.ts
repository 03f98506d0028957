import { createHmac, createSecretKey, type KeyObject } from "node:crypto";

/**
 * Wraps the bytes of a secret for the operations of node:crypto.
 *
 * These take a KeyObject here, by type and by lint: with a raw key Node 24 takes four times as long for each call. Long-lived state keeps
 * the packed bytes and wraps them when they are needed, which costs about a microsecond.
 */
export function secretKey(bytes: Uint8Array): KeyObject {
  return createSecretKey(bytes);
}

/** HMAC-SHA256 (RFC 2104) over the concatenation of the parts: 32 bytes. */
export function hmacSha256(key: KeyObject, ...parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
