import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { Flight, type FlightLimits, type Seal } from "./flight.ts";
import type { HandshakeMessage } from "./messages/handshake-header.ts";
import { Reassembler } from "./reassembly.ts";
import { CONTENT_TYPE, DTLS_1_2, encodePlaintextRecord, parseRecords, type WireRecord } from "./record.ts";

/** Records in the clear, of epoch 1 too: as large as the largest protection makes them. */
function sealing(limits: FlightLimits): { seal: Seal; sequences: number[] } {
  const sequences: number[] = [];
  const seal: Seal = (type, epoch, content) => {
    sequences.push(sequences.length);
    expect(content.length).toBeLessThanOrEqual(limits.maxPlaintextBytes);
    const fragment = epoch === 0 ? content : Buffer.concat([content, new Uint8Array(65 + limits.cidBytes)]);
    return encodePlaintextRecord(type, DTLS_1_2, epoch, sequences.length - 1, fragment);
  };
  return { seal, sequences };
}

function recordsOf(datagrams: readonly Uint8Array[]): WireRecord[] {
  const records = datagrams.flatMap((datagram) => [...parseRecords(datagram, 0)]);
  return records.map((record) => {
    if (typeof record === "string") throw new TypeError(record);
    return record;
  });
}

const message = (sequence: number, size: number): HandshakeMessage => ({
  type: 11,
  sequence,
  body: Uint8Array.from({ length: size }, (_, index) => index & 0xff),
});

const LIMITS: FlightLimits = { maxDatagramBytes: 1200, maxPlaintextBytes: 16_384, cidBytes: 0 };

describe("flight (RFC 6347 §4.2.3, §4.2.4)", () => {
  it("arrives as it was, in datagrams and records of no more than the limits", () => {
    const sizes = fc.array(fc.nat(3000), { minLength: 1, maxLength: 5 });
    const limits = fc.record({
      maxDatagramBytes: fc.integer({ min: 576, max: 1452 }),
      maxPlaintextBytes: fc.constantFrom(64, 65, 512, 1024, 16_384),
      cidBytes: fc.nat(32),
    });
    fc.assert(
      fc.property(sizes, limits, fc.boolean(), (bodies, limit, isProtected) => {
        const messages = bodies.map((size, index) => message(index, size));
        const flight = new Flight();
        for (const part of messages) flight.add(part, isProtected ? 1 : 0);
        const datagrams = flight.datagrams(limit, sealing(limit).seal);
        for (const { length } of datagrams) expect(length).toBeLessThanOrEqual(limit.maxDatagramBytes);
        const reassembler = new Reassembler({ nextSequence: 0 });
        const trailer = isProtected ? 65 + limit.cidBytes : 0;
        const arrived = recordsOf(datagrams).flatMap(({ fragment }) =>
          reassembler.add(fragment.subarray(0, fragment.length - trailer)),
        );
        expect(arrived).toEqual(messages);
      }),
    );
  });

  it("has ChangeCipherSpec between messages in the clear and the protected Finished, all in one datagram", () => {
    const flight = new Flight().add(message(0, 70)).addChangeCipherSpec().add(message(1, 12), 1);
    const datagrams = flight.datagrams(LIMITS, sealing(LIMITS).seal);
    expect(datagrams).toHaveLength(1);
    expect(recordsOf(datagrams).map(({ type, epoch }) => [type, epoch])).toEqual([
      [CONTENT_TYPE.HANDSHAKE, 0],
      [CONTENT_TYPE.CHANGE_CIPHER_SPEC, 0],
      [CONTENT_TYPE.HANDSHAKE, 1],
    ]);
    expect(recordsOf(datagrams)[1]?.fragment).toEqual(Uint8Array.of(1));
  });

  it("has new records each time that it is sent", () => {
    const flight = new Flight().add(message(0, 70)).addChangeCipherSpec();
    const { seal, sequences } = sealing(LIMITS);
    const first = recordsOf(flight.datagrams(LIMITS, seal));
    const second = recordsOf(flight.datagrams(LIMITS, seal));
    expect(sequences).toEqual([0, 1, 2, 3]);
    expect(second.map(({ fragment }) => fragment)).toEqual(first.map(({ fragment }) => fragment));
  });

  it("has a record for a message without a body", () => {
    const [record] = recordsOf(
      new Flight().add({ type: 14, sequence: 3, body: new Uint8Array(0) }).datagrams(LIMITS, sealing(LIMITS).seal),
    );
    expect(record?.fragment).toEqual(Uint8Array.of(14, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0));
  });

  it("without messages has no datagrams", () => {
    expect(new Flight().datagrams(LIMITS, sealing(LIMITS).seal)).toEqual([]);
  });
});
