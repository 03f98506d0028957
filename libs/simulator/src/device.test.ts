import {
  CODE,
  CONTENT_FORMAT,
  CoapStack,
  OPTION,
  readUintOption,
  type StackInput,
  type StackOutput,
  stringOption,
  uintOption,
  uriPath,
  uriQuery,
} from "@ferry/coap";
import {
  decodeComposite,
  decodeContent,
  decodeTimedValues,
  fromCoapResponse,
  type LwM2mNode,
  type ModelView,
  type Operation,
  type OperationOutcome,
  parseObjectLinks,
  type ResourceValue,
  type TimedValue,
  toCoapRequest,
} from "@ferry/lwm2m";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { SimulatedDevice, type SimulatedDeviceSettings } from "./device.ts";
import type { DeviceEvent, DeviceInput, DeviceOutput } from "./device-io.ts";
import { coreObject } from "./objects/core-object.ts";
import { standardObjects } from "./objects/standard-objects.ts";
import { seededRandom } from "./seeded-random.ts";
import { countingSignal } from "./signals.ts";

const models: ModelView = { object: (id) => standardObjects(300).find(({ model }) => model.id === id)?.model };
type Output<Type extends StackOutput["type"]> = Extract<StackOutput, { readonly type: Type }>;

/** A device and a server's CoAP stack on a link without loss; time goes on only when told. */
class Conversation {
  readonly device: SimulatedDevice;
  readonly events: DeviceEvent[] = [];
  readonly received: StackOutput[] = [];
  readonly #server = new CoapStack({ random: seededRandom(2) });
  #nowMs = 0;
  #exchange = 0;
  /** False: the server is not there. */
  reachable = true;
  acknowledges = true;

  constructor(settings: Partial<SimulatedDeviceSettings> = {}) {
    this.device = new SimulatedDevice({ endpoint: "demo", server: "server", random: seededRandom(1), ...settings });
  }

  tell(input: DeviceInput): void {
    for (const output of this.device.handle(input, this.#nowMs)) this.#fromDevice(output);
  }

  /** Lets time go on; what is due on the way happens on the way. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const dueMs = Math.min(this.device.deadlineMs ?? Infinity, this.#server.deadlineMs ?? Infinity);
      if (dueMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, dueMs);
      for (const output of this.device.tick(this.#nowMs)) this.#fromDevice(output);
      for (const output of this.#server.tick(this.#nowMs)) this.#fromServer(output);
    }
    this.#nowMs = untilMs;
  }

  serverDoes(input: StackInput): void {
    for (const output of this.#server.handle(input, this.#nowMs)) this.#fromServer(output);
  }

  /** Sends an operation as the transport does; what came of it. */
  operate(operation: Operation, format: number = CONTENT_FORMAT.SENML_CBOR): OperationOutcome {
    const exchange = ++this.#exchange;
    const request = toCoapRequest(operation, { format, rootPath: [] });
    this.serverDoes({ type: "request", exchange, peer: "device", token: Uint8Array.of(exchange), ...request });
    return fromCoapResponse(operation, this.response(exchange), models);
  }

  /** Sends a raw request; the response. */
  request(
    code: number,
    options: Parameters<typeof uriPath>[0],
    payload: Uint8Array = new Uint8Array(),
  ): Output<"response"> {
    const exchange = ++this.#exchange;
    this.serverDoes({ type: "request", exchange, peer: "device", code, options, payload });
    return this.response(exchange);
  }

  response(exchange: number): Output<"response"> {
    const found = this.received.find((it) => it.type === "response" && it.exchange === exchange);
    if (found?.type !== "response") throw new TypeError(`no response to ${exchange}`);
    return found;
  }

  all<Type extends StackOutput["type"]>(type: Type): Output<Type>[] {
    return this.received.filter((it): it is Output<Type> => it.type === type);
  }

  /** Answers the newest request. */
  answer(code: number, options: Parameters<typeof uriPath>[0] = []): void {
    const request = this.all("request").at(-1);
    if (request === undefined) throw new TypeError("no request");
    this.serverDoes({ type: "respond", handle: request.handle, code, options });
  }

  /** Registers and takes the registration. */
  register(): void {
    this.tell({ type: "register" });
    this.answer(CODE.CREATED, [stringOption(OPTION.LOCATION_PATH, "rd"), stringOption(OPTION.LOCATION_PATH, "a1")]);
  }

  eventsOf<Type extends DeviceEvent["type"]>(type: Type): Extract<DeviceEvent, { readonly type: Type }>[] {
    return this.events.filter((it): it is Extract<DeviceEvent, { readonly type: Type }> => it.type === type);
  }

  #fromDevice(output: DeviceOutput): void {
    if (output.type === "resolve") return;
    if (output.type !== "send") this.events.push(output);
    else if (this.reachable) this.serverDoes({ type: "datagram", peer: "device", bytes: output.bytes });
  }

  #fromServer(output: StackOutput): void {
    if (output.type === "send") this.tell({ type: "datagram", peer: "server", bytes: output.bytes });
    else this.received.push(output);
    if (output.type === "notification" && this.acknowledges)
      this.serverDoes({ type: "acknowledge", handle: output.handle });
  }
}

