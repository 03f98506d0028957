/** CoAP Token of 8 bytes: version 2 bits · kind 2 bits · shard 12 bits · slot 8 bits (0xFF for observations) · random 40 bits. */
export type Token = Uint8Array & { readonly __brand?: "Token" };

/** What a token was made for. */
export const TOKEN_KIND = { request: 0, observation: 1 } as const;

const VERSION = 0;
/** Slot of tokens that belong to no node. */
const NO_SLOT = 0xff;

/** What a token says about itself. */
export interface TokenParts {
  readonly kind: number;
  readonly shard: number;
  /** Slot of the node that waits for the response; undefined for observations: they belong to no node. */
  readonly slot: number | undefined;
}

/** Makes a token for a request of the node at `slot`. */
export function requestToken(shard: number, slot: number, random: (size: number) => Uint8Array): Token {
  return makeToken(TOKEN_KIND.request, shard, slot, random);
}

/** Makes a token for an observation, which any node can resolve by its shard. */
export function observationToken(shard: number, random: (size: number) => Uint8Array): Token {
  return makeToken(TOKEN_KIND.observation, shard, NO_SLOT, random);
}

function makeToken(kind: number, shard: number, slot: number, random: (size: number) => Uint8Array): Token {
  const token = new Uint8Array(8);
  token[0] = (VERSION << 6) | (kind << 4) | (shard >> 8);
  token[1] = shard & 0xff;
  token[2] = slot;
  token.set(random(5), 3);
  return token;
}

/** Reads a token; `undefined` when it is not one of ours: another length, version or kind. */
export function parseToken(token: Uint8Array): TokenParts | undefined {
  if (token.length !== 8) return undefined;
  const [head = 0, low = 0, slot = 0] = token;
  const kind = (head >> 4) & 3;
  if (head >> 6 !== VERSION || kind > TOKEN_KIND.observation) return undefined;
  return { kind, shard: ((head & 0x0f) << 8) | low, slot: slot === NO_SLOT ? undefined : slot };
}
