import { CODE, CONTENT_FORMAT } from "@ferry/coap";
import { TOPICS } from "@ferry/proto";
import { StateUnavailableError } from "@ferry/state";
import { afterEach, describe, expect, it } from "@jest/globals";
import type { TransportSettings } from "../config.ts";
import { ask, collectAnswers, type FinalAnswer } from "../rpc-fixture.ts";
import {
  collect,
  locationOf,
  memorySystem,
  openDevice,
  provision,
  publishModel,
  publishProfile,
  register,
  type System,
  startNode,
  stopAll,
  type TestDevice,
  until,
} from "../transport-fixture.ts";
import { answerValues, linesOf, logOf, samplesOf, tokenOf, toSenml, type Values } from "../values-fixture.ts";
import { MAX_RPC_OBSERVATIONS } from "./rpc-observations.ts";

afterEach(stopAll);

const SENML = `</>;rt="oma.lwm2m";ct="110 112",</1/0>,</3/0>,</3303/0>`;
const PLAIN = "</1/0>,</3/0>,</3303/0>";
const VALUES: Values = {
  "/3/0/0": "Ferry",
  "/3/0/9": 100,
  "/3/0/13": 5,
  "/3303/0/5700": 21,
  "/3303/1/5700": 22,
  "/3303/1/5601": 2,
  "/3303/0/5601": 3,
};
const observed = { telemetry: true, observe: true };
const BATTERY = { "/3/0/9": { key: "batteryLevel", ...observed } };
const TIME = { "/3/0/10": { key: "memory", ...observed } };
const MAKER = { "/3/0/0": { key: "manufacturer", attribute: true } };
const TEMPERATURE = { "/3303/0/5700": { key: "temperature", ...observed } };
const AT_ONCE = { devicesPerSecond: 250, retryAfterMs: 1, retryAtMostMs: 1 };
const NEVER = { devicesPerSecond: 250, retryAfterMs: 3_600_000, retryAtMostMs: 3_600_000 };

type Node = Awaited<ReturnType<typeof startNode>>;

interface Started {
  readonly system: System;
  readonly node: Node;
  readonly device: TestDevice;
  readonly location: string;
  readonly answers: FinalAnswer[];
  /** Waits until the device was asked all that these lines say, each as often as it is listed. */
  readonly wasAsked: (...lines: string[]) => Promise<void>;
  /** Returns what the device was asked once all that waits before this has been asked. */
  readonly settled: () => Promise<string[]>;
}

let requests = 0;

/** A node with one registered device of a profile. */
async function start(
  profile: object,
  {
    values = VALUES,
    links = PLAIN,
    change = {},
    instead,
  }: {
    readonly values?: Values;
    readonly links?: string;
    readonly change?: Partial<TransportSettings>;
    readonly instead?: Parameters<typeof answerValues>[2];
  } = {},
): Promise<Started> {
  const system = memorySystem();
  await provision(system);
  await publishProfile(system, profile);
  const node = await startNode(system, change);
  const device = await openDevice(node);
  answerValues(device, values, instead);
  const answers = collectAnswers(system);
  const location = locationOf(await register(device, "ep-1", "1.1", links));
  const started = { system, node, device, location, answers };
  return { ...started, wasAsked: (...lines) => wasAsked(device, ...lines), settled: () => settled(started) };
}

async function wasAsked(device: TestDevice, ...lines: string[]): Promise<void> {
  const count = (list: readonly string[], line: string): number => list.filter((one) => one === line).length;
  const missing = (): string[] => lines.filter((line) => count(linesOf(device), line) < count(lines, line));
  await until(() => missing().length === 0, `${missing()} among ${linesOf(device)}`);
}