const integer = (value: number): ResourceValue => ({ type: "INTEGER", value });
const float = (value: number): ResourceValue => ({ type: "FLOAT", value });
const text = (value: string): ResourceValue => ({ type: "STRING", value });
const opaque = (...bytes: number[]): ResourceValue => ({ type: "OPAQUE", value: Uint8Array.from(bytes) });
const battery = [3, 0, 9];
const timezone = [3, 0, 14];

let talk: Conversation;
beforeEach(() => {
  talk = new Conversation();
});

describe("a simulated device registers", () => {
  it("with its name, lifetime, version and objects, and learns its location", () => {
    talk.register();
    const [request] = talk.all("request");
    expect([uriPath(request?.options ?? []), uriQuery(request?.options ?? [])]).toEqual([
      ["rd"],
      ["ep=demo", "lt=300", "lwm2m=1.1", "b=U"],
    ]);
    const { objects, contentFormats } = parseObjectLinks(Buffer.from(request?.payload ?? []).toString(), "1.1");
    expect([...objects.keys()]).toEqual([1, 3, 4, 5, 6, 19, 3303]);
    expect(objects.get(19)).toEqual({ version: "1.0", instances: [0, 1] });
    expect(contentFormats).toContain(CONTENT_FORMAT.SENML_CBOR);
    expect(talk.events).toEqual([{ type: "registered", location: "/rd/a1" }]);
    expect(talk.device.registered).toBe(true);
  });

  it("and updates after 80 % of its lifetime", () => {
    talk.register();
    talk.advance(239_999);
    expect(talk.all("request")).toHaveLength(1);
    talk.advance(1);
    expect(uriPath(talk.all("request")[1]?.options ?? [])).toEqual(["rd", "a1"]);
    talk.answer(CODE.CHANGED);
    expect(talk.events.at(-1)).toEqual({ type: "updated" });
  });

  it("anew when its Update is answered 4.04", () => {
    talk.register();
    talk.tell({ type: "update" });
    talk.answer(CODE.NOT_FOUND);
    expect(talk.events.at(-1)).toEqual({ type: "refused", uplink: "update", code: CODE.NOT_FOUND });
    expect(uriPath(talk.all("request").at(-1)?.options ?? [])).toEqual(["rd"]);
  });

  it("again when nobody answers, once the transmissions of RFC 7252 §4.2 are over", () => {
    talk.reachable = false;
    talk.tell({ type: "register" });
    talk.advance(93_000);
    expect(talk.events[0]).toEqual({ type: "unanswered", uplink: "register", reason: "timeout" });
    talk.reachable = true;
    talk.advance(93_000);
    expect(uriPath(talk.all("request")[0]?.options ?? [])).toEqual(["rd"]);
  });

  it("no more once it has deregistered", () => {
    talk.register();
    talk.tell({ type: "deregister" });
    talk.answer(CODE.DELETED);
    expect(talk.events.at(-1)).toEqual({ type: "deregistered" });
    talk.advance(1_000_000);
    expect(talk.all("request")).toHaveLength(2);
  });

  it("and updates at once when Registration Update Trigger is executed, after it has answered", () => {
    talk.register();
    talk.operate({ type: "execute", path: [1, 0, 8], arguments: undefined });
    expect(talk.received.slice(-2).map((output) => output.type)).toEqual(["response", "request"]);
  });

  it("and updates with the new lifetime that the server wrote", () => {
    talk.register();
    talk.operate({
      type: "write",
      mode: "replace",
      path: [1, 0, 1],
      node: { type: "singleResource", id: 1, value: integer(60) },
    });
    expect(uriQuery(talk.all("request").at(-1)?.options ?? [])).toEqual(["lt=60"]);
    talk.answer(CODE.CHANGED);
    talk.advance(48_000);
    expect(talk.all("request")).toHaveLength(3);
  });
});

