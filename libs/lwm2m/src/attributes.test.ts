import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { formatAttributes, type NotificationAttributes, parseAttributes, validateAttributes } from "./attributes.ts";
import { parsePath } from "./path.ts";

describe("notification attributes", () => {
  it.each<[NotificationAttributes, string]>([
    [{ pmin: 10, pmax: 120 }, "pmax=120&pmin=10"],
    [{ gt: 50, lt: 42.2, st: 0.5 }, "gt=50&lt=42.2&st=0.5"],
    [{ epmin: 1, epmax: 2, pmin: 3, pmax: 4 }, "pmax=4&pmin=3&epmax=2&epmin=1"],
    [{ pmin: null, gt: 1e-7 }, "pmin&gt=0.0000001"],
    [{ lt: -1e21 }, "lt=-1000000000000000000000"],
    [{ hqmax: 10, con: 1, edge: 0, epmin: 3 }, "epmin=3&edge=0&con=1&hqmax=10"],
    [{ edge: null, con: null, hqmax: null }, "edge&con&hqmax"],
    [{}, ""],
  ])("%p are the query %p: a fixed order, decimals without exponent, null without a value", (attributes, query) => {
    expect(formatAttributes(attributes).join("&")).toBe(query);
  });

  it("come back from their query", () => {
    const number = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 }));
    const attributes = fc.record(
      {
        ...{ pmin: number, pmax: number, epmin: number, epmax: number, gt: number, lt: number, st: number },
        ...{ edge: number, con: number, hqmax: number },
      },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(attributes, (a) => expect(parseAttributes(formatAttributes(a))).toEqual(a)));
  });

  it.each<[string, NotificationAttributes]>([
    ["/3", { pmin: 0, pmax: 0 }],
    ["/3/0", { pmin: 5, pmax: 65 }],
    ["/3/0/7", { gt: 50, lt: 42.2, st: 0.5 }],
    ["/3/0/7/0", { gt: 1, epmin: 1, epmax: 1 }],
    ["/3/0/7", { pmin: null, pmax: 3, lt: null, gt: -4 }],
    ["/3", { con: 1, hqmax: 0 }],
    ["/3", { epmin: 1, epmax: null }],
    ["/3/0", { epmin: 1, epmax: 60 }],
    ["/3/0/7/0", { edge: 1, con: 0, hqmax: null }],
  ])("for %s may be %p", (path, attributes) => {
    expect(() => validateAttributes(parsePath(path), attributes)).not.toThrow();
  });

  const onlyResources = (name: string, path: string) =>
    `Some attributes are not valid for the path ${path}. ${name} attribute is only applicable to [RESOURCE, RESOURCE_INSTANCE], and so can not be attached to ${path}`;
  const broken = (condition: string) =>
    `Some attributes are not valid for the path /3/0/9. Attributes doesn't fulfill ${condition} condition`;

  it.each<[string, NotificationAttributes, string]>([
    ["/3/0/9", { pmin: -1 }, "'pmin' attribute value must not be negative"],
    ["/3/0/9", { st: -0.5 }, "'st' attribute value must not be negative"],
    ["/3/0/9", { epmax: -1 }, "'epmax' attribute value must not be negative"],
    ["/3/0/9", { edge: 2 }, "'edge' attribute value must be 0 or 1"],
    ["/3/0/9", { con: -1 }, "'con' attribute value must be 0 or 1"],
    ["/3/0/9", { hqmax: -1 }, "'hqmax' attribute value must not be negative"],
    ["/3/0", { edge: 1 }, onlyResources("edge", "/3/0")],
    ["/3/0/9", { pmax: 1.5 }, "'pmax' attribute value must be a whole number"],
    ["/3/0/9", { gt: Number.NaN }, "'gt' attribute value must be a number"],
    ["/3/0", { gt: 1 }, onlyResources("gt", "/3/0")],
    ["/3", { st: null }, onlyResources("st", "/3")],
    ["/3/0/9", { pmin: 10, pmax: 1 }, broken("'pmin'<= 'pmax'")],
    ["/3/0/9", { epmin: 10, epmax: 1 }, broken("'epmin'<= 'epmax'")],
    ["/3/0/9", { lt: 5, gt: 5 }, broken("'lt' < 'gt'")],
    ["/3/0/9", { lt: 1, gt: 3, st: 1 }, broken("('lt' + 2*'st') < 'gt'")],
  ])("for %s must not be %p", (path, attributes, message) => {
    expect(() => validateAttributes(parsePath(path), attributes)).toThrow(message);
  });

  it.each([
    [["dim=3"], "'dim' is no notification attribute"],
    [["pmin=soon"], "'pmin' attribute value must be a number"],
    [["pmin="], "'pmin' attribute value must be a number"],
  ])("cannot be read from %p", (query, message) => {
    expect(() => parseAttributes(query)).toThrow(message);
  });
});