/** An Update makes the owner look at what is missing; a Read by RPC comes after what its queue was doing, and a second after what that left. */
async function settled({
  system,
  node,
  device,
  location,
  answers,
}: Omit<Started, "wasAsked" | "settled">): Promise<string[]> {
  await device.request(CODE.POST, location, []);
  for (let turn = 0; turn < 2; turn++) {
    const requestId = `settled-${requests++}`;
    await ask(system, node, { requestId, method: "Discover", params: { id: "/1/0" } });
    await until(() => answers.some((answer) => answer.requestId === requestId), "the answer of a Discover");
  }
  return linesOf(device).filter((line) => line !== "GET /1/0");
}

describe("what a profile wants of a device that registered", () => {
  it("is asked for in this order: Write-Attributes, observations, reads of the rest", async () => {
    const { settled } = await start({
      resources: { ...MAKER, "/3/0/9": { ...BATTERY["/3/0/9"], attributes: { pmin: 10 } } },
    });
    expect(await settled()).toEqual(["PUT /3/0/9?pmin=10", "GET /3/0/9 observe", "GET /3/0/0"]);
  });

  it("is read before it is observed where the profile says so", async () => {
    const { settled } = await start({ resources: { ...BATTERY, ...MAKER }, afterConnect: "readThenObserve" });
    expect(await settled()).toEqual(["GET /3/0/9", "GET /3/0/0", "GET /3/0/9 observe"]);
  });

  it("is told whether it may send by itself", async () => {
    const { settled } = await start({ resources: {}, muteSend: true });
    expect(await settled()).toEqual(["PUT /1/0/23"]);
  });

  it("is not told so where it has accounts of several servers, which its log says", async () => {
    const links = PLAIN.replace("</1/0>", "</1/0>,</1/1>");
    const { settled, system, node } = await start({ resources: {}, muteSend: true }, { links });
    const telemetry = collect(system.bus, TOPICS.telemetry);
    expect(await settled()).toEqual([]);
    await until(() => logOf(telemetry).some((line) => line.includes("muteSend is not written")), "the line");
    expect(await node.metric('lwm2m_fallbacks_total{kind="mute"}')).toBe(1);
  });
});

