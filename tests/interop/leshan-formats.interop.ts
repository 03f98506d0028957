import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RpcAnswer, StreamRecord } from "@ferry/client";
import { CONTENT_FORMAT } from "@ferry/coap";
import type { DataType } from "@ferry/lwm2m";
import { type LeshanDevice, type LeshanEvent, type LeshanEventOf, type LeshanValue, startLeshan } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Recording, type Stops, System, stopAll } from "../e2e/system.ts";

/*
 * Every operation in every Content-Format of Leshan's client, LwM2M 1.1, with the values as both ends have them.
 * Leshan 2.0.0-M15 and -M18 have no LwM2M CBOR (11544), and take no LwM2M 1.2. They also know what drafts called 1542 and 1543, which Ferry asks nobody for.
 */

const ENDPOINT = "every-type";
const MODEL = join(import.meta.dirname, "leshan/src/main/resources/models/38000-1_0.xml");
const DOCUMENTS = join(import.meta.dirname, "leshan-formats");

/** Formats that carry whole nodes, and those that carry one value. */
const NODE_FORMATS = {
  TLV: CONTENT_FORMAT.LWM2M_TLV,
  JSON: CONTENT_FORMAT.LWM2M_JSON,
  SENML_JSON: 110,
  SENML_CBOR: 112,
};
const VALUE_FORMATS = {
  TEXT: CONTENT_FORMAT.TEXT_PLAIN,
  OPAQUE: CONTENT_FORMAT.OCTET_STREAM,
  CBOR: CONTENT_FORMAT.CBOR,
};
const SENML_FORMATS = { SENML_JSON: 110, SENML_CBOR: 112 };

type Type = Exclude<DataType, "NONE">;
type Scalar = string | number | boolean;

/** Two values of each type, as Leshan's client tells them. */
const VALUES: Readonly<Record<Type, readonly [Scalar, Scalar]>> = {
  STRING: ["grüße €", 'a "quoted" \\ text'],
  INTEGER: ["-9223372036854775808", "9223372036854775807"],
  // In TLV, Leshan 2.0.0-M15 sends 2^64-1 as -1, in one byte; what needs eight bytes as a signed number too is right.
  UNSIGNED_INTEGER: ["18446744069414584320", "9223372036854775808"],
  FLOAT: [42.2, -1.5e-7],
  BOOLEAN: [true, false],
  OPAQUE: ["ac01", "00ff10"],
  TIME: ["2021-07-01T13:39:49Z", "1940-07-31T20:49:45Z"],
  OBJLNK: ["3:0", "65535:65535"],
  CORELINK: ["</3/0>,</1>", "</5>"],
};

interface Target {
  readonly path: string;
  /** Of the resource. */
  readonly id: number;
  readonly type: Type;
  readonly values: readonly [LeshanValue, LeshanValue];
}

const single = (id: number, type: Type): Target => ({ path: `/38000/0/${id}`, id, type, values: VALUES[type] });
const multiple = (id: number, type: Type): Target => {
  const [first, second] = VALUES[type];
  return {
    path: `/38000/0/${id}`,
    id,
    type,
    values: [
      { 0: first, 7: second },
      { 0: second, 65534: first },
    ],
  };
};

const SINGLES = [
  single(0, "STRING"),
  single(1, "INTEGER"),
  single(2, "UNSIGNED_INTEGER"),
  single(3, "FLOAT"),
  single(4, "BOOLEAN"),
  single(5, "OPAQUE"),
  single(6, "TIME"),
  single(7, "OBJLNK"),
  single(8, "CORELINK"),
];
const MULTIPLES = [
  multiple(10, "STRING"),
  multiple(11, "INTEGER"),
  multiple(12, "OPAQUE"),
  multiple(13, "FLOAT"),
  multiple(14, "UNSIGNED_INTEGER"),
  multiple(15, "BOOLEAN"),
  multiple(16, "TIME"),
  multiple(17, "OBJLNK"),
];
const RESOURCES = [...SINGLES, ...MULTIPLES];
const INSTANCES = MULTIPLES.map(
  ({ path, id, type }): Target => ({ path: `${path}/7`, id, type, values: VALUES[type] }),
);

