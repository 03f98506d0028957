import assert from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  CODE,
  CONTENT_FORMAT,
  codeClass,
  OPTION,
  type Received,
  readStringOptions,
  readUintOption,
  uintOption,
  uriPath,
} from "@ferry/coap";
import { flattenNode, parseDdf, type TimedValue } from "@ferry/lwm2m";
import { type ProvisioningDocument, readDocuments } from "@ferry/provisioning";
import {
  type Answer,
  blackBoxDevice,
  coreObject,
  type DeviceEvent,
  type DeviceFixture,
  type DeviceInput,
  objectOf,
  type SimulatedDeviceSettings,
  seedDevice,
} from "@ferry/simulator";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  BLACK_BOX_ROWS,
  type Circumstances,
  EVERY_TYPE_ROWS,
  OTHER_FORMATS_ROWS,
  PAPER_ROWS,
  type Result,
  type Row,
  SCRIPTED_ROWS,
  SEED_ROWS,
} from "../e2e/contract/rpc-rows.ts";
import { PaperDevice } from "../e2e/paper-device.ts";
import { SimulatedFerry } from "./simulated-ferry.ts";

/** A time zone that has `EEST` in the summer of 2021 and `EET` in the summer of 1940, as the reference page prints. */
const TIME_ZONE = "Europe/Helsinki";
const START_MS = Date.UTC(2026, 0, 1);
const FAULTLESS = { seed: 1, natTimeoutMs: Number.POSITIVE_INFINITY };
const METHODS: Readonly<Record<number, string>> = {
  [CODE.GET]: "GET",
  [CODE.PUT]: "PUT",
  [CODE.POST]: "POST",
  [CODE.DELETE]: "DELETE",
};

/** A fixture, registered with a transport node that a router gives its requests. */
class Bench {
  readonly #ferry: SimulatedFerry;
  readonly #device: (input: DeviceInput) => void;
  readonly #events: DeviceEvent[] = [];
  readonly #requests: Received[] = [];
  readonly #compat: "seed" | "now";
  /** What the device answers instead of what it would. */
  #says: Circumstances["says"];
  /** Reads how a row writes values down. */
  readonly #paper: PaperDevice;

  private constructor(ferry: SimulatedFerry, compat: "seed" | "now", name: string, device: DeviceFixture["device"]) {
    this.#ferry = ferry;
    this.#compat = compat;
    this.#paper = new PaperDevice(name, name);
    const settings: Omit<SimulatedDeviceSettings, "server" | "random"> = {
      ...device,
      endpoint: "it",
      override: (request) => {
        this.#requests.push(request);
        return this.#says === undefined ? device.override?.(request) : scripted(this.#says);
      },
    };
    this.#device = ferry.connect(settings, FAULTLESS, (event) => this.#events.push(event));
    this.#device({ type: "register" });
  }

