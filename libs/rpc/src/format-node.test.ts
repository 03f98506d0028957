import type { LwM2mNode, ObjectInstanceNode, ResourceNode, ResourceValue } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import { type FormatOptions, formatNode } from "./format-node.ts";
import { inHashOrder } from "./hash-order.ts";
import { createTimeFormat } from "./time-text.ts";

const UTC: FormatOptions = { formatTime: createTimeFormat("UTC"), compat: "now" };

const integer = (value: number | bigint): ResourceValue => ({ type: "INTEGER", value });
const text = (value: string): ResourceValue => ({ type: "STRING", value });
const time = (iso: string): ResourceValue => ({ type: "TIME", value: Date.parse(iso) });
const opaque = (hex: string): ResourceValue => ({ type: "OPAQUE", value: Uint8Array.from(Buffer.from(hex, "hex")) });
const single = (id: number, value: ResourceValue): ResourceNode => ({ type: "singleResource", id, value });
function multiple(
  id: number,
  values: { readonly [instanceId: number]: ResourceValue },
  dataType = "INTEGER",
): LwM2mNode {
  const instances = Object.entries(values).map(
    ([instanceId, value]) => ({ type: "resourceInstance", id: Number(instanceId), value }) as const,
  );
  return { type: "multipleResource", id, dataType: dataType as "INTEGER", instances };
}

/** Object 3 of the reference page's device. */
const DEVICE: ObjectInstanceNode = {
  type: "objectInstance",
  id: 0,
  resources: [
    single(0, text("Thingsboard Test Device")),
    single(1, text("Model 500")),
    single(2, text("TH-500-000-0001")),
    single(3, text("TestThingsboard@TestMore1024_2.04")),
    single(6, integer(1)),
    single(7, integer(96)),
    single(8, integer(37)),
    single(9, integer(75)),
    single(10, integer(110673)),
    multiple(11, { 0: integer(1) }) as ResourceNode,
    single(13, time("2021-07-01T13:39:49Z")),
    single(14, text("+03")),
    single(15, text("Europe/Kiev")),
    single(16, text("U")),
    single(17, text("smart meters")),
    single(18, text("1.01")),
    single(19, text("1.02")),
    single(20, integer(2)),
    single(21, integer(256000)),
  ],
};

