import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject } from "node:crypto";
import { secretKey } from "@ferry/dtls";
import type { SealingKeys } from "@ferry/provisioning";

const VERSION = 1;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NONCE_AT = 1 + KEY_ID_BYTES;
const CIPHERTEXT_AT = NONCE_AT + NONCE_BYTES;

/** What the sealing adds to what is sealed, bytes. */
export const SEALING_BYTES: number = CIPHERTEXT_AT + TAG_BYTES;

/** What is sealed; each kind has a key of its own, so that one never opens as the other. */
export type SealedKind = "association" | "session";

/** Keys under which associations and sessions lie in the store, and with which cookies are made: the same on all nodes. */
export interface AssociationSealing {
  /** Id of the key that seals; all of them open. */
  readonly current: string;
  readonly byId: ReadonlyMap<string, Readonly<Record<SealedKind, KeyObject>>>;
  /** The first makes cookies, all verify them (RFC 6347 §4.2.1). */
  readonly cookieKeys: readonly KeyObject[];
}

/** Derives the keys of each purpose from the sealing keys (HKDF with SHA-256, RFC 5869): a key does one thing only. */
export function deriveAssociationSealing({ current, byId }: SealingKeys): AssociationSealing {
  return {
    current,
    byId: new Map(
      [...byId].map(([id, key]) => [id, { association: derive(key, "association"), session: derive(key, "session") }]),
    ),
    cookieKeys: [...byId.values()].map((key) => derive(key, "cookie")),
  };
}

function derive(key: KeyObject, purpose: SealedKind | "cookie"): KeyObject {
  return secretKey(new Uint8Array(hkdfSync("sha256", key, new Uint8Array(0), `ferry dtls ${purpose} v1`, 32)));
}

/** What is to be sealed, with what is authenticated beside it: under another `context` it does not open. */
export interface Sealable {
  readonly kind: SealedKind;
  readonly context: string;
  readonly bytes: Uint8Array;
}

/**
 * Seals with AES-256-GCM under the current key:
 *
 * ```
 * version 1 · key id 4 · nonce 12 · ciphertext · tag 16
 * ```
 *
 * The nonce is random: a key may seal 2^32 times (NIST SP 800-38D §8.3), which is a handshake every second for 136 years.
 */
export function seal(
  { current, byId }: AssociationSealing,
  { kind, context, bytes }: Sealable,
  random: (size: number) => Uint8Array,
): Uint8Array {
  const nonce = random(NONCE_BYTES);
  const keys = byId.get(current) as Record<SealedKind, KeyObject>; // deriveAssociationSealing put it there.
  const cipher = createCipheriv("aes-256-gcm", keys[kind], nonce);
  cipher.setAAD(Buffer.from(context));
  return Buffer.concat([
    Uint8Array.of(VERSION),
    Buffer.from(current, "hex"),
    nonce,
    cipher.update(bytes),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
}

/** Whether it was sealed under the current key: what was not is sealed anew while the key before is still there. */
export function isSealedByCurrent({ current }: AssociationSealing, sealed: Uint8Array): boolean {
  return Buffer.from(sealed.subarray(1, NONCE_AT)).toString("hex") === current;
}

/** Opens what was sealed; undefined when it was changed, belongs elsewhere, or was sealed with a key that is not among ours. */
export function open({ byId }: AssociationSealing, { kind, context, bytes }: Sealable): Uint8Array | undefined {
  if (bytes.length < SEALING_BYTES || bytes[0] !== VERSION) return undefined;
  const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const key = byId.get(sealed.toString("hex", 1, NONCE_AT))?.[kind];
  if (key === undefined) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(NONCE_AT, CIPHERTEXT_AT), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(CIPHERTEXT_AT, -TAG_BYTES)), decipher.final()]);
  } catch {
    // node:crypto has one plain Error for a tag that does not match.
    return undefined;
  }
}