  static async start({ device, profile, modelFiles }: DeviceFixture, compat: "seed" | "now"): Promise<Bench> {
    const models = await readDocuments([...modelFiles]);
    const json = JSON.stringify({ resources: profile.resources });
    const documents: readonly ProvisioningDocument[] = [
      ...models,
      { kind: "profile", tenant: "default", id: profile.name, body: { profile: { json } } },
      {
        kind: "device",
        tenant: "default",
        id: "it",
        body: { device: { endpoint: "it", profile: profile.name, credentials: [{ noSec: {} }] } },
      },
    ];
    const ferry = await SimulatedFerry.start(START_MS, documents, {
      LWM2M_TIME_ZONE: TIME_ZONE,
      LWM2M_COMPAT: compat,
      LWM2M_REACHABILITY_MODE: "vip",
    });
    const bench = new Bench(ferry, compat, profile.name, device);
    await ferry.time.goOn(START_MS + 10_000);
    expect(bench.#events).toContainEqual(expect.objectContaining({ type: "registered" }));
    return bench;
  }

  stop(): Promise<void> {
    return this.#ferry.stop();
  }

  /** `isScripted`: the device answers what the row says, not what it would by itself. */
  async check([, request, answer, circumstances = {}]: Row, isScripted = false): Promise<void> {
    const { has = {}, after = [], asked, takes = {}, says, now = answer } = circumstances;
    for (const [path, value] of Object.entries(has)) {
      for (const { path: at, value: typed } of this.#paper.parse(path, value)) {
        this.#device({ type: "set", path: at, value: typed });
      }
    }
    for (const before of after) expect(await this.#ask(before)).toMatchObject({ result: "CONTENT" });
    const [requests, events] = [this.#requests.length, this.#events.length];
    this.#says = isScripted ? says : undefined;
    expect(await this.#ask(request)).toEqual(this.#compat === "seed" ? answer : now);
    this.#says = undefined;
    if (asked !== undefined)
      expect(this.#requests.slice(requests).map(described)).toContainEqual(expect.objectContaining(asked));
    const written = this.#events.slice(events).flatMap(writtenBy);
    for (const [path, value] of Object.entries(takes)) {
      expect(written).toEqual(expect.arrayContaining(this.#paper.parse(path, value)));
    }
  }

  /** Sends a request as the terminal does: the method, a space, and parameters that go as they are. */
  async #ask(request: string): Promise<Result> {
    const [method = "", params] = request.split(/ (.*)/s);
    const call = { endpoint: "it", method, timeoutMs: 10_000, ...(params === undefined ? {} : { params }) };
    const { result, value, error } = await this.#ferry.time.until(this.#ferry.client.rpc(call));
    return JSON.parse(JSON.stringify({ result, value, error })) as Result; // Without what is absent.
  }
}

function scripted({ code, diagnostic, links }: NonNullable<Circumstances["says"]>): Answer {
  const options = links === undefined ? [] : [uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LINK_FORMAT)];
  return {
    code: (Math.floor(code / 100) << 5) | (code % 100),
    options,
    payload: Buffer.from(links ?? diagnostic ?? ""),
  };
}

/** A request as a row writes it down. */
function described({ code, options, payload }: Received): object {
  expect(codeClass(code)).toBe(0);
  return {
    method: METHODS[code],
    path: `/${uriPath(options).join("/")}`,
    query: readStringOptions(options, OPTION.URI_QUERY).join("&"),
    accept: readUintOption(options, OPTION.ACCEPT) ?? -1,
    contentFormat: readUintOption(options, OPTION.CONTENT_FORMAT) ?? -1,
    payload: Buffer.from(payload).toString("hex"),
  };
}

function writtenBy(event: DeviceEvent): readonly TimedValue[] {
  if (event.type === "writtenComposite") return event.values;
  return event.type === "written" ? flattenNode(event.path, event.node) : [];
}

/** The rows of section 13 need a thermometer beside what the reference page's device has. */
function seedDeviceWithThermometer(): DeviceFixture {
  const fixture = seedDevice();
  const thermometer = coreObject(3303, "1.0", { 0: { 5700: 21.5, 5701: "Cel" } });
  return { ...fixture, device: { ...fixture.device, objects: [...(fixture.device.objects ?? []), thermometer] } };
}

const EVERY_TYPE_MODEL = join(import.meta.dirname, "../interop/leshan/src/main/resources/models/38000-1_0.xml");

/** A device with object 38000, which has a resource of each type, and no instance of object 19. */
function everyTypeDevice(): DeviceFixture {
  const [model] = parseDdf(readFileSync(EVERY_TYPE_MODEL, "utf8"));
  assert(model !== undefined, "the file has one definition");
  return {
    device: {
      objects: [
        coreObject(1, "1.1", { 0: { 0: 123, 1: 300, 2: 1, 6: false, 7: "U" } }),
        coreObject(3, "1.1", { 0: { 0: "Ferry", 9: 100, 16: "U" } }),
        coreObject(19, "1.0", {}),
        objectOf(model, {
          0: {
            0: "text",
            1: 1,
            2: 2n ** 64n - 1n,
            3: 23,
            4: false,
            5: Uint8Array.of(0xac, 0x01),
            6: Date.UTC(2021, 6, 1, 13, 39, 49),
            7: { objectId: 3, objectInstanceId: 0 },
            8: "</3/0>,</1>",
            10: ["text"],
            11: [1],
            12: [Uint8Array.of(0x00, 0xad)],
            13: [1.5],
          },
        }),
      ],
    },
    profile: { kind: "profile", name: "every-type", resources: {} },
    modelFiles: [EVERY_TYPE_MODEL],
  };
}

/** Leshan's client, which the rows were written for too, has object 5 in version 1.1 where the specification has 1.2. */
const asSpecified = ([name, request, ...rest]: Row): Row => [name, request.replace("/5_1.1/", "/5_1.2/"), ...rest];
const named = (rows: readonly Row[]) => rows.map(asSpecified).map((row) => [`${row[0]}: ${row[1]}`, row] as const);

describe.each(["seed", "now"] as const)("a request to a simulated device, compat %s", (compat) => {
  describe.each([
    ["FS", seedDeviceWithThermometer, SEED_ROWS],
    ["FT", blackBoxDevice, BLACK_BOX_ROWS],
    ["a device with every type", everyTypeDevice, EVERY_TYPE_ROWS],
  ] as const)("%s", (_, fixture, rows) => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await Bench.start(fixture(), compat);
    });
    afterAll(() => bench.stop());

    it.each(named(rows))("%s", (__, row) => bench.check(row));
  });

  /** Checks a row on a device of its own. */
  async function checkAlone(row: Row, fixture: DeviceFixture, isScripted = false): Promise<void> {
    const bench = await Bench.start(fixture, compat);
    try {
      await bench.check(row, isScripted);
    } finally {
      await bench.stop();
    }
  }

  it.each(named(SCRIPTED_ROWS))("FS, scripted, %s", (_, row) => checkAlone(row, seedDeviceWithThermometer(), true));
  it.each(named(PAPER_ROWS))("FT, %s", (_, row) => checkAlone(row, blackBoxDevice({ bootstrap: row[0] === "B38" })));
  it.each(OTHER_FORMATS_ROWS)("FT that lists %s, %s: %s", (contentFormats, ...row) => {
    const { device, ...fixture } = blackBoxDevice();
    return checkAlone(row, {
      ...fixture,
      device: { ...device, contentFormats: contentFormats.split(" ").map(Number) },
    });
  });
});