describe("an Observe-Composite of a profile", () => {
  const resources = { ...TEMPERATURE, ...BATTERY, "/3/0/13": { key: "time", ...observed }, ...MAKER };

  it("is one for all paths, or one for each object, reads too where the profile says so", async () => {
    const all = await start({ resources, strategy: "compositeAll" }, { links: SENML });
    expect(await all.settled()).toEqual(["FETCH /3/0/9 /3/0/13 /3303/0/5700 observe", "GET /3/0/0"]);
    await stopAll();
    const more = { ...resources, "/3/0/10": { key: "memory", attribute: true } };
    const byObject = await start(
      { resources: more, strategy: "compositeByObject", initialReads: "asObserved" },
      { links: SENML },
    );
    expect(await byObject.settled()).toEqual([
      "FETCH /3/0/9 /3/0/13 observe",
      "GET /3303/0/5700 observe",
      "FETCH /3/0/0 /3/0/10",
    ]);
  });

  it("is notified as one record, without values that nobody asked for", async () => {
    const { system, node, device, settled } = await start(
      { resources: { ...BATTERY, ...TEMPERATURE }, strategy: "compositeAll" },
      { links: SENML },
    );
    const telemetry = collect(system.bus, TOPICS.telemetry);
    await settled();
    const token = tokenOf(device, "FETCH /3/0/9 /3303/0/5700 observe");
    const stray = toSenml({ "/3/0/9": 99, "/3303/0/5700": 22, "/3/0/10": 1 });
    expect(await device.notifyOf(token, stray, 9, CONTENT_FORMAT.SENML_JSON)).toBe("delivered");
    await until(() => samplesOf(telemetry).includes("batteryLevel=99 temperature=22"), "one record of both values");
    expect(await node.metric("lwm2m_stray_values_total")).toBe(1);
  });

  it.each([
    ["in a format that does not say where values are", CONTENT_FORMAT.TEXT_PLAIN, "cannot be TEXT(0)"],
    ["without a format", -1, "needs a Content-Format"],
    ["that is no SenML", CONTENT_FORMAT.SENML_JSON, ""],
  ])("is told of as undecodable, and acknowledged, when it is notified %s", async (_, format, reason) => {
    const { system, device, settled } = await start(
      { resources: { ...BATTERY, ...TEMPERATURE }, strategy: "compositeAll" },
      { links: SENML },
    );
    const lifecycle = collect(system.bus, TOPICS.lifecycle);
    await settled();
    const token = tokenOf(device, "FETCH /3/0/9 /3303/0/5700 observe");
    expect(await device.notifyOf(token, "42", 9, format)).toBe("delivered");
    await until(
      () => lifecycle.some((record) => record.payload?.length === 2 && record.reason?.includes(reason)),
      "the record",
    );
  });

  it("is stored with the registration, so that another node resolves its first notification", async () => {
    const { system, device, settled } = await start(
      { resources: { ...BATTERY, ...TEMPERATURE }, strategy: "compositeAll" },
      { links: SENML },
    );
    await settled();
    const second = await startNode(system);
    const telemetry = collect(system.bus, TOPICS.telemetry);
    device.pointAt(second);
    const token = tokenOf(device, "FETCH /3/0/9 /3303/0/5700 observe");
    const pack = toSenml({ "/3/0/9": 98, "/3303/0/5700": 23 });
    expect(await device.notifyOf(token, pack, 9, CONTENT_FORMAT.SENML_JSON)).toBe("delivered");
    await until(() => samplesOf(telemetry).includes("batteryLevel=98 temperature=23"), "the values");
  });

  it("becomes single ones for a device without SenML, which is said once for all devices of its kind", async () => {
    const { system, node, device, settled } = await start({ resources, strategy: "compositeAll" });
    const telemetry = collect(system.bus, TOPICS.telemetry);
    expect(await settled()).toEqual([
      "GET /3303/0/5700 observe",
      "GET /3/0/9 observe",
      "GET /3/0/13 observe",
      "GET /3/0/0",
    ]);
    await register(device, "ep-1", "1.1", PLAIN);
    await settled().catch(() => {});
    await until(() => logOf(telemetry).length > 5, "the log");
    expect(logOf(telemetry).filter((line) => line.includes("lists no SenML format"))).toHaveLength(1);
    expect(await node.metric('lwm2m_fallbacks_total{kind="composite"}')).toBe(1);
  });
});

describe("an answer with a value that is none", () => {
  const PACK = '[{"bn":"/3/0/","n":"9","v":50},{"n":"0","v":7},{"n":"13","vs":"now"}]';

  it.each([
    [
      "a Read",
      { resources: { "/3/0/9": { key: "batteryLevel", telemetry: true } }, objects: { "/3/0": { observe: false } } },
      "GET /3/0/9",
    ],
    [
      "an Observe",
      { resources: { "/3/0/9": { key: "batteryLevel", telemetry: true } }, objects: { "/3/0": { observe: true } } },
      "GET /3/0 observe",
    ],
  ])("of %s is published as far as it is good, told of, and not asked for again", async (_, profile, line) => {
    const { system, node, settled } = await start(profile, {
      change: { reconcile: AT_ONCE },
      instead: (asked) =>
        asked === line
          ? { code: CODE.CONTENT, payload: PACK, format: CONTENT_FORMAT.SENML_JSON, observe: true }
          : undefined,
    });
    const telemetry = collect(system.bus, TOPICS.telemetry);
    const lifecycle = collect(system.bus, TOPICS.lifecycle);
    expect(await settled()).toEqual([line]);
    expect(samplesOf(telemetry)).toContain("batteryLevel=50");
    expect(lifecycle.filter(({ payload }) => payload?.length === PACK.length)).toHaveLength(1);
    expect(await node.metric("lwm2m_observation_drift")).toBe(0);
  });
});

