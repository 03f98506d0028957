import { join } from "node:path";
import { CODE, CONTENT_FORMAT, OPTION, uintOption, uriOptions, uriPath } from "@ferry/coap";
import { type LeshanDevice, startLeshan } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Answer, startCoapEndpoint } from "../interop/coap-endpoint.ts";
import {
  BLACK_BOX_ROWS,
  EVERY_TYPE_ROWS,
  LINKS_OF_RESOURCES,
  type Result,
  SCRIPTED_ROWS,
  SEED_ROWS,
} from "./contract/rpc-rows.ts";
import { type Compat, describeRpcRows, TIME_ZONE } from "./contract/simulated-rows.ts";
import { Device } from "./device.ts";
import { type ServiceProcess, type Stops, System, stopAll } from "./system.ts";

const MODEL = join(import.meta.dirname, "../interop/leshan/src/main/resources/models/38000-1_0.xml");

const links = (text: string): Answer => ({
  code: CODE.CONTENT,
  options: [uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LINK_FORMAT)],
  payload: Buffer.from(text),
});
const SCRIPT: Readonly<Record<string, Answer>> = {
  "3": links(`</3>,${LINKS_OF_RESOURCES}`),
  "3/0": links(`</3/0>,${LINKS_OF_RESOURCES}`),
  "3/0/1": { code: CODE.NOT_FOUND, payload: Buffer.from("gone") },
  "3/0/2": { code: CODE.NOT_IMPLEMENTED },
};

const stops: Stops = [];
let system: System;
let serverPort: number;
/** A transport for each set of texts. */
let transports: Readonly<Record<Compat, ServiceProcess>>;

beforeAll(async () => {
  system = await System.start({
    name: "rows",
    transportEnv: { LWM2M_REACHABILITY_MODE: "vip", LWM2M_TIME_ZONE: TIME_ZONE },
  });
  stops.push(() => system.stop());
  const seed = await system.run("transport", "transport-0", { env: { LWM2M_COMPAT: "seed" } });
  const now = await system.run("transport", "transport-1", { env: { LWM2M_COMPAT: "now" } });
  const router = await system.run("rpc-router", "rpc-router");
  transports = { seed, now };
  await Promise.all([seed.started, now.started, router.started]);
  await system.provision([join(import.meta.dirname, "seed-rows"), MODEL]);
  serverPort = seed.coapPort;
}, 90_000);

afterAll(() => stopAll(stops), 60_000);

/** Sends a request as the terminal does: the method, a space, and parameters that go as they are. */
async function ask(endpoint: string, request: string): Promise<Result> {
  const [method = "", params] = request.split(/ (.*)/s);
  const call = { endpoint, method, timeoutMs: 10_000, ...(params === undefined ? {} : { params }) };
  const { result, value, error } = await system.client.rpc(call);
  return JSON.parse(JSON.stringify({ result, value, error })) as Result; // Without what is absent.
}

describeRpcRows({
  async connect({ compat, endpoint, documents, settings, onEvent }) {
    await system.apply(documents);
    const device = await Device.start(endpoint, transports[compat], { ...settings, onEvent });
    await device.waitFor("registered");
    return {
      set: (path, value) => device.handle({ type: "set", path, value }),
      rpc: (call) => system.client.rpc(call),
      stop: () => device.stop(),
    };
  },
});

describe.each([
  ["seed", SEED_ROWS],
  ["black-box", BLACK_BOX_ROWS],
  ["every-type", EVERY_TYPE_ROWS],
] as const)("a request on Kafka to Leshan's client %s", (endpoint, rows) => {
  let device: LeshanDevice;

  beforeAll(async () => {
    const server = `coap://127.0.0.1:${serverPort}`;
    device = await startLeshan({ server, endpoint, fixture: endpoint });
    stops.push(() => device.stop());
    await device.waitFor("registered");
  }, 30_000);

  it.each(rows)(
    "%s: %s",
    (_, request, answer, { has = {}, after = [], asked, takes = {} } = {}) =>
      system.explain(async () => {
        for (const [path, value] of Object.entries(has)) await device.send({ command: "set", path, value });
        for (const before of after) expect(await ask(endpoint, before)).toMatchObject({ result: "CONTENT" });
        await device.settle(); // What it was asked before may be told of later than it was answered.
        const past = new Set(device.events);

        expect(await ask(endpoint, request)).toEqual(answer);

        if (asked !== undefined) {
          expect(await device.waitFor("requested", (event) => !past.has(event))).toMatchObject(asked);
        }
        for (const [path, value] of Object.entries(takes)) {
          expect(await device.waitFor("written", (event) => !past.has(event) && event.path === path)).toMatchObject({
            value,
          });
        }
      }),
    20_000,
  );
});

describe("a request on Kafka to a scripted device", () => {
  beforeAll(async () => {
    const device = await startCoapEndpoint(
      ({ options }) => SCRIPT[uriPath(options).join("/")] ?? { code: CODE.NOT_FOUND },
    );
    stops.push(() => device.stop());
    const registered = await device.request({
      peer: `127.0.0.1:${serverPort}`,
      code: CODE.POST,
      options: uriOptions("/rd?ep=scripted&lt=300&lwm2m=1.1&b=U"),
      payload: Buffer.from('</>;rt="oma.lwm2m";ct=110,</3>;ver=1.0,</3/0>'),
      token: Buffer.from("01", "hex"),
    });
    expect(registered.code).toBe(CODE.CREATED);
  });

  it.each(SCRIPTED_ROWS)("%s: %s", async (_, request, answer) => {
    expect(await ask("scripted", request)).toEqual(answer);
  });
});
