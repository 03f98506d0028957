import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { makeConnectionId, parseConnectionId } from "./connection-id.ts";

const ones = (size: number): Uint8Array => new Uint8Array(size).fill(0xff);

describe("Connection IDs (RFC 9146, docs/architecture.md)", () => {
  it("have a version, a random pointer shard, the slot and 40 random bits", () => {
    const cid = makeConnectionId({ slot: 0x2a, lengthBytes: 8, random: ones });
    expect(toHex(cid)).toBe("0fff2affffffffff");
    expect(parseConnectionId(cid)).toEqual({ pointerShard: 0xfff, slot: 0x2a });
  });

  it("say what they were made of, whatever their length", () => {
    const bytes = fc.uint8Array({ minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(fc.nat(255), fc.integer({ min: 8, max: 12 }), bytes, (slot, lengthBytes, noise) => {
        const cid = makeConnectionId({ slot, lengthBytes, random: (size) => noise.subarray(0, size) });
        expect(cid).toHaveLength(lengthBytes);
        expect(cid.subarray(3)).toEqual(noise.subarray(3, lengthBytes));
        const [first = 0, second = 0] = noise;
        expect(parseConnectionId(cid)).toEqual({ pointerShard: ((first & 0x0f) << 8) | second, slot });
      }),
    );
  });

  it("do not change the random bytes that they were given", () => {
    const noise = ones(8);
    makeConnectionId({ slot: 1, lengthBytes: 8, random: () => noise });
    expect(noise).toEqual(ones(8));
  });

  it.each([
    ["of another version", "10000000 00000000"],
    ["of the last version", "f0000000 00000000"],
    ["of seven bytes", "00000000 000000"],
    ["of thirteen bytes", "00000000 00000000 00000000 00"],
    ["of no bytes", ""],
  ])("%s are none of ours", (_, cid) => {
    expect(parseConnectionId(hex(cid))).toBeUndefined();
  });

  it.each([0, 7, 13])("are not made with %d bytes", (lengthBytes) => {
    expect(() => makeConnectionId({ slot: 0, lengthBytes, random: ones })).toThrow("a Connection ID has 8 to 12 bytes");
  });

  it.each([-1, 256, 0.5])("are not made for slot %d", (slot) => {
    expect(() => makeConnectionId({ slot, lengthBytes: 8, random: ones })).toThrow("a slot is 0 to 255");
  });
});
