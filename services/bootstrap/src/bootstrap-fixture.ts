import { randomBytes } from "node:crypto";
import type { IncomingRecord } from "@ferry/bus";
import { MemoryBus } from "@ferry/bus/memory";
import { CODE, CoapStack, formatCode, type Received, type StackInput, type StackOutput, uriOptions } from "@ferry/coap";
import type { CoapResponse } from "@ferry/lwm2m";
import { lwm2m, provisioningKey, TOPICS } from "@ferry/proto";
import { deviceIdentities, parseProvisioningRecord } from "@ferry/provisioning";
import {
  createHealth,
  createLogger,
  createMetrics,
  createShutdown,
  driveMachine,
  openUdpSocket,
  type State,
} from "@ferry/runtime";
import { memoryState } from "@ferry/state/memory";
import { BOOTSTRAP_CONFIG, type BootstrapServiceSettings } from "./config.ts";
import { PaperDevice } from "./paper-accounts.ts";
import { type BootstrapServer, startBootstrap } from "./service.ts";

/** What runs in a test, to be stopped after it. */
const running: (() => Promise<unknown>)[] = [];

/** Stops what the test started, the last first. */
export async function stopAll(): Promise<void> {
  for (const stop of running.splice(0).reverse()) await stop();
}

/** To be stopped with the test. */
export function untilEnd(stop: () => Promise<unknown>): void {
  running.push(stop);
}

export interface System {
  readonly bus: MemoryBus;
  readonly state: State;
}

/** An empty system whose provisioning is known to be whole. */
export async function memorySystem(): Promise<System> {
  const system = { bus: new MemoryBus(), state: memoryState() };
  await system.bus.ensureTopics(Object.values(TOPICS), "create");
  await system.state.provisioning.setPosition(0);
  return system;
}

/** A server that a device is to get, in the clear. */
export const SERVER = { shortServerId: 101, security: "noSec", host: "127.0.0.1", port: 5685, lifetimeS: 60 };

type Wire = lwm2m.v1.ProvisioningRecord.$Properties;

/** Declares a profile with what it has under `bootstrap`; servers that are started after that know it. */
export async function declareProfile({ bus }: System, bootstrap: object, name = "meter"): Promise<void> {
  const record: Wire = { tenant: "default", id: name, profile: { json: JSON.stringify({ resources: {}, bootstrap }) } };
  await bus.sender({ name: "test", lingerMs: 0 }).publish({
    topic: TOPICS.provisioning.name,
    key: provisioningKey("profile", "default", name),
    value: lwm2m.v1.ProvisioningRecord.encode(record).finish(),
  });
}

let offset = 1;

/** Declares a device, as the materialiser would write it; in the clear unless it says otherwise. */
export async function declareDevice(
  { state }: System,
  endpoint: string,
  device: Omit<lwm2m.v1.Device.$Properties, "endpoint"> = {},
): Promise<void> {
  const body = { endpoint, profile: "meter", credentials: [{ noSec: {} }], ...device };
  const value = lwm2m.v1.ProvisioningRecord.encode({ tenant: "default", id: endpoint, device: body }).finish();
  const record = parseProvisioningRecord(provisioningKey("device", "default", endpoint), value);
  if (record.kind !== "device") throw new TypeError(`${endpoint} is declared as a ${record.kind}`);
  const stored = { kind: "device", tenant: "default", id: endpoint, value, offset: offset++ } as const;
  await state.provisioning.put(stored, deviceIdentities(record.device, undefined));
}

/** A bootstrap server on loopback. */
export interface TestServer extends BootstrapServer {
  readonly stop: () => Promise<void>;
  /** Value of a series, written as `name{label="value"}`. */
  readonly metric: (series: string) => Promise<number>;
  /** Waits for that value. */
  readonly shows: (series: string, value: number) => Promise<void>;
}

const ENV = {
  LOG_LEVEL: "fatal",
  LWM2M_STATE: "memory",
  BOOTSTRAP_COAP_HOST: "127.0.0.1",
  BOOTSTRAP_COAP_PORT: "0",
  BOOTSTRAP_DTLS_HOST: "127.0.0.1",
  BOOTSTRAP_DTLS_PORT: "0",
  BOOTSTRAP_DRAIN: "0ms",
  KAFKA_LINGER_MS: "0ms",
  KAFKA_TOPICS: "create",
};

/** Starts a bootstrap server; `env` on top of what a test needs. */
export async function startServer(
  { bus, state }: System,
  env: Readonly<Record<string, string>> = { BOOTSTRAP_DTLS_ENABLED: "false" },
): Promise<TestServer> {
  const settings: BootstrapServiceSettings = BOOTSTRAP_CONFIG.load({ env: { ...ENV, ...env } });
  const logger = createLogger("bootstrap", settings.log);
  const shutdown = createShutdown(logger, 5_000);
  const metrics = createMetrics({ process: false });
  const runtime = { logger, metrics, health: createHealth(0), shutdown, httpPort: 0 };
  const server = await startBootstrap(settings, runtime, { bus, state });
  const stop = async (): Promise<void> => void (await shutdown.stop());
  running.push(stop);
  const metric = async (series: string): Promise<number> => {
    const lines = (await metrics.text()).split("\n");
    return Number(lines.find((line) => line.startsWith(`${series} `))?.slice(series.length));
  };
  const shows = async (series: string, value: number): Promise<void> => {
    let seen: number | undefined;
    const look = setInterval(async () => {
      seen = await metric(series);
    }, 10);
    await until(() => seen === value, `${series} ${value}, not ${seen}`).finally(() => clearInterval(look));
  };
  return { ...server, stop, metric, shows };
}

