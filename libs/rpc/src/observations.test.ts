import { describe, expect, it } from "@jest/globals";
import { findObservation, findObservationConflict, type ObservedPaths } from "./observations.ts";

const single = (...path: number[]): ObservedPaths => ({ paths: [path], composite: false });
const composite = (...paths: number[][]): ObservedPaths => ({ paths, composite: true });

describe("findObservation", () => {
  const existing = [single(3), single(3, 0, 9), composite([3, 0, 9], [1]), composite([5, 0, 7])];

  it("finds exactly these paths, in whatever order", () => {
    expect(findObservation(existing, single(3, 0, 9))).toBe(existing[1]);
    expect(findObservation(existing, composite([1], [3, 0, 9]))).toBe(existing[2]);
    expect(findObservation(existing, composite([5, 0, 7]))).toBe(existing[3]);
  });

  it.each([
    ["below a path", single(3, 0)],
    ["a part of a composite one's", single(1)],
    ["a subset", composite([1])],
    ["a superset", composite([1], [3, 0, 9], [4])],
    ["one path of a composite one", single(5, 0, 7)],
  ])("does not find %s", (_, wanted) => {
    expect(findObservation(existing, wanted)).toBeUndefined();
  });
});

describe("findObservationConflict", () => {
  it.each([
    ["B61: the same path again", single(3, 0, 0), single(3, 0, 0)],
    ["B68: another instance", single(19, 0, 0), single(19, 1)],
    ["C62: a path whose text another's begins with", composite([3, 0, 14]), single(3, 0, 1)],
    ["a composite one of other paths", composite([3, 0, 14]), composite([3, 0, 1], [5])],
  ])("has nothing against %s", (_, existing, wanted) => {
    expect(findObservationConflict([existing], wanted)).toBeUndefined();
  });

  it("refuses a composite observation that is there already", () => {
    const wanted = composite([3, 0, 14], [5]);
    expect(findObservationConflict([wanted], wanted)?.error).toBe(
      "Resource [/3/0/14] is already registered in CompositeObservation.",
    );
  });
});
