import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { METHODS } from "./method.ts";
import { parseTerminalLine } from "./terminal.ts";

it.each([
  ['Read {"id":"/3/0/9"}', "Read", '{"id":"/3/0/9"}'],
  ['  Read\t { "id" : 3 } ', "Read", '{ "id" : 3 }'],
  ["DiscoverAll", "DiscoverAll", ""],
  ["Read abc", "Read", '"abc"'],
  ["Read {id:3}", "Read", '"{id:3}"'],
  ["", "", ""],
])("the line %p is %s with %s", (line, method, params) => {
  expect(parseTerminalLine(line)).toEqual({ method, params });
});

it("the parameters of a line are JSON or empty", () => {
  fc.assert(
    fc.property(fc.string(), (line) => {
      const { params } = parseTerminalLine(line);
      expect(params === "" || JSON.parse(params) !== undefined).toBe(true);
    }),
    { numRuns: 200 },
  );
});

it("the catalogue names every method once", () => {
  const names = METHODS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(METHODS.filter(({ sideEffect }) => sideEffect === "atMostOnce").map(({ name }) => name)).toEqual([
    "Execute",
    "Delete",
    "Create",
  ]);
});
