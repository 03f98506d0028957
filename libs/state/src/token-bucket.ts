import type { RateLimit, TokenBucketSize } from "@ferry/profile";

/**
 * When each bucket of a limit is full again, ms on the clock that its functions are asked by; empty at first.
 *
 * One number is all that a bucket needs (the generic cell rate algorithm), and it outlives a change of the limit.
 */
export type BucketState = number[];

/** The state of the buckets of a limit at first. Of just its size: an array that grows takes room for sixteen more, and every device may have one. */
export function fullBuckets(buckets: RateLimit): BucketState {
  return buckets.map(() => Number.NEGATIVE_INFINITY);
}

/** What sums of fractions of ms may be off by. */
export const ROUNDING_MS = 0.01;

/** How long until every bucket has a token, ms; 0 when it has one. A few additions: it is asked for every datagram. */
export function tokenWaitMs(buckets: RateLimit, state: BucketState, nowMs: number): number {
  let waitMs = 0;
  for (let i = 0; i < buckets.length; i++) {
    const { capacity, periodMs } = buckets[i] as TokenBucketSize; // Below the length.
    const afterMs = fullAtMs(state, i, nowMs) + periodMs / capacity - nowMs - periodMs;
    if (afterMs > waitMs) waitMs = afterMs;
  }
  return waitMs > ROUNDING_MS ? waitMs : 0;
}

/** How many tokens every bucket has; infinite when there are none. */
export function freeTokens(buckets: RateLimit, state: BucketState, nowMs: number): number {
  const free = buckets.map(({ capacity, periodMs }, i) =>
    Math.floor(((nowMs + periodMs + ROUNDING_MS - fullAtMs(state, i, nowMs)) * capacity) / periodMs),
  );
  return Math.max(0, Math.min(...free));
}

/** Takes tokens out of every bucket, whether they are there or not; a negative count puts them back. */
export function takeTokens(buckets: RateLimit, state: BucketState, count: number, nowMs: number): void {
  for (let i = 0; i < buckets.length; i++) {
    const { capacity, periodMs } = buckets[i] as TokenBucketSize; // Below the length.
    state[i] = fullAtMs(state, i, nowMs) + (count * periodMs) / capacity;
  }
}

/** Takes a token out of every bucket when all have one, and answers 0; else takes none and answers how long until they have, ms. */
export function takeToken(buckets: RateLimit, state: BucketState, nowMs: number): number {
  const waitMs = tokenWaitMs(buckets, state, nowMs);
  if (waitMs === 0) takeTokens(buckets, state, 1, nowMs);
  return waitMs;
}

function fullAtMs(state: BucketState, index: number, nowMs: number): number {
  const at = state[index];
  return at === undefined || at < nowMs ? nowMs : at;
}
