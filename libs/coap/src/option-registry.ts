import type { CoapOption } from "./option.ts";

/** Option numbers (RFC 7252 §12.2, RFC 7641 §2, RFC 7959 §6, RFC 7967 §2, RFC 9175 §2.2 and §3.2). */
export const OPTION = {
  IF_MATCH: 1,
  URI_HOST: 3,
  ETAG: 4,
  IF_NONE_MATCH: 5,
  OBSERVE: 6,
  URI_PORT: 7,
  LOCATION_PATH: 8,
  URI_PATH: 11,
  CONTENT_FORMAT: 12,
  MAX_AGE: 14,
  URI_QUERY: 15,
  ACCEPT: 17,
  LOCATION_QUERY: 20,
  BLOCK2: 23,
  BLOCK1: 27,
  SIZE2: 28,
  PROXY_URI: 35,
  PROXY_SCHEME: 39,
  SIZE1: 60,
  ECHO: 252,
  NO_RESPONSE: 258,
  REQUEST_TAG: 292,
} as const;

/** What is fixed about a critical option: how often it may occur and how long its value may be. */
interface CriticalOption {
  readonly repeatable: boolean;
  readonly minLength: number;
  readonly maxLength: number;
}

/**
 * The critical options that this stack, or the application above it, understands (RFC 7252 §5.10, RFC 7959 §2.1).
 * Elective ones need no entry: one that is not understood is ignored.
 */
const CRITICAL_OPTIONS: ReadonlyMap<number, CriticalOption> = new Map([
  [OPTION.IF_MATCH, { repeatable: true, minLength: 0, maxLength: 8 }],
  [OPTION.URI_HOST, { repeatable: false, minLength: 1, maxLength: 255 }],
  [OPTION.IF_NONE_MATCH, { repeatable: false, minLength: 0, maxLength: 0 }],
  [OPTION.URI_PORT, { repeatable: false, minLength: 0, maxLength: 2 }],
  [OPTION.URI_PATH, { repeatable: true, minLength: 0, maxLength: 255 }],
  [OPTION.URI_QUERY, { repeatable: true, minLength: 0, maxLength: 255 }],
  [OPTION.ACCEPT, { repeatable: false, minLength: 0, maxLength: 2 }],
  [OPTION.BLOCK2, { repeatable: false, minLength: 0, maxLength: 3 }],
  [OPTION.BLOCK1, { repeatable: false, minLength: 0, maxLength: 3 }],
  [OPTION.PROXY_URI, { repeatable: false, minLength: 1, maxLength: 1034 }],
  [OPTION.PROXY_SCHEME, { repeatable: false, minLength: 1, maxLength: 255 }],
]);

/** Odd numbers are critical: who does not understand one must not act on the message (RFC 7252 §5.4.6). */
export function isCritical(number: number): boolean {
  return (number & 1) === 1;
}

/**
 * The number of the first critical option that must be treated as not understood: unknown, of a length out of range,
 * or repeated though it may occur once only (RFC 7252 §5.4.1, §5.4.3, §5.4.5). `undefined` when all are fine.
 */
export function findUnacceptableOption(options: readonly CoapOption[]): number | undefined {
  let previous = -1;
  for (const { number, value } of options) {
    if (isCritical(number)) {
      const known = CRITICAL_OPTIONS.get(number);
      if (known === undefined) return number;
      if (value.length < known.minLength || value.length > known.maxLength) return number;
      if (number === previous && !known.repeatable) return number;
    }
    previous = number;
  }
  return undefined;
}
