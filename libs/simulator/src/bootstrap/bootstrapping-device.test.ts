import { randomBytes } from "node:crypto";
import { CODE, CONTENT_FORMAT, OPTION, uintOption, uriPath, uriQuery } from "@ferry/coap";
import { parseObjectLinks, type ResourceValue } from "@ferry/lwm2m";
import { DTLS_KEYS, DtlsAnswers, makeDtlsServer } from "@ferry/testing";
import { beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { PlainInstance } from "../objects/core-object.ts";
import { seededRandom } from "../seeded-random.ts";
import { countingSignal } from "../signals.ts";
import { BOOTSTRAP_TIMEOUT_MS, LEAVE_AFTER_MS } from "./bootstrap-client.ts";
import { type ScriptedDtls, type ScriptedServer, World } from "./bootstrap-fixture.ts";
import { BootstrappingDevice, type BootstrappingDeviceSettings } from "./bootstrapping-device.ts";

const BOOTSTRAP = "192.0.2.1:5687";
const SERVER = "192.0.2.2:5685";
const OTHER = "192.0.2.3:5685";
const ACCOUNT: PlainInstance = { 0: `coap://${SERVER}`, 10: 101 };
const OTHER_ACCOUNT: PlainInstance = { 0: `coap://${OTHER}`, 10: 102 };
const NOW_MS = Date.UTC(2030, 0, 1);

function world(settings: Partial<BootstrappingDeviceSettings> = {}): World {
  const random = seededRandom(1);
  const account = { uri: `coap://${BOOTSTRAP}` };
  return new World(new BootstrappingDevice({ endpoint: "demo", random, wallMs: () => NOW_MS, account, ...settings }));
}

function pathsAndQueries({ requests }: ScriptedServer): unknown {
  return requests.map(({ options }) => [uriPath(options).join("/"), uriQuery(options).join("&")]);
}

let scene: World;
let bootstrap: ScriptedServer;
let server: ScriptedServer;
beforeEach(() => {
  scene = world();
  bootstrap = scene.server(BOOTSTRAP);
  server = scene.server(SERVER);
});

/** Bootstraps with one account, at the server of all tests. */
function bootstrapOnce(account: PlainInstance = ACCOUNT, serverInstance: PlainInstance = {}): void {
  scene.tell({ type: "register" });
  bootstrap.writeAccount(1, account, serverInstance);
  expect(bootstrap.finish().code).toBe(204);
}

describe("a factory-fresh device", () => {
  it("asks its bootstrap server, with its name and the format it wants, and nobody else", () => {
    scene.tell({ type: "register" });
    expect(pathsAndQueries(bootstrap)).toEqual([["bs", `ep=demo&pct=${CONTENT_FORMAT.LWM2M_TLV}`]]);
    expect(server.requests).toEqual([]);
    expect(bootstrap.discover().text).toBe(
      "</>;lwm2m=1.1,</0>;ver=1.1,</0/0>;uri=coap://192.0.2.1:5687,</1>;ver=1.1,</2>;ver=1.0,</3>;ver=1.1,</3/0>,</4>;ver=1.2,</4/0>,</5>;ver=1.0,</5/0>,</6>;ver=1.0,</6/0>,</19>;ver=1.0,</19/0>,</19/1>,</3303>;ver=1.0,</3303/0>",
    );
  });

  it("registers with the server it is given: address, lifetime and binding of its account; Security is not listed", () => {
    bootstrapOnce(ACCOUNT, { 1: 86_400, 7: "UQ" });
    expect(scene.events.at(-2)).toEqual({ type: "bootstrapped", shortServerIds: [101] });
    expect(pathsAndQueries(server)).toEqual([["rd", "ep=demo&lt=86400&lwm2m=1.1&b=U&Q"]]);
    const { objects } = parseObjectLinks(Buffer.from(server.requests[0]?.payload ?? []).toString(), "1.1");
    expect(objects.has(0)).toBe(false);
    expect(objects.get(1)).toEqual({ version: "1.1", instances: [1] });
    expect(scene.events.at(-1)).toEqual({ type: "registered", location: "/rd/a1" });
    expect((scene.device as BootstrappingDevice).registered).toBe(true);
  });

  it("keeps to the Server instance that was written: lifetime and Registration Update Trigger are at /1/1", () => {
    bootstrapOnce();
    expect(server.ask(CODE.POST, "/1/1/8").code).toBe(204);
    expect(pathsAndQueries(server)).toMatchObject([
      ["rd", expect.anything()],
      ["rd/a1", "lt=300"],
    ]);
    const lifetime: ResourceValue = { type: "INTEGER", value: 60 };
    expect(server.write([1, 1, 1], { type: "singleResource", id: 1, value: lifetime }).code).toBe(204);
    expect(uriQuery(server.requests.at(-1)?.options ?? [])).toEqual(["lt=60"]);
  });

  it.each([
    ["1.0", CONTENT_FORMAT.LWM2M_TLV, "ep=demo"],
    ["1.1", CONTENT_FORMAT.SENML_CBOR, `ep=demo&pct=${CONTENT_FORMAT.LWM2M_TLV}`],
    ["1.1", CONTENT_FORMAT.SENML_JSON, `ep=demo&pct=${CONTENT_FORMAT.LWM2M_TLV}`],
    ["1.2", CONTENT_FORMAT.LWM2M_CBOR, `ep=demo&pct=${CONTENT_FORMAT.LWM2M_CBOR}`],
  ] as const)("of LwM2M %s takes content format %i", (lwm2mVersion, format, query) => {
    scene = world({ lwm2mVersion });
    bootstrap = scene.server(BOOTSTRAP);
    server = scene.server(SERVER);
    scene.tell({ type: "register" });
    expect(pathsAndQueries(bootstrap)).toEqual([["bs", query]]);
    const codes = bootstrap.writeAccount(1, ACCOUNT, {}, format).map(({ code }) => code);
    expect([...codes, bootstrap.finish().code]).toEqual([204, 204, 204]);
    expect(scene.eventsOf("registered")).toHaveLength(1);
  });

  it("waits for its Client Hold Off Time before it asks (0/x/11)", () => {
    scene = world({ account: { uri: `coap://${BOOTSTRAP}`, holdOffS: 10 } });
    bootstrap = scene.server(BOOTSTRAP);
    scene.tell({ type: "register" });
    scene.advance(9_999);
    expect(bootstrap.requests).toEqual([]);
    scene.advance(1);
    expect(bootstrap.requests).toHaveLength(1);
  });

  it("answers Bootstrap-Finish with 4.06 until there is a whole account, and can be given one afterwards", () => {
    scene.tell({ type: "register" });
    expect(bootstrap.finish()).toEqual({ code: 406, text: "there is no account of an LwM2M server" });
    bootstrap.writeAccount(1, ACCOUNT);
    expect(bootstrap.remove("/1/1").code).toBe(202);
    expect(bootstrap.finish().code).toBe(406);
    bootstrap.writeAccount(1, ACCOUNT);
    expect(bootstrap.finish().code).toBe(204);
    expect(scene.eventsOf("registered")).toHaveLength(1);
  });

  it("registers with each of several servers, and tells all of them what one has changed", () => {
    const other = scene.server(OTHER);
    scene.tell({ type: "register" });
    bootstrap.writeAccount(5, OTHER_ACCOUNT, { 1: 60 });
    bootstrap.writeAccount(1, ACCOUNT);
    bootstrap.finish();
    expect(scene.eventsOf("bootstrapped")).toEqual([{ type: "bootstrapped", shortServerIds: [101, 102] }]);
    expect([uriQuery(server.requests[0]?.options ?? [])[1], uriQuery(other.requests[0]?.options ?? [])[1]]).toEqual([
      "lt=300",
      "lt=60",
    ]);
    expect(other.ask(CODE.GET, "/3/0/14", [uintOption(OPTION.OBSERVE, 0)]).code).toBe(205);
    const node = { type: "singleResource", id: 14, value: { type: "STRING", value: "+02" } } as const;
    expect(server.write([3, 0, 14], node).code).toBe(204);
    const notified = other.received.filter(({ type }) => type === "notification");
    expect(notified).toHaveLength(1);
  });

  it("sends the values of a signal to all its servers, each value once", () => {
    scene = world({ signals: [countingSignal([3303, 0, 5700], 1000)] });
    bootstrap = scene.server(BOOTSTRAP);
    const servers = [scene.server(SERVER), scene.server(OTHER)];
    scene.tell({ type: "register" });
    bootstrap.writeAccount(1, ACCOUNT);
    bootstrap.writeAccount(2, OTHER_ACCOUNT);
    bootstrap.finish();
    for (const one of servers) one.ask(CODE.GET, "/3303/0/5700", [uintOption(OPTION.OBSERVE, 0)]);
    scene.advance(3000);
    expect(servers.map(({ received }) => received.filter(({ type }) => type === "notification").length)).toEqual([
      3, 3,
    ]);
  });
});

describe("a device asks for the address of a name", () => {
  const NAMED: PlainInstance = { ...ACCOUNT, 0: "coap://lwm2m.example.org:5685" };

  it("and registers there", () => {
    scene.names.set("lwm2m.example.org", "192.0.2.2");
    bootstrapOnce(NAMED);
    expect(server.requests).toHaveLength(1);
  });

  it("again every 10 s while it has none", () => {
    bootstrapOnce(NAMED);
    scene.advance(19_999);
    expect(scene.eventsOf("unresolved")).toHaveLength(2);
    scene.names.set("lwm2m.example.org", "192.0.2.2");
    scene.advance(1);
    expect(server.requests).toHaveLength(1);
  });
});

describe("a device that is bootstrapped anew", () => {
  it("on Bootstrap-Request Trigger (/1/x/9): answers, deregisters, asks, and registers with whom it then has", () => {
    const other = scene.server(OTHER);
    bootstrapOnce();
    expect(server.ask(CODE.POST, "/1/1/9").code).toBe(204);
    expect(pathsAndQueries(server)).toEqual([
      ["rd", expect.anything()],
      ["rd/a1", ""],
    ]);
    expect(bootstrap.requests).toHaveLength(2);
    expect(bootstrap.discover("/1").text).toBe("</>;lwm2m=1.1,</1>;ver=1.1,</1/1>;ssid=101");
    expect(bootstrap.discover("/0").text).toContain("</0/1>;ssid=101;uri=coap://192.0.2.2:5685");
    expect([bootstrap.remove("/0/1").code, bootstrap.remove("/1/1").code]).toEqual([202, 202]);
    bootstrap.writeAccount(1, OTHER_ACCOUNT);
    expect(bootstrap.finish().code).toBe(204);
    expect([server.requests.length, other.requests.length]).toEqual([2, 1]);
  });

  it("begins when nobody answers its Deregister", () => {
    bootstrapOnce();
    server.reachable = false;
    scene.tell({ type: "bootstrap" });
    scene.advance(62_000);
    expect(bootstrap.requests).toHaveLength(1);
    scene.advance(40_000);
    expect(bootstrap.requests).toHaveLength(2);
  });

  it("goes to where the bootstrap server moved its own account", () => {
    const moved = scene.server("192.0.2.9:5687");
    scene.tell({ type: "register" });
    const uri = { type: "singleResource", id: 0, value: { type: "STRING", value: "coap://192.0.2.9:5687" } } as const;
    expect(bootstrap.write([0, 0, 0], uri).code).toBe(204);
    bootstrap.writeAccount(1, ACCOUNT);
    expect(bootstrap.finish().code).toBe(204);
    scene.tell({ type: "bootstrap" });
    expect([bootstrap.requests.length, moved.requests.length]).toEqual([1, 1]);
  });

  it("registers with the servers of before when the bootstrap server refuses", () => {
    bootstrapOnce();
    bootstrap.answers.push({ code: CODE.BAD_REQUEST, payload: Buffer.from("not known") });
    scene.tell({ type: "bootstrap" });
    expect(scene.eventsOf("refused")).toEqual([
      { type: "refused", uplink: "bootstrap", code: CODE.BAD_REQUEST, diagnostic: "not known" },
    ]);
    expect(scene.eventsOf("registered")).toHaveLength(2);
  });

  it("is refused with 4.05 once the account of its bootstrap server has ended (0/x/12)", () => {
    scene.tell({ type: "register" });
    const timeout = { type: "singleResource", id: 12, value: { type: "INTEGER", value: 100 } } as const;
    expect(bootstrap.write([0, 0, 12], timeout).code).toBe(204);
    bootstrap.writeAccount(1, ACCOUNT);
    bootstrap.finish();
    scene.advance(100_000);
    expect(server.ask(CODE.POST, "/1/1/9").code).toBe(405);
    scene.tell({ type: "bootstrap" });
    expect(bootstrap.requests).toHaveLength(1);
  });
});

describe("a bootstrap that goes wrong", () => {
  it("is asked for again when nobody answers", () => {
    bootstrap.reachable = false;
    scene.tell({ type: "register" });
    scene.advance(93_000);
    expect(scene.events).toEqual([{ type: "unanswered", uplink: "bootstrap", reason: "timeout" }]);
    bootstrap.reachable = true;
    scene.advance(20_000);
    expect(bootstrap.requests).toHaveLength(1);
  });

  it("is asked for again after Max-Age when the server is overloaded, and not at all when it refuses", () => {
    bootstrap.answers.push(
      { code: CODE.SERVICE_UNAVAILABLE, options: [uintOption(OPTION.MAX_AGE, 30)] },
      { code: CODE.BAD_REQUEST },
    );
    scene.tell({ type: "register" });
    scene.advance(29_999);
    expect(bootstrap.requests).toHaveLength(1);
    scene.advance(1);
    expect(bootstrap.requests).toHaveLength(2);
    scene.advance(86_400_000);
    expect(bootstrap.requests).toHaveLength(2);
  });

  it("is given up, and asked for again, when the server has asked nothing for EXCHANGE_LIFETIME", () => {
    scene.tell({ type: "register" });
    scene.advance(BOOTSTRAP_TIMEOUT_MS - 1);
    bootstrap.discover();
    scene.advance(BOOTSTRAP_TIMEOUT_MS - 1);
    expect(bootstrap.requests).toHaveLength(1);
    scene.advance(1);
    expect(scene.eventsOf("bootstrapAbandoned")).toHaveLength(1);
    expect(bootstrap.requests).toHaveLength(2);
  });

  it("is given up sooner by a device that is less patient", () => {
    scene = world({ bootstrapTimeoutMs: 3_000 });
    bootstrap = scene.server(BOOTSTRAP);
    scene.tell({ type: "register" });
    bootstrap.discover();
    scene.advance(2_999);
    expect(bootstrap.requests).toHaveLength(1);
    scene.advance(1);
    expect(bootstrap.requests).toHaveLength(2);
  });
});

describe("a device of LwM2M 1.2 that wants a Bootstrap-Pack (OMA LwM2M Core 1.2 §6.1.7.7)", () => {
  const SENML = [uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.SENML_JSON)];
  const pack = (records: object[]) => ({
    code: CODE.CONTENT,
    options: SENML,
    payload: Buffer.from(JSON.stringify(records)),
  });
  const SECURITY = { bn: "/0/1/", n: "0", vs: `coap://${SERVER}` };
  const WHOLE = [
    SECURITY,
    { n: "1", vb: false },
    { n: "2", v: 3 },
    { n: "10", v: 101 },
    { bn: "/1/0/", n: "0", v: 101 },
    { n: "1", v: 60 },
    { n: "6", vb: false },
    { n: "7", vs: "U" },
    { bn: "/19/3/0/", n: "1", vd: "rA" },
    { bn: "/3999/0/", n: "0", v: 1 },
  ];

  beforeEach(() => {
    scene = world({ lwm2mVersion: "1.2", pack: true, contentFormats: [CONTENT_FORMAT.SENML_JSON] });
    bootstrap = scene.server(BOOTSTRAP);
    server = scene.server(SERVER);
  });

  it("asks for it, says where its account is, takes it whole and registers", () => {
    bootstrap.answers.push(pack(WHOLE));
    scene.tell({ type: "register" });
    expect(pathsAndQueries(bootstrap)).toEqual([["bspack", "ep=demo&acc=0"]]);
    expect(scene.eventsOf("bootstrapped")).toEqual([{ type: "bootstrapped", shortServerIds: [101] }]);
    expect(pathsAndQueries(server)).toEqual([["rd", "ep=demo&lt=60&lwm2m=1.2&b=U"]]);
    const { objects } = parseObjectLinks(Buffer.from(server.requests[0]?.payload ?? []).toString(), "1.2");
    expect([objects.get(19)?.instances, objects.get(3303)?.instances]).toEqual([[3], [0]]);
  });

  it.each([
    ["is refused", { code: CODE.NOT_FOUND }],
    ["is not there", { code: CODE.NOT_IMPLEMENTED }],
    ["has no whole account", pack([SECURITY])],
    ["cannot be read", { code: CODE.CONTENT, options: SENML, payload: Buffer.from("{") }],
    ["gives object 3 a second instance", pack([{ bn: "/3/1/", n: "15", vs: "UTC" }])],
    ["gives several values to one", pack([{ bn: "/1/0/1/", n: "0", v: 1 }])],
  ])("lets itself be bootstrapped step by step where the pack %s", (_, answer) => {
    bootstrap.answers.push(answer);
    scene.tell({ type: "register" });
    expect(pathsAndQueries(bootstrap)).toMatchObject([
      ["bspack", expect.anything()],
      ["bs", expect.anything()],
    ]);
    bootstrap.writeAccount(1, ACCOUNT, {}, CONTENT_FORMAT.SENML_JSON);
    expect(bootstrap.finish().code).toBe(204);
    expect(scene.eventsOf("registered")).toHaveLength(1);
  });

  it("survives any pack: takes it, or goes on step by step", () => {
    const whole = Buffer.from(JSON.stringify(WHOLE));
    const damaged = fc.tuple(fc.nat(whole.length), fc.nat(255), fc.nat(whole.length)).map(([at, byte, length]) => {
      const bytes = Uint8Array.from(whole);
      bytes[at % bytes.length] = byte;
      return bytes.subarray(0, Math.max(length, at));
    });
    const format = fc.constantFrom(...Object.values(CONTENT_FORMAT));
    fc.assert(
      fc.property(format, fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (contentFormat, payload) => {
        scene = world({ lwm2mVersion: "1.2", pack: true });
        bootstrap = scene.server(BOOTSTRAP);
        const options = [uintOption(OPTION.CONTENT_FORMAT, contentFormat)];
        bootstrap.answers.push({ code: CODE.CONTENT, options, payload });
        scene.tell({ type: "register" });
        expect(scene.eventsOf("bootstrapped").length + bootstrap.requests.length).toBe(2);
      }),
      { numRuns: 300 },
    );
  });

  it("asks for it again after Max-Age when the server is overloaded", () => {
    bootstrap.answers.push({ code: CODE.SERVICE_UNAVAILABLE, options: [uintOption(OPTION.MAX_AGE, 30)] }, pack(WHOLE));
    scene.tell({ type: "register" });
    scene.advance(30_000);
    expect(scene.eventsOf("bootstrapped")).toHaveLength(1);
  });
});

