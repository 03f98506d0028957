import assert from "node:assert";
import { type CipherCCMTypes, createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";
import { additionalData } from "./additional-data.ts";
import type { DirectionKeys } from "./association-state.ts";
import { CIPHERS } from "./cipher-suite.ts";
import { EXPLICIT_NONCE_BYTES } from "./explicit-nonce.ts";
import { secretKey } from "./hmac.ts";
import {
  beginRecord,
  innerPlaintextBytes,
  innerTypeBytes,
  type OpenedRecord,
  openInnerPlaintext,
} from "./inner-plaintext.ts";
import { recordHeaderBytes, type WireRecord } from "./record.ts";
import type { Protection, SealInput } from "./record-protection.ts";

const SALT_BYTES = 4;
/** Reused by all records: node:crypto copies it before it returns. */
const NONCE = new Uint8Array(SALT_BYTES + EXPLICIT_NONCE_BYTES);

/**
 * AES-128-CCM-8 (RFC 6655 §3) and AES-128-GCM (RFC 5288 §3) as of RFC 5246 §6.2.3.3.
 *
 * ```
 * fragment = explicit nonce (8) | ciphertext | tag (8 or 16)        nonce = salt (4) | explicit nonce (8)
 * ```
 *
 * The explicit nonce of a received record is what the record says: its sender was free to choose it.
 */
export class AeadProtection implements Protection {
  readonly #algorithm: CipherCCMTypes;
  readonly #options: { readonly authTagLength: number };
  readonly #key: KeyObject;
  readonly #salt: Uint8Array;

  constructor(cipher: "ccm8" | "gcm", { key, salt }: DirectionKeys) {
    const { algorithm, tagBytes } = CIPHERS[cipher];
    assert(key.length === 16 && salt.length === SALT_BYTES, "an AEAD suite has a key of 16 and a salt of 4 bytes");
    // The types of GCM are those of CCM with fewer obligations.
    this.#algorithm = algorithm as CipherCCMTypes;
    this.#options = { authTagLength: tagBytes };
    this.#key = secretKey(key);
    this.#salt = Uint8Array.from(salt);
  }

  open(record: WireRecord): OpenedRecord | undefined {
    const { fragment, header, cid } = record;
    const tagAt = fragment.length - this.#options.authTagLength;
    const plaintextLength = tagAt - EXPLICIT_NONCE_BYTES;
    if (plaintextLength < 0) return undefined;
    const decipher = createDecipheriv(this.#algorithm, this.#key, this.#nonce(fragment), this.#options);
    decipher.setAuthTag(fragment.subarray(tagAt));
    decipher.setAAD(additionalData(header, cid?.length ?? 0, plaintextLength), { plaintextLength });
    const plaintext = decipher.update(fragment.subarray(EXPLICIT_NONCE_BYTES, tagAt));
    try {
      decipher.final();
    } catch {
      // The one thing that can fail here; node:crypto has no class for it.
      return undefined;
    }
    return openInnerPlaintext(record, plaintext);
  }

  seal(input: SealInput): Uint8Array {
    const { cid, nonce } = input;
    assert(nonce.length === EXPLICIT_NONCE_BYTES, "an explicit nonce has 8 bytes");
    const plaintextLength = innerPlaintextBytes(input);
    const fragmentBytes = EXPLICIT_NONCE_BYTES + plaintextLength + this.#options.authTagLength;
    const record = beginRecord(input, EXPLICIT_NONCE_BYTES, fragmentBytes);
    const plaintextAt = record.length - fragmentBytes + EXPLICIT_NONCE_BYTES;
    const tagAt = plaintextAt + plaintextLength;
    record.set(nonce, plaintextAt - EXPLICIT_NONCE_BYTES);

    const cipher = createCipheriv(this.#algorithm, this.#key, this.#nonce(nonce), this.#options);
    cipher.setAAD(additionalData(record, cid?.length ?? 0, plaintextLength), { plaintextLength });
    record.set(cipher.update(record.subarray(plaintextAt, tagAt)), plaintextAt);
    cipher.final();
    record.set(cipher.getAuthTag(), tagAt);
    return record;
  }

  overheadBytes(cid: Uint8Array | undefined): number {
    return recordHeaderBytes(cid) + EXPLICIT_NONCE_BYTES + innerTypeBytes(cid) + this.#options.authTagLength;
  }

  /** The whole nonce, from bytes that begin with the explicit one; valid until the next call. */
  #nonce(explicit: Uint8Array): Uint8Array {
    for (let i = 0; i < SALT_BYTES; i++) NONCE[i] = this.#salt[i] ?? 0;
    for (let i = 0; i < EXPLICIT_NONCE_BYTES; i++) NONCE[SALT_BYTES + i] = explicit[i] ?? 0;
    return NONCE;
  }
}