describe("a simulated device answers", () => {
  beforeEach(() => talk.register());

  it("Bootstrap-Request Trigger (/1/x/9) with 4.00, in the words of Leshan's client: it has no account of a bootstrap server", () => {
    expect(talk.operate({ type: "execute", path: [1, 0, 9], arguments: undefined })).toEqual({
      code: 400,
      diagnostic: "probably no bootstrap server configured",
    });
    expect(talk.events.map(({ type }) => type)).not.toContain("executed");
  });

  it.each([
    ["TLV", CONTENT_FORMAT.LWM2M_TLV],
    ["SenML JSON", CONTENT_FORMAT.SENML_JSON],
    ["SenML CBOR", CONTENT_FORMAT.SENML_CBOR],
    ["CBOR", CONTENT_FORMAT.CBOR],
    ["text", CONTENT_FORMAT.TEXT_PLAIN],
  ])("Read in %s", (_, format) => {
    const outcome = talk.operate({ type: "read", path: battery }, format);
    expect(outcome).toEqual({ code: 205, node: { type: "singleResource", id: 9, value: integer(100) } });
  });

  it("Read of an Object Instance with what it holds", () => {
    const { node } = talk.operate({ type: "read", path: [19, 0] });
    expect(node).toMatchObject({
      resources: [
        { type: "multipleResource", id: 0 },
        { id: 1, value: integer(0) },
      ],
    });
  });

  it("4.06 to a content format that cannot carry it", () => {
    expect(talk.operate({ type: "read", path: [3, 0] }, CONTENT_FORMAT.TEXT_PLAIN).code).toBe(406);
  });

  it("Write, and tells what was written", () => {
    const node = { type: "singleResource", id: 14, value: text("+10") } as const;
    expect(talk.operate({ type: "write", mode: "replace", path: timezone, node }).code).toBe(204);
    expect(talk.operate({ type: "read", path: timezone }).node).toEqual(node);
    expect(talk.eventsOf("written")).toEqual([{ type: "written", path: timezone, mode: "replace", node }]);
  });

  it("Execute with its arguments", () => {
    expect(talk.operate({ type: "execute", path: [3, 0, 4], arguments: "0='now'" }).code).toBe(204);
    expect(talk.eventsOf("executed")).toEqual([{ type: "executed", path: [3, 0, 4], arguments: "0='now'" }]);
  });

  it("Discover with versions, dimensions and attributes", () => {
    talk.operate({ type: "writeAttributes", path: battery, attributes: { pmin: 10, pmax: 60 } });
    expect(talk.operate({ type: "discover", path: [3] }).links).toMatch(
      /^<\/3>;ver=1\.1,<\/3\/0>,<\/3\/0\/0>,.*<\/3\/0\/11>;dim=1/,
    );
    expect(talk.operate({ type: "discover", path: battery }).links).toBe("</3/0/9>;pmax=60;pmin=10");
  });

  it("Create with the location of the new instance, and tells the server its objects", () => {
    const { options } = talk.request(
      CODE.POST,
      [stringOption(OPTION.URI_PATH, "19"), uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LWM2M_TLV)],
      Uint8Array.of(0xc1, 1, 7),
    );
    expect(options.map((option) => Buffer.from(option.value).toString())).toEqual(["19", "2"]);
    expect(talk.operate({ type: "read", path: [19, 2, 1] }).node).toMatchObject({ value: integer(7) });
    const update = talk.all("request").at(-1);
    expect(Buffer.from(update?.payload ?? []).toString()).toContain("</19/2>");
  });

  it("Delete", () => {
    expect(
      talk.request(CODE.DELETE, [stringOption(OPTION.URI_PATH, "19"), stringOption(OPTION.URI_PATH, "1")]).code,
    ).toBe(CODE.DELETED);
    expect(talk.operate({ type: "read", path: [19, 1] }).code).toBe(404);
  });

  it("4.00 with a diagnostic to what it cannot decode, and goes on", () => {
    const refused = talk.request(
      CODE.PUT,
      [
        stringOption(OPTION.URI_PATH, "3"),
        stringOption(OPTION.URI_PATH, "0"),
        uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LWM2M_TLV),
      ],
      Uint8Array.of(0xff, 0xff),
    );
    expect(refused.code).toBe(CODE.BAD_REQUEST);
    expect(refused.payload.length).toBeGreaterThan(0);
    expect(talk.operate({ type: "read", path: battery }).code).toBe(205);
  });

  it("what a script says instead", () => {
    talk = new Conversation({ override: (request) => (request.code === CODE.PUT ? CODE.UNAUTHORIZED : undefined) });
    talk.register();
    expect(
      talk.operate({
        type: "write",
        mode: "replace",
        path: timezone,
        node: { type: "singleResource", id: 14, value: text("x") },
      }).code,
    ).toBe(401);
    expect(talk.operate({ type: "read", path: timezone }).code).toBe(205);
  });

  it("later and separately when told to (RFC 7252 §5.2.2)", () => {
    talk = new Conversation({ responseDelayMs: 500 });
    talk.register();
    const request = toCoapRequest({ type: "read", path: battery }, { format: CONTENT_FORMAT.TEXT_PLAIN, rootPath: [] });
    talk.serverDoes({ type: "request", exchange: 900, peer: "device", ...request });
    expect(talk.received.at(-1)?.type).toBe("acknowledged");
    talk.advance(500);
    expect(Buffer.from(talk.response(900).payload).toString()).toBe("100");
  });
});

