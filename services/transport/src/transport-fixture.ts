import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { IncomingRecord, OutgoingRecord, Sender } from "@ferry/bus";
import { MemoryBus } from "@ferry/bus/memory";
import {
  CODE,
  CONTENT_FORMAT,
  type CoapOption,
  CoapStack,
  OPTION,
  type Received,
  uintOption,
  uriOptions,
  uriPath,
} from "@ferry/coap";
import type { OpenDtls } from "@ferry/dtls-endpoint";
import { lwm2m, provisioningKey, TOPICS } from "@ferry/proto";
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
import { TRANSPORT_CONFIG, type TransportSettings } from "./config.ts";
import { startTransport, type TransportNode } from "./service.ts";

/** In place of a Content-Format: none is said. */
export const NO_FORMAT = -1;

/** What runs in a test, to be stopped after it. */
const running: (() => Promise<unknown>)[] = [];

/** Stops what the test started, the last first. */
export async function stopAll(): Promise<void> {
  for (const stop of running.splice(0).reverse()) await stop();
}

export interface System {
  readonly bus: MemoryBus;
  readonly state: State;
}

/** A bus on which a test decides what becomes of a record. */
export class GatedBus extends MemoryBus {
  /** Called before a record is published: what it rejects with is what becomes of the record. */
  gate: (record: OutgoingRecord) => Promise<void> = async () => {};
  pressure: Sender["pressure"] | undefined;

  override sender(options: { readonly name: string; readonly lingerMs?: number }): Sender {
    const sender = super.sender(options);
    const bus = this;
    return {
      publish: async (record) => {
        await bus.gate(record);
        await sender.publish(record);
      },
      get pressure() {
        return bus.pressure ?? sender.pressure;
      },
      get bufferedBytes() {
        return sender.bufferedBytes;
      },
      get bufferedRecords() {
        return sender.bufferedRecords;
      },
      get oldestAgeMs() {
        return sender.oldestAgeMs;
      },
      flush: (timeoutMs) => sender.flush(timeoutMs),
    };
  }
}

export function memorySystem(bus: MemoryBus = new MemoryBus()): System {
  return { bus, state: memoryState() };
}

/** Answers of the device store take a few ms, as from Redis: in memory they come in the same turn, which hides what happens between. */
export function slow({ bus, state }: System): System {
  const devices = new Proxy(state.devices, {
    get: (store, name) => {
      const member: unknown = Reflect.get(store, name);
      if (typeof member !== "function") return member;
      return async (...given: unknown[]) => {
        await sleep(STORE_MS);
        return await member.apply(store, given);
      };
    },
  });
  return { bus, state: { ...state, devices } };
}

const STORE_MS = 3;

const PROFILE = {
  resources: {
    "/3/0/9": { key: "batteryLevel", telemetry: true, observe: true },
    "/3/0/0": { key: "manufacturer", attribute: true },
  },
};

/** Publishes the profile `meter`. */
export async function publishProfile({ bus }: System, profile: object): Promise<void> {
  const record = { tenant: "default", id: "meter", profile: { json: JSON.stringify(profile) } };
  await bus.sender({ name: "test", lingerMs: 0 }).publish({
    topic: TOPICS.provisioning.name,
    key: provisioningKey("profile", "default", "meter"),
    value: lwm2m.v1.ProvisioningRecord.encode(record).finish(),
  });
}

/** Publishes the model of an object with one readable resource, 1, of a type. */
export async function publishModel({ bus }: System, objectId: number, type: string): Promise<void> {
  const xml = `<LWM2M><Object ObjectType="MODefinition"><Name>Probe</Name><ObjectID>${objectId}</ObjectID><ObjectURN>urn:oma:lwm2m:x:${objectId}</ObjectURN>
    <MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Resources><Item ID="1"><Name>Value</Name><Operations>R</Operations>
    <MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Type>${type}</Type><RangeEnumeration/><Units/><Description/></Item></Resources>
    </Object></LWM2M>`;
  await bus.sender({ name: "test", lingerMs: 0 }).publish({
    topic: TOPICS.provisioning.name,
    key: provisioningKey("model", "default", `${objectId}_1.0`),
    value: lwm2m.v1.ProvisioningRecord.encode({
      tenant: "default",
      id: `${objectId}_1.0`,
      model: { xml },
    }).finish(),
  });
}

/** Path of the registration that a Register was answered with. */
export function locationOf({ options }: Received): string {
  const segments = options.filter(({ number }) => number === OPTION.LOCATION_PATH);
  return `/${segments.map(({ value }) => Buffer.from(value).toString()).join("/")}`;
}

export async function provision(system: System): Promise<void> {
  await system.bus.ensureTopics(Object.values(TOPICS), "create");
  await publishProfile(system, PROFILE);
  await provisionDevice(system, "ep-1", 1);
}

/** Lets a device register; `offset` of its record. */
export async function provisionDevice({ state }: System, endpoint: string, offset: number): Promise<void> {
  const subject = { tenant: "default", id: endpoint };
  const device = { ...subject, device: { endpoint, profile: "meter", credentials: [{ noSec: {} }] } };
  const value = lwm2m.v1.ProvisioningRecord.encode(device).finish();
  await state.provisioning.put({ kind: "device", ...subject, value, offset }, [{ type: "noSec", endpoint }]);
}

