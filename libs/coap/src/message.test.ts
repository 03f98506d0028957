import { coapMessage, coapOptions, hex, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CODE } from "./code.ts";
import { CoapFormatError } from "./errors.ts";
import { decodeMessage, encodeEmpty, encodeMessage, MESSAGE_TYPE } from "./message.ts";
import { decodeOptions, encodeOptions, stringOption, uintOption, uriOptions, uriPath, uriQuery } from "./option.ts";
import { OPTION } from "./option-registry.ts";

const NO_BYTES = new Uint8Array(0);

describe("messages (RFC 7252 Appendix A)", () => {
  it("Figure 16: a GET for /temperature and its piggybacked response", () => {
    const request = hex(`
      40 01 7d34                    # CON, no token, GET, Message ID 0x7d34
      bb 74656d7065726174757265     # Uri-Path "temperature"`);
    expect(decodeMessage(request)).toEqual({
      type: MESSAGE_TYPE.CON,
      code: CODE.GET,
      messageId: 0x7d34,
      token: NO_BYTES,
      options: [stringOption(OPTION.URI_PATH, "temperature")],
      payload: NO_BYTES,
    });
    const response = hex(`
      60 45 7d34                    # ACK, no token, 2.05
      ff 32322e332043               # payload "22.3 C"`);
    expect(decodeMessage(response)).toMatchObject({ type: MESSAGE_TYPE.ACK, code: CODE.CONTENT, messageId: 0x7d34 });
    expect(new TextDecoder().decode(decodeMessage(response).payload)).toBe("22.3 C");
  });

  it("Figure 17: the same with a token", () => {
    const bytes = hex(`
      41 01 7d35 20                 # CON, 1 byte of token, GET, Message ID 0x7d35, token 0x20
      bb 74656d7065726174757265     # Uri-Path "temperature"`);
    const message = decodeMessage(bytes);
    expect(toHex(message.token)).toBe("20");
    expect(toHex(encodeMessage(message))).toBe(toHex(bytes));
  });

  it("Figure 19: an Empty acknowledgement", () => {
    expect(toHex(encodeEmpty(MESSAGE_TYPE.ACK, 0x7d38))).toBe("60007d38");
    expect(decodeMessage(hex("60 00 7d38"))).toMatchObject({ type: MESSAGE_TYPE.ACK, code: CODE.EMPTY });
  });

  it("survive encoding and decoding", () => {
    fc.assert(
      fc.property(coapMessage, (message) => {
        expect(decodeMessage(encodeMessage(message))).toEqual(message);
      }),
    );
  });

  it("decode or throw CoapFormatError, nothing else", () => {
    const nearly = fc.tuple(coapMessage, fc.nat(), fc.nat({ max: 255 })).map(([message, index, byte]) => {
      const bytes = encodeMessage(message);
      bytes[index % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), nearly), (bytes) => {
        try {
          decodeMessage(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(CoapFormatError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("options (RFC 7252 §3.1)", () => {
  it("extend delta and length by one byte from 13 and by two from 269", () => {
    const bytes = hex(`
      d1 00 aa                      # 13: delta 13 + 0
      d1 f3 bb                      # 269: delta 13 + 243
      e1 0000 cc                    # 538: delta 269 + 0`);
    const { options } = decodeOptions(bytes, 0);
    expect(options.map(({ number }) => number)).toEqual([13, 269, 538]);
    expect(toHex(encodeOptions(options))).toBe(toHex(bytes));
  });

  it.each(["f0", "0f", "d0", "e000", "12aa", "ff", "e0ffff", "e1fef2 00 11 00"])("refuse %s", (text) => {
    expect(() => decodeOptions(hex(text), 0)).toThrow(CoapFormatError);
  });

  it("survive encoding and decoding", () => {
    fc.assert(
      fc.property(coapOptions, (options) => {
        expect(decodeOptions(encodeOptions(options), 0).options).toEqual(options);
      }),
    );
  });

  it("carry numbers without leading zero bytes (§3.2)", () => {
    expect([0, 1, 255, 256, 65536, 2 ** 24, 2 ** 32 - 1].map((value) => toHex(uintOption(6, value).value))).toEqual([
      "",
      "01",
      "ff",
      "0100",
      "010000",
      "01000000",
      "ffffffff",
    ]);
  });

  it("carry text in UTF-8 (§3.2)", () => {
    const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: "grapheme", maxLength: 40 }));
    fc.assert(
      fc.property(text, (value) => {
        expect(toHex(stringOption(OPTION.URI_PATH, value).value)).toBe(Buffer.from(value).toString("hex"));
      }),
    );
  });

  it("carry a path and a query in segments (§6.4)", () => {
    const options = uriOptions("/rd/5a3f?ep=a&lt=60");
    expect(uriPath(options)).toEqual(["rd", "5a3f"]);
    expect(uriQuery(options)).toEqual(["ep=a", "lt=60"]);
    expect(uriOptions("/")).toEqual([]);
    expect(uriOptions("")).toEqual([]);
  });
});
