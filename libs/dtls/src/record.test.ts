import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { additionalData } from "./additional-data.ts";
import {
  CONTENT_TYPE,
  DTLS_1_0,
  DTLS_1_2,
  encodePlaintextRecord,
  MAX_FRAGMENT_BYTES,
  MAX_SEQUENCE,
  parseRecords,
  type RecordDrop,
  type WireRecord,
} from "./record.ts";

const { HANDSHAKE, APPLICATION_DATA, CONNECTION_ID } = CONTENT_TYPE;
const CID_LENGTH = 3;

const GOOD = hex("16 fefd 0000 000000000007 0002 aabb");
const WITH_CID = hex("19 fefd 0001 000000000007 c1c2c3 0002 aabb");

function parse(...parts: readonly Uint8Array[]): (WireRecord | RecordDrop)[] {
  return [...parseRecords(Buffer.concat(parts), CID_LENGTH)];
}

/** Each record by its fragment, each drop by its reason. */
function outline(...parts: readonly Uint8Array[]): string[] {
  return parse(...parts).map((each) => (typeof each === "string" ? each : toHex(each.fragment)));
}

describe("a record of a datagram (RFC 6347 §4.1)", () => {
  it("is read into its fields", () => {
    expect(parse(hex("17 fefd 0001 0102a3040506 0003 112233"))).toEqual([
      {
        type: APPLICATION_DATA,
        version: DTLS_1_2,
        epoch: 1,
        sequence: 0x0102a3040506,
        cid: undefined,
        header: Buffer.from("17fefd00010102a30405060003", "hex"),
        fragment: Buffer.from("112233", "hex"),
      },
    ]);
  });

  it("has a Connection ID of our length when its type says so (RFC 9146 §4)", () => {
    expect(parse(hex("19 fefd 0001 ffffffffffff c1c2c3 0001 99"))).toEqual([
      {
        type: CONNECTION_ID,
        version: DTLS_1_2,
        epoch: 1,
        sequence: MAX_SEQUENCE,
        cid: Buffer.from("c1c2c3", "hex"),
        header: Buffer.from("19fefd0001ffffffffffffc1c2c30001", "hex"),
        fragment: Buffer.from("99", "hex"),
      },
    ]);
  });

  it("is a view of the datagram", () => {
    const datagram = Buffer.from(WITH_CID);
    const [record] = parseRecords(datagram, CID_LENGTH);
    if (record === undefined || typeof record === "string") throw new TypeError("no record");
    for (const part of [record.cid, record.header, record.fragment]) expect(part?.buffer).toBe(datagram.buffer);
  });

  it("may be followed by others, and may be empty", () => {
    expect(outline(GOOD, hex("14 fefd 0000 000000000008 0000"), WITH_CID)).toEqual(["aabb", "", "aabb"]);
    expect(outline()).toEqual([]);
  });

  it.each([
    ["version 1.0, protected", "17 feff 0001 000000000007 0002 aabb", "version"],
    ["version 1.0, an alert in the clear", "15 feff 0000 000000000007 0002 0100", "version"],
    ["version 1.0, a handshake message of epoch 1", "16 feff 0001 000000000007 0002 aabb", "version"],
    ["version 1.0, with a Connection ID", "19 feff 0001 000000000007 c1c2c3 0002 aabb", "version"],
    ["TLS", "16 0303 0000 000000000007 0002 aabb", "version"],
    ["no version there is", "16 fefc 0000 000000000007 0002 aabb", "version"],
    ["no content type there is", "1b fefd 0001 000000000007 0002 aabb", "malformed"],
    ["type 0", "00 fefd 0001 000000000007 0002 aabb", "malformed"],
    ["a Connection ID in the clear", "19 fefd 0000 000000000007 c1c2c3 0002 aabb", "malformed"],
  ])("of %s is dropped, and the good ones around it are not", (_what, text, reason) => {
    expect(outline(GOOD, hex(text), WITH_CID)).toEqual(["aabb", reason, "aabb"]);
  });

  it.each([
    ["garbage of a few bytes", "0102"],
    ["a header that is cut", "16 fefd 0000 000000000007 00"],
    ["a header that is cut in the Connection ID", "19 fefd 0001 000000000007 c1c2"],
    ["a fragment that is cut", "16 fefd 0000 000000000007 0003 aabb"],
    ["nothing behind a header", "16 fefd 0000 000000000007 0001"],
  ])("that is followed by %s is read, and the rest dropped", (_what, text) => {
    expect(outline(GOOD, hex(text))).toEqual(["aabb", "malformed"]);
  });

  it("of more than 2^14 + 2048 bytes ends the datagram (RFC 5246 §6.2.3)", () => {
    const header = (length: number): Uint8Array =>
      Buffer.concat([hex("17 fefd 0001 000000000007"), Uint8Array.of(length >> 8, length)]);
    const fragment = new Uint8Array(MAX_FRAGMENT_BYTES);
    expect(outline(header(fragment.length), fragment, GOOD)).toEqual([toHex(fragment), "aabb"]);
    expect(outline(header(fragment.length + 1), fragment, Uint8Array.of(0), GOOD)).toEqual(["malformed"]);
  });

  it("with a Connection ID ends the datagram for who hands out none: its length is not known", () => {
    const withCid = hex("19 fefd 0001 000000000007 0002 aabb");
    const found = [...parseRecords(Buffer.concat([GOOD, withCid, GOOD]), 0)];
    expect(found.map((each) => (typeof each === "string" ? each : each.type))).toEqual([HANDSHAKE, "malformed"]);
  });

  it("of a first ClientHello may say version 1.0 (RFC 6347 §4.2.1)", () => {
    const record = encodePlaintextRecord(HANDSHAKE, DTLS_1_0, 0, 0, Uint8Array.of(1));
    expect(parse(record)).toMatchObject([{ version: DTLS_1_0, type: HANDSHAKE, epoch: 0 }]);
  });
});

