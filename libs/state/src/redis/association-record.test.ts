import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { MAX_SEQUENCE, type StoredAssociation } from "../association-store.ts";
import { StoredValueError } from "../errors.ts";
import {
  ASSOCIATION_FRAMING_BYTES,
  decodeAssociation,
  decodeSession,
  encodeAssociation,
  encodeSession,
} from "./association-record.ts";

const DEVICE = { tenant: "default", endpoint: "urn:dev:ops:ferry-meter-1234567" };

const bytes = (length: { min: number; max: number }): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length.min, maxLength: length.max });

const association: fc.Arbitrary<StoredAssociation> = fc.record({
  id: bytes({ min: 9, max: 9 }).map((id) => Buffer.from(id).toString("base64url")),
  device: fc.constant(DEVICE),
  securityMode: fc.constantFrom("PSK", "RPK", "X509"),
  suite: fc.integer({ min: 0, max: 0xffff }),
  cid: fc.option(bytes({ min: 1, max: 12 }), { nil: undefined }),
  createdAtMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  sealed: bytes({ min: 1, max: 200 }),
  owner: fc.record({
    slot: fc.integer({ min: 0, max: 255 }),
    bootId: bytes({ min: 8, max: 8 }).map((id) => Buffer.from(id).toString("hex")),
  }),
  stamp: fc.integer({ min: 0, max: 0xffffffff }),
  sendCeiling: fc.integer({ min: 0, max: MAX_SEQUENCE }),
  mark: fc.record({
    newest: fc.oneof(fc.constantFrom(-1, MAX_SEQUENCE), fc.integer({ min: -1, max: MAX_SEQUENCE })),
    window: bytes({ min: 8, max: 8 }),
  }),
  address: fc.string({ minLength: 1, maxLength: 60 }),
});

describe("the packed association", () => {
  it("Is read as it was packed", () => {
    fc.assert(
      fc.property(association, (each) => {
        expect(decodeAssociation(DEVICE, encodeAssociation(each))).toEqual(each);
      }),
    );
  });

  it("Has little beside what is sealed: 300 bytes hold one by PSK with Connection ID, identity of 32 characters and IPv6 address", () => {
    const packed = encodeAssociation({
      id: "AAAAAAAAAAAA",
      device: DEVICE,
      securityMode: "PSK",
      suite: 0xc0a8,
      cid: new Uint8Array(8),
      createdAtMs: 1_800_000_000_000,
      sealed: new Uint8Array(SEALED_BYTES),
      owner: { slot: 63, bootId: "00000000000000c2" },
      stamp: 1_800_000_000,
      sendCeiling: MAX_SEQUENCE,
      mark: { newest: MAX_SEQUENCE, window: new Uint8Array(8) },
      address: LONGEST_ADDRESS,
    });
    expect(packed.length).toBe(ASSOCIATION_FRAMING_BYTES + 8 + LONGEST_ADDRESS.length + SEALED_BYTES);
    expect(packed.length).toBeLessThan(300);
  });

  it("Cut short it is none, wherever the cut is", () => {
    fc.assert(
      fc.property(association, (each) => {
        const packed = encodeAssociation({ ...each, sealed: Uint8Array.of(1) });
        for (let length = 0; length < packed.length; length++) {
          expect(() => decodeAssociation(DEVICE, packed.subarray(0, length))).toThrow(StoredValueError);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("Whatever bytes there are, they are one or refused", () => {
    const damaged = fc
      .tuple(association, fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 }), fc.nat(300))
      .map(([each, damages, length]) => {
        const packed = encodeAssociation(each);
        for (const [at, byte] of damages) packed[at % packed.length] = byte;
        return length > 200 ? packed : packed.subarray(0, length);
      });
    const any = fc.oneof(
      damaged,
      bytes({ min: 0, max: 300 }).map((each) => Buffer.from(each)),
    );
    fc.assert(
      fc.property(any, (packed) => {
        const read = readOrRefused(() => decodeAssociation(DEVICE, packed));
        if (read === undefined) return;
        expect(read.sealed.length).toBeGreaterThan(0);
        expect(read.id).toMatch(/^[\w-]{12}$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, Partial<StoredAssociation>]>([
    ["a boot id that is not 16 hex digits", { owner: { slot: 0, bootId: "boot" } }],
    ["a window that is not 8 bytes", { mark: { newest: 0, window: new Uint8Array(7) } }],
    ["an id that is not 12 characters", { id: "AAAA" }],
    ["an address beyond 255 bytes", { address: "x".repeat(256) }],
  ])("Does not pack %s: that is a bug of ours", (_, changes) => {
    const [each] = fc.sample(association, { numRuns: 1, seed: 1 });
    expect(() => encodeAssociation({ ...(each as StoredAssociation), ...changes })).toThrow(
      expect.objectContaining({ code: "ERR_ASSERTION" }),
    );
  });
});

describe("the packed session", () => {
  const id = new Uint8Array(32);
  const session = fc.record({
    id: fc.constant(id),
    device: fc.record({ tenant: fc.constantFrom("default", "other"), endpoint: fc.string({ minLength: 1 }) }),
    sealed: bytes({ min: 1, max: 200 }),
  });

  it("Is read as it was packed", () => {
    fc.assert(fc.property(session, (each) => expect(decodeSession(id, encodeSession(each))).toEqual(each)));
  });

  it("Whatever bytes there are, they are one or refused", () => {
    fc.assert(
      fc.property(bytes({ min: 0, max: 40 }), fc.boolean(), (raw, begins) => {
        const packed = Buffer.from(begins ? [1, 0, ...raw] : raw);
        const read = readOrRefused(() => decodeSession(id, packed));
        if (read !== undefined) expect(read.sealed.length).toBeGreaterThan(0);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** More than the endpoint seals with any cipher suite. */
const SEALED_BYTES = 160;
const LONGEST_ADDRESS = "[2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535";

function readOrRefused<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof StoredValueError) return undefined;
    throw error;
  }
}
