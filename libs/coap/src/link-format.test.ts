import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CoapFormatError } from "./errors.ts";
import { type CoreLink, formatLinkFormat, MAX_LINKS, parseLinkFormat } from "./link-format.ts";

describe("link format (RFC 6690 §2)", () => {
  it.each<[string, CoreLink[]]>([
    ["", []],
    ["</1/0>", [{ target: "/1/0", attributes: [] }]],
    [
      '</>;rt="oma.lwm2m";ct="60 110",</3/0>;ver=1.1',
      [
        {
          target: "/",
          attributes: [
            { name: "rt", value: "oma.lwm2m" },
            { name: "ct", value: "60 110" },
          ],
        },
        { target: "/3/0", attributes: [{ name: "ver", value: "1.1" }] },
      ],
    ],
    [
      '</sensors>;obs;title="a \\"b\\", \\\\;c"',
      [
        {
          target: "/sensors",
          attributes: [
            { name: "obs", value: undefined },
            { name: "title", value: 'a "b", \\;c' },
          ],
        },
      ],
    ],
  ])("parses %s", (text, links) => {
    expect(parseLinkFormat(text)).toEqual(links);
  });

  it("tolerates spaces around separators", () => {
    expect(parseLinkFormat(" </1> ; ver = 1.1 , </2>\r\n")).toEqual(parseLinkFormat("</1>;ver=1.1,</2>"));
  });

  it.each(["</1", "/1", "</1>,", "</1></2>", "</1>;", '</1>;title="open', "</1>;=1", ",</1>"])("refuses %s", (text) => {
    expect(() => parseLinkFormat(text)).toThrow(CoapFormatError);
  });

  it("says where it stopped", () => {
    expect(() => parseLinkFormat("</1></2>")).toThrow('link format: "," expected at character 4 of 8');
  });

  it("refuses more links or attributes than its limits", () => {
    expect(() =>
      parseLinkFormat(
        Array(MAX_LINKS + 1)
          .fill("</1>")
          .join(","),
      ),
    ).toThrow(CoapFormatError);
    expect(() => parseLinkFormat(`</1>${";a".repeat(100)}`)).toThrow(CoapFormatError);
  });

  it("survives formatting and parsing", () => {
    const attribute = fc.record({
      name: fc.stringMatching(/^[a-z0-9]{1,6}$/),
      value: fc.oneof(fc.constant(undefined), fc.string()),
    });
    const link = fc.record({
      target: fc.string().map((text) => text.replaceAll(">", "")),
      attributes: fc.array(attribute, { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(link, { maxLength: 4 }), (links) => {
        expect(parseLinkFormat(formatLinkFormat(links))).toEqual(links);
      }),
    );
  });

  it("parses any text or throws CoapFormatError", () => {
    const text = fc.array(fc.constantFrom("<", ">", ";", ",", '"', "\\", "=", " ", "a", "/1"), { maxLength: 20 });
    fc.assert(
      fc.property(text, (parts) => {
        try {
          parseLinkFormat(parts.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(CoapFormatError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
