import { createCipheriv, createDecipheriv, createSecretKey, hash, type KeyObject } from "node:crypto";
import type { lwm2m } from "@ferry/proto";
import { SealingError } from "./errors.ts";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Keys that secrets are sealed with: the first seals, all of them open. */
export interface SealingKeys {
  /** Id of the key that seals. */
  readonly current: string;
  /** As key objects: with raw bytes Node 24 takes ten times as long to open a secret. */
  readonly byId: ReadonlyMap<string, KeyObject>;
}

/**
 * Reads a key file: one key of 32 bytes a line, in Base64, as `openssl rand -base64 32` prints it. To rotate, put the new key first.
 *
 * The id of a key is the beginning of its SHA-256, so that every process knows it by the same name.
 * @throws {SealingError} a line is not a key, or there is none
 */
export function parseSealingKeys(text: string): SealingKeys {
  const lines = text.split("\n").map((line) => line.trim());
  const byId = new Map<string, KeyObject>();
  for (const [index, line] of lines.entries()) {
    if (line === "") continue;
    const key = Buffer.from(line, "base64");
    // Only the length is told: the line may be a secret.
    if (key.length !== KEY_BYTES) {
      throw new SealingError(`line ${index + 1} holds ${key.length} bytes of Base64, a sealing key has ${KEY_BYTES}`);
    }
    byId.set(hash("sha256", key, "hex").slice(0, 8), createSecretKey(key));
  }
  const [current] = byId.keys();
  if (current === undefined) throw new SealingError("the file holds no key: make one with `openssl rand -base64 32`");
  return { current, byId };
}

/** Seals a secret for the device that it belongs to: in another device's record it does not open. */
export function sealSecret(
  keys: SealingKeys,
  plain: Uint8Array,
  device: string,
  random: (size: number) => Uint8Array,
): lwm2m.v1.Sealed.$Properties {
  const nonce = random(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", keys.byId.get(keys.current) as KeyObject, nonce); // parseSealingKeys put it there.
  cipher.setAAD(Buffer.from(device));
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { keyId: keys.current, nonce, ciphertext };
}

/**
 * Opens a sealed secret of a device.
 *
 * @throws {SealingError} unknown key, or the bytes were changed or belong to another device
 */
export function unsealSecret(keys: SealingKeys, sealed: lwm2m.v1.Sealed.$Properties, device: string): Uint8Array {
  const keyId = sealed.keyId ?? "";
  const key = keys.byId.get(keyId);
  if (key === undefined) {
    throw new SealingError(`sealed under key "${keyId}", which is not among ours: ${[...keys.byId.keys()].join(", ")}`);
  }
  const nonce = sealed.nonce ?? new Uint8Array();
  const ciphertext = sealed.ciphertext ?? new Uint8Array();
  if (nonce.length !== NONCE_BYTES || ciphertext.length < TAG_BYTES) {
    throw new SealingError(
      `a nonce of ${nonce.length} and a ciphertext of ${ciphertext.length} bytes cannot be AES-256-GCM`,
    );
  }
  const decipher = createDecipheriv("aes-256-gcm", key, nonce);
  decipher.setAAD(Buffer.from(device));
  decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(ciphertext.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    // node:crypto has one plain Error for a tag that does not match.
    throw new SealingError(`does not open with key "${keyId}": it was changed, or sealed for another device`, {
      cause,
    });
  }
}
