import { hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { openInnerPlaintext } from "./inner-plaintext.ts";
import { MAX_PLAINTEXT_BYTES, parseRecords, type WireRecord } from "./record.ts";

function recordOf(text: string): WireRecord {
  const [record] = parseRecords(hex(text), 2);
  if (record === undefined || typeof record === "string") throw new TypeError("no record");
  return record;
}

const PLAIN = recordOf("17 fefd 0001 000000000001 0000");
const WITH_CID = recordOf("19 fefd 0001 000000000001 c1c2 0000");

describe("the plaintext of a record with Connection ID (RFC 9146 §4)", () => {
  it.each([
    ["content and type", "aabb 17", 23, "aabb"],
    ["content, type and zeros", "aabb 16 000000", 22, "aabb"],
    ["content that ends with zeros", "aa00 17 00", 23, "aa00"],
    ["a type only", "15", 21, ""],
    ["a type and zeros", "17 0000", 23, ""],
    ["a content of zeros", "0000 17", 23, "0000"],
  ])("is %s", (_what, text, type, content) => {
    const opened = openInnerPlaintext(WITH_CID, hex(text));
    expect(opened && [opened.type, toHex(opened.content)]).toEqual([type, content]);
  });

  it.each([[""], ["00"], ["00000000"]])("has no type when it is '%s', and is dropped", (text) => {
    expect(openInnerPlaintext(WITH_CID, hex(text))).toBeUndefined();
  });

  it("is not copied", () => {
    const plaintext = hex("aabb 17 00");
    expect(openInnerPlaintext(WITH_CID, plaintext)?.content.buffer).toBe(plaintext.buffer);
  });
});

describe("the plaintext of a record without Connection ID", () => {
  it("is its content, zeros and all", () => {
    const opened = openInnerPlaintext(PLAIN, hex("aabb 1700"));
    expect(opened && [opened.type, toHex(opened.content)]).toEqual([23, "aabb1700"]);
  });
});

describe("a plaintext", () => {
  it("of more than 2^14 bytes is dropped, whatever of it is content (RFC 5246 §6.2.1, RFC 9146 §5)", () => {
    const plaintext = new Uint8Array(MAX_PLAINTEXT_BYTES + 1);
    plaintext[0] = 23;
    for (const record of [PLAIN, WITH_CID]) {
      expect(openInnerPlaintext(record, plaintext)).toBeUndefined();
      expect(openInnerPlaintext(record, plaintext.subarray(1))).toEqual(
        record === PLAIN ? { type: 23, content: plaintext.subarray(1) } : undefined,
      );
      expect(openInnerPlaintext(record, plaintext.subarray(0, MAX_PLAINTEXT_BYTES))?.type).toBe(23);
    }
  });
});
