import { describe, expect, it } from "@jest/globals";
import { GivenStamps, MAX_GIVEN_STAMPS } from "./given-stamps.ts";

describe("GivenStamps", () => {
  it("Remembers the last stamp of each association until the clock is beyond it", () => {
    const stamps = new GivenStamps();
    stamps.add("a", 100, 100);
    stamps.add("a", 105, 100);
    stamps.add("b", 101, 100);
    expect([stamps.last("a"), stamps.last("b"), stamps.last("c")]).toEqual([105, 101, 0]);
    stamps.add("c", 101, 101);
    expect([stamps.last("a"), stamps.last("b")]).toEqual([105, 101]);
    stamps.add("c", 105, 105);
    expect([stamps.last("a"), stamps.last("b"), stamps.last("c")]).toEqual([105, 0, 105]);
    stamps.add("d", 106, 106);
    expect([stamps.last("a"), stamps.last("c"), stamps.last("d")]).toEqual([0, 0, 106]);
  });

  it("Of too many the one that was not claimed for longest is forgotten", () => {
    const stamps = new GivenStamps();
    for (let i = 0; i < MAX_GIVEN_STAMPS; i++) stamps.add(`${i}`, 200, 100);
    stamps.add("0", 201, 100);
    stamps.add("new", 200, 100);
    expect([stamps.last("0"), stamps.last("1"), stamps.last("2"), stamps.last("new")]).toEqual([201, 0, 200, 200]);
  });
});
