import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { InvalidPathError } from "./errors.ts";
import {
  comparePaths,
  formatPath,
  formatVersionedPath,
  type LwM2mPath,
  parsePath,
  parseVersionedPath,
  pathsOverlap,
} from "./path.ts";

const path: fc.Arbitrary<LwM2mPath> = fc
  .tuple(fc.nat(65_535), fc.nat(65_534), fc.nat(65_535), fc.nat(65_535), fc.nat(4))
  .map(([a, b, c, d, length]) => [a, b, c, d].slice(0, length));
const version = fc.option(
  fc.tuple(fc.nat(99), fc.nat(99)).map(([major, minor]) => `${major}.${minor}`),
  { nil: undefined },
);

/** What a text of digits and slashes says, taken apart the long way; undefined when it is no path. */
function readLong(text: string): LwM2mPath | undefined {
  const ids = /^\/?$/.test(text) ? [] : text.replace(/^\//, "").replace(/\/$/, "").split("/");
  const isPath =
    ids.length <= 4 && ids.every((id, level) => id !== "" && Number(id) <= (level === 1 ? 65_534 : 65_535));
  return isPath ? ids.map(Number) : undefined;
}

describe("a versioned path", () => {
  it.each([
    ["/3/0/9", [3, 0, 9], undefined],
    ["3/0/9", [3, 0, 9], undefined],
    ["/3_1.1/0/9", [3, 0, 9], "1.1"],
    ["3_1.1/0/9", [3, 0, 9], "1.1"],
    ["3_1.1", [3], "1.1"],
    ["3", [3], undefined],
    ["/19_1.1/0/", [19, 0], "1.1"],
    ["/03/0", [3, 0], undefined],
    ["/3_1.2/07", [3, 7], "1.2"],
    ["/65535/65534/65535/65535", [65535, 65534, 65535, 65535], undefined],
    ["/", [], undefined],
    ["", [], undefined],
  ])("%p is %p of version %p", (text, expectedPath, expectedVersion) => {
    expect(parseVersionedPath(text)).toEqual({ path: expectedPath, version: expectedVersion });
  });

  it.each([
    ["/a/0", "object id a is not in 0..65535"],
    ["/3_/0", 'version "" is not major.minor'],
    ["/3_1.0_2/0", 'version "1.0_2" is not major.minor'],
    ["/3_1/0", 'version "1" is not major.minor'],
    ["/_1.0/0", "object id is empty"],
    ["/3/0_1.0", "object instance id 0_1.0 is not in 0..65534"],
    ["/3/0/9/0/1", "5 levels, at most 4 are possible"],
    ["//3/0", "object id is empty"],
    ["//", "object id is empty"],
    ["/3//9", "object instance id is empty"],
    ["/65536", "object id 65536 is not in 0..65535"],
    ["/3/65535", "object instance id 65535 is not in 0..65534"],
    ["/3/-1", "object instance id -1 is not in 0..65534"],
    ["/3/0/1e3", "resource id 1e3 is not in 0..65535"],
    ["/3/ 0", "object instance id  0 is not in 0..65534"],
  ])("%p is refused: %s", (text, reason) => {
    expect(() => parseVersionedPath(text)).toThrow(`Invalid path ${text}: ${reason}`);
  });

  it("of a thousand levels is refused and quoted in part", () => {
    expect(() => parseVersionedPath("/1".repeat(1000))).toThrow(
      `Invalid path ${"/1".repeat(32)}…: longer than 64 characters`,
    );
  });

  it("comes back from its text", () => {
    fc.assert(
      fc.property(path, version, (ids, v) => {
        const versioned = { path: ids, version: ids.length === 0 ? undefined : v };
        expect(parseVersionedPath(formatVersionedPath(versioned))).toEqual(versioned);
      }),
    );
  });
});

describe("a plain path", () => {
  it("comes back from its text", () => {
    fc.assert(fc.property(path, (ids) => expect(parsePath(formatPath(ids))).toEqual(ids)));
  });

  it("is what its ids are, with a slash before and behind or without, and no other text of digits and slashes is one", () => {
    const id = fc.oneof(fc.constantFrom("", "0", "007", "65534", "65535", "65536"), fc.nat(70_000).map(String));
    const slash = fc.constantFrom("", "/", "//");
    fc.assert(
      fc.property(slash, fc.array(id, { maxLength: 5 }), slash, (before, ids, behind) => {
        const text = before + ids.join("/") + behind;
        const expected = readLong(text);
        if (expected === undefined) expect(() => parsePath(text)).toThrow(InvalidPathError);
        else expect(parsePath(text)).toEqual(expected);
      }),
    );
  });

  it("has no version", () => {
    expect(() => parsePath("/3_1.1/0")).toThrow("Invalid path /3_1.1/0: a version (1.1) is not allowed here");
  });
});

describe("two paths", () => {
  it.each([
    ["/3", "/3/0/9", true],
    ["/3/0/9", "/3", true],
    ["/3/0/9", "/3/0/9", true],
    ["/", "/3/0/9", true],
    ["/3/0/1", "/3/0/14", false],
    ["/3/0", "/3/1/0", false],
  ])("%s and %s overlap: %s", (a, b, overlap) => {
    expect(pathsOverlap(parsePath(a), parsePath(b))).toBe(overlap);
  });

  it("are ordered by their ids, a parent first", () => {
    const sorted = ["/10", "/3/0/9", "/3", "/3/0/10", "/", "/3/0"].map(parsePath).sort(comparePaths).map(formatPath);
    expect(sorted).toEqual(["/", "/3", "/3/0", "/3/0/9", "/3/0/10", "/10"]);
  });
});
