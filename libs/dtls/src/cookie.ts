import assert from "node:assert";
import { type KeyObject, timingSafeEqual } from "node:crypto";
import type { Address } from "./association-state.ts";
import { ByteWriter } from "./byte-writer.ts";
import { hmacSha256 } from "./hmac.ts";
import type { ClientHello } from "./messages/client-hello.ts";
import { encodeUint16List } from "./messages/uint16-list.ts";

/** 128 bits cannot be guessed; a HelloVerifyRequest with them is smaller than any ClientHello. */
const COOKIE_BYTES = 16;

/**
 * Stateless cookies (RFC 6347 §4.2.1): whoever returns one receives at the address that it names.
 *
 * Extensions are not covered. RFC 6347 names the fields that must not change and they are not among them: wolfSSL 5.9.4 with raw public keys
 * sends other ones in its second hello.
 */
export class Cookies {
  readonly #keys: readonly KeyObject[];

  /** The same keys on all nodes: the first makes cookies, all verify them, so that a new one is put first and the old one leaves later. */
  constructor({ keys }: { readonly keys: readonly KeyObject[] }) {
    this.#keys = keys;
  }

  /** The cookie for this hello from this address: 16 bytes. */
  make(address: Address, hello: ClientHello): Uint8Array {
    const [key] = this.#keys;
    assert(key !== undefined, "cookies need a key");
    return cookie(key, coveredFields(address, hello));
  }

  /** Whether the cookie in the hello is one that was made for it. */
  verify(address: Address, hello: ClientHello): boolean {
    if (hello.cookie.length !== COOKIE_BYTES) return false;
    const fields = coveredFields(address, hello);
    return this.#keys.some((key) => timingSafeEqual(cookie(key, fields), hello.cookie));
  }
}

function cookie(key: KeyObject, fields: Uint8Array): Uint8Array {
  return hmacSha256(key, fields).subarray(0, COOKIE_BYTES);
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
