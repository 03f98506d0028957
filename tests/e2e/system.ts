import { type ChildProcess, spawn } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bus } from "@ferry/bus";
import { KafkaBus } from "@ferry/bus/kafka";
import { BusClient, type Stream, type StreamRecord } from "@ferry/client";
import { type ProvisioningDocument, readDocuments } from "@ferry/provisioning";
import {
  freePort,
  type KafkaProcess,
  ProcessStartError,
  type RedisProcess,
  startKafka,
  startRedis,
} from "@ferry/testing";

const ROOT = join(import.meta.dirname, "../..");
const LOGS = join(ROOT, ".ferry/e2e");
const LOG_TAIL_LINES = 15;
/** What devices' keys and DTLS associations are sealed with. */
const SEALING_KEY = Buffer.alloc(32, 5).toString("base64");
const LOG_LINE_LENGTH = 400;
const START_TIMEOUT_MS = 60_000;
/** A service that takes longer to stop is killed, and the test told. */
const STOP_TIMEOUT_MS = 30_000;

/** How to undo what a test started, in the order in which it was started. */
export type Stops = (() => unknown)[];

/** Undoes what a test started, the last first, and goes on past what fails. @throws {AggregateError} something failed */
export async function stopAll(stops: Stops): Promise<void> {
  const errors: unknown[] = [];
  for (const stop of stops.splice(0).reverse()) {
    try {
      await stop();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, errors.map(String).join("; "));
}

/** A service of the system. */
export type ServiceName = "transport" | "bootstrap" | "rpc-router" | "console";

/** Services that listen for devices, and how the names of the settings of their listeners begin. */
const LISTENERS: Readonly<Partial<Record<ServiceName, string>>> = { transport: "LWM2M", bootstrap: "BOOTSTRAP" };

/** A line of a service's log. */
export interface LogLine {
  readonly level: string | number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A service in an operating system process of its own. */
export class ServiceProcess {
  readonly name: string;
  /** Of the CoAP listener; 0 where there is none. */
  readonly coapPort: number;
  /** Of the DTLS listener. */
  readonly dtlsPort: number;
  readonly httpPort: number;
  /** Resolves when it serves. @throws {ProcessStartError} it ended before, or takes longer than a minute */
  readonly started: Promise<void>;
  readonly #child: ChildProcess;
  /** Resolves with its exit code when it has ended; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly #logFile: string;

  constructor(
    service: ServiceName,
    name: string,
    ports: { coap: number; dtls: number; http: number },
    env: NodeJS.ProcessEnv,
  ) {
    this.name = name;
    this.coapPort = ports.coap;
    this.dtlsPort = ports.dtls;
    this.httpPort = ports.http;
    this.#logFile = join(LOGS, `${name}-${process.pid}-${ports.http}.log`);
    const log = openSync(this.#logFile, "w");
    this.#child = spawn(process.execPath, [join(ROOT, `services/${service}/src/main.ts`)], {
      env: { ...process.env, ...env },
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    this.exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.started = this.#start();
    this.started.catch(() => {}); // Whoever awaits it is told; a process that is killed while it starts concerns nobody.
  }

  get pid(): number {
    return this.#child.pid as number; // Undefined only when spawning failed, which `started` tells.
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  log(): LogLine[] {
    const lines = readFileSync(this.#logFile, "utf8").split("\n");
    return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as LogLine);
  }

  /** The last lines of its output, as it wrote them. */
  logTail(): string {
    const lines = readFileSync(this.#logFile, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES);
    return lines.map((line) => line.slice(0, LOG_LINE_LENGTH)).join("\n");
  }

  async readiness(): Promise<{ readonly ready: boolean; readonly reasons: Readonly<Record<string, string>> }> {
    const response = await fetch(`http://127.0.0.1:${this.httpPort}/readyz`);
    return (await response.json()) as Awaited<ReturnType<ServiceProcess["readiness"]>>;
  }

  /** The value of a metric, summed over its labels. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.httpPort}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  /** Ends it as a crash does. */
  async kill9(): Promise<void> {
    if (!this.running) return;
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** Stops it in the middle of whatever it does, as a paused virtual machine is. */
  suspend(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** Asks it to end; resolves with its exit code, or null when it had to be killed. */
  async terminate(): Promise<number | null> {
    if (!this.running) return this.#child.exitCode;
    this.resume();
    this.#child.kill("SIGTERM");
    const timeout = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    const code = await this.exited;
    clearTimeout(timeout);
    return code;
  }

  async #start(): Promise<void> {
    const message = once(this.#child, "message").then(() => "started" as const);
    message.catch(() => {}); // `once` rejects on the event `error`, which `exited` does not see.
    const failed = once(this.#child, "error").then(() => "failed" as const);
    const timeout = new AbortController();
    const late = sleep(START_TIMEOUT_MS, "late" as const, { signal: timeout.signal }).catch(() => "late" as const);
    const first = await Promise.race([message, failed, this.exited.then(() => "ended" as const), late]);
    timeout.abort();
    if (first !== "started") throw new ProcessStartError(`${this.name} ${first} while starting:\n${this.logTail()}`);
  }
}

/** Records of a stream, as they come. */
export class Recording {
  readonly records: StreamRecord[] = [];
  readonly #arrived = new EventTarget();

  constructor() {
    setMaxListeners(0, this.#arrived); // One for each that waits.
  }

  add(record: StreamRecord): void {
    this.records.push(record);
    this.#arrived.dispatchEvent(new Event("record"));
  }

  /** Those about a device. */
  of(endpoint: string): StreamRecord[] {
    return this.records.filter(({ key }) => key === `default/${endpoint}`);
  }

  /** The first such record, past or to come. @throws {ProcessStartError} it does not come in time */
  async waitFor(matches: (record: StreamRecord) => boolean, timeoutMs = 15_000): Promise<StreamRecord> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const found = this.records.find(matches);
      if (found !== undefined) return found;
      if (deadline.aborted) {
        const last = this.records.slice(-3).map(({ value }) => JSON.stringify(value).slice(0, 300));
        throw new ProcessStartError(`no such record within ${timeoutMs} ms; the last are ${last.join("\n")}`);
      }
      const { promise, resolve } = Promise.withResolvers<unknown>();
      this.#arrived.addEventListener("record", resolve, { once: true });
      deadline.addEventListener("abort", resolve, { once: true });
      await promise;
      deadline.removeEventListener("abort", resolve);
      this.#arrived.removeEventListener("record", resolve);
    }
  }
}

/** What a system is made of. */
export interface SystemOptions {
  /** Begins the names of its topics and logs. */
  readonly name: string;
  /** A broker of its own, for tests that kill it. */
  readonly ownKafka?: boolean;
  /** Settings of that broker. */
  readonly kafkaProperties?: Readonly<Record<string, string>>;
  /** Settings of every service. */
  readonly env?: Readonly<Record<string, string>>;
  /** Settings of the transports. */
  readonly transportEnv?: Readonly<Record<string, string>>;
}

/** Ferry as processes on a real Kafka and Redis. Everything that was started here ends with `stop`. */
export class System {
  readonly kafka: KafkaProcess;
  readonly redis: RedisProcess;
  readonly topicPrefix: string;
  readonly bus: Bus;
  readonly client: BusClient;
  readonly processes: ServiceProcess[] = [];
  readonly #env: Readonly<Record<string, string>>;
  readonly #transportEnv: Readonly<Record<string, string>>;
  readonly #following = new AbortController();
  readonly #tails: Promise<void>[] = [];

  static async start({ name, ownKafka = false, kafkaProperties = {}, ...settings }: SystemOptions): Promise<System> {
    mkdirSync(LOGS, { recursive: true });
    const kafka = await startKafka({ own: ownKafka, properties: kafkaProperties });
    return new System(name, kafka, await startRedis(["--appendonly", "yes"]), settings);
  }

  private constructor(
    name: string,
    kafka: KafkaProcess,
    redis: RedisProcess,
    { env = {}, transportEnv = {} }: Pick<SystemOptions, "env" | "transportEnv">,
  ) {
    this.kafka = kafka;
    this.redis = redis;
    this.topicPrefix = `${name}-${process.pid}-${Date.now()}.`;
    this.bus = new KafkaBus({ bootstrapServers: kafka.bootstrapServers, clientId: "e2e" });
    this.client = new BusClient(this.bus, this.topicPrefix);
    this.#env = env;
    this.#transportEnv = transportEnv;
    process.on("exit", this.#killAll);
  }

  /** Starts a service; await its `started`. A `coapPort` of before lets a new process stand in for an old one. */
  async run(
    service: ServiceName,
    name: string,
    { env = {}, coapPort }: { readonly env?: Readonly<Record<string, string>>; readonly coapPort?: number } = {},
  ): Promise<ServiceProcess> {
    const listener = LISTENERS[service];
    const ports = {
      http: await freePort(),
      coap: listener === undefined ? 0 : (coapPort ?? (await freePort())),
      dtls: listener === undefined ? 0 : await freePort(),
    };
    const started = new ServiceProcess(service, name, ports, {
      KAFKA_BOOTSTRAP_SERVERS: this.kafka.bootstrapServers.join(","),
      KAFKA_TOPIC_PREFIX: this.topicPrefix,
      KAFKA_TOPICS: "create",
      REDIS_URL: this.redis.url,
      LWM2M_NODE_NAME: name,
      LWM2M_HTTP_HOST: "127.0.0.1",
      LWM2M_HTTP_PORT: String(ports.http),
      ...(listener !== undefined && {
        [`${listener}_COAP_HOST`]: "127.0.0.1",
        [`${listener}_COAP_PORT`]: String(ports.coap),
        [`${listener}_DTLS_HOST`]: "127.0.0.1",
        [`${listener}_DTLS_PORT`]: String(ports.dtls),
        [`${listener}_DTLS_SEALING_KEY`]: SEALING_KEY,
      }),
      ...(service !== "console" && { PROVISIONING_SEALING_KEY: SEALING_KEY }),
      ...this.#env,
      ...(service === "transport" && this.#transportEnv),
      ...env,
    });
    this.processes.push(started);
    return started;
  }

  /** Applies documents, those in `tests/e2e/provisioning` by default. @throws {ProcessStartError} one was rejected */
  async provision(paths: readonly string[] = [join(import.meta.dirname, "provisioning")]): Promise<void> {
    await this.apply(await readDocuments(paths));
  }

  /** Applies documents. @throws {ProcessStartError} one was rejected */
  async apply(documents: readonly ProvisioningDocument[]): Promise<void> {
    for (const { kind, id, outcome, reason } of await this.client.apply(documents, () => {})) {
      if (outcome === "rejected") throw new ProcessStartError(`${kind} ${id} was rejected: ${reason}`);
    }
  }

  /** Records a stream from its beginning; resolves when it is being followed. */
  async follow(stream: Stream): Promise<Recording> {
    const recording = new Recording();
    await new Promise<void>((onReady, reject) => {
      const { signal } = this.#following;
      const onRecord = (record: StreamRecord): void => recording.add(record);
      const tail = this.client.tail(stream, { from: "earliest", signal, onRecord, onReady });
      tail.catch(reject);
      this.#tails.push(tail);
    });
    return recording;
  }

  /** Runs the body of a test; when it fails, with the last lines of every process that logged. */
  async explain(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      const tails = this.processes.map((it) => `── ${it.name} (${it.running ? "running" : "ended"})\n${it.logTail()}`);
      if (error instanceof Error) error.message += `\n\n${tails.join("\n")}`;
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#following.abort();
    await Promise.allSettled(this.#tails);
    await this.client.stop();
    await this.bus.stop();
    await Promise.all(this.processes.map((it) => it.terminate()));
    await this.redis.stop();
    await this.kafka.stop();
    process.off("exit", this.#killAll);
  }

  readonly #killAll = (): void => {
    for (const { running, pid } of this.processes) if (running) process.kill(pid, "SIGKILL");
  };
}