describe("what a device does not do", () => {
  it.each([
    ["4.00", CODE.BAD_REQUEST],
    ["4.01", CODE.UNAUTHORIZED],
    ["4.03", CODE.FORBIDDEN],
    ["4.04", CODE.NOT_FOUND],
    ["4.05", CODE.METHOD_NOT_ALLOWED],
  ])("is not asked for again after %s, until it registers anew", async (_, code) => {
    const started = await start(
      { resources: { ...BATTERY, ...MAKER } },
      { change: { reconcile: AT_ONCE }, instead: (line) => (line.startsWith("GET /3") ? { code } : undefined) },
    );
    expect(await started.settled()).toEqual(["GET /3/0/9 observe", "GET /3/0/0"]);
    expect(await started.settled()).toHaveLength(2);
    expect(await started.node.metric("lwm2m_refused_by_device")).toBe(2);
    expect(await started.node.metric("lwm2m_observation_drift")).toBe(0);
    await register(started.device, "ep-1", "1.1", PLAIN);
    await started.wasAsked("GET /3/0/9 observe", "GET /3/0/9 observe", "GET /3/0/0", "GET /3/0/0");
  });

  it("is asked for again after 4.04 when its objects change", async () => {
    const { device, location, settled, wasAsked } = await start(
      { resources: { ...BATTERY, ...MAKER } },
      {
        change: { reconcile: AT_ONCE },
        instead: (line) => (line.startsWith("GET /3/") ? { code: CODE.NOT_FOUND } : undefined),
      },
    );
    expect(await settled()).toHaveLength(2);
    await device.request(CODE.POST, location, [], "</1/0>,</3/0>,</5/0>");
    await wasAsked("GET /3/0/9 observe", "GET /3/0/9 observe", "GET /3/0/0", "GET /3/0/0");
  });

  it("is asked for again after 4.04 when its profile changes", async () => {
    const { system, settled, wasAsked } = await start(
      { resources: { ...BATTERY, ...MAKER } },
      {
        change: { reconcile: AT_ONCE },
        instead: (line) => (line.startsWith("GET /3/") ? { code: CODE.NOT_FOUND } : undefined),
      },
    );
    expect(await settled()).toHaveLength(2);
    await publishProfile(system, { resources: { ...BATTERY, ...MAKER, ...TEMPERATURE } });
    await wasAsked("GET /3/0/9 observe", "GET /3/0/9 observe", "GET /3/0/0", "GET /3/0/0");
  });

  it("is asked for again by itself after 5.03, and no sooner than the backoff allows", async () => {
    const failing = (line: string) => (line === "GET /3/0/9 observe" ? { code: CODE.SERVICE_UNAVAILABLE } : undefined);
    const soon = await start({ resources: BATTERY }, { change: { reconcile: AT_ONCE }, instead: failing });
    await soon.wasAsked("GET /3/0/9 observe", "GET /3/0/9 observe", "GET /3/0/9 observe");
    await stopAll();
    const late = await start({ resources: BATTERY }, { change: { reconcile: NEVER }, instead: failing });
    expect(await late.settled()).toEqual(["GET /3/0/9 observe"]);
    expect(await late.settled()).toEqual(["GET /3/0/9 observe"]);
    expect(await late.node.metric("lwm2m_observation_drift")).toBe(1);
  });

  it("is not taken for observed when it is only read", async () => {
    const { node, settled } = await start(
      { resources: BATTERY },
      { instead: (line) => (line.endsWith("observe") ? { code: CODE.CONTENT, payload: "100" } : undefined) },
    );
    expect(await settled()).toEqual(["GET /3/0/9 observe"]);
    expect(await node.metric("lwm2m_owned_observations")).toBe(0);
  });
});

