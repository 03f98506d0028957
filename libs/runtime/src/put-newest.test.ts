import { expect, it } from "@jest/globals";
import { putNewest } from "./put-newest.ts";

it("Beyond so many entries the one that was put longest ago is forgotten", () => {
  const map = new Map<string, number>();
  for (const [key, value] of [
    ["a", 1],
    ["b", 2],
    ["a", 3],
    ["c", 4],
  ] as const)
    putNewest(map, key, value, 2);
  expect([...map]).toEqual([
    ["a", 3],
    ["c", 4],
  ]);
});
