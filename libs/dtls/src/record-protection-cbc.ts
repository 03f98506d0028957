import assert from "node:assert";
import { createCipheriv, createDecipheriv, type KeyObject, timingSafeEqual } from "node:crypto";
import { additionalData } from "./additional-data.ts";
import type { DirectionKeys } from "./association-state.ts";
import { balancingBytes, MAX_BALANCING_BYTES, readCbcPadding } from "./cbc-padding.ts";
import { CIPHERS } from "./cipher-suite.ts";
import { hmacSha256, secretKey } from "./hmac.ts";
import {
  beginRecord,
  innerPlaintextBytes,
  innerTypeBytes,
  type OpenedRecord,
  openInnerPlaintext,
} from "./inner-plaintext.ts";
import { recordHeaderBytes, type WireRecord } from "./record.ts";
import type { Protection, SealInput } from "./record-protection.ts";

const { algorithm: ALGORITHM } = CIPHERS.cbc;
/** Of AES, and so of an IV. */
const BLOCK_BYTES = 16;
const MAC_BYTES = 32;
const NO_BYTES = new Uint8Array(0);
/** What is hashed in vain, so that all records of a length cost the same; the bytes do not matter. */
const BALLAST = new Uint8Array(MAX_BALANCING_BYTES);

/**
 * AES-128-CBC with HMAC-SHA256: MAC-then-encrypt (RFC 5246 §6.2.3.2, RFC 9146 §5.1) or encrypt-then-MAC (RFC 7366 §3, RFC 9146 §5.2).
 *
 * ```
 * MAC-then-encrypt   fragment = IV (16) | ENC(content | MAC (32) | padding)        MAC over additional data | content
 * encrypt-then-MAC   fragment = IV (16) | ENC(content | padding) | MAC (32)        MAC over additional data | IV | ENC
 * ```
 *
 * MAC-then-encrypt is open to Lucky 13 (AlFardan and Paterson, 2013): whoever can tell a bad padding from a bad MAC, by time, reads what others
 * sent. Here both take the same path with the same number of hash blocks and one comparison. That is best effort, for nothing in
 * JavaScript takes constant time by promise: hence this suite is off unless configured, and encrypt-then-MAC is taken wherever it is offered.
 */
export class CbcProtection implements Protection {
  readonly #key: KeyObject;
  readonly #macKey: KeyObject;
  readonly #encryptThenMac: boolean;
  readonly #random: (size: number) => Uint8Array;

  constructor({ key, macKey }: DirectionKeys, encryptThenMac: boolean, random: (size: number) => Uint8Array) {
    assert(key.length === 16 && macKey.length === MAC_BYTES, "CBC has a key of 16 and a MAC key of 32 bytes");
    this.#key = secretKey(key);
    this.#macKey = secretKey(macKey);
    this.#encryptThenMac = encryptThenMac;
    this.#random = random;
  }

  open(record: WireRecord): OpenedRecord | undefined {
    return this.#encryptThenMac ? this.#openMacLast(record) : this.#openMacFirst(record);
  }

  #openMacLast(record: WireRecord): OpenedRecord | undefined {
    const { fragment, header, cid } = record;
    const macAt = fragment.length - MAC_BYTES;
    if (macAt < 2 * BLOCK_BYTES || macAt % BLOCK_BYTES !== 0) return undefined;
    const encrypted = fragment.subarray(0, macAt);
    const mac = hmacSha256(this.#macKey, additionalData(header, cid?.length ?? 0, macAt), encrypted);
    if (!timingSafeEqual(mac, fragment.subarray(macAt))) return undefined;
    const plaintext = this.#decrypt(encrypted);
    const { isValid, end } = readCbcPadding(plaintext, 0);
    return isValid ? openInnerPlaintext(record, plaintext.subarray(0, end)) : undefined;
  }

  #openMacFirst(record: WireRecord): OpenedRecord | undefined {
    const { fragment, header, cid } = record;
    const length = fragment.length - BLOCK_BYTES;
    if (length < MAC_BYTES + BLOCK_BYTES || length % BLOCK_BYTES !== 0) return undefined;
    const plaintext = this.#decrypt(fragment);
    const { isValid, end } = readCbcPadding(plaintext, MAC_BYTES);
    const macAt = end - MAC_BYTES;
    const data = additionalData(header, cid?.length ?? 0, macAt);
    const mac = hmacSha256(this.#macKey, data, plaintext.subarray(0, macAt));
    const maxHashed = data.length + length - MAC_BYTES - 1;
    const ballast = BALLAST.subarray(0, balancingBytes(data.length + macAt, maxHashed));
    hmacSha256(this.#macKey, NO_BYTES, ballast);
    const isAuthentic = timingSafeEqual(mac, plaintext.subarray(macAt, end));
    // Both are known by now, whatever came: no short cut.
    if (Number(isValid) + Number(isAuthentic) !== 2) return undefined;
    return openInnerPlaintext(record, plaintext.subarray(0, macAt));
  }

  seal(input: SealInput): Uint8Array {
    const contentBytes = innerPlaintextBytes(input);
    const paddedBytes = this.#encryptThenMac ? contentBytes : contentBytes + MAC_BYTES;
    // At least the byte that tells its length.
    const paddingBytes = BLOCK_BYTES - (paddedBytes % BLOCK_BYTES);
    const encryptedBytes = BLOCK_BYTES + paddedBytes + paddingBytes;
    const fragmentBytes = this.#encryptThenMac ? encryptedBytes + MAC_BYTES : encryptedBytes;
    const record = beginRecord(input, BLOCK_BYTES, fragmentBytes);
    const ivAt = record.length - fragmentBytes;
    const plaintextAt = ivAt + BLOCK_BYTES;
    const paddingAt = plaintextAt + paddedBytes;
    const encryptedEnd = paddingAt + paddingBytes;
    record.set(this.#random(BLOCK_BYTES), ivAt);

    const cidLength = input.cid?.length ?? 0;
    if (!this.#encryptThenMac)
      this.#writeMac(record, additionalData(record, cidLength, contentBytes), plaintextAt, contentBytes);
    record.fill(paddingBytes - 1, paddingAt, encryptedEnd);
    const cipher = createCipheriv(ALGORITHM, this.#key, record.subarray(ivAt, plaintextAt)).setAutoPadding(false);
    record.set(cipher.update(record.subarray(plaintextAt, encryptedEnd)), plaintextAt);
    if (this.#encryptThenMac)
      this.#writeMac(record, additionalData(record, cidLength, encryptedBytes), ivAt, encryptedBytes);
    return record;
  }

  overheadBytes(cid: Uint8Array | undefined): number {
    return recordHeaderBytes(cid) + BLOCK_BYTES + innerTypeBytes(cid) + MAC_BYTES + BLOCK_BYTES;
  }

  /** Writes a MAC behind what it covers. */
  #writeMac(record: Buffer, data: Uint8Array, at: number, bytes: number): void {
    record.set(hmacSha256(this.#macKey, data, record.subarray(at, at + bytes)), at + bytes);
  }

  /** What whole blocks behind an IV say. */
  #decrypt(encrypted: Uint8Array): Buffer {
    const iv = encrypted.subarray(0, BLOCK_BYTES);
    return createDecipheriv(ALGORITHM, this.#key, iv).setAutoPadding(false).update(encrypted.subarray(BLOCK_BYTES));
  }
}
