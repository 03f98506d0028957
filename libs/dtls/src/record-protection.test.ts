import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { DirectionKeys } from "./association-state.ts";
import { CIPHER_SUITES, CIPHERS, type CipherSuite, cipherSuite } from "./cipher-suite.ts";
import { expandKeys, extendedMasterSecret, masterSecret, pskPremasterSecret, verifyData } from "./key-schedule.ts";
import { CONTENT_TYPE, MAX_PLAINTEXT_BYTES, MAX_SEQUENCE, parseRecords, type WireRecord } from "./record.ts";
import { makeProtection, type Protection } from "./record-protection.ts";
import { MBED_TLS } from "./vectors/mbedtls.ts";
import { OPENSSL } from "./vectors/openssl.ts";
import { RECORDED_CONTENTS, type RecordedAssociation } from "./vectors/recorded-association.ts";
import { SCANDIUM } from "./vectors/scandium.ts";

const SIDES = ["client", "server"] as const;
type Side = (typeof SIDES)[number];

function suiteOf(id: number): CipherSuite {
  const suite = cipherSuite(id);
  if (suite === undefined) throw new TypeError(`no suite ${id}`);
  return suite;
}

/** The one record of a datagram. */
function recordOf(datagram: Uint8Array, ownCidLength: number): WireRecord {
  const records = [...parseRecords(datagram, ownCidLength)];
  const [record] = records;
  if (record === undefined || typeof record === "string" || records.length > 1) throw new TypeError("not one record");
  return record;
}

const noRandom = (): Uint8Array => new Uint8Array(16);

describe.each([
  ["Mbed TLS", MBED_TLS],
  ["Scandium", SCANDIUM],
  ["OpenSSL", OPENSSL],
])("an association of %s", (_maker, associations) => {
  describe.each(associations.map((each) => [each.title, each] as const))("with %s", (_title, recorded) => {
    const suite = suiteOf(recorded.suite);
    const cids = { client: hex(recorded.clientCid), server: hex(recorded.serverCid) };
    const master = masterOf(recorded);
    const keys = expandKeys(suite, master, hex(recorded.clientRandom), hex(recorded.serverRandom));
    const records = SIDES.flatMap((side) => recorded[side].map((text) => [side, hex(text)] as const));

    function protectionOf(side: Side, random: (size: number) => Uint8Array = noRandom): Protection {
      return makeProtection(suite, keys[side], recorded.encryptThenMac, random);
    }

    /** The record of a side, which has the Connection ID of the other. */
    function parsed(from: Side, datagram: Uint8Array): WireRecord {
      const cid = cids[otherThan(from)];
      const record = recordOf(datagram, cid.length);
      expect(toHex(record.cid ?? new Uint8Array(0))).toBe(toHex(cid));
      return record;
    }

    function opened(from: Side, datagram: Uint8Array): { type: number; content: string } | undefined {
      const result = protectionOf(from).open(parsed(from, datagram));
      return result && { type: result.type, content: toHex(result.content) };
    }

    it("has the master secret that its maker says", () => {
      // Scandium does not say, but would not open a record with another one.
      expect(toHex(master)).toBe(recorded.masterSecret ?? toHex(master));
    });

    it("shows the Finished of both sides, the second over the first (RFC 5246 §7.4.9)", () => {
      const transcript = createHash("sha256").update(hex(recorded.handshake));
      for (const side of SIDES) {
        const found = opened(side, hex(recorded[side][0] ?? ""));
        const data = verifyData(master, side, transcript.copy().digest());
        // Header of the message: type, length, message sequence, fragment (RFC 6347 §4.2.2).
        const message = new RegExp(`^1400000c000[0-9a-f]00000000000c${toHex(data)}$`);
        expect(found).toEqual({ type: CONTENT_TYPE.HANDSHAKE, content: expect.stringMatching(message) });
        transcript.update(hex(found?.content ?? ""));
      }
    });

    it("shows what both sides sent", () => {
      const expected = RECORDED_CONTENTS.map((text) => ({
        type: CONTENT_TYPE.APPLICATION_DATA,
        content: toHex(Buffer.from(text)),
      }));
      for (const side of SIDES) {
        expect(recorded[side].slice(1).map((record) => opened(side, hex(record)))).toEqual(expected);
      }
    });

    it("is sealed to the same bytes by us", () => {
      for (const [from, bytes] of records) {
        const record = parsed(from, bytes);
        const { epoch, sequence, fragment } = record;
        const protection = protectionOf(from, (size) => fragment.subarray(0, size));
        const result = protection.open(record);
        if (result === undefined) throw new TypeError("a record that does not open");
        const cid = cids[otherThan(from)];
        const sealed = protection.seal({ ...result, epoch, sequence, cid, nonce: fragment.subarray(0, 8) });
        // Mbed TLS hides the length of a content that has its type inside by zeros: then lengths differ.
        if (associations !== MBED_TLS || cid.length === 0) expect(toHex(sealed)).toBe(toHex(bytes));
        else expect(protection.open(parsed(from, sealed))).toEqual(result);
      }
    });

    it("has no record that opens as one of the other side", () => {
      for (const [from, bytes] of records) {
        expect(protectionOf(otherThan(from)).open(parsed(from, bytes))).toBeUndefined();
      }
    });
  });
});

