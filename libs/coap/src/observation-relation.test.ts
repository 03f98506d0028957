import { expect, it } from "@jest/globals";
import { isFresher } from "./observation-relation.ts";

it.each([
  ["a greater number within half the space is newer", 1, 0, 2, 0, true],
  ["a smaller or equal one is not", 2, 0, 2, 0, false],
  ["a smaller one is older", 2, 0, 1, 0, false],
  ["a smaller one beyond half the space has wrapped around", 0xff_fffe, 0, 1, 0, true],
  ["a greater one beyond half the space is from before the wrap", 1, 0, 0xff_fffe, 0, false],
  ["exactly half the space away is not newer", 0, 0, 1 << 23, 0, false],
  ["anything is newer after more than 128 s", 5, 0, 1, 128_001, true],
  ["but not after 128 s exactly", 5, 0, 1, 128_000, false],
])("%s (RFC 7641 §3.4)", (_, previous, previousMs, next, nextMs, fresher) => {
  expect(isFresher(previous, previousMs, next, nextMs)).toBe(fresher);
});