describe("a simulated device notifies", () => {
  beforeEach(() => talk.register());

  const value = (notification: Output<"notification"> | undefined): unknown =>
    notification && decodeContent(CONTENT_FORMAT.SENML_CBOR, notification.payload, battery, models);

  it("of a change, numbers what it sends, and tells when the server's ACK arrived", () => {
    expect(talk.operate({ type: "observe", path: battery })).toMatchObject({ code: 205, observing: true });
    talk.tell({ type: "set", path: battery, value: integer(99) });
    const [notification] = talk.all("notification");
    expect(notification).toMatchObject({ confirmable: true, observe: 2 });
    expect(value(notification)).toMatchObject({ value: integer(99) });
    expect(talk.eventsOf("delivered")).toEqual([
      {
        type: "delivered",
        observation: { token: "01", paths: [battery], composite: false },
        notification: 1,
        confirmable: true,
        nodes: [{ type: "singleResource", id: 9, value: integer(99) }],
      },
    ]);
  });

  it("of no change that is none", () => {
    talk.operate({ type: "observe", path: battery });
    talk.tell({ type: "set", path: battery, value: integer(100) });
    expect(talk.eventsOf("notified")).toEqual([]);
  });

  it("with what is newest once the one before was acknowledged (RFC 7641 §4.5.1)", () => {
    talk.acknowledges = false;
    talk.operate({ type: "observe", path: battery });
    for (const level of [90, 80, 70]) talk.tell({ type: "set", path: battery, value: integer(level) });
    expect(talk.all("notification")).toHaveLength(1);
    talk.acknowledges = true;
    talk.serverDoes({ type: "acknowledge", handle: talk.all("notification")[0]?.handle ?? -1 });
    expect(talk.all("notification").map(value)).toMatchObject([{ value: integer(90) }, { value: integer(70) }]);
  });

  it("no sooner than pmin, and after pmax even without a change (§5.1.2)", () => {
    talk.operate({ type: "writeAttributes", path: battery, attributes: { pmin: 10, pmax: 60 } });
    talk.operate({ type: "observe", path: battery });
    talk.tell({ type: "set", path: battery, value: integer(99) });
    talk.advance(9_999);
    expect(talk.all("notification")).toHaveLength(0);
    talk.advance(1);
    expect(talk.all("notification")).toHaveLength(1);
    talk.advance(59_999);
    expect(talk.all("notification")).toHaveLength(1);
    talk.advance(1);
    expect(talk.all("notification")).toHaveLength(2);
  });

  it("of an observed Object Instance when one of its resources changes", () => {
    talk.operate({ type: "observe", path: [3303, 0] });
    talk.tell({ type: "set", path: [3303, 0, 5700], value: float(30) });
    expect(talk.eventsOf("delivered")).toHaveLength(1);
  });

  it("of values that change by themselves, numbered", () => {
    talk = new Conversation({ signals: [countingSignal([3303, 0, 5700], 1000)] });
    talk.register();
    talk.operate({ type: "observe", path: [3303, 0, 5700] });
    talk.advance(3500);
    expect(talk.eventsOf("delivered").map(({ nodes: [node] }) => node)).toMatchObject([
      { value: float(1) },
      { value: float(2) },
      { value: float(3) },
    ]);
  });

  it("without wanting an ACK when told so", () => {
    talk = new Conversation({ confirmable: false });
    talk.register();
    talk.operate({ type: "observe", path: battery });
    talk.tell({ type: "set", path: battery, value: integer(99) });
    expect(talk.all("notification")).toMatchObject([{ confirmable: false }]);
    expect(talk.eventsOf("delivered")).toEqual([]);
  });

  it("no more after the observation was cancelled", () => {
    talk.operate({ type: "observe", path: battery });
    const options = [
      uintOption(OPTION.OBSERVE, 1),
      ...["3", "0", "9"].map((segment) => stringOption(OPTION.URI_PATH, segment)),
    ];
    talk.serverDoes({
      type: "request",
      exchange: 900,
      peer: "device",
      code: CODE.GET,
      options,
      payload: new Uint8Array(),
      token: Uint8Array.of(1),
    });
    expect(readUintOption(talk.response(900).options, OPTION.OBSERVE)).toBeUndefined();
    talk.tell({ type: "set", path: battery, value: integer(99) });
    expect(talk.eventsOf("notified")).toEqual([]);
    expect(talk.eventsOf("observationEnded")).toMatchObject([{ reason: "cancelled" }]);
  });

  it("no more after a Reset (RFC 7641 §3.6)", () => {
    talk.acknowledges = false;
    talk.operate({ type: "observe", path: battery });
    talk.tell({ type: "set", path: battery, value: integer(99) });
    talk.serverDoes({ type: "reset", handle: talk.all("notification")[0]?.handle ?? -1 });
    talk.tell({ type: "set", path: battery, value: integer(98) });
    expect(talk.eventsOf("notified")).toHaveLength(1);
    expect(talk.eventsOf("observationEnded")).toMatchObject([{ reason: "reset" }]);
  });

  it("no more when nobody acknowledged (RFC 7641 §4.5)", () => {
    talk.operate({ type: "observe", path: battery });
    talk.reachable = false;
    talk.tell({ type: "set", path: battery, value: integer(99) });
    talk.advance(93_000);
    expect(talk.eventsOf("undelivered")).toMatchObject([{ reason: "timeout", notification: 1 }]);
    expect(talk.eventsOf("observationEnded")).toMatchObject([{ reason: "timeout" }]);
  });

  it("a last time, with 4.04, when what it tells of is deleted", () => {
    talk.operate({ type: "observe", path: [19, 1] });
    talk.request(CODE.DELETE, [stringOption(OPTION.URI_PATH, "19"), stringOption(OPTION.URI_PATH, "1")]);
    talk.answer(CODE.CHANGED); // the Update with the objects that are left
    expect(talk.all("notification")).toMatchObject([{ code: CODE.NOT_FOUND }]);
  });

  it("nothing of an earlier registration", () => {
    talk.operate({ type: "observe", path: battery });
    talk.register();
    talk.tell({ type: "set", path: battery, value: integer(99) });
    expect(talk.eventsOf("notified")).toEqual([]);
    expect(talk.eventsOf("observationEnded")).toMatchObject([{ reason: "registration" }]);
  });

  it("by CON or NON as the attribute con says (OMA LwM2M Core 1.2 §7.3.2)", () => {
    talk = new Conversation({ lwm2mVersion: "1.2" });
    talk.register();
    talk.operate({ type: "writeAttributes", path: battery, attributes: { con: 0 } });
    talk.operate({ type: "observe", path: battery });
    talk.tell({ type: "set", path: battery, value: integer(99) });
    talk.operate({ type: "writeAttributes", path: battery, attributes: { con: 1 } });
    talk.tell({ type: "set", path: battery, value: integer(98) });
    expect(talk.all("notification").map(({ confirmable }) => confirmable)).toEqual([false, true]);
  });

  it("as soon as it may once an attribute was cleared by naming it without a value", () => {
    talk.operate({ type: "writeAttributes", path: battery, attributes: { pmin: 3600 } });
    talk.operate({ type: "observe", path: battery });
    talk.operate({ type: "writeAttributes", path: battery, attributes: { pmin: null } });
    talk.tell({ type: "set", path: battery, value: integer(99) });
    expect(talk.all("notification")).toHaveLength(1);
  });
});

