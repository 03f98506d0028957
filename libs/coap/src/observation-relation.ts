const HALF_SEQUENCE_SPACE = 1 << 23;
const LONG_AGO_MS = 128_000;

/**
 * Whether a notification is newer than the newest before it, judged by their Observe values and times of arrival (RFC 7641 §3.4).
 *
 * The answer marks a notification as fresh or stale; a stale one is data still and is not to be dropped.
 */
export function isFresher(previous: number, previousMs: number, next: number, nextMs: number): boolean {
  if (previous < next && next - previous < HALF_SEQUENCE_SPACE) return true;
  if (previous > next && previous - next > HALF_SEQUENCE_SPACE) return true;
  return nextMs > previousMs + LONG_AGO_MS;
}
