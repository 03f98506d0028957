import assert from "node:assert";
import type { Random } from "@ferry/coap";
import { cidBytes, type LiveAssociation } from "./association.ts";
import type { DirectionKeys } from "./association-state.ts";
import { CIPHERS, cipherSuite } from "./cipher-suite.ts";
import { KeySlab } from "./key-slab.ts";
import { oldestBeyond } from "./oldest-beyond.ts";
import { makeProtection, type Protection } from "./record-protection.ts";
import { SecretBytes } from "./secret-bytes.ts";

/** Keys of an association that are ready to use. */
export interface ReadyKeys {
  readonly client: Protection;
  readonly server: Protection;
  /** What our records carry; undefined: none. */
  readonly peerCid: Uint8Array | undefined;
}

type AnyCipher = (typeof CIPHERS)[keyof typeof CIPHERS];
type Keys = { readonly client: DirectionKeys; readonly server: DirectionKeys };

/** The keys of all associations: packed, and those of the busy ones also as key objects, which node:crypto wants and which take a kilobyte each. */
export class KeyRing {
  readonly #random: Random;
  readonly #maxReady: number;
  readonly #slabs = new Map<number, KeySlab>();
  readonly #ready = new Map<LiveAssociation, ReadyKeys>();

  constructor({ random, maxReady }: { readonly random: Random; readonly maxReady: number }) {
    this.#random = random;
    this.#maxReady = maxReady;
  }

  /** Associations whose keys are ready. */
  get readyCount(): number {
    return this.#ready.size;
  }

  /** Associations whose keys are kept: also of handshakes that have not ended, and of what is being claimed. */
  get size(): number {
    return [...this.#slabs.values()].reduce((sum, slab) => sum + slab.size, 0);
  }

  /** Keeps a copy of the keys of a suite; the slot is for the association. */
  put(suite: number, { client, server }: Keys): number {
    const parts = [client, server].flatMap(({ key, salt, macKey }) => [key, salt, macKey]);
    return this.#slab(cipherOf(suite)).put(...parts);
  }

  /** The keys, ready; those that were not used for longest make room. */
  ready(association: LiveAssociation): ReadyKeys {
    const ready = this.#ready.get(association) ?? this.#prepare(association);
    this.#ready.delete(association);
    this.#ready.set(association, ready);
    for (const oldest of oldestBeyond(this.#ready, this.#maxReady)) this.#ready.delete(oldest);
    return ready;
  }

  /** A copy of the keys. */
  read({ suite, keySlot }: LiveAssociation): Keys {
    const cipher = cipherOf(suite);
    const bytes = this.#slab(cipher).read(keySlot);
    const half = slotBytes(cipher) / 2;
    return { client: split(cipher, bytes.subarray(0, half)), server: split(cipher, bytes.subarray(half)) };
  }

  /** Overwrites the keys of an association that is over. */
  erase(association: LiveAssociation): void {
    this.#ready.delete(association);
    this.#slab(cipherOf(association.suite)).erase(association.keySlot);
  }

  #prepare(association: LiveAssociation): ReadyKeys {
    const { peerCid, encryptThenMac } = association;
    const suite = cipherSuite(association.suite);
    assert(suite !== undefined, `an association has a suite that is spoken here, not ${association.suite}`);
    const keys = this.read(association);
    const ready = {
      client: makeProtection(suite, keys.client, encryptThenMac, this.#random),
      server: makeProtection(suite, keys.server, encryptThenMac, this.#random),
      peerCid: peerCid === undefined || peerCid === "" ? undefined : cidBytes(peerCid),
    };
    eraseKeys(keys);
    return ready;
  }

  #slab(cipher: AnyCipher): KeySlab {
    const bytes = slotBytes(cipher);
    let slab = this.#slabs.get(bytes);
    if (slab === undefined) {
      slab = new KeySlab(bytes);
      this.#slabs.set(bytes, slab);
    }
    return slab;
  }
}

/** Overwrites a copy that is of no use any more. */
export function eraseKeys({ client, server }: Keys): void {
  for (const { key, salt, macKey } of [client, server]) for (const bytes of [key, salt, macKey]) bytes.fill(0);
}

function cipherOf(suite: number): AnyCipher {
  const name = cipherSuite(suite)?.cipher;
  assert(name !== undefined, `suite ${suite} is not spoken here`);
  return CIPHERS[name];
}

function slotBytes({ keyBytes, saltBytes, macKeyBytes }: AnyCipher): number {
  return 2 * (keyBytes + saltBytes + macKeyBytes);
}

function split({ keyBytes, saltBytes }: AnyCipher, bytes: Uint8Array): DirectionKeys {
  const macAt = keyBytes + saltBytes;
  return {
    key: SecretBytes.copyOf(bytes.subarray(0, keyBytes)),
    salt: SecretBytes.copyOf(bytes.subarray(keyBytes, macAt)),
    macKey: SecretBytes.copyOf(bytes.subarray(macAt)),
  };
}