describe("a simulated device serves composite operations (OMA LwM2M Core 1.1.1 §6.3.8, §6.3.9, §6.4.3)", () => {
  beforeEach(() => talk.register());

  const { SENML_JSON, SENML_CBOR } = CONTENT_FORMAT;
  const single = (id: number, value: ResourceValue): LwM2mNode => ({ type: "singleResource", id, value });

  it.each([SENML_JSON, SENML_CBOR])("Read-Composite in format %i, without what it cannot read", (format) => {
    const paths = [battery, [5, 0, 2], [19, 0, 0, 0], [77]];
    const { code, nodes } = talk.operate({ type: "readComposite", paths }, format);
    expect(code).toBe(205);
    expect(nodes?.map(({ node }) => node?.type)).toEqual(["singleResource", undefined, "resourceInstance", undefined]);
    expect(talk.eventsOf("readComposite")).toEqual([{ type: "readComposite", paths }]);
  });

  it.each([SENML_JSON, SENML_CBOR])("Write-Composite in format %i", (format) => {
    const nodes = [
      { path: timezone, node: single(14, text("+04")) },
      { path: [19, 0, 0, 25], node: { type: "resourceInstance", id: 25, value: opaque(1, 2) } as const },
    ];
    expect(talk.operate({ type: "writeComposite", nodes }, format).code).toBe(204);
    expect(talk.operate({ type: "read", path: timezone }).node).toMatchObject({ value: text("+04") });
    expect(talk.operate({ type: "read", path: [19, 0, 0, 25] }).node).toMatchObject({ value: opaque(1, 2) });
  });

  it("Write-Composite as a whole: where one value is refused, none is written", () => {
    const nodes = [
      { path: timezone, node: single(14, text("+04")) },
      { path: [19, 7, 1], node: single(1, integer(1)) },
    ];
    expect(talk.operate({ type: "writeComposite", nodes })).toEqual({
      code: 404,
      diagnostic: "object instance /19/7 not found",
    });
    expect(talk.operate({ type: "read", path: timezone }).node).toMatchObject({ value: text("+00") });
  });

  it("Observe-Composite with one notification for all its paths", () => {
    const paths = [battery, timezone];
    expect(talk.operate({ type: "observeComposite", paths })).toMatchObject({ code: 205, observing: true });
    talk.tell({ type: "set", path: battery, value: integer(99) });
    const [notification] = talk.all("notification");
    const told = decodeComposite(SENML_CBOR, notification?.payload ?? new Uint8Array(), paths, models, 0);
    expect(told.map(({ node }) => node)).toMatchObject([{ value: integer(99) }, { value: text("+00") }]);
    expect(talk.eventsOf("delivered")).toMatchObject([{ observation: { paths, composite: true } }]);
  });

  it("Observe-Composite until it is cancelled", () => {
    const paths = [battery, timezone];
    talk.operate({ type: "observeComposite", paths });
    const cancel = toCoapRequest({ type: "cancelCompositeObservation", paths }, { format: SENML_CBOR, rootPath: [] });
    talk.serverDoes({ type: "request", exchange: 900, peer: "device", token: Uint8Array.of(1), ...cancel });
    expect(talk.response(900).code).toBe(CODE.CONTENT);
    talk.tell({ type: "set", path: battery, value: integer(99) });
    expect(talk.all("notification")).toEqual([]);
    expect(talk.eventsOf("observationEnded")).toMatchObject([{ reason: "cancelled" }]);
  });

  it("not at all as a device of LwM2M 1.0", () => {
    talk = new Conversation({ lwm2mVersion: "1.0" });
    talk.register();
    expect(talk.operate({ type: "readComposite", paths: [battery] }).code).toBe(405);
    expect(talk.operate({ type: "writeComposite", nodes: [] }).code).toBe(405);
  });
});

