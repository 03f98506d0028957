import { describe, expect, it } from "@jest/globals";
import { parseDdf, splitDdf } from "./ddf.ts";

const item = (id: string, inner = "") =>
  `<Item ID="${id}"><Name>N</Name><Operations>R</Operations><MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Type>Integer</Type><RangeEnumeration>0..7</RangeEnumeration><Units>s</Units>${inner}</Item>`;
const object = (items: string, head = "<ObjectVersion>1.2</ObjectVersion>") =>
  `<Object ObjectType="MODefinition"><Name>A &amp; B</Name><Description1><![CDATA[<!-- & <b> -->]]></Description1><ObjectID>40000</ObjectID><ObjectURN>urn:oma:lwm2m:x:40000</ObjectURN>${head}<MultipleInstances>Multiple</MultipleInstances><Mandatory>Optional</Mandatory><Resources>${items}</Resources></Object>`;
const ddf = (...objects: string[]) => `<?xml version="1.0"?><!-- a comment --><LWM2M>${objects.join("")}</LWM2M>`;

describe("a DDF", () => {
  it("defines an Object and its resources (Core 1.1.1 appendix D)", () => {
    const [model] = parseDdf(
      ddf(object(item("0") + item("65535"), "<LWM2MVersion>1.1</LWM2MVersion><ObjectVersion>1.2</ObjectVersion>")),
    );
    expect(model).toEqual({
      id: 40_000,
      name: "A & B",
      version: "1.2",
      lwm2mVersion: "1.1",
      urn: "urn:oma:lwm2m:x:40000",
      multiple: true,
      mandatory: false,
      resources: new Map(
        [0, 65_535].map((id) => [
          id,
          {
            id,
            name: "N",
            operations: "R",
            multiple: false,
            mandatory: false,
            type: "INTEGER",
            rangeEnumeration: "0..7",
            units: "s",
          },
        ]),
      ),
    });
  });

  it("may define several Objects; versions default to 1.0", () => {
    expect(
      parseDdf(ddf(object(""), object("", ""))).map(({ version, lwm2mVersion }) => [version, lwm2mVersion]),
    ).toEqual([
      ["1.2", "1.0"],
      ["1.0", "1.0"],
    ]);
  });

  it.each([
    ["String", "STRING"],
    ["Unsigned Integer", "UNSIGNED_INTEGER"],
    ["Corelnk", "CORELINK"],
    ["objlnk", "OBJLNK"],
  ])("type %s is %s", (name, type) => {
    const [model] = parseDdf(ddf(object(item("1").replace("Integer", name))));
    expect(model?.resources.get(1)?.type).toBe(type);
  });

  it("resource that is executable has no type", () => {
    const executable = item("1").replace(">R<", ">E<").replace("Integer", "");
    expect(parseDdf(ddf(object(executable)))[0]?.resources.get(1)).toMatchObject({ operations: "E", type: undefined });
  });

  it.each([
    ["a byte order mark", (xml: string) => `\uFEFF${xml}`, {}],
    ["operations in another order", (xml: string) => xml.replace(">R<", "> w, r <"), { operations: "RW" }],
    ["no operations", (xml: string) => xml.replace(">R<", "><"), { operations: "" }],
    [
      "a type of another spelling",
      (xml: string) => xml.replace("Integer", "unsigned  INTEGER"),
      { type: "UNSIGNED_INTEGER" },
    ],
    [
      "an executable without type that says so",
      (xml: string) => xml.replace(">R<", ">E<").replace("Integer", "none"),
      { type: undefined },
    ],
    ["multiplicity of another spelling", (xml: string) => xml.replace(">Single<", ">MULTIPLE <"), { multiple: true }],
    ["multiplicity as a flag", (xml: string) => xml.replace(">Single<", ">true<"), { multiple: true }],
    ["<MandatoryType>", (xml: string) => xml.replaceAll("Mandatory>", "MandatoryType>"), { mandatory: false }],
    [
      "a range that is none",
      (xml: string) => xml.replace("0..7", "0-7; see TS &lt;x&gt; ∞"),
      { rangeEnumeration: "0-7; see TS <x> ∞" },
    ],
  ])("may have %s, as published ones do", (_, change, expected) => {
    const [model] = parseDdf(change(ddf(object(item("1")))));
    expect(model?.resources.get(1)).toMatchObject(expected);
  });

  it("is split into documents of one Object each, whatever stands in comments and CDATA", () => {
    const tricky = "<!-- <Object> --><x><![CDATA[</Object>]]></x>";
    const second = object("").replace("40000", "40001").replace("<Resources>", `${tricky}<Resources>`);
    const documents = splitDdf(ddf(object(""), second, "<!-- <Object></Object> -->"));
    expect(documents.map((xml) => parseDdf(xml).map(({ id }) => id))).toEqual([[40_000], [40_001]]);
  });

  it.each(["<!--", "<![CDATA[", "<Object>", "<!"])("is looked at once, however often it holds %s", (text) => {
    const xml = text.repeat(100_000);
    expect(splitDdf(xml)).toEqual([xml]);
    expect(() => parseDdf(xml)).toThrow(expect.objectContaining({ code: "LWM2M_MODEL" }));
  });

  it("of one Object is not split", () => {
    const xml = ddf(object(item("1")));
    expect(splitDdf(xml)).toEqual([xml]);
  });

  it.each([
    [ddf(object("").replace("MODefinition", "Other")), "ObjectType of object 40000: Other is not MODefinition"],
    [
      ddf(object("").replace(' ObjectType="MODefinition"', "")),
      "ObjectType of object 40000: nothing is not MODefinition",
    ],
    [
      ddf(object(item("1").replace(">R<", ">RE<"))),
      "<Operations> of resource 1 of object 40000: RE is not R, W, RW or E",
    ],
    [ddf(object(item("1").replace(">R<", ">RR<"))), "<Operations> of resource 1 of object 40000: RR is not"],
    ["", "Start tag expected"],
    ["<LWM2M><Object>\n<Name>cut", "line 1: not closed: <LWM2M> <Object> <Name>"],
    ["<a/>", "root element is not <LWM2M>"],
    [ddf(), "<LWM2M> has no <Object>"],
    [ddf("<x/>"), "<LWM2M> has no <Object>"],
    [
      `<!DOCTYPE LWM2M [<!ENTITY a "b">]>${ddf(object(""))}`,
      "document has a DOCTYPE or another declaration, which is refused",
    ],
    [ddf(object(item("1", "<x>&a;</x>"))), "document has the entity &a, which is refused"],
    [
      ddf(object("").replace("40000</ObjectID>", "70000</ObjectID>")),
      "<ObjectID> of <Object> 1: 70000 is not in 0..65535",
    ],
    [ddf(object("").replace("<ObjectID>40000</ObjectID>", "")), "<ObjectID> of <Object> 1: nothing is not in 0..65535"],
    [ddf(object("", "<ObjectVersion>1</ObjectVersion>")), "<ObjectVersion> of object 40000: 1 is not major.minor"],
    [
      ddf(object("").replace("Multiple<", "Many<")),
      "<MultipleInstances> of object 40000: Many is not Multiple or Single",
    ],
    [ddf(object("").replace("<Name>A &amp; B</Name>", "")), "<Name> of object 40000 is missing"],
    [ddf(object(item("x"))), "<Item ID> of object 40000: x is not in 0..65535"],
    [ddf(object(item("1") + item("1"))), '<Item ID="1"> of object 40000 is there twice'],
    [
      ddf(object(item("1").replace(">R<", ">RX<"))),
      "<Operations> of resource 1 of object 40000: RX is not R, W, RW or E",
    ],
    [
      ddf(object(item("1").replace("Integer", "constructor"))),
      "<Type> of resource 1 of object 40000: constructor is no data type",
    ],
    [ddf(object(item("1").replace("Integer", "Int"))), "<Type> of resource 1 of object 40000: Int is no data type"],
    [ddf(object(item("1").replace("Integer", ""))), "<Type> of resource 1 of object 40000 is missing"],
    [ddf("<a>".repeat(20) + "</a>".repeat(20)), "Maximum nested tags exceeded"],
    [" ".repeat(1024 * 1024 + 1), "document has 1048577 bytes, at most 1048576 are taken"],
  ])("%# is refused", (xml, message) => {
    expect(() => parseDdf(xml)).toThrow(
      expect.objectContaining({ code: "LWM2M_MODEL", message: expect.stringContaining(message) }),
    );
  });
});
