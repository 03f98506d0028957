import type { DirectionKeys } from "./association-state.ts";
import { CIPHERS, type CipherSuite } from "./cipher-suite.ts";
import { secretKey } from "./hmac.ts";
import { prf } from "./prf.ts";
import { SecretBytes } from "./secret-bytes.ts";

/** RFC 5246 §8.1. */
const MASTER_SECRET_BYTES = 48;
/** RFC 5246 §7.4.9. */
const VERIFY_DATA_BYTES = 12;

/**
 * The premaster secret of a plain PSK key exchange (RFC 4279 §2).
 *
 * ```
 * length (2) | length zeros | length (2) | PSK
 * ```
 */
export function pskPremasterSecret(psk: Uint8Array): Uint8Array {
  const premaster = new Uint8Array(4 + 2 * psk.length);
  const view = new DataView(premaster.buffer);
  view.setUint16(0, psk.length);
  view.setUint16(2 + psk.length, psk.length);
  premaster.set(psk, 4 + psk.length);
  return premaster;
}

/** The 48 bytes of a master secret without the extension of RFC 7627 (RFC 5246 §8.1); both randoms are 32 bytes. */
export function masterSecret(premaster: Uint8Array, clientRandom: Uint8Array, serverRandom: Uint8Array): SecretBytes {
  const seed = concat(clientRandom, serverRandom);
  return SecretBytes.take(prf(secretKey(premaster), "master secret", seed, MASTER_SECRET_BYTES));
}

/** The 48 bytes of an extended master secret; `sessionHash` is the SHA-256 of all messages up to ClientKeyExchange (RFC 7627 §4). */
export function extendedMasterSecret(premaster: Uint8Array, sessionHash: Uint8Array): SecretBytes {
  return SecretBytes.take(prf(secretKey(premaster), "extended master secret", sessionHash, MASTER_SECRET_BYTES));
}

/** What client and server write with (RFC 5246 §6.3): MAC keys, then keys, then salts, the client's first. */
export function expandKeys(
  suite: CipherSuite,
  master: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): { readonly client: DirectionKeys; readonly server: DirectionKeys } {
  const { keyBytes, saltBytes, macKeyBytes } = CIPHERS[suite.cipher];
  const length = 2 * (macKeyBytes + keyBytes + saltBytes);
  const block = prf(secretKey(master), "key expansion", concat(serverRandom, clientRandom), length);
  let at = 0;
  // Copies, so that nobody who keeps a key keeps the others with it.
  const take = (size: number): SecretBytes => {
    at += size;
    return SecretBytes.take(block.subarray(at - size, at));
  };
  const macKeys = [take(macKeyBytes), take(macKeyBytes)] as const;
  const keys = [take(keyBytes), take(keyBytes)] as const;
  const salts = [take(saltBytes), take(saltBytes)] as const;
  return {
    client: { key: keys[0], salt: salts[0], macKey: macKeys[0] },
    server: { key: keys[1], salt: salts[1], macKey: macKeys[1] },
  };
}

/** The 12 bytes of a Finished message; `transcriptHash` is the SHA-256 of all messages before it (RFC 5246 §7.4.9). */
export function verifyData(master: Uint8Array, side: "client" | "server", transcriptHash: Uint8Array): Uint8Array {
  return prf(secretKey(master), `${side} finished`, transcriptHash, VERIFY_DATA_BYTES);
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