describe("a simulated device has the content formats of its version (OMA LwM2M Core 1.0 §6.4, 1.2 §7.4)", () => {
  const paths = [battery, [19, 0, 0]];

  it("LwM2M JSON in 1.0", () => {
    talk = new Conversation({ lwm2mVersion: "1.0" });
    talk.register();
    const { node } = talk.operate({ type: "read", path: [3303, 0] }, CONTENT_FORMAT.LWM2M_JSON);
    expect(node).toMatchObject({ resources: [{ id: 5601 }, { id: 5602 }, { id: 5700 }, { id: 5701 }] });
  });

  it("LwM2M CBOR in 1.2, also for composites", () => {
    talk = new Conversation({ lwm2mVersion: "1.2" });
    talk.register();
    const format = CONTENT_FORMAT.LWM2M_CBOR;
    const { nodes } = talk.operate({ type: "readComposite", paths }, format);
    expect(nodes?.map(({ node }) => node?.type)).toEqual(["singleResource", "multipleResource"]);
    const node = { type: "singleResource", id: 14, value: text("+04") } as const;
    expect(talk.operate({ type: "writeComposite", nodes: [{ path: timezone, node }] }, format).code).toBe(204);
    expect(talk.operate({ type: "observeComposite", paths }, format)).toMatchObject({ code: 205, observing: true });
  });

  it("and no other", () => {
    talk.register();
    expect(talk.operate({ type: "read", path: battery }, CONTENT_FORMAT.LWM2M_CBOR).code).toBe(406);
  });
});