/** A value as JSON of RPC parameters: digits of integers as they are. */
function parameter(value: LeshanValue, type: Type): string {
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value).map(([id, member]) => `"${id}":${parameter(member, type)}`)}}`;
  }
  return type === "INTEGER" || type === "UNSIGNED_INTEGER" ? String(value) : JSON.stringify(value);
}

/** A value as records on Kafka have it. */
function typed(value: LeshanValue, type: Type): object {
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([id, member]) => [id, typed(member, type)]);
    return { instances: { values: Object.fromEntries(members) } };
  }
  switch (type) {
    case "STRING":
      return { string: value };
    case "INTEGER":
      return { int64: value };
    case "UNSIGNED_INTEGER":
      return { uint64: value };
    case "FLOAT":
      return { double: value };
    case "BOOLEAN":
      return { bool: value };
    case "OPAQUE":
      return { bytes: Buffer.from(String(value), "hex").toString("base64") };
    case "TIME":
      return { timeMs: String(Date.parse(String(value))) };
    case "OBJLNK": {
      const [objectId, objectInstanceId] = String(value).split(":").map(Number);
      return { objectLink: { objectId, ...(objectInstanceId !== 0 && { objectInstanceId }) } };
    }
    case "CORELINK":
      return { coreLink: value };
  }
}

/** A node of the typed tree of an answer. */
function node(path: string, value: LeshanValue, type: Type): object {
  if (typeof value !== "object" || value === null) return { path, value: typed(value, type), type };
  const nodes = Object.entries(value).map(([id, member]) => node(`${path}/${id}`, member, type));
  return { path, children: { nodes }, type };
}

/** A value as Leshan tells of it: links of CORELINK in Java's words. */
function seen(value: LeshanValue, type: Type): LeshanValue {
  return type === "CORELINK" ? `[${String(value).replaceAll(",", ", ")}]` : value;
}

const stops: Stops = [];
let system: System;
let telemetry: Recording;
let device: LeshanDevice;
let server: string;

beforeAll(async () => {
  system = await System.start({ name: "leshan-formats", transportEnv: { LWM2M_REACHABILITY_MODE: "vip" } });
  stops.push(() => system.stop());
  const transport = await system.run("transport", "transport-0");
  const router = await system.run("rpc-router", "rpc-router");
  await Promise.all([transport.started, router.started]);
  await system.provision([DOCUMENTS, MODEL]);
  telemetry = await system.follow("telemetry");
  server = `coap://127.0.0.1:${transport.coapPort}`;
  device = await startLeshan({ server, endpoint: ENDPOINT, fixture: "every-type" });
  stops.push(() => device.stop());
  await device.waitFor("registered");
}, 120_000);

afterAll(() => stopAll(stops), 60_000);

/** Asks, and expects success. Parameters are JSON text. */
async function ask(method: string, params: string): Promise<RpcAnswer> {
  const answer = await system.client.rpc({ endpoint: ENDPOINT, method, params, timeoutMs: 10_000 });
  expect(answer).toMatchObject({ status: "SUCCESSFUL" });
  return answer;
}

/** Does something, and awaits what the device sees of it. */
async function expectEvent<Name extends LeshanEvent["event"]>(
  name: Name,
  matches: (event: LeshanEventOf<Name>) => boolean,
  act: () => Promise<unknown>,
): Promise<LeshanEventOf<Name>> {
  const past = new Set<LeshanEvent>(device.events);
  await act();
  return device.waitFor(name, (event) => !past.has(event) && matches(event));
}

/** Does something, and awaits the telemetry that it brings about. */
async function expectTelemetry(
  source: "NOTIFY" | "SEND" | "READ",
  act: () => Promise<unknown>,
  matches: (value: StreamRecord["value"]) => boolean = () => true,
): Promise<StreamRecord["value"]> {
  const past = new Set(telemetry.records);
  await act();
  const isNew = (record: StreamRecord): boolean =>
    !past.has(record) && record.value.source === `VALUE_SOURCE_${source}` && matches(record.value);
  return (await telemetry.waitFor(isNew)).value;
}

/** Samples of a record without their times: key and value. */
function keyed(samples: unknown): unknown[] {
  return (samples as { readonly key: string; readonly value: object }[]).map(({ key, value }) => [key, value]);
}

/** Registers anew with this in `ct` and nothing else, and waits until what the profile asks for was read. */
async function announce(format: number): Promise<void> {
  await device.send({ command: "announce", contentFormats: [format] });
  const last = MULTIPLES.at(-1)?.path;
  await expectTelemetry(
    "READ",
    () => device.send({ command: "reboot" }),
    ({ samples }) => (samples as { path: string }[]).some(({ path }) => path.endsWith(String(last).slice(6))),
  );
}

