import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { blockOption, decodeBlock, MAX_BLOCK_NUM } from "./block.ts";
import { CoapFormatError } from "./errors.ts";
import { OPTION } from "./option-registry.ts";

describe("Block option value (RFC 7959 §2.2)", () => {
  it.each([
    ["", { num: 0, more: false, size: 16 }],
    ["06", { num: 0, more: false, size: 1024 }],
    ["0a", { num: 0, more: true, size: 64 }],
    ["1e", { num: 1, more: true, size: 1024 }],
    ["0103", { num: 16, more: false, size: 128 }],
    ["fffffe", { num: MAX_BLOCK_NUM, more: true, size: 1024 }],
  ])("%j is %o", (text, block) => {
    expect(decodeBlock(hex(text))).toEqual(block);
    expect(toHex(blockOption(OPTION.BLOCK1, block).value)).toBe(text);
  });

  it.each(["07", "0f", "00000000"])("refuses %s: a reserved size or more than three bytes", (text) => {
    expect(() => decodeBlock(hex(text))).toThrow(CoapFormatError);
  });

  it("survives encoding and decoding", () => {
    const block = fc.record({
      num: fc.nat({ max: MAX_BLOCK_NUM }),
      more: fc.boolean(),
      size: fc.constantFrom(16, 32, 64, 128, 256, 512, 1024),
    });
    fc.assert(
      fc.property(block, (value) => {
        expect(decodeBlock(blockOption(OPTION.BLOCK2, value).value)).toEqual(value);
      }),
    );
  });
});
