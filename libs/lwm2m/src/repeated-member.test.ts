import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { findRepeatedMember } from "./repeated-member.ts";

describe("findRepeatedMember", () => {
  it.each([
    ['{"a":1,"a":2}', ["a"]],
    ['{"a":{"b":1,"b":2}}', ["a", "b"]],
    ['{"a":[{"b":1},{"b":1,"b":2}]}', ["a", "b"]],
    ['{"":1,"":2}', [""]],
    ['{"":{"b.c":1,"b.c":2}}', ["", "b.c"]],
    ['{"a":1,"\\u0061":2}', ["a"]],
    ['{"a\\"b":"{","a\\"b":1}', ['a"b']],
  ])("of %s is %j", (text, path) => {
    expect(findRepeatedMember(text)).toEqual(path);
  });

  it.each(['{"a":1,"b":{"a":1}}', '[{"a":1},{"a":1}]', '{"a":"\\"a\\":1","b":"a"}', "{}", "5", '"a"'])(
    "of %s is none",
    (text) => {
      expect(findRepeatedMember(text)).toBeUndefined();
    },
  );

  it("finds none in what JSON.stringify wrote, and any that is put in", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), fc.jsonValue(), (object, name, value) => {
        const text = JSON.stringify(object);
        expect(findRepeatedMember(text)).toBeUndefined();
        const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
        expect(findRepeatedMember(`{${member},${member}${text === "{}" ? "}" : `,${text.slice(1)}`}`)).toEqual([name]);
      }),
    );
  });
});
