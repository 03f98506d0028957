import { describe, expect, it } from "@jest/globals";
import { Parked } from "./parked.ts";
import { encodePlaintextRecord, parseRecords, type WireRecord } from "./record.ts";

function recordIn(datagram: Uint8Array): WireRecord {
  const [record] = parseRecords(datagram, 0);
  if (record === undefined || typeof record === "string") throw new TypeError("a record was encoded");
  return record;
}

describe("records that wait", () => {
  it("do not hold the datagram that they came in, nor change with its memory", () => {
    // As a socket gives it: a part of something larger.
    const datagram = Buffer.alloc(65_536);
    datagram.set(encodePlaintextRecord(22, 0xfefd, 1, 5, Uint8Array.of(1, 2, 3)));
    const parked = new Parked({ maxRecords: 4, maxBytes: 100 });
    expect(parked.add({ record: recordIn(datagram), address: "192.0.2.1:1", datagram: 1 })).toBe(true);
    datagram.fill(0);
    const [arrival] = parked.takeAll();
    expect(arrival?.record.fragment).toEqual(Uint8Array.of(1, 2, 3));
    const { header, fragment } = arrival?.record ?? recordIn(datagram);
    expect([header.buffer.byteLength, fragment.buffer.byteLength]).toEqual([13, 3]);
    expect(parked.bytes).toBe(0);
  });
});
