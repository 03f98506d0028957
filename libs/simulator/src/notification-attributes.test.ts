import type { LwM2mNode } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import { isSignificant } from "./notification-attributes.ts";

const float = (value: number): LwM2mNode => ({ type: "singleResource", id: 5700, value: { type: "FLOAT", value } });
const text = (value: string): LwM2mNode => ({ type: "singleResource", id: 15, value: { type: "STRING", value } });

describe("isSignificant", () => {
  it.each([
    ["every change, where no threshold is set", {}, 20, 20.1, true],
    ["a rise above gt", { gt: 25 }, 24, 26, true],
    ["a fall below gt", { gt: 25 }, 26, 24, true],
    ["no move above gt", { gt: 25 }, 26, 30, false],
    ["a fall below lt", { lt: 10 }, 11, 9, true],
    ["no move below lt", { lt: 10 }, 9, 5, false],
    ["a step as wide as st", { st: 2 }, 20, 22, true],
    ["no step narrower than st", { st: 2 }, 20, 21.9, false],
    ["a wide step that crosses nothing", { gt: 100, st: 5 }, 20, 30, true],
  ])("tells %s (OMA LwM2M Core 1.1.1 §5.1.2)", (_, attributes, from, to, told) => {
    expect(isSignificant(float(from), float(to), attributes)).toBe(told);
  });

  it.each([
    ["to true", 1, true, true],
    ["to false", 1, false, false],
    ["to true", 0, true, false],
    ["to false", 0, false, true],
  ])("tells, or does not, a change %s where edge is %i (OMA LwM2M Core 1.2 §7.3.2)", (_, edge, to, told) => {
    const flag = (value: boolean): LwM2mNode => ({ type: "singleResource", id: 6, value: { type: "BOOLEAN", value } });
    expect(isSignificant(flag(!to), flag(to), { edge })).toBe(told);
  });

  it("tells every change of what is no number", () => {
    expect(isSignificant(text("a"), text("b"), { gt: 25 })).toBe(true);
  });
});