describe("encodePlaintextRecord", () => {
  it("writes what is read back, across all halves of a sequence number", () => {
    for (const sequence of [0, 1, 2 ** 16 - 1, 2 ** 16, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 47, MAX_SEQUENCE]) {
      const record = encodePlaintextRecord(HANDSHAKE, DTLS_1_2, 0, sequence, hex("aabb"));
      expect(toHex(record)).toBe(`16fefd0000${sequence.toString(16).padStart(12, "0")}0002aabb`);
      expect(parse(record)).toMatchObject([{ sequence }]);
    }
  });
});

describe("parseRecords", () => {
  const datagrams = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc
      .array(
        fc.oneof(
          { weight: 3, arbitrary: fc.constantFrom(GOOD, WITH_CID) },
          fc.uint8Array({ maxLength: 30 }),
          fc.tuple(fc.constantFrom(GOOD, WITH_CID), fc.nat(20), fc.nat(255)).map(([record, at, value]) => {
            const damaged = Uint8Array.from(record);
            damaged[at % damaged.length] = value;
            return damaged;
          }),
        ),
        { maxLength: 6 },
      )
      .map((parts) => new Uint8Array(Buffer.concat(parts))),
  );

  it("never throws, ends, and takes no byte twice, whatever the bytes", () => {
    fc.assert(
      fc.property(datagrams, fc.constantFrom(0, 1, 3, 8, 255), (datagram, ownCidLength) => {
        let at = 0;
        const found = [...parseRecords(datagram, ownCidLength)];
        for (const [index, each] of found.entries()) {
          if (typeof each === "string") {
            // What was dropped has a length too, unless nothing is read behind it.
            at = Number.NaN;
            continue;
          }
          if (!Number.isNaN(at)) expect(each.header.byteOffset).toBe(at);
          expect(each.fragment.byteOffset).toBe(each.header.byteOffset + each.header.length);
          at = each.fragment.byteOffset + each.fragment.length;
          expect(at).toBeLessThanOrEqual(datagram.length);
          if (index === found.length - 1) expect(at).toBe(datagram.length);
          expect(each.cid?.length).toBe(each.type === CONNECTION_ID ? ownCidLength : undefined);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("the additional data of a record", () => {
  it("is epoch and sequence number, type, version and length (RFC 6347 §4.1.2.1)", () => {
    const header = hex("17 fefd 0001 0102a3040506 0017");
    expect(toHex(additionalData(header, 0, 0x0102))).toBe("00010102a304050617fefd0102");
  });

  it("has with a Connection ID a placeholder, both types, the identifier and its length (RFC 9146 §5)", () => {
    const header = hex("19 fefd 0001 0102a3040506 c1c2c3 0017");
    const expected = hex(`
      ffffffffffffffff  # seq_num_placeholder
      19                # tls12_cid
      03                # cid_length
      19                # tls12_cid
      fefd              # DTLSCiphertext.version
      0001              # epoch
      0102a3040506      # sequence_number
      c1c2c3            # cid
      0304              # length_of_DTLSInnerPlaintext
    `);
    expect(toHex(additionalData(header, 3, 0x0304))).toBe(toHex(expected));
  });

  it("has nothing left of the record before", () => {
    additionalData(hex("19 fefd 0001 ffffffffffff ffffffff ffff"), 4, 0xffff);
    const header = hex("19 fefd 0002 000000000000 00000000 0000");
    expect(toHex(additionalData(header, 4, 0))).toBe("ffffffffffffffff190419fefd0002000000000000000000000000");
  });
});