const set = (path: string, value: LeshanValue): Promise<void> => device.send({ command: "set", path, value });

/** Gives the resource of a target the first of its values; that of a Resource Instance gets it beside another. */
function setFirst({ path, id, values: [first] }: Target): Promise<void> {
  const isInstance = path.split("/").length > 4;
  return set(`/38000/0/${id}`, isInstance ? ({ 0: first, 7: first } as LeshanValue) : first);
}

const READS = (path: string, format: number) => ({ method: "GET", path, accept: format });
const WRITES = (method: string, path: string, format: number) => ({ method, path, contentFormat: format });
const requested = (request: object) => ({ events: expect.arrayContaining([expect.objectContaining(request)]) });

/** Does something and expects that the device was asked so. */
async function expectRequest<T>(request: object, act: () => Promise<T>): Promise<T> {
  const before = device.events.length;
  const result = await act();
  await device.settle();
  const events = device.events.slice(before).filter(({ event }) => event === "requested");
  expect({ events }).toEqual(requested(request));
  return result;
}

describe.each(Object.entries({ ...NODE_FORMATS, ...VALUE_FORMATS }))(
  "in %s, the one that the device lists",
  (name, format) => {
    const carriesNodes = name in NODE_FORMATS;
    const targets = carriesNodes
      ? [...RESOURCES, ...INSTANCES]
      : [...SINGLES, ...INSTANCES].filter(({ type }) => name !== "OPAQUE" || type === "OPAQUE");
    /** Where the path alone does not lead to the format, the request names it. */
    const named = ({ path }: Target): string =>
      carriesNodes || path.split("/").length === 4 ? "" : `,"contentFormat":"${name}"`;

    beforeAll(() => announce(format), 30_000);

    it.each(targets.map((target) => [target.path, target.type, target] as const))(
      "Read %s, %s",
      async (path, type, target) => {
        await setFirst(target);
        const { nodes } = await expectRequest(READS(path, format), () =>
          ask("Read", `{"id":"${path}"${named(target)}}`),
        );
        expect(nodes).toEqual([node(path, target.values[0], type)]);
      },
    );

    it.each(targets.map((target) => [target.path, target.type, target] as const))(
      "WriteReplace %s, %s",
      async (path, type, target) => {
        const value = target.values[1];
        await setFirst(target);
        const write = () => ask("WriteReplace", `{"id":"${path}","value":${parameter(value, type)}${named(target)}}`);
        const written = await expectEvent(
          "written",
          (event) => event.path === `/38000/0/${target.id}`,
          () => expectRequest(WRITES("PUT", path, format), write),
        );
        const isInstance = path.split("/").length > 4;
        expect(written.value).toEqual(isInstance ? { 7: value } : seen(value, type));
      },
    );

    it.each(targets.map((target) => [target.path, target.type, target] as const))(
      "Observe %s, %s, and ObserveCancel",
      async (path, type, target) => {
        await setFirst(target);
        const { nodes } = await expectRequest(READS(path, format), () =>
          ask("Observe", `{"id":"${path}"${named(target)}}`),
        );
        expect(nodes).toEqual([node(path, target.values[0], type)]);
        const second = target.values[1];
        const isInstance = path.split("/").length > 4;
        const change = isInstance ? ({ 7: second } as LeshanValue) : second;
        const { samples } = await expectTelemetry("NOTIFY", () => set(`/38000/0/${target.id}`, change));
        expect(samples).toMatchObject([
          { key: `r${target.id}`, value: typed(change, type), ...(isInstance && { partial: true }) },
        ]);
        expect(await ask("ObserveCancel", `{"id":"${path}"}`)).toMatchObject({ value: "1" });
      },
    );

    it("WriteReplace and Read of 5,000 bytes, in blocks", async () => {
      const hex = Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * i) >> 3)).toString("hex");
      const written = await expectEvent(
        "written",
        ({ path }) => path === "/38000/0/5",
        () => ask("WriteReplace", `{"id":"/38000/0/5","value":"${hex}","contentFormat":"${name}"}`),
      );
      expect(written.value).toBe(hex);
      const { nodes } = await expectRequest(READS("/38000/0/5", format), () => ask("Read", '{"id":"/38000/0/5"}'));
      expect(nodes).toEqual([node("/38000/0/5", hex, "OPAQUE")]);
    });
  },
);

