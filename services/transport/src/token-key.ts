import type { Token } from "@ferry/state";

/** A token as a map key: its shard and random bits, 52 in all, exact as a number. Tokens of one kind differ in them. */
export type TokenKey = number;

/** The key of a token of ours (8 bytes). */
export function tokenKey(token: Token): TokenKey {
  const [head = 0, low = 0, , b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0] = token;
  const shard = ((head & 0x0f) << 8) | low;
  return (shard * 256 + b0) * 0x1_0000_0000 + (((b1 << 24) | (b2 << 16) | (b3 << 8) | b4) >>> 0);
}