/** Lets a device register that has a PSK; answers its record. */
export async function provisionPskDevice(
  { state }: System,
  endpoint: string,
  offset: number,
  key: Uint8Array = Buffer.alloc(16, 7),
): Promise<Uint8Array> {
  const subject = { tenant: "default", id: endpoint };
  const credentials = [{ psk: { identity: endpoint, key: { plain: key } } }];
  const device = { ...subject, device: { endpoint, profile: "meter", credentials } };
  const value = lwm2m.v1.ProvisioningRecord.encode(device).finish();
  await state.provisioning.put({ kind: "device", ...subject, value, offset }, [{ type: "psk", identity: endpoint }]);
  return value;
}

export async function startNode(
  { bus, state }: System,
  change: Partial<TransportSettings> = {},
  openDtls?: OpenDtls,
): Promise<TransportNode & { stop: () => Promise<void>; metric: (series: string) => Promise<number> }> {
  const defaults = TRANSPORT_CONFIG.load({
    env: {
      LOG_LEVEL: "fatal",
      LWM2M_STATE: "memory",
      LWM2M_COAP_HOST: "127.0.0.1",
      LWM2M_COAP_PORT: "0",
      LWM2M_DTLS_ENABLED: String(openDtls !== undefined),
      KAFKA_TOPICS: "create",
    },
  });
  const settings = { ...defaults, ...change };
  const logger = createLogger("transport", settings.log);
  const shutdown = createShutdown(logger, 5_000);
  const runtime = {
    logger,
    metrics: createMetrics({ process: false }),
    health: createHealth(0),
    shutdown,
    httpPort: 0,
  };
  const node = await startTransport(settings, runtime, { bus, state, ...(openDtls && { openDtls }) });
  const stop = async (): Promise<void> => {
    await shutdown.stop();
  };
  running.push(stop);
  /** Value of a series, written as `name{label="value"}`. */
  const metric = async (series: string): Promise<number> => {
    const lines = (await runtime.metrics.text()).split("\n");
    return Number(lines.find((line) => line.startsWith(`${series} `))?.slice(series.length));
  };
  return { ...node, stop, metric };
}

/** What a device answers; a payload is text unless it says otherwise. */
export interface DeviceAnswer {
  readonly code: number;
  readonly payload?: string | Uint8Array;
  readonly format?: number;
  readonly observe?: boolean;
  readonly options?: readonly CoapOption[];
}

/** What a device's datagrams go over. */
export interface Line {
  send(bytes: Uint8Array, peer: string): void;
  close(): Promise<void>;
}

function overUdp(receive: (bytes: Uint8Array, peer: string) => void): Promise<Line> {
  return openUdpSocket({ host: "127.0.0.1", port: 0, onDatagram: receive, onError: () => {} });
}

/** A device, over real UDP unless it is opened otherwise, that answers what a test tells it to. */
export class TestDevice {
  readonly requests: Received[] = [];
  readonly outcomes: string[] = [];
  answer: (request: Received) => DeviceAnswer | "silent" = () => ({ code: CODE.NOT_FOUND });
  observeToken: Uint8Array | undefined;
  /** Repeats of requests that it had got before. */
  repeats = 0;
  /** Requests of its own that were acknowledged before they were answered. */
  emptyAcks = 0;
  #server = "";
  #exchange = 1;
  readonly #waiting = new Map<number, (outcome: Received | string) => void>();
  #drive:
    | ReturnType<typeof driveMachine<Parameters<CoapStack["handle"]>[0], ReturnType<CoapStack["handle"]>[number]>>
    | undefined;