describe.each(Object.entries(NODE_FORMATS))("of whole nodes in %s", (_, format) => {
  beforeAll(() => announce(format), 30_000);

  const instance = {
    path: "/38000/0",
    children: { nodes: RESOURCES.map(({ path, type, values }) => node(path, values[0], type)) },
  };

  it.each([
    ["/38000/0", instance],
    ["/38000", { path: "/38000", children: { nodes: [instance] } }],
  ])("Read %s", async (path, tree) => {
    for (const target of RESOURCES) await setFirst(target);
    const { nodes } = await expectRequest(READS(path, format), () => ask("Read", `{"id":"${path}"}`));
    expect(nodes).toEqual([tree]);
  });

  it("WriteUpdate of an Object Instance, every type in one request", async () => {
    const values = RESOURCES.map(({ id, type, values: [, value] }) => `"${id}":${parameter(value, type)}`);
    const before = device.events.length;
    await expectRequest(WRITES("POST", "/38000/0", format), () =>
      ask("WriteUpdate", `{"id":"/38000/0","value":{${values}}}`),
    );
    const written = device.events.slice(before).flatMap((event) => (event.event === "written" ? [event] : []));
    for (const { path, type, values } of RESOURCES) {
      expect(written).toContainEqual(expect.objectContaining({ path, value: seen(values[1], type) }));
    }
  });

  it.each(MULTIPLES.map((target) => [target.path, target.type, target] as const))(
    "WriteUpdate of %s, %s: instances beside those that it has",
    async (path, type, { values: [first] }) => {
      const { 7: value = null } = first as Record<string, LeshanValue>;
      await set(path, first);
      const update = () => ask("WriteUpdate", `{"id":"${path}","value":{"9":${parameter(value, type)}}}`);
      const written = await expectEvent(
        "written",
        (event) => event.path === path,
        () => expectRequest(WRITES("POST", path, format), update),
      );
      expect(written).toMatchObject({ mode: "update", value: { 9: value } });
      expect((await ask("Read", `{"id":"${path}"}`)).nodes).toEqual([
        node(path, { ...(first as object), 9: value }, type),
      ]);
    },
  );

  it("Observe of an Object Instance: a notification is one record with every value", async () => {
    for (const target of RESOURCES) await setFirst(target);
    const { nodes } = await ask("Observe", '{"id":"/38000/0"}');
    expect(nodes).toEqual([instance]);
    const { samples } = await expectTelemetry("NOTIFY", () => set("/38000/0/4", false));
    const values = RESOURCES.map(({ id, type, values: [first] }) => [`r${id}`, typed(id === 4 ? false : first, type)]);
    expect(keyed(samples)).toEqual(expect.arrayContaining(values));
    expect(await ask("ObserveCancel", '{"id":"/38000/0"}')).toMatchObject({ value: "1" });
  });

  it("Create with every type that the Object has, Read of what was created, and Delete", async () => {
    const value = '{"0":{"0":"00ac"},"1":7,"2":"2021-07-01T13:39:49Z","3":"text"}';
    await expectRequest({ method: "POST", path: "/19", contentFormat: format }, () =>
      ask("Create", `{"id":"/19/5","value":${value}}`),
    );
    expect((await ask("Read", '{"id":"/19/5"}')).nodes).toEqual([
      {
        path: "/19/5",
        children: {
          nodes: [
            node("/19/5/0", { 0: "00ac" }, "OPAQUE"),
            node("/19/5/1", "7", "INTEGER"),
            node("/19/5/2", "2021-07-01T13:39:49Z", "TIME"),
            node("/19/5/3", "text", "STRING"),
          ],
        },
      },
    ]);
    await expectRequest({ method: "DELETE", path: "/19/5" }, () => ask("Delete", '{"id":"/19/5"}'));
  });
});

