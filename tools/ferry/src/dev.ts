import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HttpClient } from "@ferry/client";
import { readDocuments } from "@ferry/provisioning";
import { UsageError } from "@ferry/runtime";
import { startFleet } from "@ferry/simulator";
import { Command } from "commander";
import { interrupted } from "./connect.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const COAP_PORT = 5685;
const API_PORT = 8080;
/** How long a service may take until it is ready. */
const READY_TIMEOUT_MS = 60_000;

/** `ferry dev` */
export function devCommand(terminal: Terminal, ended: Ended): Command {
  return new Command("dev")
    .description("run the real thing on this machine: Kafka, Redis, two transport nodes, an rpc-router and a console")
    .option("-f, --file <paths...>", "what is applied at the start", [resolve(ROOT, "examples/quickstart")])
    .option("--kafka-port <port>", "port of the broker that is started", Number, 9092)
    .option("--redis-port <port>", "port of the Redis that is started", Number, 6379)
    .addHelpText(
      "after",
      `
Kafka and Redis are those of KAFKA_BOOTSTRAP_SERVERS and REDIS_URL where these are set; else Docker Compose starts them where an engine runs;
else they are started from Kafka's jars (Maven Central) and Debian's redis-server, and end with this command.`,
    )
    .action(async (options: DevOptions) => {
      const dev = new Dev(terminal);
      const signal = interrupted();
      try {
        await dev.start(options, signal);
        if (!signal.aborted) await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
        ended(EXIT.done);
      } finally {
        await dev.stop();
      }
    });
}

interface DevOptions {
  readonly file: readonly string[];
  readonly kafkaPort: number;
  readonly redisPort: number;
}