  async open(connect: (receive: (bytes: Uint8Array, peer: string) => void) => Promise<Line> = overUdp): Promise<void> {
    const socket = await connect((bytes, peer) => this.#drive?.handle({ type: "datagram", peer, bytes }));
    const drive = driveMachine(new CoapStack({ random: (size) => randomBytes(size) }), (output) => {
      if (output.type === "send") socket.send(output.bytes, output.peer);
      if (output.type === "acknowledged") this.emptyAcks += 1;
      if (output.type === "dropped" && output.reason === "duplicate") this.repeats += 1;
      if (output.type === "response") this.#waiting.get(output.exchange)?.(output);
      if (output.type === "failed") this.#waiting.get(output.exchange)?.(output.reason);
      if (output.type === "delivered") this.#waiting.get(output.exchange)?.("delivered");
      if (output.type === "request") {
        this.requests.push(output);
        const answer = this.answer(output);
        if (answer === "silent") return;
        const { code, payload = "", observe = false, format = 0 } = answer;
        if (observe) this.observeToken = output.token;
        const options = [
          ...(observe ? [uintOption(OPTION.OBSERVE, 1)] : []),
          ...(answer.options ?? []),
          uintOption(OPTION.CONTENT_FORMAT, format),
        ];
        drive.handle({
          type: "respond",
          handle: output.handle,
          code,
          options,
          payload: Buffer.from(payload as Uint8Array),
        });
      }
    });
    this.#drive = drive;
    running.push(async () => {
      drive.stop();
      await socket.close();
    });
  }

  /** Goes on from another port, as behind a NAT that forgot it. */
  async rebind(): Promise<void> {
    const server = this.#server;
    await this.open();
    this.#server = server;
  }

  pointAt(node: Pick<TransportNode, "coapPort">): void {
    this.#server = `127.0.0.1:${node.coapPort}`;
  }

  /** Sends what it has collected (LwM2M Send). */
  send(
    pack: object | Uint8Array,
    {
      format = CONTENT_FORMAT.SENML_JSON,
      confirmable = true,
    }: { readonly format?: number; readonly confirmable?: boolean } = {},
  ): Promise<Received> {
    const payload = pack instanceof Uint8Array ? pack : Buffer.from(JSON.stringify(pack));
    return this.request(CODE.POST, "/dp", [], payload, { format, confirmable });
  }

  async request(
    code: number,
    path: string,
    query: string[],
    payload: string | Uint8Array = "",
    { format, confirmable = true }: { format?: number; confirmable?: boolean } = {},
  ): Promise<Received> {
    const exchange = this.#exchange++;
    const options = [
      ...uriOptions(query.length === 0 ? path : `${path}?${query.join("&")}`),
      ...(format === undefined ? [] : [uintOption(OPTION.CONTENT_FORMAT, format)]),
    ];
    const outcome = await new Promise<Received | string>((resolve) => {
      this.#waiting.set(exchange, resolve);
      this.#drive?.handle({
        type: "request",
        exchange,
        peer: this.#server,
        code,
        options,
        payload: Buffer.from(payload as Uint8Array),
        confirmable,
      });
    });
    if (typeof outcome === "string") throw new TypeError(`the request ended with ${outcome}`);
    return outcome;
  }

  /** Sends a NON notification. */
  notifyNon(value: string, observe: number): void {
    this.#notify(this.#exchange++, value, observe, false);
  }

  /** Sends a CON notification; resolves to `delivered` when it is acknowledged. */
  notify(value: string, observe: number, format: number = CONTENT_FORMAT.TEXT_PLAIN): Promise<string> {
    const exchange = this.#exchange++;
    return new Promise((resolve) => {
      this.#waiting.set(exchange, (outcome) => resolve(outcome as string));
      this.#notify(exchange, value, observe, true, undefined, format);
    });
  }

  /** Sends a CON notification of one observation, in a format or without one. */
  notifyOf(token: Uint8Array, value: string, observe: number, format?: number): Promise<string> {
    const exchange = this.#exchange++;
    return new Promise((resolve) => {
      this.#waiting.set(exchange, (outcome) => resolve(outcome as string));
      this.#notify(exchange, value, observe, true, token, format);
    });
  }

  #notify(
    exchange: number,
    value: string,
    observe: number,
    confirmable: boolean,
    token = this.observeToken ?? new Uint8Array(8),
    format: number | undefined = CONTENT_FORMAT.TEXT_PLAIN,
  ): void {
    const said = format === NO_FORMAT ? [] : [uintOption(OPTION.CONTENT_FORMAT, format)];
    this.#drive?.handle({
      type: "notify",
      exchange,
      peer: this.#server,
      token,
      code: CODE.CONTENT,
      options: [uintOption(OPTION.OBSERVE, observe), ...said],
      payload: Buffer.from(value),
      confirmable,
    });
  }
}

export async function openDevice(node: Pick<TransportNode, "coapPort">): Promise<TestDevice> {
  const device = new TestDevice();
  await device.open();
  device.pointAt(node);
  device.answer = answerAsMeter;
  return device;
}

/** The answers of a device that the profile `meter` fits. */
export function answerAsMeter(request: Received): DeviceAnswer {
  const path = uriPath(request.options).join("/");
  if (path === "3/0/9") return { code: CODE.CONTENT, payload: "100", observe: true };
  if (path === "3/0/0") return { code: CODE.CONTENT, payload: "Ferry" };
  return { code: CODE.NOT_FOUND };
}

export function register(
  device: TestDevice,
  endpoint = "ep-1",
  version = "1.1",
  links = "</1/0>,</3/0>",
): Promise<Received> {
  return device.request(CODE.POST, "/rd", [`ep=${endpoint}`, "lt=300", `lwm2m=${version}`, "b=U"], links);
}

/** Everything that a topic holds, and gets. */
export function collect<Message>(
  bus: MemoryBus,
  topic: { name: string; type: { decode(bytes: Uint8Array): Message } },
): Message[] {
  const messages: Message[] = [];
  const reader = bus.subscribe({
    type: "reader",
    topic: topic.name,
    from: "earliest",
    handle: ({ value }: IncomingRecord) => {
      if (value !== null) messages.push(topic.type.decode(value));
    },
  });
  running.push(() => reader.stop());
  return messages;
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > 5_000) throw new TypeError(`waited 5 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