describe("formatNode", () => {
  it("S4: prints an object instance as the reference page does, its time in the server's zone", () => {
    expect(formatNode(DEVICE, { ...UTC, formatTime: createTimeFormat("Europe/Kiev") })).toBe(
      "LwM2mObjectInstance [id=0, resources={" +
        "0=LwM2mSingleResource [id=0, value=Thingsboard Test Device, type=STRING], " +
        "1=LwM2mSingleResource [id=1, value=Model 500, type=STRING], " +
        "2=LwM2mSingleResource [id=2, value=TH-500-000-0001, type=STRING], " +
        "3=LwM2mSingleResource [id=3, value=TestThingsboard@TestMore1024_2.04, type=STRING], " +
        "6=LwM2mSingleResource [id=6, value=1, type=INTEGER], " +
        "7=LwM2mSingleResource [id=7, value=96, type=INTEGER], " +
        "8=LwM2mSingleResource [id=8, value=37, type=INTEGER], " +
        "9=LwM2mSingleResource [id=9, value=75, type=INTEGER], " +
        "10=LwM2mSingleResource [id=10, value=110673, type=INTEGER], " +
        "11=LwM2mMultipleResource [id=11, values={0=LwM2mResourceInstance [id=0, value=1, type=INTEGER]}, type=INTEGER], " +
        "13=LwM2mSingleResource [id=13, value=Thu Jul 01 16:39:49 EEST 2021, type=TIME], " +
        "14=LwM2mSingleResource [id=14, value=+03, type=STRING], " +
        "15=LwM2mSingleResource [id=15, value=Europe/Kiev, type=STRING], " +
        "16=LwM2mSingleResource [id=16, value=U, type=STRING], " +
        "17=LwM2mSingleResource [id=17, value=smart meters, type=STRING], " +
        "18=LwM2mSingleResource [id=18, value=1.01, type=STRING], " +
        "19=LwM2mSingleResource [id=19, value=1.02, type=STRING], " +
        "20=LwM2mSingleResource [id=20, value=2, type=INTEGER], " +
        "21=LwM2mSingleResource [id=21, value=256000, type=INTEGER]}]",
    );
  });

  it("S4 has the same text in hash order", () => {
    expect(formatNode(DEVICE, { ...UTC, compat: "seed" })).toBe(formatNode(DEVICE, UTC));
  });

  it("S25: prints a time of 1940 with the zone's abbreviation of today", () => {
    const node: ObjectInstanceNode = {
      ...DEVICE,
      resources: [single(13, time("1940-07-31T19:49:45Z")), single(14, text("+5"))],
    };
    expect(formatNode(node, { ...UTC, formatTime: createTimeFormat("Europe/Kiev") })).toContain(
      "13=LwM2mSingleResource [id=13, value=Wed Jul 31 22:49:45 EET 1940, type=TIME], 14=LwM2mSingleResource [id=14, value=+5, type=STRING]",
    );
  });

  it.each<[row: string, node: LwM2mNode, printed: string]>([
    ["S1", single(9, integer(100)), "LwM2mSingleResource [id=9, value=100, type=INTEGER]"],
    ["S18", single(7, text("")), "LwM2mSingleResource [id=7, value=, type=STRING]"],
    ["C12", single(5700, { type: "FLOAT", value: 23 }), "LwM2mSingleResource [id=5700, value=23.0, type=FLOAT]"],
    ["C13", single(0, { type: "FLOAT", value: 1e10 }), "LwM2mSingleResource [id=0, value=1.0E10, type=FLOAT]"],
    ["C14", single(0, opaque("ac01")), "LwM2mSingleResource id=0 value=ac01 type=OPAQUE"],
    ["empty OPAQUE", single(0, opaque("")), "LwM2mSingleResource id=0 value= type=OPAQUE"],
    [
      "C15",
      multiple(0, { 0: opaque("00ad"), 25: opaque("25") }, "OPAQUE"),
      "LwM2mMultipleResource id=0 values={ id=0 value=00ad,  id=25 value=25} type=OPAQUE",
    ],
    ["empty multiple OPAQUE", multiple(0, {}, "OPAQUE"), "LwM2mMultipleResource id=0 values={} type=OPAQUE"],
    [
      "OPAQUE instance",
      { type: "resourceInstance", id: 0, value: opaque("41424344454647") },
      "LwM2mResourceInstance [id=0, value=7Bytes, type=OPAQUE]",
    ],
    [
      "nested OPAQUE",
      { type: "objectInstance", id: 0, resources: [multiple(0, { 0: opaque("ac") }, "OPAQUE") as ResourceNode] },
      "LwM2mObjectInstance [id=0, resources={0=LwM2mMultipleResource [id=0, values={0=LwM2mResourceInstance [id=0, value=1Bytes, type=OPAQUE]}, type=OPAQUE]}]",
    ],
    [
      "C17",
      single(1, { type: "OBJLNK", value: { objectId: 3, objectInstanceId: 0 } }),
      "LwM2mSingleResource [id=1, value=/3/0, type=OBJLNK]",
    ],
    [
      "C17",
      single(1, { type: "OBJLNK", value: { objectId: 65535, objectInstanceId: 65535 } }),
      "LwM2mSingleResource [id=1, value=/65535/65535, type=OBJLNK]",
    ],
    [
      "C18",
      single(1, { type: "CORELINK", value: '</3/0>,</1>;x="a,b"' }),
      'LwM2mSingleResource [id=1, value=[</3/0>, </1>;x="a,b"], type=CORELINK]',
    ],
    [
      "C19",
      single(1, { type: "UNSIGNED_INTEGER", value: 2n ** 64n - 1n }),
      "LwM2mSingleResource [id=1, value=18446744073709551615, type=UNSIGNED_INTEGER]",
    ],
    ["C20", { type: "object", id: 19, instances: [] }, "LwM2mObject [id=19, instances={}]"],
    ["empty multiple", multiple(6, {}), "LwM2mMultipleResource [id=6, values={}, type=INTEGER]"],
    [
      "C27",
      single(13, { type: "TIME", value: 1625146789000 }),
      "LwM2mSingleResource [id=13, value=Thu Jul 01 13:39:49 UTC 2021, type=TIME]",
    ],
  ])("%s: %p", (_, node, printed) => {
    expect(formatNode(node, UTC)).toBe(printed);
  });

  it("cuts the hex of a single OPAQUE resource at 1024 digits", () => {
    expect(formatNode(single(0, opaque("ab".repeat(600))), UTC)).toBe(
      `LwM2mSingleResource id=0 value=${"ab".repeat(512)} type=OPAQUE`,
    );
  });

  it("S17: prints children in the order of a Java hash table where that is asked for", () => {
    const server: LwM2mNode = {
      type: "objectInstance",
      id: 0,
      resources: [0, 1, 6, 7, 22].map((id) => single(id, integer(id))),
    };
    const ids = [...formatNode(server, { ...UTC, compat: "seed" }).matchAll(/(\d+)=LwM2m/g)].map(([, id]) =>
      Number(id),
    );
    expect(ids).toEqual([0, 1, 6, 22, 7]);
    expect(inHashOrder([5700, 5601, 5602, 5701, 5603, 5604].map((id) => ({ id }))).map(({ id }) => id)).toEqual([
      5601, 5602, 5603, 5700, 5604, 5701,
    ]);
  });
});