describe.each(Object.entries(SENML_FORMATS))("of several paths in %s", (_, format) => {
  const targets = [...SINGLES, ...INSTANCES];
  const paths = targets.map(({ path }) => `"${path}"`);
  const firsts = targets.map(({ path, type, values: [first] }) => node(path, first, type));
  const request = { path: "/", contentFormat: format };
  /** The first values as telemetry has them. */
  const reported = [
    ...SINGLES.map(({ id, type, values: [first] }) => [`r${id}`, typed(first, type)]),
    ...MULTIPLES.map(({ id, type }) => [`r${id}`, typed({ 7: VALUES[type][0] }, type)]),
  ];

  beforeAll(() => announce(format), 30_000);

  it("ReadComposite of every type", async () => {
    for (const target of targets) await setFirst(target);
    const { nodes } = await expectRequest({ ...request, method: "FETCH", accept: format }, () =>
      ask("ReadComposite", `{"ids":[${paths}]}`),
    );
    expect(nodes).toHaveLength(firsts.length);
    expect(nodes).toEqual(expect.arrayContaining(firsts));
  });

  it("WriteComposite of every type", async () => {
    for (const target of targets) await setFirst(target);
    const written = targets.map(({ path, type, values }) => `"${path}":${parameter(values[1], type)}`);
    await expectRequest({ ...request, method: "IPATCH" }, () => ask("WriteComposite", `{"nodes":{${written}}}`));
    const { nodes } = await ask("ReadComposite", `{"ids":[${paths}]}`);
    const seconds = targets.map(({ path, type, values }) => node(path, values[1], type));
    expect(nodes).toEqual(expect.arrayContaining(seconds));
  });

  it("ObserveComposite: a notification is one record and acknowledged; ObserveCompositeCancel", async () => {
    for (const target of targets) await setFirst(target);
    const { nodes } = await expectRequest({ ...request, method: "FETCH", accept: format }, () =>
      ask("ObserveComposite", `{"ids":[${paths}]}`),
    );
    expect(nodes).toEqual(expect.arrayContaining(firsts));
    const acknowledged = await expectEvent(
      "acknowledged",
      ({ path }) => path === "/",
      async () => {
        const { samples } = await expectTelemetry("NOTIFY", () => set("/38000/0/4", false));
        const changed = reported.map(([key, value]) => [key, key === "r4" ? { bool: false } : value]);
        expect(keyed(samples)).toEqual(expect.arrayContaining(changed));
      },
    );
    expect(acknowledged.value).toMatchObject({ "/38000/0/4": false, "/38000/0/1": VALUES.INTEGER[0] });
    expect(await ask("ObserveCompositeCancel", `{"ids":[${paths}]}`)).toMatchObject({ value: "1" });
    await expectEvent(
      "reset",
      ({ path }) => path === "/",
      () => set("/38000/0/4", true),
    );
  });

  it("Send of every type, and Send with the device's own times", async () => {
    for (const target of targets) await setFirst(target);
    // Leshan refuses to Send a whole multiple-instance resource ("should not refer to a LwM2mMultipleResource value").
    const sent = await expectTelemetry("SEND", () =>
      device.send({ command: "send", paths: targets.map(({ path }) => path), format }),
    );
    expect(keyed(sent.samples)).toEqual(expect.arrayContaining(reported));
    expect(sent.samples).toHaveLength(reported.length);

    const collect = (): Promise<void> => device.send({ command: "collect", paths: ["/38000/0/1", "/38000/0/3"] });
    const beforeMs = Date.now();
    await collect();
    await set("/38000/0/3", -1.5e-7);
    await sleep(2); // The times of two collections differ, in ms.
    await collect();
    const afterMs = Date.now();
    const collected = await expectTelemetry("SEND", () => device.send({ command: "sendCollected", format }));
    const samples = (
      collected.samples as { key: string; value: object; timeMs: string; deviceTime?: boolean }[]
    ).toSorted((a, b) => Number(a.timeMs) - Number(b.timeMs) || a.key.localeCompare(b.key));
    expect(keyed(samples)).toEqual([
      ["r1", typed(VALUES.INTEGER[0], "INTEGER")],
      ["r3", typed(42.2, "FLOAT")],
      ["r1", typed(VALUES.INTEGER[0], "INTEGER")],
      ["r3", typed(-1.5e-7, "FLOAT")],
    ]);
    expect(new Set(samples.map(({ timeMs }) => timeMs)).size).toBe(2);
    for (const { timeMs, deviceTime } of samples) {
      expect(deviceTime).toBe(true);
      expect(Number(timeMs)).toBeGreaterThanOrEqual(beforeMs);
      expect(Number(timeMs)).toBeLessThanOrEqual(afterMs + 1); // The device's times have microseconds, which are rounded.
    }
  });
});