describe("an observation that is silent", () => {
  it("beyond twice its pmax is made anew when the device is heard", async () => {
    const { settled } = await start({
      resources: {
        "/3/0/9": { ...BATTERY["/3/0/9"], attributes: { pmax: 0 } },
        "/3/0/13": { key: "time", ...observed },
      },
      objects: { "/3": { attributes: { pmax: 1 } } },
    });
    const asked = ["PUT /3/0/9?pmax=0", "PUT /3?pmax=1", "GET /3/0/9 observe", "GET /3/0/13 observe"];
    expect(await settled()).toEqual(asked);
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    expect(await settled()).toEqual([...asked, "GET /3/0/13 observe"]); // Of the other the profile wants no period.
  }, 20_000);
});

describe("a change of the profile", () => {
  it("with the same paths and another strategy makes the observations anew, the other way", async () => {
    const resources = { ...BATTERY, ...TEMPERATURE };
    const { system, device, settled, wasAsked } = await start({ resources }, { links: SENML });
    await settled();
    const token = tokenOf(device, "GET /3/0/9 observe");
    await publishProfile(system, { resources, strategy: "compositeAll" });
    await wasAsked("FETCH /3/0/9 /3303/0/5700 observe");
    expect(await device.notifyOf(token, "9", 9)).toBe("reset");
  });

  it("makes only those of the objects anew whose paths changed, with compositeByObject", async () => {
    const strategy = "compositeByObject";
    const two = { ...BATTERY, ...TIME };
    const sensors = { ...TEMPERATURE, "/3303/0/5601": { key: "min", ...observed } };
    const { system, settled, wasAsked } = await start(
      { resources: { ...two, ...sensors }, strategy },
      { links: SENML },
    );
    expect(await settled()).toEqual(["FETCH /3/0/9 /3/0/10 observe", "FETCH /3303/0/5601 /3303/0/5700 observe"]);
    await publishProfile(system, {
      resources: { ...two, ...sensors, "/3/0/13": { key: "time", ...observed } },
      strategy,
    });
    await wasAsked("FETCH /3/0/9 /3/0/10 /3/0/13 observe");
    expect(await settled()).toHaveLength(3);
  });

  it("reads what is published now or by another name; names hold from the next value on", async () => {
    const { system, device, settled, wasAsked } = await start({ resources: { ...BATTERY, ...MAKER } });
    const attributes = collect(system.bus, TOPICS.attributes);
    const telemetry = collect(system.bus, TOPICS.telemetry);
    await settled();
    const token = tokenOf(device, "GET /3/0/9 observe");
    const resources = {
      "/3/0/9": { key: "charge", ...observed },
      "/3/0/0": { key: "maker", attribute: true },
      "/3303/0/5601": { key: "min", attribute: true },
    };
    await publishProfile(system, { resources });
    await wasAsked("GET /3/0/0", "GET /3/0/0", "GET /3/0/9", "GET /3303/0/5601");
    await until(
      () => attributes.some((record) => record.attributes?.[0]?.key === "maker"),
      "the attribute by its new name",
    );
    expect(await device.notifyOf(token, "7", 9)).toBe("delivered");
    await until(() => samplesOf(telemetry).includes("charge=7"), "the value by its new name");
  });

  it("really clears the attributes that are wanted no more, and writes those that changed", async () => {
    const profile = (attributes: object) => ({ resources: { "/3/0/9": { ...BATTERY["/3/0/9"], ...attributes } } });
    const { system, settled, wasAsked } = await start(profile({ attributes: { pmin: 10, pmax: 60 } }));
    expect(await settled()).toContain("PUT /3/0/9?pmax=60&pmin=10");
    await publishProfile(system, profile({ attributes: { pmax: 90 } }));
    await wasAsked("PUT /3/0/9?pmax=90&pmin");
    await publishProfile(system, profile({}));
    await wasAsked("PUT /3/0/9?pmax");
  });

  it("writes before it observes", async () => {
    const { system, device, settled, wasAsked } = await start({ resources: BATTERY });
    await settled();
    const resources = { ...BATTERY, "/3/0/13": { key: "time", ...observed, attributes: { pmin: 5 } } };
    await publishProfile(system, { resources });
    await wasAsked("GET /3/0/13 observe");
    expect(linesOf(device).indexOf("PUT /3/0/13?pmin=5")).toBeLessThan(linesOf(device).indexOf("GET /3/0/13 observe"));
    expect(linesOf(device)).toContain("PUT /3/0/13?pmin=5");
  });

  const withAttributes = { resources: { "/3/0/9": { ...BATTERY["/3/0/9"], attributes: { pmin: 10 } } } };

  it("is followed on a device that comes from a node which died before it could", async () => {
    const { system, node, device, location, settled } = await start(withAttributes);
    await settled();
    const second = await startNode(system);
    await node.stop();
    await publishProfile(system, { resources: BATTERY });
    await new Promise((resolve) => setTimeout(resolve, 100)); // The second node learns of it before the device comes.
    await olderThanSettled(system);
    device.pointAt(second);
    await device.request(CODE.POST, location, []);
    await wasAsked(device, "PUT /3/0/9?pmin");
  });

  it("clears nothing on a device whose earlier profile this node does not know", async () => {
    const started = await start(withAttributes);
    await started.settled();
    await started.node.stop();
    await publishProfile(started.system, { resources: BATTERY });
    await olderThanSettled(started.system);
    const second = await startNode(started.system);
    started.device.pointAt(second);
    expect(await settled({ ...started, node: second })).not.toContain("PUT /3/0/9?pmin");
  });

  it("is followed on a device that slept through it and registers anew", async () => {
    const { system, device, settled, wasAsked } = await start(withAttributes);
    await settled();
    const { answer } = device;
    device.answer = () => "silent";
    await publishProfile(system, { resources: BATTERY });
    await until(() => linesOf(device).includes("PUT /3/0/9?pmin"), "the first attempt");
    device.requests.length = 0;
    device.answer = answer;
    await device.rebind();
    answerValues(device, VALUES);
    await register(device, "ep-1", "1.1", PLAIN);
    await wasAsked("GET /3/0/9 observe");
    expect(linesOf(device)[0]).toBe("PUT /3/0/9?pmin");
  });
});

