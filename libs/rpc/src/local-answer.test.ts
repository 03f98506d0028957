import { describe, expect, it } from "@jest/globals";
import { formatDiscoverAll, formatLocalValue, formatObserveReadAll } from "./local-answer.ts";

const LINKS = '</31024/12>, </1/0>,</3>;ver=1.0,</1>;ver="1.1",</>;rt="oma.lwm2m";ct=110;hb,</31024/2>';

function listOf({ value }: { readonly value?: string }): unknown {
  return JSON.parse(value ?? "null");
}

describe("answers from what the server knows", () => {
  it("S6: DiscoverAll has the links of the registration as objects, root first, then by path, values with their quotes", () => {
    expect(listOf(formatDiscoverAll(LINKS, "seed"))).toEqual([
      { url: "/", attributes: { rt: '"oma.lwm2m"', ct: "110", hb: null } },
      { url: "/1", attributes: { ver: '"1.1"' } },
      { url: "/1/0", attributes: {} },
      { url: "/3", attributes: { ver: "1.0" } },
      { url: "/31024/2", attributes: {} },
      { url: "/31024/12", attributes: {} },
    ]);
  });

  it("S6: DiscoverAll is that of the reference page to the byte", () => {
    expect(formatDiscoverAll('</>;rt="oma.lwm2m";ct=110,</1>;ver=1.1,</1/0>', "seed").value).toBe(
      '[{"url":"/","attributes":{"ct":"110","rt":"\\"oma.lwm2m\\""}},{"url":"/1","attributes":{"ver":"1.1"}},{"url":"/1/0","attributes":{}}]',
    );
  });

  it("S6: DiscoverAll has them as they are, now", () => {
    expect(listOf(formatDiscoverAll(LINKS, "now"))).toEqual([
      '</>;rt="oma.lwm2m";ct=110;hb',
      '</1>;ver="1.1"',
      "</1/0>",
      "</3>;ver=1.0",
      "</31024/2>",
      "</31024/12>",
    ]);
  });

  it("DiscoverAll takes links below an alternate root, and commas in quotes", () => {
    const links = '</lwm2m/3>;title="a,b;c",</lwm2m>;rt="oma.lwm2m"';
    expect(listOf(formatDiscoverAll(links, "seed"))).toEqual([
      { url: "/lwm2m", attributes: { rt: '"oma.lwm2m"' } },
      { url: "/lwm2m/3", attributes: { title: '"a,b;c"' } },
    ]);
  });

  it.each([
    ["seed", ["/3/0/3", "/5/0/7", "CompositeObservation: [/19/0/0, /3/0/9]"]],
    ["now", ["SingleObservation:/3/0/3", "SingleObservation:/5/0/7", "CompositeObservation: [/19/0/0, /3/0/9]"]],
  ] as const)("S29, B80: ObserveReadAll, %s", (compat, expected) => {
    const observations = [
      { paths: [[5, 0, 7]], composite: false },
      {
        paths: [
          [19, 0, 0],
          [3, 0, 9],
        ],
        composite: true,
      },
      { paths: [[3, 0, 3]], composite: false },
    ];
    expect(listOf(formatObserveReadAll(observations, compat))).toEqual(expected);
    expect(formatObserveReadAll([], compat).value).toBe("[]");
  });

  it("S26, S28: a count", () => {
    expect(formatLocalValue("8")).toEqual({ status: "SUCCESSFUL", result: "CONTENT", code: 0, value: "8", nodes: [] });
  });
});
