import { parsePath } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import { inHashOrder, inPathHashOrder } from "./hash-order.ts";

describe("the order of a Java hash table", () => {
  it.each([
    [
      [0, 1, 6, 7, 22],
      [0, 1, 6, 22, 7],
    ],
    [
      [5700, 5601, 5602, 5701, 5603, 5604],
      [5601, 5602, 5603, 5700, 5604, 5701],
    ],
  ])("of ids %p is %p", (ids, expected) => {
    expect(inHashOrder(ids.map((id) => ({ id }))).map(({ id }) => id)).toEqual(expected);
  });

  it.each([
    ["/5/0/3 /5/0/5 /5/0/7 /3/0/9", "/5/0/7 /5/0/5 /5/0/3 /3/0/9"],
    ["/3/0/9 /1", "/3/0/9 /1"],
    ["/3/0 /1/0", "/3/0 /1/0"],
  ])("of paths %s is %s", (paths, expected) => {
    const entries = paths.split(" ").map((text) => ({ text, path: parsePath(text) }));
    expect(
      inPathHashOrder(entries)
        .map(({ text }) => text)
        .join(" "),
    ).toBe(expected);
  });
});