function otherThan(side: Side): Side {
  return side === "client" ? "server" : "client";
}

function masterOf(recorded: RecordedAssociation): Uint8Array {
  if (recorded.psk === undefined) return hex(recorded.masterSecret ?? "");
  const premaster = pskPremasterSecret(hex(recorded.psk));
  if (!recorded.extendedMasterSecret) {
    return masterSecret(premaster, hex(recorded.clientRandom), hex(recorded.serverRandom));
  }
  return extendedMasterSecret(premaster, createHash("sha256").update(hex(recorded.handshake)).digest());
}

const bytes = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size });

const protections = fc
  .record({
    suite: fc.constantFrom(...CIPHER_SUITES.values()),
    encryptThenMac: fc.boolean(),
    secret: bytes(48),
    iv: bytes(16),
  })
  .map(({ suite, encryptThenMac, secret, iv }) => ({
    suite,
    protection: makeProtection(suite, keysOf(suite, secret), encryptThenMac, () => iv),
  }));

/** With an empty Connection ID too, which is none. */
const cids = fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined });

const inputs = fc.record({
  type: fc.integer({ min: 20, max: 23 }),
  epoch: fc.integer({ min: 1, max: 0xffff }),
  sequence: fc.maxSafeNat().map((number) => number % (MAX_SEQUENCE + 1)),
  cid: cids,
  content: fc.uint8Array({ maxLength: 300 }),
  nonce: bytes(8),
});

function keysOf(suite: CipherSuite, secret: Uint8Array): DirectionKeys {
  const { saltBytes, macKeyBytes } = CIPHERS[suite.cipher];
  return {
    key: secret.slice(0, 16),
    salt: secret.slice(16, 16 + saltBytes),
    macKey: secret.slice(16, 16 + macKeyBytes),
  };
}

function open(protection: Protection, sealed: Uint8Array, cid: Uint8Array | undefined) {
  return protection.open(recordOf(sealed, cid?.length ?? 0));
}

