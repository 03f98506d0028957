import assert from "node:assert";
import { type KeyObject, timingSafeEqual } from "node:crypto";
import type { Address } from "./association-state.ts";
import { ByteWriter } from "./byte-writer.ts";
import { hmacSha256 } from "./hmac.ts";
import type { ClientHello } from "./messages/client-hello.ts";
import { encodeUint16List } from "./messages/uint16-list.ts";

/** 128 bits cannot be guessed; a HelloVerifyRequest with them is smaller than any ClientHello. */
const COOKIE_BYTES = 16;
/** How long cookies are made alike, ms: the secret changes, as RFC 6347 §4.2.1 asks for, without anything to distribute. */
const PERIOD_MS = 60_000;
/** Periods whose cookies are taken, counted from now: a client that repeats its hello may be late, and the clock of the node that made it ahead. */
const PERIODS_TAKEN: readonly number[] = [0, -1, 1];

/**
 * Stateless cookies (RFC 6347 §4.2.1): whoever returns one receives, or received a minute or two ago, at the address that it names. Without an end a hello
 * that was heard once would draw flights to that address for ever, and end the handshakes of who has it now.
 *
 * Extensions are not covered. RFC 6347 names the fields that must not change and they are not among them: wolfSSL 5.9.4 with raw public keys
 * sends other ones in its second hello.
 */
export class Cookies {
  readonly #keys: readonly KeyObject[];
  readonly #wallMs: () => number;

  /** The same keys on all nodes: the first makes cookies, all verify them. */
  constructor({ keys, wallMs }: { readonly keys: readonly KeyObject[]; readonly wallMs: () => number }) {
    this.#keys = keys;
    this.#wallMs = wallMs;
  }

  /** The cookie for this hello from this address: 16 bytes. */
  make(address: Address, hello: ClientHello): Uint8Array {
    const [key] = this.#keys;
    assert(key !== undefined, "cookies need a key");
    return cookie(key, this.#period(), coveredFields(address, hello));
  }

  /** Whether the cookie in the hello is one that was made for it. */
  verify(address: Address, hello: ClientHello): boolean {
    if (hello.cookie.length !== COOKIE_BYTES) return false;
    const fields = coveredFields(address, hello);
    const now = this.#period();
    return this.#keys.some((key) =>
      PERIODS_TAKEN.some((period) => timingSafeEqual(cookie(key, now + period, fields), hello.cookie)),
    );
  }

  #period(): number {
    return Math.floor(this.#wallMs() / PERIOD_MS);
  }
}

function cookie(key: KeyObject, period: number, fields: Uint8Array): Uint8Array {
  return hmacSha256(key, new ByteWriter().uint24(period & 0xffffff).finish(), fields).subarray(0, COOKIE_BYTES);
}

/** Each with its length, so that no two hellos give the same bytes. */
function coveredFields(address: Address, hello: ClientHello): Uint8Array {
  return new ByteWriter()
    .vector8(Buffer.from(address))
    .uint16(hello.version)
    .bytes(hello.random)
    .vector8(hello.sessionId)
    .vector16(encodeUint16List(hello.cipherSuites))
    .vector8(hello.compressionMethods)
    .finish();
}