/** Makes the registration one that its owner has set up long ago. */
async function olderThanSettled({ state }: System): Promise<void> {
  const known = await state.devices.get({ tenant: "default", endpoint: "ep-1" });
  if (known === undefined) throw new TypeError("registered above");
  Object.assign(known.registration, { registeredAtMs: known.registration.registeredAtMs - 61_000 });
}

describe("an Update with other objects", () => {
  it("has its new Object Instances observed and read, and what is gone is not observed any more", async () => {
    const { node, device, location, settled, wasAsked } = await start({
      resources: {
        ...TEMPERATURE,
        "/3303/1/5700": { key: "temperature1", ...observed },
        "/3303/1/5601": { key: "min1", attribute: true },
      },
    });
    expect(await settled()).toEqual(["GET /3303/0/5700 observe"]);
    await device.request(CODE.POST, location, [], "</1/0>,</3/0>,</3303/1>");
    await wasAsked("GET /3303/1/5700 observe", "GET /3303/1/5601");
    expect(await node.metric("lwm2m_owned_observations")).toBe(1);
  });
});

describe("a change of a model", () => {
  it("holds for the next value of a device that is registered", async () => {
    const resources = { "/30000/0/1": { key: "probe", ...observed } };
    const values = { "/30000/0/1": "1.5" };
    const { system, device, settled } = await start({ resources }, { values, links: "</1/0>,</3/0>,</30000/0>" });
    const telemetry = collect(system.bus, TOPICS.telemetry);
    const probes = () => telemetry.flatMap(({ samples }) => (samples ?? []).filter(({ key }) => key === "probe"));
    await settled();
    const token = tokenOf(device, "GET /30000/0/1 observe");
    await publishModel(system, 30_000, "Float");
    for (let observe = 9; probes().at(-1)?.value?.double !== 2.5; observe++) {
      if (observe > 500) throw new TypeError("the model does not hold");
      expect(await device.notifyOf(token, "2.5", observe)).toBe("delivered");
    }
    expect(probes()[0]?.value).toMatchObject({ string: "1.5" });
  });
});