/** What was started, to be ended in the opposite order. */
class Dev {
  readonly #terminal: Terminal;
  readonly #stops: (() => Promise<unknown>)[] = [];
  #stopping = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  async start({ file, kafkaPort, redisPort }: DevOptions, signal: AbortSignal): Promise<void> {
    const documents = await readDocuments(file);
    await requireFree(API_PORT);
    const { KAFKA_BOOTSTRAP_SERVERS: givenKafka, REDIS_URL: givenRedis } = this.#terminal.env;
    const docker = givenKafka === undefined && givenRedis === undefined && hasDockerEngine();
    if (docker) await this.#composeUp();
    const kafka = givenKafka ?? (docker ? "127.0.0.1:9092" : await this.#startKafka(kafkaPort));
    const redis = givenRedis ?? (docker ? "redis://127.0.0.1:6379" : await this.#startRedis(redisPort));
    const shared = {
      KAFKA_BOOTSTRAP_SERVERS: kafka,
      REDIS_URL: redis,
      LWM2M_HTTP_PORT: "0",
      LWM2M_HTTP_HOST: "127.0.0.1",
      LWM2M_REACHABILITY_MODE: "vip",
      LOG_LEVEL: this.#terminal.env.LOG_LEVEL ?? "warn",
      KAFKA_TOPICS: "create",
    };
    await this.#service("rpc-router", "rpc-router", shared, signal);
    // The kernel keeps a device on one of the two, and both answer from one address, as behind a load balancer.
    for (const name of ["transport-0", "transport-1"]) {
      const own = { LWM2M_NODE_NAME: name, LWM2M_COAP_PORT: String(COAP_PORT), LWM2M_COAP_REUSE_PORT: "true" };
      await this.#service(name, "transport", { ...shared, ...own }, signal);
    }
    await this.#service("console", "console", { ...shared, LWM2M_API_PORT: String(API_PORT) }, signal);
    if (signal.aborted) return;

    const client = new HttpClient(`http://127.0.0.1:${API_PORT}`);
    for (const { kind, id, outcome, field, reason } of await client.apply(documents, () => {})) {
      if (outcome === "rejected") throw new UsageError(`${kind} ${id} was rejected: ${field} ${reason}`);
    }
    this.#say(`applied ${documents.length} documents`);
    const fleet = await startFleet({ server: { host: "127.0.0.1", port: COAP_PORT }, count: 1, endpoint: "demo" });
    this.#stops.push(() => fleet.stop(1000));
    this.#say(`
Ferry runs: devices at udp port ${COAP_PORT} (CoAP, NoSec), HTTP API at http://127.0.0.1:${API_PORT}, Kafka at ${kafka}, Redis at ${redis}.
Try, in a second terminal:
  npx ferry rpc demo 'Read {"id":"/3/0/9"}'
  npx ferry tail telemetry --bootstrap-servers ${kafka}
  npx ferry devices
Ctrl-C ends it.`);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const stop of this.#stops.reverse()) await stop();
  }

  #say(text: string): void {
    this.#terminal.stdout.write(`${text}\n`);
  }

  async #composeUp(): Promise<void> {
    this.#say("starting Kafka and Redis with Docker Compose …");
    await run("docker", [
      "compose",
      "-f",
      resolve(ROOT, "docker-compose.yml"),
      "up",
      "--detach",
      "--wait",
      "kafka",
      "redis",
    ]);
    this.#stops.push(() =>
      run("docker", ["compose", "-f", resolve(ROOT, "docker-compose.yml"), "stop", "kafka", "redis"]),
    );
  }

  async #startKafka(port: number): Promise<string> {
    await requireFree(port);
    this.#say("starting Kafka from its jars (the first time they are fetched from Maven Central) …");
    const env = { KAFKA_PORT: String(port) };
    await run("bash", [resolve(ROOT, "deploy/setup-test.sh"), "servers"]);
    await run("bash", [resolve(ROOT, "deploy/kafka.sh"), "start"], env);
    this.#stops.push(() => run("bash", [resolve(ROOT, "deploy/kafka.sh"), "stop"], env));
    return `127.0.0.1:${port}`;
  }

  async #startRedis(port: number): Promise<string> {
    await requireFree(port);
    this.#say("starting Redis …");
    const folder = resolve(ROOT, ".ferry/dev-redis");
    mkdirSync(folder, { recursive: true });
    const redis = spawn(
      "redis-server",
      ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"],
      {
        stdio: "ignore",
        detached: true,
      },
    );
    await spawned(redis, "redis-server");
    this.#stops.push(() => end(redis));
    return `redis://127.0.0.1:${port}`;
  }

  /** Starts a service and waits until it says that it has started. */
  async #service(
    name: string,
    service: string,
    env: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) return;
    this.#say(`starting ${name} …`);
    const child = spawn(process.execPath, [resolve(ROOT, `services/${service}/src/main.ts`)], {
      env: { ...this.#terminal.env, ...env, },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      // Not in this terminal's group: Ctrl-C must end them in order.
      detached: true,
    });
    await spawned(child, name);
    this.#stops.push(() => end(child));
    child.once("exit", (code) => {
      if (!this.#stopping) this.#terminal.stderr.write(`ferry: ${name} ended with exit code ${code}\n`);
    });
    const ready = new Promise<string>((done) => child.once("message", () => done("ready")));
    const gone = new Promise<string>((done) => child.once("exit", () => done("gone")));
    const first = await Promise.race([ready, gone, sleep(READY_TIMEOUT_MS, "late", { ref: false })]);
    if (first !== "ready" && !signal.aborted) {
      throw new UsageError(
        first === "gone"
          ? `${name} could not start`
          : `${name} was not ready within ${READY_TIMEOUT_MS / 1000} s: its log says why (LOG_LEVEL=info)`,
      );
    }
  }
}

/** Whether Docker has an engine that runs, and not only its client. */
function hasDockerEngine(): boolean {
  return spawnSync("docker", ["info"], { stdio: "ignore", timeout: 5_000 }).status === 0;
}

async function requireFree(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((done, fail) => {
    server.once("error", () =>
      fail(new UsageError(`tcp port ${port} is in use: end what listens there, or choose another (--help)`)),
    );
    server.listen(port, "127.0.0.1", done);
  });
  await new Promise((done) => server.close(done));
}

async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
  const code = await new Promise((done, fail) => {
    child.once("exit", done);
    child.once("error", () => fail(new UsageError(`${command} is not installed`)));
  });
  if (code !== 0) throw new UsageError(`${command} ${args.join(" ")} failed with exit code ${code}`);
}

function spawned(child: ChildProcess, name: string): Promise<void> {
  return new Promise((done, fail) => {
    child.once("spawn", done);
    child.once("error", (error) => fail(new UsageError(`${name} cannot be started: ${error.message}`)));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  await exited;
}
