import { hex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { ByteWriter } from "./byte-writer.ts";
import { DtlsFormatError } from "./errors.ts";
import { encodeHandshake, encodeHandshakeFragment, type HandshakeMessage } from "./messages/handshake-header.ts";
import { Reassembler } from "./reassembly.ts";

function message(sequence: number, size: number, type = 11): HandshakeMessage {
  return { type, sequence, body: Uint8Array.from({ length: size }, (_, index) => (index * 7 + sequence) & 0xff) };
}

/** A fragment that may say anything. */
function fragment(fields: {
  type?: number;
  length: number;
  sequence?: number;
  offset: number;
  bytes: Uint8Array;
}): Uint8Array {
  const { type = 11, length, sequence = 0, offset, bytes } = fields;
  return new ByteWriter()
    .uint8(type)
    .uint24(length)
    .uint16(sequence)
    .uint24(offset)
    .uint24(bytes.length)
    .bytes(bytes)
    .finish();
}

const records = (content: readonly Uint8Array[]): Uint8Array => Buffer.concat(content);

describe("reassembly (RFC 6347 §4.2.3)", () => {
  it("gives messages once and in order, however they are cut, shuffled, repeated, overlapping and packed", () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 6 });
    const cuts = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(20)), { maxLength: 40 });
    const shuffle = fc.array(fc.nat(), { minLength: 200, maxLength: 200 });
    fc.assert(
      fc.property(
        bodies,
        cuts,
        shuffle,
        fc.integer({ min: 1, max: 5 }),
        fc.nat(3),
        (contents, extra, order, group, first) => {
          const messages = contents.map((body, index) => ({ type: 11 + index, sequence: first + index, body }));
          // Pieces of ten bytes cover each message; others overlap them anywhere.
          const pieces = messages.flatMap((whole) =>
            Array.from({ length: Math.max(1, Math.ceil(whole.body.length / 10)) }, (_, index) =>
              encodeHandshakeFragment(whole, index * 10, 10),
            ),
          );
          for (const [which, offset, size] of extra) {
            const whole = messages[which % messages.length] as HandshakeMessage; // In range.
            pieces.push(encodeHandshakeFragment(whole, offset % (whole.body.length + 1), size));
          }
          const shuffled = pieces
            .map((piece, index) => ({ piece, key: order[index % order.length] ?? 0 }))
            .sort((left, right) => left.key - right.key)
            .map(({ piece }) => piece);
          const reassembler = new Reassembler({ nextSequence: first });
          const out: HandshakeMessage[] = [];
          for (let index = 0; index < shuffled.length; index += group) {
            out.push(...reassembler.add(records(shuffled.slice(index, index + group))));
          }
          expect(out).toEqual(messages);
          expect(reassembler.keptBytes).toBe(0);
          expect(reassembler.ignored).toBe(0);
        },
      ),
    );
  });

  it("stays within its limits and throws nothing but a DtlsFormatError, whatever comes", () => {
    const limits = { maxMessageBytes: 100, maxAhead: 3, maxBytes: 250 };
    const piece = fc
      .record({
        type: fc.nat(2),
        length: fc.nat(120),
        sequence: fc.nat(8),
        offset: fc.nat(120),
        bytes: fc.uint8Array({ maxLength: 30 }),
      })
      .map(fragment);
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, piece, fc.uint8Array({ maxLength: 30 })), { maxLength: 60 }), (contents) => {
        const reassembler = new Reassembler({ nextSequence: 0, ...limits });
        let next = 0;
        for (const content of contents) {
          try {
            for (const { sequence, body } of reassembler.add(content)) {
              expect(sequence).toBe(next++);
              expect(body.length).toBeLessThanOrEqual(limits.maxMessageBytes);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(DtlsFormatError);
          }
          expect(reassembler.keptBytes).toBeLessThanOrEqual(limits.maxBytes);
        }
      }),
    );
  });

  it("gives a whole message that is next without copying it", () => {
    const content = encodeHandshake(message(0, 50));
    expect(new Reassembler({ nextSequence: 0 }).add(content)[0]?.body.buffer).toBe(content.buffer);
  });

  it("does not keep the datagram of a message that came too early", () => {
    const reassembler = new Reassembler({ nextSequence: 0 });
    const early = encodeHandshake(message(1, 50));
    expect(reassembler.add(early)).toEqual([]);
    const [, second] = reassembler.add(encodeHandshake(message(0, 10)));
    expect(second).toEqual(message(1, 50));
    expect(second?.body.buffer).not.toBe(early.buffer);
  });

  it("gives messages without a body, and takes empty fragments of others", () => {
    const reassembler = new Reassembler({ nextSequence: 0 });
    expect(reassembler.add(encodeHandshake(message(0, 0, 14)))).toEqual([message(0, 0, 14)]);
    expect(reassembler.add(encodeHandshakeFragment(message(1, 5), 3, 0))).toEqual([]);
    expect(reassembler.add(encodeHandshake(message(1, 5)))).toEqual([message(1, 5)]);
  });

  it("takes a message without a body that came too early", () => {
    const reassembler = new Reassembler({ nextSequence: 0 });
    reassembler.add(encodeHandshake(message(1, 0, 14)));
    expect(reassembler.add(encodeHandshake(message(0, 3)))).toEqual([message(0, 3), message(1, 0, 14)]);
  });

  it("of overlapping fragments the first bytes stay", () => {
    const reassembler = new Reassembler({ nextSequence: 0 });
    reassembler.add(fragment({ length: 6, offset: 0, bytes: hex("01010101") }));
    const [first] = reassembler.add(fragment({ length: 6, offset: 2, bytes: hex("02020202") }));
    expect(first?.body).toEqual(hex("010101010202"));
  });

  it.each([
    ["another length", { length: 7, offset: 4, bytes: hex("0202") }],
    ["another type", { type: 16, length: 6, offset: 4, bytes: hex("0202") }],
  ])("the first fragment fixes the message: one with %s is ignored", (_, other) => {
    const reassembler = new Reassembler({ nextSequence: 0 });
    reassembler.add(fragment({ length: 6, offset: 0, bytes: hex("01010101") }));
    expect(reassembler.add(fragment(other))).toEqual([]);
    expect(reassembler.ignored).toBe(1);
    const [first] = reassembler.add(fragment({ length: 6, offset: 4, bytes: hex("0303") }));
    expect(first).toEqual({ type: 11, sequence: 0, body: hex("010101010303") });
  });

  it.each([
    ["another length", { type: 11, length: 2, offset: 0, bytes: hex("0202") }],
    ["another type", { type: 16, length: 6, offset: 0, bytes: hex("020202020202") }],
    ["the same form", { type: 11, length: 6, offset: 0, bytes: hex("020202020202") }],
  ])("pieces do not keep the next message out when it comes whole, of %s: they may be forged", (_, whole) => {
    const reassembler = new Reassembler({ nextSequence: 0 });
    reassembler.add(fragment({ length: 6, offset: 0, bytes: hex("01010101") }));
    expect(reassembler.add(fragment(whole))).toEqual([{ type: whole.type, sequence: 0, body: whole.bytes }]);
    expect([reassembler.keptBytes, reassembler.nextSequence]).toEqual([0, 1]);
  });

  it("takes nothing of a record that does not consist of fragments", () => {
    const reassembler = new Reassembler({ nextSequence: 0 });
    const whole = encodeHandshake(message(0, 5));
    expect(() => reassembler.add(records([whole, hex("0b0000")]))).toThrow(DtlsFormatError);
    expect(reassembler.add(whole)).toEqual([message(0, 5)]);
  });

  it("ignores a message beyond the largest size, whole or not", () => {
    const reassembler = new Reassembler({ nextSequence: 0, maxMessageBytes: 100 });
    expect(reassembler.add(encodeHandshake(message(0, 101)))).toEqual([]);
    expect(reassembler.add(encodeHandshakeFragment(message(0, 101), 0, 10))).toEqual([]);
    expect(reassembler.ignored).toBe(2);
    expect(reassembler.keptBytes).toBe(0);
    expect(reassembler.add(encodeHandshake(message(0, 100)))).toHaveLength(1);
  });

  it("never takes more than 16 KiB, whatever the setting", () => {
    const reassembler = new Reassembler({ nextSequence: 0, maxMessageBytes: 100_000, maxBytes: 200_000 });
    expect(reassembler.add(encodeHandshake(message(0, 16_385)))).toEqual([]);
    expect(reassembler.add(encodeHandshake(message(0, 16_384)))).toHaveLength(1);
  });

  it("keeps parts of as many messages ahead as it may, and ignores those beyond", () => {
    const reassembler = new Reassembler({ nextSequence: 2, maxAhead: 3 });
    for (const sequence of [3, 4, 5, 6]) reassembler.add(encodeHandshake(message(sequence, 4)));
    expect(reassembler.ignored).toBe(1);
    expect(reassembler.add(encodeHandshake(message(2, 4))).map(({ sequence }) => sequence)).toEqual([2, 3, 4, 5]);
  });

  it("has room for the next message, whatever is kept of later ones", () => {
    const reassembler = new Reassembler({ nextSequence: 0, maxMessageBytes: 100, maxBytes: 180 });
    for (const sequence of [1, 2, 3, 4]) reassembler.add(encodeHandshakeFragment(message(sequence, 40), 0, 1));
    expect(reassembler.keptBytes).toBe(80);
    expect(reassembler.ignored).toBe(2);
    expect(reassembler.add(encodeHandshakeFragment(message(0, 100), 0, 50))).toEqual([]);
    expect(reassembler.add(encodeHandshakeFragment(message(0, 100), 50, 50))).toEqual([message(0, 100)]);
  });

  it("counts fragments of messages that were given out: the peer repeats its flight", () => {
    const reassembler = new Reassembler({ nextSequence: 0 });
    reassembler.add(encodeHandshake(message(0, 4)));
    expect(reassembler.add(encodeHandshake(message(0, 4)))).toEqual([]);
    expect(reassembler.repeated).toBe(1);
    expect(reassembler.ignored).toBe(0);
  });
});