describe("nobody but the bootstrap server", () => {
  const remove = (from: ScriptedServer): number[] => [
    from.remove("/").code,
    from.remove("/0/0").code,
    from.finish().code,
    from.writeAccount(7, OTHER_ACCOUNT)[0]?.code ?? 0,
  ];

  it("may ask a device for what belongs to a bootstrap: a stranger is answered 4.01", () => {
    scene.tell({ type: "register" });
    expect(remove(scene.server(OTHER))).toEqual([401, 401, 401, 401]);
    expect(bootstrap.discover("/0").text).not.toContain("ssid");
  });

  it("may, not even its server", () => {
    bootstrapOnce();
    expect(remove(server)).toEqual([404, 401, 400, 401]);
    expect(server.ask(CODE.GET, "/0/1/5").code).toBe(401);
  });

  it("may, and that one not after it has finished; its Finish is answered again while it may be repeated", () => {
    bootstrapOnce();
    expect(bootstrap.discover().code).toBe(405);
    scene.advance(LEAVE_AFTER_MS);
    expect(scene.events.at(-1)).toEqual({ type: "bootstrapLeft" });
    expect(bootstrap.discover().code).toBe(0);
  });
});

describe("a device behind DTLS", () => {
  const PSK = { type: "psk", identity: Buffer.from("factory"), key: DTLS_KEYS.psk } as const;
  const dtls = (add: (answers: DtlsAnswers) => void): ScriptedDtls => {
    const answers = new DtlsAnswers();
    add(answers);
    return { answers, server: makeDtlsServer({ random: randomBytes, wallMs: () => NOW_MS }) };
  };
  const devicePrivateKey = DTLS_KEYS.device.export({ format: "der", type: "pkcs8" });
  const written = Buffer.from("ffeeddccbbaa99887766554433221100", "hex");

  it.each<[string, PlainInstance, (answers: DtlsAnswers) => void]>([
    [
      "PSK",
      { 2: 0, 3: Buffer.from("meter-1"), 5: written },
      (answers) => answers.addPsk("meter-1", written, "meter-1"),
    ],
    [
      "RPK",
      { 2: 1, 3: DTLS_KEYS.devicePublicKey, 4: DTLS_KEYS.serverPublicKey, 5: devicePrivateKey },
      (answers) => answers.addPublicKey(DTLS_KEYS.devicePublicKey, "meter-1"),
    ],
    [
      "X.509",
      { 2: 2, 3: DTLS_KEYS.deviceCertificate, 4: DTLS_KEYS.serverCertificate, 5: devicePrivateKey },
      (answers) => answers.addPublicKey(DTLS_KEYS.devicePublicKey, "meter-1"),
    ],
  ])("is bootstrapped with its factory key and registers with what was written: %s", (_, keys, add) => {
    scene = world({
      account: { uri: "coaps://192.0.2.1:5688", credential: PSK },
      security: { ownCidLengthBytes: 0 },
    });
    bootstrap = scene.server(
      "192.0.2.1:5688",
      dtls((answers) => answers.addPsk("factory")),
    );
    server = scene.server("192.0.2.2:5686", dtls(add));
    bootstrapOnce({ ...keys, 0: "coaps://192.0.2.2:5686", 10: 101 });
    expect(bootstrap.principals).toEqual(["factory"]);
    expect(server.principals).toEqual(["meter-1"]);
    expect(scene.eventsOf("registered")).toHaveLength(1);
    expect(server.ask(CODE.GET, "/3/0/0").code).toBe(205);
  });

  it("closes its association with the bootstrap server when that needs no more answers", () => {
    scene = world({ account: { uri: "coaps://192.0.2.1:5688", credential: PSK } });
    const secured = dtls((answers) => answers.addPsk("factory"));
    bootstrap = scene.server("192.0.2.1:5688", secured);
    server = scene.server(SERVER);
    bootstrapOnce();
    scene.advance(LEAVE_AFTER_MS);
    expect(scene.eventsOf("bootstrapLeft")).toHaveLength(1);
    expect(bootstrap.discover().code).toBe(0);
  });
});
