import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createTimeFormat } from "./time-text.ts";

describe("createTimeFormat", () => {
  it.each([
    ["UTC", "2021-07-01T13:39:49Z", "Thu Jul 01 13:39:49 UTC 2021"],
    ["Europe/Helsinki", "2021-01-01T00:00:00Z", "Fri Jan 01 02:00:00 EET 2021"],
    ["Europe/Berlin", "2021-07-01T22:30:00Z", "Fri Jul 02 00:30:00 CEST 2021"],
    ["Europe/London", "2021-07-01T12:00:00Z", "Thu Jul 01 13:00:00 BST 2021"],
    ["America/New_York", "2021-01-01T00:00:00Z", "Thu Dec 31 19:00:00 EST 2020"],
    ["Australia/Sydney", "2021-01-01T00:00:00Z", "Fri Jan 01 11:00:00 AEDT 2021"],
    ["Australia/Sydney", "2021-07-01T00:00:00Z", "Thu Jul 01 10:00:00 AEST 2021"],
    ["Asia/Kolkata", "2021-07-01T00:00:00Z", "Thu Jul 01 05:30:00 IST 2021"],
    ["UTC", "0033-04-03T15:00:00Z", "Sun Apr 03 15:00:00 UTC 0033"],
  ])("in %s prints %s as %s", (zone, iso, printed) => {
    expect(createTimeFormat(zone)(Date.parse(iso))).toBe(printed);
  });

  it("prints any number, also what no calendar reaches", () => {
    const format = createTimeFormat("Europe/Kiev");
    expect(format(9e15)).toBe("9000000000000000");
    fc.assert(fc.property(fc.double(), (timeMs) => typeof format(timeMs) === "string"));
  });

  it("refuses a zone that is none", () => {
    expect(() => createTimeFormat("Europe/Atlantis")).toThrow(RangeError);
  });
});