describe("a simulated device creates and deletes", () => {
  beforeEach(() => talk.register());

  const instance = (id: number | undefined, value: number) => ({
    id,
    resources: [{ type: "singleResource", id: 1, value: integer(value) } as const],
  });

  it.each([
    ["TLV", CONTENT_FORMAT.LWM2M_TLV],
    ["SenML CBOR", CONTENT_FORMAT.SENML_CBOR],
  ])("several instances in one Create in %s, and names no location", (_, format) => {
    const instances = [instance(5, 1), instance(6, 2)];
    expect(talk.operate({ type: "create", path: [19], instances }, format)).toEqual({ code: 201 });
    expect(talk.eventsOf("created")).toEqual([
      {
        type: "created",
        paths: [
          [19, 5],
          [19, 6],
        ],
      },
    ]);
  });

  it("an instance whose id is its own choice, and says where", () => {
    const created = talk.operate(
      { type: "create", path: [19], instances: [instance(undefined, 1)] },
      CONTENT_FORMAT.LWM2M_TLV,
    );
    expect(created).toEqual({ code: 201, location: "19/2" });
  });

  it("nothing where one of the instances is here already", () => {
    expect(talk.operate({ type: "create", path: [19], instances: [instance(5, 1), instance(0, 2)] })).toEqual({
      code: 400,
      diagnostic: "instance 0 already exists",
    });
    expect(talk.operate({ type: "read", path: [19, 5] }).code).toBe(404);
  });

  it("and answers 4.04 to a Delete of what is not here", () => {
    expect(talk.operate({ type: "delete", path: [19, 12] })).toEqual({ code: 404 });
    expect(talk.operate({ type: "delete", path: [19, 1] })).toEqual({ code: 202 });
  });
});

describe("a simulated device has the abilities of its version", () => {
  const started = (settings: Partial<SimulatedDeviceSettings>): void => {
    talk = new Conversation(settings);
    talk.register();
  };

  it.each([
    ["1.0", "epmin", 400],
    ["1.1", "epmin", 204],
    ["1.1", "hqmax", 400],
    ["1.2", "hqmax", 204],
  ] as const)("LwM2M %s: attribute %s is answered %i", (lwm2mVersion, name, code) => {
    started({ lwm2mVersion });
    expect(talk.operate({ type: "writeAttributes", path: battery, attributes: { [name]: 1 } }).code).toBe(code);
  });

  it.each([
    ["1.0", ["b=UQ"]],
    ["1.1", ["b=U", "Q"]],
    ["1.2", ["b=U", "Q"]],
  ] as const)("LwM2M %s: queue mode is registered as %j", (lwm2mVersion, said) => {
    started({ lwm2mVersion, queueMode: true });
    expect(uriQuery(talk.all("request")[0]?.options ?? []).slice(-said.length)).toEqual(said);
    expect(uriQuery(talk.all("request")[0]?.options ?? [])).toContain(`lwm2m=${lwm2mVersion}`);
  });

  it("or just the content formats that it is told to have: 4.06 and 4.15 to others", () => {
    started({ contentFormats: [CONTENT_FORMAT.SENML_JSON] });
    const links = parseObjectLinks(Buffer.from(talk.all("request")[0]?.payload ?? []).toString(), "1.1");
    expect(links.contentFormats).toEqual([CONTENT_FORMAT.SENML_JSON]);
    const node = { type: "singleResource", id: 14, value: text("+10") } as const;
    const write: Operation = { type: "write", mode: "replace", path: timezone, node };
    expect(talk.operate({ type: "read", path: battery }, CONTENT_FORMAT.LWM2M_TLV).code).toBe(406);
    expect(talk.operate(write, CONTENT_FORMAT.LWM2M_TLV).code).toBe(415);
    expect(talk.operate({ type: "readComposite", paths: [battery] }, CONTENT_FORMAT.SENML_CBOR).code).toBe(415);
    expect(talk.operate(write, CONTENT_FORMAT.SENML_JSON).code).toBe(204);
  });

  it("and goes away and comes back when Disable is executed (OMA LwM2M Core 1.1.1 appendix E.2)", () => {
    started({ objects: [coreObject(1, "1.1", { 0: { 0: 123, 1: 300, 5: 60 } })] });
    talk.operate({ type: "execute", path: [1, 0, 4], arguments: undefined });
    talk.answer(CODE.DELETED);
    expect(talk.device.registered).toBe(false);
    talk.advance(59_999);
    expect(talk.all("request")).toHaveLength(2);
    talk.advance(1);
    expect(uriPath(talk.all("request").at(-1)?.options ?? [])).toEqual(["rd"]);
  });
});