describe("a device that sleeps", () => {
  it("is asked for what it did not hear as soon as it wakes, whatever the backoff", async () => {
    let silent = true;
    const { device, location, wasAsked } = await start(
      { resources: BATTERY, power: { mode: "psm", activityTimerMs: 300 } },
      {
        change: { reconcile: NEVER },
        instead: (line) => (silent && line === "GET /3/0/9 observe" ? "silent" : undefined),
      },
    );
    await wasAsked("GET /3/0/9 observe");
    await new Promise((resolve) => setTimeout(resolve, 500));
    silent = false;
    await device.request(CODE.POST, location, []);
    await wasAsked("GET /3/0/9 observe", "GET /3/0/9 observe");
  });
});

describe("the version of an Object", () => {
  it("is the profile's default where neither link nor LwM2M version gives one; another model is said once and used", async () => {
    const { system, node, device, settled } = await start({
      resources: { "/3303_1.1/0/5700": { key: "temperature", ...observed } },
      defaultObjectVersion: "1.7",
    });
    const telemetry = collect(system.bus, TOPICS.telemetry);
    expect(await settled()).toEqual(["GET /3303/0/5700 observe"]);
    await register(device, "ep-1", "1.1", PLAIN);
    await until(
      () => logOf(telemetry).filter((line) => line.includes("Client registered")).length === 2,
      "two Registers",
    );
    expect(logOf(telemetry).filter((line) => line.includes("Object model with id [3303] version [1.7]"))).toHaveLength(
      1,
    );
    expect(await node.metric('lwm2m_fallbacks_total{kind="model"}')).toBe(1);
  });
});

