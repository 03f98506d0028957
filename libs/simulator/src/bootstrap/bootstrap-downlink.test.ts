import { CODE, CONTENT_FORMAT, type CoapOption, OPTION, uintOption } from "@ferry/coap";
import { encodeContent, type LwM2mNode, type LwM2mVersion, type ResourceValue } from "@ferry/lwm2m";
import { beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { coreObject } from "../objects/core-object.ts";
import { seededRandom } from "../seeded-random.ts";
import { instanceOf, type ScriptedServer, World } from "./bootstrap-fixture.ts";
import { BootstrappingDevice } from "./bootstrapping-device.ts";

const BOOTSTRAP = "192.0.2.1:5687";
const { LWM2M_TLV, SENML_CBOR, SENML_JSON } = CONTENT_FORMAT;

/** A device that has asked to be bootstrapped. */
function asking(lwm2mVersion: LwM2mVersion = "1.1"): { world: World; bootstrap: ScriptedServer } {
  const random = seededRandom(1);
  const account = { uri: `coap://${BOOTSTRAP}` };
  const world = new World(
    new BootstrappingDevice({ endpoint: "demo", random, wallMs: () => 0, account, lwm2mVersion }),
  );
  const bootstrap = world.server(BOOTSTRAP);
  world.tell({ type: "register" });
  return { world, bootstrap };
}

const single = (id: number, value: ResourceValue): LwM2mNode => ({ type: "singleResource", id, value });
const text = (value: string): ResourceValue => ({ type: "STRING", value });
const server = (id: number, shortServerId = 101): LwM2mNode =>
  instanceOf(coreObject(1, "1.1", { [id]: { 0: shortServerId, 1: 300, 6: false, 7: "U" } }), id);

let bootstrap: ScriptedServer;
let world: World;
beforeEach(() => {
  ({ bootstrap, world } = asking());
});

describe("Bootstrap-Discover (OMA LwM2M Core 1.1.1 §6.1)", () => {
  beforeEach(() => {
    bootstrap.writeAccount(4, { 0: "coap://192.0.2.2:5685", 10: 101 });
  });

  it("of an object lists its instances with the short server ids and URIs of accounts", () => {
    expect(bootstrap.discover("/0")).toEqual({
      code: 205,
      text: "</>;lwm2m=1.1,</0>;ver=1.1,</0/0>;uri=coap://192.0.2.1:5687,</0/4>;ssid=101;uri=coap://192.0.2.2:5685",
    });
    expect(bootstrap.discover("/1").text).toBe("</>;lwm2m=1.1,</1>;ver=1.1,</1/4>;ssid=101");
    expect(world.events.at(-1)).toEqual({ type: "bootstrapServed", operation: "discover", path: [1] });
  });

  it("has no URIs in LwM2M 1.0, whose version stands alone", () => {
    const old = asking("1.0").bootstrap;
    old.writeAccount(4, { 0: "coap://192.0.2.2:5685", 10: 101 });
    expect(old.discover("/0").text).toBe('lwm2m="1.0",</0>;ver=1.0,</0/0>,</0/4>;ssid=101');
  });

  it.each([
    ["an object that is not there", "/77", 404],
    ["an instance", "/0/0", 400],
    ["what is no path", "/x", 400],
  ])("of %s is refused", (_, path, code) => {
    expect(bootstrap.discover(path).code).toBe(code);
  });
});

describe("Bootstrap-Read (OMA LwM2M Core 1.1.1 §6.1)", () => {
  it("reads Server and Access Control, objects and instances", () => {
    bootstrap.write([1, 4], server(4));
    expect(JSON.parse(bootstrap.read("/1/4").text)).toMatchObject([
      { n: "0", v: 101 },
      { n: "1" },
      { n: "6" },
      { n: "7" },
    ]);
    expect([bootstrap.read("/1").code, bootstrap.read("/2").code]).toEqual([205, 205]);
    expect(world.events.at(-1)).toEqual({ type: "bootstrapServed", operation: "read", path: [2] });
  });

  it.each([
    ["Security: keys are not read", "/0/0", 405],
    ["Device", "/3/0", 405],
    ["a resource", "/1/4/0", 405],
    ["the root", "/", 405],
    ["an instance that is not there", "/1/9", 404],
  ])("is refused: %s", (_, path, code) => {
    expect(bootstrap.read(path).code).toBe(code);
  });

  it("is not there in LwM2M 1.0", () => {
    expect(asking("1.0").bootstrap.read("/1", LWM2M_TLV).code).toBe(405);
  });

  it("is answered 4.06 for a content format that the device has not", () => {
    expect(bootstrap.read("/1", 65_000).code).toBe(406);
  });
});

describe("Bootstrap-Write (OMA LwM2M Core 1.1.1 §6.1)", () => {
  it.each([
    ["TLV", LWM2M_TLV],
    ["SenML CBOR", SENML_CBOR],
    ["SenML JSON", SENML_JSON],
  ])("makes instances of a whole object: %s", (_, format) => {
    const node = coreObject(1, "1.1", {
      2: { 0: 102, 1: 60, 6: true, 7: "U" },
      5: { 0: 105, 1: 90, 6: true, 7: "U" },
    }).node;
    expect(bootstrap.write([1], node, format).code).toBe(204);
    expect(bootstrap.discover("/1").text).toContain("</1/2>;ssid=102,</1/5>;ssid=105");
  });

  it("replaces the resources that it names and keeps the others, also those that no server may write", () => {
    bootstrap.write([1, 4], server(4));
    expect(bootstrap.write([1, 4, 0], single(0, { type: "INTEGER", value: 7 })).code).toBe(204);
    expect(JSON.parse(bootstrap.read("/1/4").text)).toMatchObject([
      { n: "0", v: 7 },
      { n: "1", v: 300 },
      { n: "6" },
      { n: "7" },
    ]);
  });

  it("writes other objects too: the time zone, a sensor that is new", () => {
    expect(bootstrap.write([3, 0, 15], single(15, text("Europe/Kyiv"))).code).toBe(204);
    expect(
      bootstrap.write([3303, 7], {
        type: "objectInstance",
        id: 7,
        resources: [{ type: "singleResource", id: 5701, value: text("K") }],
      }).code,
    ).toBe(204);
    expect(bootstrap.discover("/3303").text).toContain("</3303/7>");
    expect(world.events.at(-2)).toEqual({ type: "bootstrapServed", operation: "write", path: [3303, 7] });
  });

  it("ignores what the device does not know of an instance", () => {
    const unknown =
      '[{"bn":"/1/4/","n":"0","v":101},{"n":"999","v":1},{"n":"8","vs":"run"},{"n":"1","v":300},{"n":"7","vs":"U"}]';
    const options = [uintOption(OPTION.CONTENT_FORMAT, SENML_JSON)];
    expect(bootstrap.ask(CODE.PUT, "/1/4", options, Buffer.from(unknown))).toEqual({ code: 204, text: "" });
    expect(JSON.parse(bootstrap.read("/1/4").text)).toHaveLength(3);
  });

  it.each<[string, string, number, string, number]>([
    ["an object that is not there", "/77/0", SENML_JSON, '[{"bn":"/77/0/","n":"0","v":1}]', 404],
    ["a resource that nobody defined", "/1/4/999", SENML_JSON, '[{"n":"/1/4/999","v":1}]', 404],
    ["the root", "/", SENML_JSON, '[{"n":"/1/4/0","v":1}]', 400],
    ["a resource instance", "/3/0/6/0", SENML_JSON, '[{"n":"/3/0/6/0","v":1}]', 400],
    ["what is no path", "/1/x", SENML_JSON, "[]", 400],
    ["a content format that the device has not", "/1/4", 65_000, "x", 415],
    ["a payload that is not of its format", "/1/4", SENML_JSON, "{", 400],
    ["a TLV that is cut off", "/1/4", LWM2M_TLV, "\xc1", 400],
    ["a value of another type", "/1/4", SENML_JSON, '[{"bn":"/1/4/","n":"1","vs":"long"}]', 400],
    ["values of another path", "/1/4", SENML_JSON, '[{"bn":"/1/5/","n":"1","v":1}]', 400],
    [
      "several values of a resource that has one",
      "/1/4",
      SENML_JSON,
      '[{"bn":"/1/4/","n":"1/0","v":1},{"n":"1/1","v":2}]',
      400,
    ],
    ["a second instance of an object that has one", "/3/1", SENML_JSON, '[{"bn":"/3/1/","n":"15","vs":"UTC"}]', 400],
  ])("of %s is refused and changes nothing", (_, path, format, payload, code) => {
    const before = bootstrap.discover().text;
    const options = [uintOption(OPTION.CONTENT_FORMAT, format)];
    expect(bootstrap.ask(CODE.PUT, path, options, Buffer.from(payload, "latin1")).code).toBe(code);
    expect(world.events.at(-1)).toMatchObject({ type: "requestRefused" });
    expect(bootstrap.discover().text).toBe(before);
  });

  it("makes 64 instances of an object at most", () => {
    for (let id = 0; id < 64; id++) expect(bootstrap.write([1, id], server(id, id + 1)).code).toBe(204);
    expect(bootstrap.write([1, 64], server(64, 65))).toEqual({ code: 400, text: "object 1 has room for 64 instances" });
    expect(bootstrap.write([1, 63], server(63, 99)).code).toBe(204);
  });
});

describe("Bootstrap-Delete (OMA LwM2M Core 1.1.1 §6.1)", () => {
  beforeEach(() => {
    bootstrap.writeAccount(4, { 0: "coap://192.0.2.2:5685", 10: 101 });
  });

  it("of the root takes all but the bootstrap server's account and the device itself", () => {
    expect(bootstrap.remove("/").code).toBe(202);
    const left = bootstrap.discover().text.match(/<\/\d+\/\d+>/g);
    expect(left).toEqual(["</0/0>", "</3/0>"]);
  });

  it("of an object takes its instances, but for the bootstrap server's account; of an instance that one", () => {
    expect([bootstrap.remove("/0").code, bootstrap.remove("/1/4").code]).toEqual([202, 202]);
    expect(bootstrap.discover("/0").text).not.toContain("</0/4>");
    expect(bootstrap.discover("/0").text).toContain("</0/0>");
    expect(bootstrap.discover("/1").text).not.toContain("</1/4>");
    expect(world.eventsOf("bootstrapServed").filter(({ operation }) => operation === "delete")).toHaveLength(2);
  });

  it.each([
    ["the bootstrap server's account", "/0/0"],
    ["the device", "/3"],
    ["its only instance", "/3/0"],
    ["an instance that is not there", "/1/9"],
    ["an object that is not there", "/77"],
    ["a resource", "/1/4/1"],
  ])("of %s is refused with 4.00 and changes nothing", (_, path) => {
    const before = bootstrap.discover().text;
    expect(bootstrap.remove(path).code).toBe(400);
    expect(bootstrap.discover().text).toBe(before);
  });

  it("goes with other methods that a bootstrap server does not use: 4.05", () => {
    expect([bootstrap.ask(CODE.POST, "/1/4").code, bootstrap.ask(CODE.FETCH, "/").code]).toEqual([405, 405]);
  });
});

describe("whatever a bootstrap server asks", () => {
  const nodes: readonly (readonly [number[], LwM2mNode])[] = [
    [[1, 4], server(4)],
    [[0, 4], instanceOf(coreObject(0, "1.1", { 4: { 0: "coap://192.0.2.2", 1: false, 2: 3, 10: 101 } }), 4)],
    [[0, 0, 1], single(1, { type: "BOOLEAN", value: false })],
    [[0, 4, 5], single(5, { type: "OPAQUE", value: Uint8Array.of(1) })],
  ];
  const good = fc.record({
    content: fc.constantFrom(...nodes),
    format: fc.constantFrom(LWM2M_TLV, SENML_CBOR, SENML_JSON),
    cut: fc.option(fc.nat(40), { nil: undefined }),
    flip: fc.option(fc.tuple(fc.nat(40), fc.nat(255)), { nil: undefined }),
  });
  /** A good write, or one that was cut or damaged; or anything at all. */
  const request = fc.oneof(
    good.map(({ content: [path, node], format, cut, flip }) => {
      const payload = encodeContent(format, node, path).slice(0, cut);
      if (flip !== undefined && flip[0] < payload.length) payload[flip[0]] = flip[1];
      return { code: CODE.PUT, path: path.map(String), options: [uintOption(OPTION.CONTENT_FORMAT, format)], payload };
    }),
    fc.record({
      code: fc.constantFrom(CODE.GET, CODE.PUT, CODE.POST, CODE.DELETE, CODE.FETCH),
      path: fc.array(fc.constantFrom("0", "1", "2", "3", "4", "5", "19", "65535", "bs", "x"), { maxLength: 5 }),
      options: fc.constantFrom<CoapOption[]>(
        [],
        [uintOption(OPTION.ACCEPT, CONTENT_FORMAT.LINK_FORMAT)],
        [uintOption(OPTION.ACCEPT, SENML_JSON)],
        [uintOption(OPTION.CONTENT_FORMAT, LWM2M_TLV)],
        [uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.TEXT_PLAIN)],
      ),
      payload: fc.uint8Array({ maxLength: 30 }),
    }),
  );

  it("it is answered, 2.xx or 4.xx, and the device stays", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<LwM2mVersion>("1.0", "1.1", "1.2"),
        fc.array(request, { maxLength: 10 }),
        (version, asked) => {
          const scene = asking(version);
          for (const { code, path, options, payload } of asked) {
            const answer = scene.bootstrap.ask(code, path.join("/"), options, payload);
            expect([2, 4]).toContain(Math.floor(answer.code / 100));
          }
          if (scene.world.eventsOf("bootstrapped").length === 0) {
            expect(scene.bootstrap.discover("/3").text).toContain("</3/0>");
          }
          scene.world.tell({ type: "bootstrap" });
          scene.world.advance(1_000_000);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("survives any bytes from the bootstrap server and from strangers", () => {
    const bytes = fc.uint8Array({ maxLength: 60 });
    const from = fc.constantFrom(BOOTSTRAP, "203.0.113.9:1");
    fc.assert(
      fc.property(fc.array(fc.tuple(from, bytes), { maxLength: 10 }), (datagrams) => {
        const scene = asking();
        for (const [peer, it] of datagrams) scene.world.tell({ type: "datagram", peer, bytes: it });
        expect(scene.bootstrap.discover().code).toBe(205);
      }),
      { numRuns: 200 },
    );
  });
});