describe("a simulated device reports unasked (LwM2M Send, OMA LwM2M Core 1.1.1 §6.4.5)", () => {
  /** What the newest Send carries. */
  const sent = (): readonly TimedValue[] => {
    const request = talk.all("request").at(-1);
    expect(uriPath(request?.options ?? [])).toEqual(["dp"]);
    const format = readUintOption(request?.options ?? [], OPTION.CONTENT_FORMAT) ?? -1;
    return decodeTimedValues(format, request?.payload ?? new Uint8Array(), [], models, 0);
  };

  it("what paths name now", () => {
    talk.register();
    talk.tell({ type: "report", paths: [battery, timezone] });
    expect(sent()).toEqual([
      { path: battery, value: integer(100) },
      { path: timezone, value: text("+00") },
    ]);
    talk.answer(CODE.CHANGED);
    expect(talk.events.at(-1)).toMatchObject({ type: "reported", values: [{ path: battery }, { path: timezone }] });
  });

  it.each([CONTENT_FORMAT.SENML_JSON, CONTENT_FORMAT.SENML_CBOR])(
    "several values with times of their own, in format %i",
    (format) => {
      const values = [1, 2].map((n) => ({ path: battery, value: integer(n), timeMs: Date.UTC(2026, 0, n) }));
      talk.register();
      talk.tell({ type: "report", values, format });
      expect(sent()).toEqual(values);
    },
  );

  it("at an interval, with the values that it took meanwhile", () => {
    const epochMs = Date.UTC(2026, 0, 1);
    const signals = [countingSignal(battery, 20_000, "INTEGER")];
    talk = new Conversation({ signals, reports: [{ paths: [battery], intervalMs: 60_000, samples: 3, epochMs }] });
    talk.register();
    talk.advance(59_999);
    expect(talk.all("request")).toHaveLength(1);
    talk.advance(1);
    expect(sent()).toEqual([1, 2, 3].map((n) => ({ path: battery, value: integer(n), timeMs: epochMs + n * 20_000 })));
  });

  it("nothing while Mute Send is set", () => {
    talk.register();
    const node = { type: "singleResource", id: 23, value: { type: "BOOLEAN", value: true } } as const;
    expect(talk.operate({ type: "write", mode: "replace", path: [1, 0, 23], node }).code).toBe(204);
    talk.tell({ type: "report", paths: [battery] });
    expect(talk.all("request")).toHaveLength(1);
    expect(talk.events.at(-1)).toEqual({ type: "muted" });
  });
});

describe("a simulated device that saves power", () => {
  const awakeMs = 10_000;

  it("loses what comes while it sleeps, and hears again when it has sent something", () => {
    talk = new Conversation({ queueMode: true, power: { awakeMs }, lifetimeS: 3600 });
    talk.register();
    talk.advance(awakeMs);
    const read = toCoapRequest({ type: "read", path: battery }, { format: CONTENT_FORMAT.TEXT_PLAIN, rootPath: [] });
    talk.serverDoes({ type: "request", exchange: 900, peer: "device", ...read });
    expect(talk.events.at(-1)).toEqual({ type: "missed" });
    talk.tell({ type: "update" });
    talk.answer(CODE.CHANGED);
    talk.advance(awakeMs - 1);
    expect(talk.operate({ type: "read", path: battery }).code).toBe(205);
  });

  it("wakes for a notification that is due", () => {
    talk = new Conversation({
      power: { awakeMs },
      lifetimeS: 86_400,
      signals: [countingSignal(battery, 3_600_000, "INTEGER")],
    });
    talk.register();
    talk.operate({ type: "observe", path: battery });
    talk.advance(3_600_000);
    expect(talk.eventsOf("delivered")).toHaveLength(1);
    expect(talk.operate({ type: "read", path: battery }).code).toBe(205);
  });
});