describe("observations by RPC", () => {
  it("are listed, refused where they would report twice, and cancelled, composite ones too", async () => {
    const { system, node, device, answers } = await start({ resources: {} }, { links: SENML });
    const run = async (requestId: string, method: string, params: object): Promise<FinalAnswer | undefined> => {
      await ask(system, node, { requestId, method, params });
      await until(() => answers.some((answer) => answer.requestId === requestId), requestId);
      return answers.find((answer) => answer.requestId === requestId);
    };
    const ids = ["/3/0/9", "/3303/0/5700"];
    expect(await run("1", "ObserveComposite", { ids })).toMatchObject({ status: "SUCCESSFUL", result: "CONTENT" });
    const token = tokenOf(device, "FETCH /3/0/9 /3303/0/5700 observe");
    expect(await run("2", "Observe", { id: "/3/0/9" })).toMatchObject({
      error: "Resource [/3/0/9] is already registered in CompositeObservation.",
    });
    expect(await run("3", "Observe", { id: "/3/0/13" })).toMatchObject({ result: "CONTENT" });
    expect(await run("4", "ObserveReadAll", {})).toMatchObject({
      value: '["CompositeObservation: [/3/0/9, /3303/0/5700]","/3/0/13"]',
    });
    expect(await run("5", "ObserveCompositeCancel", { ids: ["/3/0/9"] })).toMatchObject({ result: "BAD_REQUEST" });
    expect(await run("6", "ObserveCompositeCancel", { ids: ids.toReversed() })).toMatchObject({ value: "1" });
    expect(await device.notifyOf(token, "[]", 9, CONTENT_FORMAT.SENML_JSON)).toBe("reset");
    expect(await run("7", "ObserveCancelAll", {})).toMatchObject({ value: "1" });
    expect(await run("8", "ObserveReadAll", {})).toMatchObject({ value: "[]" });
  });

  it("are 64 of a device at most; one that is held already may be asked for again", async () => {
    const { system, node, answers } = await start(
      { resources: {} },
      { instead: () => ({ code: CODE.CONTENT, payload: "1", observe: true }) },
    );
    const observe = async (instance: number): Promise<FinalAnswer | undefined> => {
      const requestId = `o-${instance}-${answers.length}`;
      await ask(system, node, { requestId, method: "Observe", params: { id: `/3/0/7/${instance}` } });
      await until(() => answers.some((answer) => answer.requestId === requestId), requestId);
      return answers.find((answer) => answer.requestId === requestId);
    };
    for (let instance = 1; instance <= MAX_RPC_OBSERVATIONS; instance++) {
      expect(await observe(instance)).toMatchObject({ result: "CONTENT" });
    }
    expect(await observe(100)).toMatchObject({ result: "BAD_REQUEST", error: expect.stringContaining("64") });
    expect(await observe(1)).toMatchObject({ result: "CONTENT" });
  });

  it("that are the profile's stay cancelled until the device registers anew", async () => {
    const { system, node, device, answers, settled, wasAsked } = await start({ resources: BATTERY });
    expect(await settled()).toEqual(["GET /3/0/9 observe"]);
    await ask(system, node, { requestId: "all", method: "ObserveCancelAll", params: {} });
    await until(() => answers.some(({ requestId }) => requestId === "all"), "the answer");
    await publishProfile(system, { resources: { ...BATTERY, ...TEMPERATURE } });
    await wasAsked("GET /3303/0/5700 observe");
    expect(await settled()).toEqual(["GET /3/0/9 observe", "GET /3303/0/5700 observe"]);
    await register(device, "ep-1", "1.1", PLAIN);
    await wasAsked("GET /3/0/9 observe", "GET /3/0/9 observe");
  });

  it("are not said to be cancelled before the store has taken that in", async () => {
    const { system, node, device, answers, settled } = await start({ resources: { ...BATTERY, ...TEMPERATURE } });
    await settled();
    const { devices } = system.state;
    const observe = devices.observe.bind(devices);
    let refusals = 0;
    devices.observe = async (request) => {
      if (refusals++ === 0) throw new StateUnavailableError("away");
      return await observe(request);
    };
    await ask(system, node, { requestId: "one", method: "ObserveCancel", params: { id: "/3/0/9" } });
    await until(() => refusals > 0, "the store to be asked");
    const list = async (requestId: string): Promise<string | undefined> => {
      await ask(system, node, { requestId, method: "ObserveReadAll" });
      await until(() => answers.some((answer) => answer.requestId === requestId), requestId);
      return answers.find((answer) => answer.requestId === requestId)?.value;
    };
    expect(await list("before")).toBe('["/3/0/9","/3303/0/5700"]');
    await until(() => answers.some(({ requestId }) => requestId === "one"), "the answer");
    expect(answers.find(({ requestId }) => requestId === "one")).toMatchObject({ status: "SUCCESSFUL", value: "1" });
    expect(await list("after")).toBe('["/3303/0/5700"]');
    const stored = await devices.get({ tenant: "default", endpoint: "ep-1" });
    expect(stored?.observations.map(({ paths, source }) => [...paths, source])).toContainEqual(["/3/0/9", "cancelled"]);
    expect(await device.notifyOf(tokenOf(device, "GET /3/0/9 observe"), "1", 9)).toBe("reset");
  });

  it("that are the profile's stay cancelled at another node", async () => {
    const before = await start({ resources: { ...BATTERY, ...TEMPERATURE } });
    const { system, device, answers } = before;
    expect(await before.settled()).toEqual(["GET /3/0/9 observe", "GET /3303/0/5700 observe"]);
    await ask(system, before.node, { requestId: "one", method: "ObserveCancel", params: { id: "/3/0/9" } });
    await until(() => answers.some(({ requestId }) => requestId === "one"), "the answer");
    await before.node.stop();
    const node = await startNode(system);
    device.pointAt(node);
    device.requests.length = 0;
    expect(await settled({ ...before, node })).toEqual(["GET /3303/0/5700 observe"]);
    expect(await device.notifyOf(tokenOf(device, "GET /3303/0/5700 observe"), "21", 9)).toBe("delivered");
  });
});
