import assert from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RpcAnswer, RpcCall } from "@ferry/client";
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
import { flattenNode, type LwM2mPath, parseDdf, type ResourceValue, type TimedValue } from "@ferry/lwm2m";
import { type ProvisioningDocument, readDocuments } from "@ferry/provisioning";
import {
  type Answer,
  blackBoxDevice,
  coreObject,
  type DeviceEvent,
  type DeviceFixture,
  objectOf,
  type SimulatedDeviceSettings,
  seedDevice,
} from "@ferry/simulator";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { PaperDevice } from "../paper-device.ts";
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
} from "./rpc-rows.ts";

/** A time zone that has `EEST` in the summer of 2021 and `EET` in the summer of 1940, as the reference page prints. */
export const TIME_ZONE = "Europe/Helsinki";

export type Compat = "seed" | "now";

/** A registered device of the pipeline under test. */
export interface RowSession {
  /** Gives a resource of the device a value. */
  set(path: LwM2mPath, value: ResourceValue): void;
  rpc(call: RpcCall): Promise<RpcAnswer>;
  stop(): Promise<unknown>;
}

/** The pipeline under test: Ferry's services with their bus and store, whichever these are. */
export interface RowPipeline {
  /** Applies the documents, starts the device and has it register; resolves when its registration has been served. */
  connect(of: {
    readonly compat: Compat;
    readonly endpoint: string;
    readonly documents: readonly ProvisioningDocument[];
    readonly settings: Omit<SimulatedDeviceSettings, "server" | "random" | "endpoint">;
    readonly onEvent: (event: DeviceEvent) => void;
  }): Promise<RowSession>;
}

const METHODS: Readonly<Record<number, string>> = {
  [CODE.GET]: "GET",
  [CODE.PUT]: "PUT",
  [CODE.POST]: "POST",
  [CODE.DELETE]: "DELETE",
};

let lastDevice = 0;

/** A fixture, registered with a transport node that a router gives its requests. */
class Bench {
  readonly #events: DeviceEvent[] = [];
  readonly #requests: Received[] = [];
  readonly #compat: Compat;
  readonly #endpoint = `row-${++lastDevice}`;
  /** Reads how a row writes values down. */
  readonly #paper: PaperDevice;
  #session: RowSession | undefined;
  /** What the device answers instead of what it would. */
  #says: Circumstances["says"];

  private constructor(compat: Compat, name: string) {
    this.#compat = compat;
    this.#paper = new PaperDevice(name, name);
  }

  static async start(
    pipeline: RowPipeline,
    { device, profile, modelFiles }: DeviceFixture,
    compat: Compat,
  ): Promise<Bench> {
    const bench = new Bench(compat, profile.name);
    const endpoint = bench.#endpoint;
    const profileId = `simulated-${profile.name}`;
    const json = JSON.stringify({ resources: profile.resources });
    bench.#session = await pipeline.connect({
      compat,
      endpoint,
      documents: [
        ...(await readDocuments([...modelFiles])),
        { kind: "profile", tenant: "default", id: profileId, body: { profile: { json } } },
        {
          kind: "device",
          tenant: "default",
          id: endpoint,
          body: { device: { endpoint, profile: profileId, credentials: [{ noSec: {} }] } },
        },
      ],
      settings: {
        ...device,
        override: (request) => {
          bench.#requests.push(request);
          return bench.#says === undefined ? device.override?.(request) : scripted(bench.#says);
        },
      },
      onEvent: (event) => bench.#events.push(event),
    });
    expect(bench.#events).toContainEqual(expect.objectContaining({ type: "registered" }));
    return bench;
  }

  async stop(): Promise<void> {
    await this.#session?.stop();
  }

  /** `isScripted`: the device answers what the row says, not what it would by itself. */
  async check([, request, answer, circumstances = {}]: Row, isScripted = false): Promise<void> {
    const { has = {}, after = [], asked, takes = {}, says, now = answer } = circumstances;
    for (const [path, value] of Object.entries(has)) {
      for (const { path: at, value: typed } of this.#paper.parse(path, value)) {
        this.#session?.set(at, typed);
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
  async #ask(request: string): Promise<Partial<Result>> {
    const [method = "", params] = request.split(/ (.*)/s);
    const call = { endpoint: this.#endpoint, method, timeoutMs: 10_000, ...(params === undefined ? {} : { params }) };
    const { result, value, error } = (await this.#session?.rpc(call)) ?? {};
    return JSON.parse(JSON.stringify({ result, value, error })) as Partial<Result>; // Without what is absent.
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

const EVERY_TYPE_MODEL = join(import.meta.dirname, "../../interop/leshan/src/main/resources/models/38000-1_0.xml");

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

/** Checks that a pipeline, started in a `beforeAll` of the caller's, answers every row of the RPC specification about a request, on the simulated fixtures FS and FT. */
export function describeRpcRows(pipeline: RowPipeline): void {
  describe.each(["seed", "now"] as const)("a request to a simulated device, compat %s", (compat) => {
    describe.each([
      ["FS", seedDeviceWithThermometer, SEED_ROWS],
      ["FT", blackBoxDevice, BLACK_BOX_ROWS],
      ["a device with every type", everyTypeDevice, EVERY_TYPE_ROWS],
    ] as const)("%s", (_, fixture, rows) => {
      let bench: Bench;
      beforeAll(async () => {
        bench = await Bench.start(pipeline, fixture(), compat);
      });
      afterAll(() => bench.stop());

      it.each(named(rows))("%s", (__, row) => bench.check(row));
    });

    /** Checks a row on a device of its own. */
    async function checkAlone(row: Row, fixture: DeviceFixture, isScripted = false): Promise<void> {
      const bench = await Bench.start(pipeline, fixture, compat);
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
}
