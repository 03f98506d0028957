import assert from "node:assert";
import type { Random } from "@ferry/coap";

const VERSION = 0;
/** Version, shard, slot and 40 random bits take 8 bytes; up to 4 more are random too. */
export const MIN_CONNECTION_ID_BYTES = 8;
export const MAX_CONNECTION_ID_BYTES = 12;

/** What a Connection ID of ours says, to whoever reads it: hints that prove nothing. */
export interface ConnectionIdHints {
  /** 12 bits, random: which shard of the store points to the association. */
  readonly pointerShard: number;
  /** The node that gave it out, 0 to 255. */
  readonly slot: number;
}

/** What a Connection ID is made of. */
export interface ConnectionIdSource {
  /** The node's, 0 to 255. */
  readonly slot: number;
  /** 8 to 12, one for the whole deployment: records do not carry the length (RFC 9146 §4). */
  readonly lengthBytes: number;
  readonly random: Random;
}

/**
 * Makes a Connection ID (RFC 9146 §3; docs/architecture.md), so that any node sees from a record alone where to look for its association.
 * ```
 * version (4 bits) | pointer shard (12, random) | slot (8) | random (40 to 72)
 * ```
 */
export function makeConnectionId({ slot, lengthBytes, random }: ConnectionIdSource): Uint8Array {
  assert(isConnectionIdLength(lengthBytes), `a Connection ID has 8 to 12 bytes, not ${lengthBytes}`);
  assert(Number.isInteger(slot) && slot >= 0 && slot <= 0xff, `a slot is 0 to 255, not ${slot}`);
  const cid = Uint8Array.from(random(lengthBytes));
  cid[0] = (VERSION << 4) | ((cid[0] ?? 0) & 0x0f);
  cid[2] = slot;
  return cid;
}

/** Reads the hints of a Connection ID; undefined when it is none of ours, or of another version: nothing is looked up for it. */
export function parseConnectionId(cid: Uint8Array): ConnectionIdHints | undefined {
  const [first = 0, second = 0, slot = 0] = cid;
  if (!isConnectionIdLength(cid.length) || first >> 4 !== VERSION) return undefined;
  return { pointerShard: ((first & 0x0f) << 8) | second, slot };
}

function isConnectionIdLength(length: number): boolean {
  return Number.isInteger(length) && length >= MIN_CONNECTION_ID_BYTES && length <= MAX_CONNECTION_ID_BYTES;
}
