import {
  CIPHER_SUITES,
  type CipherSuite,
  cipherSuite,
  expandKeys,
  MAX_SEQUENCE,
  makeProtection,
  NOTHING_RECEIVED,
  type Protection,
  parseRecords,
  ReplayWindow,
} from "@ferry/dtls";
import { SeededRandom } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";

const STEPS = 10_000;
const CID_LENGTH = 4;
const MAX_DATAGRAM_BYTES = 2000;
const MAX_CORPUS = 200;

/** An association whose peer, or whoever sits between, sends what it likes; records that it sealed are known by their bytes. */
class Fuzzer {
  readonly #random: SeededRandom;
  readonly #suite: CipherSuite;
  readonly #peer: Protection;
  readonly #own: Protection;
  #window = ReplayWindow.from(NOTHING_RECEIVED);
  readonly #cid: Uint8Array;
  /** Records as the peer sealed them, and their number. */
  readonly #sealed = new Map<string, number>();
  readonly #corpus: Uint8Array[] = [];
  #sequence = 0;
  opened = 0;
  dropped = 0;

  constructor(seed: number, suite: CipherSuite, encryptThenMac: boolean) {
    const random = new SeededRandom(seed);
    const keys = expandKeys(suite, random.bytes(48), random.bytes(32), random.bytes(32));
    this.#random = random;
    this.#suite = suite;
    this.#peer = makeProtection(suite, keys.client, encryptThenMac, random.bytes);
    this.#own = makeProtection(suite, keys.client, encryptThenMac, random.bytes);
    this.#cid = random.bytes(CID_LENGTH);
  }

  step(): void {
    for (const record of parseRecords(this.#datagram(), CID_LENGTH)) {
      if (typeof record === "string") {
        this.dropped++;
        continue;
      }
      const { epoch, sequence, header, fragment } = record;
      if (epoch !== 1 || !this.#window.isNew(sequence)) continue;
      if (this.#own.open(record) === undefined) continue;
      const name = Buffer.concat([header, fragment]).toString("latin1");
      if (this.#sealed.get(name) !== sequence) expect({ suite: this.#suite.name, name }).toBe("sealed by the peer");
      this.#window.accept(sequence);
      if (this.#window.isNew(sequence)) expect(sequence).toBe("remembered");
      this.opened++;
      // Another node goes on.
      if (this.#random.chance(0.1)) this.#window = ReplayWindow.from(this.#window.mark);
    }
  }

  #datagram(): Uint8Array {
    const { below, bytes, chance } = this.#random;
    if (chance(0.05)) return bytes(below(100));
    const parts = Array.from({ length: 1 + below(3) }, () => (chance(0.6) ? this.#seal() : this.#known()));
    const datagram = new Uint8Array(Buffer.concat(parts)).subarray(0, MAX_DATAGRAM_BYTES);
    if (chance(0.3)) this.#damage(datagram);
    return chance(0.1) ? datagram.subarray(0, below(datagram.length)) : datagram;
  }

  #seal(): Uint8Array {
    const { below, bytes, chance } = this.#random;
    const jump = chance(0.02) ? below(2 ** 31) * 2 ** 10 : 1 + below(70);
    this.#sequence = (this.#sequence + jump) % (MAX_SEQUENCE + 1);
    const input = {
      type: 20 + below(4),
      epoch: 1,
      sequence: this.#sequence,
      content: bytes(below(chance(0.1) ? 600 : 40)),
    };
    const cid = chance(0.5) ? this.#cid : undefined;
    const record = this.#peer.seal({ ...input, cid, nonce: bytes(8) });
    this.#sealed.set(Buffer.from(record).toString("latin1"), this.#sequence);
    if (this.#corpus.length < MAX_CORPUS || chance(0.1)) this.#corpus[below(MAX_CORPUS)] = record;
    return record;
  }

  /** A record that was there before: a replay. */
  #known(): Uint8Array {
    const record = this.#corpus[this.#random.below(MAX_CORPUS)];
    return record === undefined ? this.#seal() : Uint8Array.from(record);
  }

  #damage(datagram: Uint8Array): void {
    const { below, chance } = this.#random;
    for (let count = 1 + below(3); count > 0; count--) {
      const at = chance(0.5) ? below(Math.min(20, datagram.length)) : below(datagram.length);
      datagram[at] = chance(0.5) ? below(256) : (datagram[at] ?? 0) ^ (1 << below(8));
    }
  }
}

const cases = [...CIPHER_SUITES.values()].flatMap((suite) =>
  suite.cipher === "cbc"
    ? [[suite.name, suite.id, false] as const, [suite.name, suite.id, true] as const]
    : [[suite.name, suite.id, false] as const],
);

describe("the records of an association under any datagrams", () => {
  it.each(cases)(
    "open only as the peer sealed them, once each, and nothing throws (%s %#)",
    (_name, id, encryptThenMac) => {
      const suite = cipherSuite(id);
      if (suite === undefined) throw new TypeError("no suite");
      const fuzzer = new Fuzzer(id, suite, encryptThenMac);
      for (let step = 0; step < STEPS; step++) fuzzer.step();
      expect(fuzzer.opened).toBeGreaterThan(STEPS / 4);
      expect(fuzzer.dropped).toBeGreaterThan(STEPS / 20);
    },
  );
});
