import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { DtlsFormatError } from "./errors.ts";

describe("cursors over network byte order (RFC 5246 §4)", () => {
  it("what the writer wrote, the reader reads", () => {
    const bytes = fc.uint8Array({ maxLength: 255 });
    fc.assert(
      fc.property(fc.nat(0xff), fc.nat(0xffff), fc.nat(0xff_ffff), bytes, bytes, bytes, (a, b, c, d, e, f) => {
        const writer = new ByteWriter().uint8(a).uint16(b).uint24(c).vector8(d).vector16(e).vector24(f);
        const reader = new ByteReader(writer.finish(), "test");
        expect([reader.uint8(), reader.uint16(), reader.uint24()]).toEqual([a, b, c]);
        expect([reader.vector8("d"), reader.vector16("e"), reader.vector24("f")]).toEqual([d, e, f]);
        reader.end();
      }),
    );
  });

  it("shares the bytes that it gives", () => {
    const bytes = Uint8Array.of(2, 7, 8);
    expect(new ByteReader(bytes, "test").vector8("field").buffer).toBe(bytes.buffer);
  });

  it.each<[string, (reader: ByteReader) => unknown, string]>([
    ["a number beyond the end", (reader) => reader.uint24(), "test ends at byte 2 of at least 3"],
    ["bytes beyond the end", (reader) => reader.bytes(3), "test ends at byte 2 of at least 3"],
    ["a vector beyond the end", (reader) => reader.vector8("field"), "test ends at byte 2 of at least 6"],
    [
      "a vector below its range",
      (reader) => reader.vector8("field", 6),
      "field of test has 5 bytes; 6 to 255 are allowed",
    ],
    [
      "a vector above its range",
      (reader) => reader.vector8("field", 0, 4),
      "field of test has 5 bytes; 0 to 4 are allowed",
    ],
    ["bytes behind the end", (reader) => reader.end(), "test has 2 bytes after its end at byte 0"],
  ])("refuses %s with decode_error", (_, read, message) => {
    const reader = new ByteReader(Uint8Array.of(5, 1), "test");
    expect(() => read(reader)).toThrow(new DtlsFormatError(message));
  });

  it.each([-1, 256, 1.5, Number.NaN])("does not write %d as a byte: that is our own bug", (value) => {
    expect(() => new ByteWriter().uint8(value)).toThrow(/does not fit 1 bytes/);
  });
});