describe("a protected record", () => {
  it("opens to what was sealed, whatever suite, Connection ID and order of MAC and encryption", () => {
    fc.assert(
      fc.property(protections, inputs, ({ protection }, input) => {
        const sealed = protection.seal(input);
        const record = recordOf(sealed, input.cid?.length ?? 0);
        expect(record).toMatchObject({ epoch: input.epoch, sequence: input.sequence, version: 0xfefd });
        expect(record.type).toBe(input.cid?.length ? CONTENT_TYPE.CONNECTION_ID : input.type);
        expect(protection.open(record)).toEqual({ type: input.type, content: Buffer.from(input.content) });
        expect(sealed.length - input.content.length).toBeLessThanOrEqual(protection.overheadBytes(input.cid));
      }),
    );
  });

  it("does not open once any bit of it is another", () => {
    fc.assert(
      fc.property(protections, inputs, fc.nat(), ({ protection }, input, place) => {
        const sealed = protection.seal(input);
        const record = recordOf(sealed, input.cid?.length ?? 0);
        const at = place % (sealed.length * 8);
        // In place: the record's parts are views. What the parser made of the header stays, as nobody but it is told what the bytes say.
        sealed[at >> 3] = (sealed[at >> 3] ?? 0) ^ (1 << (at & 7));
        const isLength = at >> 3 === record.header.length - 1 || at >> 3 === record.header.length - 2;
        // The length on the wire is not covered: the length of what came is.
        if (!isLength) expect(protection.open(record)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it("does not open when it is cut short or made longer", () => {
    fc.assert(
      fc.property(
        protections,
        inputs,
        fc.nat(),
        fc.integer({ min: 1, max: 64 }),
        ({ protection }, input, cut, more) => {
          const record = recordOf(protection.seal(input), input.cid?.length ?? 0);
          const shorter = record.fragment.subarray(0, cut % record.fragment.length);
          const longer = Buffer.concat([record.fragment, new Uint8Array(more)]);
          expect(protection.open({ ...record, fragment: shorter })).toBeUndefined();
          expect(protection.open({ ...record, fragment: longer })).toBeUndefined();
        },
      ),
    );
  });

  it("opens whatever explicit nonce or IV its sender chose", () => {
    fc.assert(
      fc.property(protections, inputs, bytes(8), ({ protection }, input, nonce) => {
        expect(open(protection, protection.seal({ ...input, nonce }), input.cid)?.content).toHaveLength(
          input.content.length,
        );
      }),
    );
  });

  it("does not open with another key", () => {
    fc.assert(
      fc.property(protections, inputs, bytes(48), ({ suite, protection }, input, secret) => {
        const other = makeProtection(suite, keysOf(suite, secret), false, noRandom);
        expect(open(other, protection.seal(input), input.cid)).toBeUndefined();
      }),
    );
  });

  it.each([...CIPHER_SUITES.values()].map((suite) => [suite.name, suite] as const))(
    "holds 2^14 bytes, its type among them when it has a Connection ID, and not one more (%s)",
    (_name, suite) => {
      const protection = makeProtection(suite, keysOf(suite, new Uint8Array(48)), false, noRandom);
      const base = { type: 23, epoch: 1, sequence: 1, nonce: new Uint8Array(8) };
      for (const cid of [undefined, Uint8Array.of(1)]) {
        const largest = new Uint8Array(MAX_PLAINTEXT_BYTES - (cid?.length ?? 0));
        expect(open(protection, protection.seal({ ...base, cid, content: largest }), cid)?.content).toHaveLength(
          largest.length,
        );
        const content = new Uint8Array(largest.length + 1);
        expect(() => protection.seal({ ...base, cid, content })).toThrow(/at most 2\^14 bytes/);
      }
    },
  );

  it("is not written with a sequence number beyond 2^48-1", () => {
    const suite = suiteOf(0xc0a8);
    const protection = makeProtection(suite, keysOf(suite, new Uint8Array(48)), false, noRandom);
    const base = { type: 23, epoch: 1, cid: undefined, content: new Uint8Array(1), nonce: new Uint8Array(8) };
    expect(recordOf(protection.seal({ ...base, sequence: MAX_SEQUENCE }), 0).sequence).toBe(2 ** 48 - 1);
    expect(() => protection.seal({ ...base, sequence: MAX_SEQUENCE + 1 })).toThrow(/48 bits/);
  });

  it("never shares a byte with the nonce, the content or another record", () => {
    const suite = suiteOf(0xc0a8);
    const protection = makeProtection(suite, keysOf(suite, new Uint8Array(48)), false, noRandom);
    const base = { type: 23, epoch: 1, cid: Uint8Array.of(7), content: Uint8Array.of(1, 2), nonce: new Uint8Array(8) };
    const first = protection.seal({ ...base, sequence: 1 });
    const copy = toHex(first);
    protection.seal({ ...base, sequence: 2 });
    base.content.fill(9);
    base.nonce.fill(9);
    expect(toHex(first)).toBe(copy);
  });

  it("is protected by keys of its own: those that were handed in may be overwritten", () => {
    for (const suite of CIPHER_SUITES.values()) {
      const keys = keysOf(suite, new Uint8Array(48).fill(5));
      const protection = makeProtection(suite, keys, false, noRandom);
      const input = {
        type: 23,
        epoch: 1,
        sequence: 1,
        cid: undefined,
        content: Uint8Array.of(1),
        nonce: new Uint8Array(8),
      };
      const before = toHex(protection.seal(input));
      for (const part of Object.values(keys)) part.fill(0);
      expect(toHex(protection.seal(input))).toBe(before);
    }
  });

  it("is protected by keys that are not shown to whoever prints what holds them", () => {
    const secret = Uint8Array.from({ length: 48 }, (_, index) => 0xa0 + index);
    for (const suite of CIPHER_SUITES.values()) {
      const keys = keysOf(suite, secret);
      const protection = makeProtection(suite, keys, false, noRandom);
      const shown = inspect(protection, { depth: 9, showHidden: true }) + JSON.stringify(protection);
      expect(shown).not.toMatch(/a0\W*a1|160\W*161|176\W*177/i);
    }
  });
});
