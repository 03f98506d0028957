/** How much is let through: a token bucket for each pair, and all of them must agree. Empty: everything. */
export type RateLimit = readonly TokenBucketSize[];

/** Up to `capacity` at once, refilled evenly within `periodMs`. */
export interface TokenBucketSize {
  readonly capacity: number;
  readonly periodMs: number;
}

/** More would say nothing that a few do not. */
const MAX_BUCKETS = 8;
const MAX_CAPACITY = 1_000_000_000;
const MAX_PERIOD_S = 2_678_400;

/** What a text must look like, to end a sentence with. */
export const RATE_LIMIT_FORM: string = `capacity:seconds[,capacity:seconds], such as "10:1,300:60": at most ${MAX_BUCKETS} pairs of whole numbers from 1, up to ${MAX_CAPACITY}:${MAX_PERIOD_S}; empty for no limit`;

/** Parses ThingsBoard's form, `capacity:seconds[,capacity:seconds]`; undefined when it is not of that form ({@link RATE_LIMIT_FORM}). */
export function parseRateLimit(text: string): RateLimit | undefined {
  if (text.trim() === "") return [];
  const pairs = text.split(",");
  const buckets = pairs.map(parseBucket).filter((bucket) => bucket !== undefined);
  return pairs.length <= MAX_BUCKETS && buckets.length === pairs.length ? buckets : undefined;
}

/** The inverse of {@link parseRateLimit}. */
export function formatRateLimit(limit: RateLimit): string {
  return limit.map(({ capacity, periodMs }) => `${capacity}:${periodMs / 1000}`).join(",");
}

function parseBucket(text: string): TokenBucketSize | undefined {
  const [, capacityText, secondsText] = /^\s*(\d{1,10}):(\d{1,10})\s*$/.exec(text) ?? [];
  const capacity = Number(capacityText);
  const seconds = Number(secondsText);
  const isPossible = capacity >= 1 && capacity <= MAX_CAPACITY && seconds >= 1 && seconds <= MAX_PERIOD_S; // NaN is not.
  return isPossible ? { capacity, periodMs: seconds * 1000 } : undefined;
}