/** What a factory-fresh device has: the account of the bootstrap server. */
const FRESH = [["0/0", new Map([[1, "true"]])]] as const;

/** A factory-fresh device over real UDP. Unless a test tells it otherwise, it takes what it is given. */
export class TestDevice {
  readonly requests: Received[] = [];
  readonly objects: PaperDevice = new PaperDevice(FRESH);
  answer: (request: Received) => CoapResponse | "silent" = (request) => this.objects.answer(request);
  #last: Extract<StackOutput, { type: "request" }> | undefined;
  #exchange = 1;
  #server = "";
  #handle: (input: StackInput) => void = () => {};
  readonly #waiting = new Map<number, (outcome: Received | string) => void>();

  /** Asks this server from now on. */
  pointAt({ coapPort }: Pick<BootstrapServer, "coapPort">): void {
    this.#server = `127.0.0.1:${coapPort}`;
  }

  async open(server: Pick<BootstrapServer, "coapPort">, host: string): Promise<void> {
    this.pointAt(server);
    const onDatagram = (bytes: Uint8Array, peer: string): void => this.#handle({ type: "datagram", peer, bytes });
    const socket = await openUdpSocket({ host, port: 0, onDatagram, onError: () => {} });
    const driver = driveMachine(new CoapStack({ random: (size) => randomBytes(size) }), (output) => {
      if (output.type === "send") socket.send(output.bytes, output.peer);
      if (output.type === "response") this.#waiting.get(output.exchange)?.(output);
      if (output.type === "failed") this.#waiting.get(output.exchange)?.(output.reason);
      if (output.type !== "request") return;
      this.requests.push(output);
      this.#last = output;
      const answer = this.answer(output);
      if (answer !== "silent") driver.handle({ type: "respond", handle: output.handle, ...answer });
    });
    this.#handle = (input) => driver.handle(input);
    running.push(async () => {
      driver.stop();
      await socket.close();
    });
  }

  /** Answers what it was silent about. */
  answerNow(): void {
    const request = this.#last;
    if (request !== undefined)
      this.#handle({ type: "respond", handle: request.handle, ...this.objects.answer(request) });
  }

  /** Asks to be bootstrapped. */
  bootstrap(endpoint: string, query = ""): Promise<Received> {
    return this.request(CODE.POST, `/bs?ep=${endpoint}${query}`);
  }

  async request(code: number, uri: string): Promise<Received> {
    const exchange = this.#exchange++;
    const outcome = await new Promise<Received | string>((resolve) => {
      this.#waiting.set(exchange, resolve);
      const request = { peer: this.#server, code, options: uriOptions(uri), payload: new Uint8Array() };
      this.#handle({ type: "request", exchange, confirmable: true, ...request });
    });
    if (typeof outcome === "string") throw new TypeError(`the request ended with ${outcome}`);
    return outcome;
  }
}

export async function openDevice(
  server: Pick<BootstrapServer, "coapPort">,
  host: string = "127.0.0.1",
): Promise<TestDevice> {
  const device = new TestDevice();
  await device.open(server, host);
  return device;
}

/** Code and diagnostic of an answer, as `4.00 why`. */
export function shown({ code, payload }: Received): string {
  return [formatCode(code), Buffer.from(payload).toString()].filter((text) => text !== "").join(" ");
}

/** Everything that is told of bootstraps, one line a record: `WRITTEN /0/1 2.04`. */
export function collectEvents({ bus }: System): {
  readonly lines: string[];
  readonly records: lwm2m.v1.BootstrapRecord[];
} {
  const lines: string[] = [];
  const records: lwm2m.v1.BootstrapRecord[] = [];
  const reader = bus.subscribe({
    type: "reader",
    topic: TOPICS.bootstrap.name,
    from: "earliest",
    handle: ({ value }: IncomingRecord) => {
      const record = lwm2m.v1.BootstrapRecord.decode(value as Uint8Array); // Nobody deletes here.
      records.push(record);
      lines.push(lineOf(record));
    },
  });
  running.push(() => reader.stop());
  return { lines, records };
}

function lineOf({ step, path, code, result, reason }: lwm2m.v1.BootstrapRecord): string {
  const name = (lwm2m.v1.BootstrapStep[step] ?? "").replace("BOOTSTRAP_STEP_", "");
  const ended = result === 0 ? "" : (lwm2m.v1.BootstrapResult[result] ?? "").replace("BOOTSTRAP_RESULT_", "");
  return [name, path, code, ended, reason].filter((text) => text !== "").join(" ");
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > 5_000) throw new TypeError(`waited 5 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