describe("without values", () => {
  it("Discover of an Object, an Object Instance and a Resource, in link format", async () => {
    const links = RESOURCES.map(({ path }) => path);
    for (const id of ["/38000", "/38000/0"]) {
      const { value = "" } = await expectRequest({ method: "GET", path: id, accept: CONTENT_FORMAT.LINK_FORMAT }, () =>
        ask("Discover", `{"id":"${id}"}`),
      );
      for (const link of links) expect(value).toContain(`<${link}>`);
    }
    await set("/38000/0/11", { 0: 1, 7: 2 });
    expect(await ask("Discover", '{"id":"/38000/0/11"}')).toMatchObject({
      value: "</38000/0/11>;dim=2,</38000/0/11/0>,</38000/0/11/7>",
    });
  });

  it("WriteAttributes, and their removal, as Discover shows them", async () => {
    const attributes = '{"pmin":1,"pmax":300,"gt":5.5,"lt":1,"st":0.25}';
    await expectRequest({ method: "PUT", path: "/38000/0/3", query: "pmax=300&pmin=1&gt=5.5&lt=1&st=0.25" }, () =>
      ask("WriteAttributes", `{"id":"/38000/0/3","attributes":${attributes}}`),
    );
    const discovered = (): Promise<RpcAnswer> => ask("Discover", '{"id":"/38000/0/3"}');
    expect(await discovered()).toMatchObject({ value: "</38000/0/3>;pmax=300;pmin=1;gt=5.5;lt=1;st=0.25" });
    const none = '{"pmin":null,"pmax":null,"gt":null,"lt":null,"st":null}';
    await ask("WriteAttributes", `{"id":"/38000/0/3","attributes":${none}}`);
    expect(await discovered()).toMatchObject({ value: "</38000/0/3>" });
  });

  it.each([
    ["without arguments", "", ""],
    ["with arguments", `,"value":"0='a',1,5='x'"`, "0='a',1,5='x'"],
  ])("Execute %s", async (_, member, taken) => {
    const executed = await expectEvent(
      "executed",
      ({ path }) => path === "/38000/0/9",
      () => ask("Execute", `{"id":"/38000/0/9"${member}}`),
    );
    expect(executed).toMatchObject({ arguments: taken });
  });
});

describe("in queue mode", () => {
  let sleeper: LeshanDevice;
  let lifecycle: Recording;
  let progress: Recording;

  beforeAll(async () => {
    [lifecycle, progress] = await Promise.all([system.follow("lifecycle"), system.follow("rpcStatus")]);
    sleeper = await startLeshan({ server, endpoint: "sleeper", fixture: "every-type", queueMode: true });
    stops.push(() => sleeper.stop());
    await sleeper.waitFor("registered");
  }, 30_000);

  it("LightweightM2M-1.1-int-109: operations wait while the device sleeps, and are carried out in order at its Update", async () => {
    const isOf = ({ key }: StreamRecord): boolean => key === "default/sleeper";
    const write = (params: string): Promise<RpcAnswer> =>
      system.client.rpc({ endpoint: "sleeper", method: "WriteReplace", params, timeoutMs: 20_000 });
    expect(await write('{"id":"/1/0/1","value":240}')).toMatchObject({ result: "CHANGED" });
    await sleeper.waitFor("updated");
    await lifecycle.waitFor((record) => isOf(record) && record.value.event === "LIFECYCLE_EVENT_ASLEEP");
    const asleepAt = sleeper.events.length;
    const asked = [1, 2, 3].map((value) => write(`{"id":"/38000/0/1","value":${value}}`));
    const waits = ({ value }: StreamRecord): boolean => value.progress === "RPC_PROGRESS_WAITING_FOR_DEVICE";
    await progress.waitFor(() => progress.of("sleeper").filter(waits).length === 3);
    await sleeper.settle();
    expect(sleeper.events.slice(asleepAt)).toEqual([]);

    await sleeper.send({ command: "update" });

    for (const answer of await Promise.all(asked)) expect(answer).toMatchObject({ result: "CHANGED" });
    await sleeper.settle();
    const written = sleeper.events.flatMap((event) => (event.event === "written" ? [event.value] : []));
    expect(written).toEqual([240, 1, 2, 3]);
  }, 30_000);
});
