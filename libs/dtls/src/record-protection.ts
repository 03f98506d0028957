import type { DirectionKeys } from "./association-state.ts";
import type { CipherSuite } from "./cipher-suite.ts";
import type { OpenedRecord } from "./inner-plaintext.ts";
import type { WireRecord } from "./record.ts";
import { AeadProtection } from "./record-protection-aead.ts";
import { CbcProtection } from "./record-protection-cbc.ts";

/** What is to be sealed into a record. */
export interface SealInput {
  /** The content type: with a Connection ID it goes inside. */
  readonly type: number;
  readonly epoch: number;
  /** At most MAX_SEQUENCE, and never twice. */
  readonly sequence: number;
  /** The peer's Connection ID; undefined or empty: none. */
  readonly cid: Uint8Array | undefined;
  /** At most `maxContentBytes` of the protection. */
  readonly content: Uint8Array;
  /** The 8 explicit bytes of an AEAD nonce, never twice under the same keys. Not looked at with CBC, whose IV is random. */
  readonly nonce: Uint8Array;
}

/** Protection of the records of one direction (RFC 5246 §6.2.3). */
export interface Protection {
  /** Undefined for whatever cannot be opened: nothing tells why, and it is to be dropped silently (RFC 6347 §4.1.2.7). Never throws. */
  open(record: WireRecord): OpenedRecord | undefined;
  /** A whole record, header and all. */
  seal(input: SealInput): Uint8Array;
  /** The most that sealing adds to a content, header and all, bytes. */
  overheadBytes(cid: Uint8Array | undefined): number;
}

/** Protection with the keys of one direction, which are copied; `random` gives the IVs of CBC. */
export function makeProtection(
  suite: CipherSuite,
  keys: DirectionKeys,
  encryptThenMac: boolean,
  random: (size: number) => Uint8Array,
): Protection {
  if (suite.cipher === "cbc") return new CbcProtection(keys, encryptThenMac, random);
  return new AeadProtection(suite.cipher, keys);
}
