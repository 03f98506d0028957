import { describe, expect, it } from "@jest/globals";
import { keepRootLink, parseObjectLinks, supportsPath } from "./object-links.ts";
import { parsePath } from "./path.ts";

const versions = (links: string, lwm2mVersion: string) =>
  Object.fromEntries([...parseObjectLinks(links, lwm2mVersion).objects].map(([id, { version }]) => [id, version]));

describe("the Objects and Object Instances of a Register (Core 1.1.1 §6.2.1)", () => {
  it("are read from the links below the root", () => {
    const links =
      '</>;rt="oma.lwm2m";ct="60 110 112",</1/0>,</3303/12>,</3303/2>,</3>;ver=1.1,</3/0>,</2>,</.well-known/core>';
    expect(parseObjectLinks(links, "1.1")).toEqual({
      lwm2mVersion: "1.1",
      rootPath: [],
      contentFormats: [60, 110, 112],
      objects: new Map([
        [1, { version: "1.1", instances: [0] }],
        [2, { version: "1.0", instances: [] }],
        [3, { version: "1.1", instances: [0] }],
        [3303, { version: "1.0", instances: [2, 12] }],
      ]),
    });
  });

  it("may lie below an alternate path", () => {
    const supported = parseObjectLinks(
      '</lwm2m/a>;rt="oma.lwm2m";ct=11543,</lwm2m/a/1/0>,</lwm2m/a/3/0>,</5/0>',
      "1.0",
    );
    expect(supported.rootPath).toEqual(["lwm2m", "a"]);
    expect([...supported.objects.keys()]).toEqual([1, 3]);
    expect(supported.contentFormats).toEqual([11_543]);
  });

  it("without a root link are below /", () => {
    expect(parseObjectLinks("</1/0>, </3/0>", "1.0")).toMatchObject({ rootPath: [], contentFormats: [] });
    expect(parseObjectLinks("</>;ct=110,</1/0>", "1.0").contentFormats).toEqual([110]);
  });

  it.each([
    ["1.0", { 0: "1.0", 1: "1.0", 2: "1.0", 3: "1.0", 4: "1.0", 5: "1.0", 6: "1.0", 7: "1.0", 21: "1.0", 3303: "1.0" }],
    ["1.1", { 0: "1.1", 1: "1.1", 2: "1.0", 3: "1.1", 4: "1.2", 5: "1.0", 6: "1.0", 7: "1.0", 21: "1.0", 3303: "1.0" }],
    ["1.2", { 0: "1.2", 1: "1.2", 2: "1.1", 3: "1.2", 4: "1.3", 5: "1.1", 6: "1.0", 7: "1.0", 21: "2.0", 3303: "1.0" }],
  ])("without ver have the versions of LwM2M %s", (lwm2mVersion, expected) => {
    expect(versions("</0>,</1>,</2>,</3>,</4>,</5>,</6>,</7>,</21>,</3303>", lwm2mVersion)).toEqual(expected);
  });

  it("have the version that the caller takes for Objects to which nothing else gives one", () => {
    const { objects } = parseObjectLinks("</3/0>,</3303/0>,</3304/0>;ver=1.0", "1.1", "1.1");
    expect([...objects].map(([id, { version }]) => [id, version])).toEqual([
      [3, "1.1"],
      [3303, "1.1"],
      [3304, "1.0"],
    ]);
  });

  it("may go down to Resource Instances; their Object and Object Instance count", () => {
    const { objects } = parseObjectLinks("</11/0/3/2>,</11/1/3>", "1.1");
    expect(objects.get(11)).toEqual({ version: "1.0", instances: [0, 1] });
  });

  it("may name the version at an instance, quoted or not", () => {
    expect(versions('</3/0>;ver="1.2",</4>;ver=1.3,</5/0>', "1.0")).toEqual({ 3: "1.2", 4: "1.3", 5: "1.0" });
  });

  it.each([
    ["", "the link list names no Object"],
    ["</>;ct=110", "the link list names no Object"],
    ["</3/0", 'link format: ">" missing after here'],
    ["</3/0>;ver=1", "link </3/0>: ver 1 is not major.minor"],
    ["</70000/0>", "link </70000/0>: Invalid path 70000/0: object id 70000 is not in 0..65535"],
    ['</>;ct="110 x",</3/0>', "link </>: ct x is no content format"],
    ["</>;ct,</3/0>", "link </>: ct  is no content format"],
  ])("%p are refused: %s", (links, message) => {
    expect(() => parseObjectLinks(links, "1.1")).toThrow(message);
  });

  it("tell which paths the device has", () => {
    const supported = parseObjectLinks("</3/0>,</5>", "1.0");
    const has = (path: string) => supportsPath(supported, parsePath(path));
    expect(["/", "/3", "/3/0", "/3/0/9", "/5"].every(has)).toBe(true);
    expect(["/4", "/3/1", "/3/1/0", "/5/0"].some(has)).toBe(false);
  });
});

describe("the links of an Update", () => {
  const before = '</>;rt="oma.lwm2m";ct="110 112",</3/0>';

  it("keep what Register said of the root where they say nothing of it", () => {
    const links = keepRootLink("</3/0>,</19/5>", before);
    expect(parseObjectLinks(links, "1.1")).toMatchObject({ contentFormats: [110, 112] });
    expect(parseObjectLinks(links, "1.1").objects.get(19)?.instances).toEqual([5]);
  });

  it("keep its Content-Formats where their root link names none, as Leshan's does", () => {
    const links = keepRootLink('</>;rt="oma.lwm2m",</3/0>', before);
    expect(parseObjectLinks(links, "1.1")).toMatchObject({ contentFormats: [110, 112] });
    expect(keepRootLink('</lwm2m>;rt="oma.lwm2m",</lwm2m/3/0>', before)).toContain("</lwm2m>");
  });

  it("stand for themselves where they cannot be read below the root of before", () => {
    const alternate = '</lwm2m>;rt="oma.lwm2m";ct=110,</lwm2m/3/0>';
    for (const links of ["</3/0>", "</3/0>,</lwm2m/70000/0>"]) {
      expect(keepRootLink(links, alternate)).toBe(links);
      expect([...parseObjectLinks(keepRootLink(links, alternate), "1.1").objects.keys()]).toEqual([3]);
    }
  });

  it("count as they are where they have a root link, or Register had none", () => {
    expect(keepRootLink("</>;ct=60,</3/0>", before)).toBe("</>;ct=60,</3/0>");
    expect(keepRootLink("</3/0>", "</1/0>")).toBe("</3/0>");
  });
});
