import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { formatExecuteArguments, parseExecuteArguments } from "./execute-arguments.ts";

describe("Execute arguments (Core 1.1.1 §6.3.5)", () => {
  it.each([
    ["", []],
    ["5", [{ digit: 5, value: undefined }]],
    ["2='10.3'", [{ digit: 2, value: "10.3" }]],
    [
      "7,0='https://www.oma.org'",
      [
        { digit: 7, value: undefined },
        { digit: 0, value: "https://www.oma.org" },
      ],
    ],
    ["1=''", [{ digit: 1, value: "" }]],
  ])("%p are %p", (text, args) => {
    expect(parseExecuteArguments(text)).toEqual(args);
  });

  it.each([
    ["'60'", "Invalid digit ['] (an integer between 0 and 9 is expected)"],
    ["60", "[,] separator expected at index 1 after [6]"],
    ["0,1,2,3,4,5,6,7,8,9,60", "[,] separator expected at index 21 after [0,1,2,3,4,5,6,7,8,9,6]"],
    ["0,0", "Unable to build Arguments : digit [0] exists more than once "],
    ["0='a b'", "Invalid Argument value [a b] for digit [0] "],
    ['0="a"', "opening quote ['] is expected at index 2 after [0=]"],
    ["5,", "unexpected EOF, expected argument after 5,"],
    ["0='x", "Argument value must end with quote[']."],
  ])("%p are refused", (text, reason) => {
    expect(() => parseExecuteArguments(text)).toThrow(
      expect.objectContaining({ message: `Unable to parse Arguments [${text}] : ${reason}` }),
    );
  });

  it("come back from their text in their order", () => {
    const characters = [..."!#$%&()*+,-./0123456789:;<=>?@AZ[]^_`az{|}~"];
    const value = fc.option(fc.string({ unit: fc.constantFrom(...characters) }), { nil: undefined });
    const args = fc.uniqueArray(fc.record({ digit: fc.nat(9), value }), { selector: ({ digit }) => digit });
    fc.assert(fc.property(args, (a) => expect(parseExecuteArguments(formatExecuteArguments(a))).toEqual(a)));
  });
});
