import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, resolve } from "node:path";
import { HttpClient } from "@ferry/client";
import { readDocuments } from "@ferry/provisioning";
import { UsageError } from "@ferry/runtime";
import { startFleet, temperatureSignal } from "@ferry/simulator";
import { Command, InvalidArgumentError } from "commander";
import { interrupted } from "./connect.ts";
import { Processes } from "./processes.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const COMPOSE_FILE = resolve(ROOT, "docker-compose.yml");
/** How often the simulated device's temperature changes. */
const DEMO_INTERVAL_MS = 5_000;

/** `ferry dev` */
export function devCommand(terminal: Terminal, ended: Ended): Command {
  return new Command("dev")
    .description(
      "run the real thing on this machine: Kafka, Redis, two transport nodes, a bootstrap server, an rpc-router and a console",
    )
    .option("-f, --file <paths...>", "what is applied at the start", [resolve(ROOT, "examples/quickstart")])
    .option("--coap-port <port>", "UDP port for devices", parsePort, 5685)
    .option("--dtls-port <port>", "UDP port for devices with DTLS", parsePort, 5686)
    .option("--bootstrap-port <port>", "UDP port for devices that are to be bootstrapped", parsePort, 5687)
    .option("--bootstrap-dtls-port <port>", "the same with DTLS", parsePort, 5688)
    .option("--api-port <port>", "TCP port of the HTTP API", parsePort, 8080)
    .option("--kafka-port <port>", "TCP port of the broker that is started; the next one is used too", parsePort, 9092)
    .option("--redis-port <port>", "TCP port of the Redis that is started", parsePort, 6379)
    .addHelpText(
      "after",
      `
Kafka and Redis are those of KAFKA_BOOTSTRAP_SERVERS and REDIS_URL where these are set; else Docker Compose starts them where an engine runs;
else they are started from Kafka's jars (Maven Central) and Debian's redis-server, and end with this command. Their data stays in .ferry/.`,
    )
    .action(async (options: DevOptions) => {
      const signal = interrupted();
      const processes = new Processes(terminal, signal);
      try {
        await startDev(options, terminal, processes);
        if (!signal.aborted) await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
      } catch (error) {
        // What was interrupted fails in its own words; who pressed Ctrl-C knows why.
        if (!signal.aborted) throw error;
      } finally {
        await processes.stop();
      }
      ended(EXIT.done);
    });
}

interface DevOptions {
  readonly file: readonly string[];
  readonly coapPort: number;
  readonly dtlsPort: number;
  readonly bootstrapPort: number;
  readonly bootstrapDtlsPort: number;
  readonly apiPort: number;
  readonly kafkaPort: number;
  readonly redisPort: number;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_534) throw new InvalidArgumentError("Give a port, 1 to 65534.");
  return port;
}

async function startDev(options: DevOptions, terminal: Terminal, processes: Processes): Promise<void> {
  const { coapPort, dtlsPort, bootstrapPort, bootstrapDtlsPort, apiPort } = options;
  const documents = await readDocuments(options.file);
  await requireFree(apiPort, "--api-port");
  const { kafka, redis } = await startServers(options, terminal, processes);

  const shared = {
    KAFKA_BOOTSTRAP_SERVERS: kafka,
    KAFKA_TOPICS: "create",
    REDIS_URL: redis,
    LWM2M_HTTP_PORT: "0",
    LWM2M_HTTP_HOST: "127.0.0.1",
    LOG_LEVEL: terminal.env.LOG_LEVEL ?? "warn",
  };
  const sealing = { PROVISIONING_SEALING_KEY_FILE: sealingKeyFile("provisioning") };
  await processes.service("rpc-router", "rpc-router", { ...shared, ...sealing });
  const dtlsSealing = sealingKeyFile("dtls");
  // Devices reach the nodes themselves: there is no balancer whose view of them could lapse.
  const reachable = {
    ...shared,
    ...sealing,
    LWM2M_DTLS_SEALING_KEY_FILE: dtlsSealing,
    LWM2M_REACHABILITY_MODE: "vip",
  };
  for (const name of ["transport-0", "transport-1"]) {
    // The kernel keeps a device on one of the two, and both answer from one address, as behind a load balancer.
    const own = {
      LWM2M_NODE_NAME: name,
      LWM2M_COAP_PORT: String(coapPort),
      LWM2M_COAP_REUSE_PORT: "true",
      LWM2M_DTLS_PORT: String(dtlsPort),
      LWM2M_DTLS_REUSE_PORT: "true",
    };
    await processes.service(name, "transport", { ...reachable, ...own });
  }
  await processes.service("bootstrap", "bootstrap", {
    ...shared,
    ...sealing,
    BOOTSTRAP_DTLS_SEALING_KEY_FILE: dtlsSealing,
    BOOTSTRAP_COAP_PORT: String(bootstrapPort),
    BOOTSTRAP_DTLS_PORT: String(bootstrapDtlsPort),
  });
  await processes.service("console", "console", { ...shared, LWM2M_API_PORT: String(apiPort) });

  const apiUrl = `http://127.0.0.1:${apiPort}`;
  for (const { kind, id, outcome, field, reason } of await new HttpClient(apiUrl).apply(documents, () => {})) {
    if (outcome === "rejected") throw new UsageError(`${kind} ${id} was rejected: ${field} ${reason}`);
  }
  terminal.stdout.write(`applied ${documents.length} documents\n`);
  const fleet = await startFleet({
    server: { host: "127.0.0.1", port: coapPort },
    count: 1,
    endpoint: "demo",
    device: () => ({ signals: [temperatureSignal(DEMO_INTERVAL_MS)] }),
  });
  processes.onStop(() => fleet.stop(1000));
  const api = apiPort === 8080 ? "" : ` --api-url ${apiUrl}`;
  terminal.stdout.write(`
Ferry runs: devices at udp port ${coapPort} (CoAP, NoSec) and ${dtlsPort} (DTLS), HTTP API at ${apiUrl}, Kafka at ${kafka}, Redis at ${redis}.
It bootstraps devices at udp port ${bootstrapPort} (CoAP, NoSec) and ${bootstrapDtlsPort} (DTLS).
Try, in a second terminal:
  npx ferry rpc demo 'Read {"id":"/3/0/9"}'${api}
  npx ferry devices${api}
  npx ferry tail telemetry --bootstrap-servers ${kafka}
Ctrl-C ends it.
`);
}

/** A key that stays with the data in .ferry/: what is sealed with it outlives this command. */
function sealingKeyFile(purpose: "provisioning" | "dtls"): string {
  const file = resolve(ROOT, `.ferry/dev-${purpose}-sealing-key`);
  mkdirSync(dirname(file), { recursive: true });
  if (!existsSync(file)) writeFileSync(file, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
  return file;
}

/** Finds Kafka and Redis, or starts them. */
async function startServers(
  { kafkaPort, redisPort }: DevOptions,
  { env }: Terminal,
  processes: Processes,
): Promise<{ readonly kafka: string; readonly redis: string }> {
  const { KAFKA_BOOTSTRAP_SERVERS: givenKafka, REDIS_URL: givenRedis } = env;
  const compose = givenKafka === undefined && givenRedis === undefined && hasDockerEngine();
  if (compose) await composeUp(processes);
  return {
    kafka: givenKafka ?? (compose ? "127.0.0.1:9092" : await startKafka(kafkaPort, processes)),
    redis: givenRedis ?? (compose ? "redis://127.0.0.1:6379" : await startRedis(redisPort, processes)),
  };
}

async function composeUp(processes: Processes): Promise<void> {
  const compose = ["compose", "-f", COMPOSE_FILE];
  processes.onStop(() => processes.run("docker", [...compose, "stop", "kafka", "redis"]));
  processes.say("starting Kafka and Redis with Docker Compose …");
  await processes.run("docker", [...compose, "up", "--detach", "--wait", "kafka", "redis"]);
}

async function startKafka(port: number, processes: Processes): Promise<string> {
  await requireFree(port, "--kafka-port");
  await requireFree(port + 1, "--kafka-port");
  const env = { KAFKA_PORT: String(port) };
  processes.say("starting Kafka from its jars (the first time they are fetched from Maven Central) …");
  await processes.run("bash", [resolve(ROOT, "deploy/setup-test.sh"), "servers"]);
  processes.onStop(() => processes.run("bash", [resolve(ROOT, "deploy/kafka.sh"), "stop"], env));
  await processes.run("bash", [resolve(ROOT, "deploy/kafka.sh"), "start"], env);
  return `127.0.0.1:${port}`;
}

async function startRedis(port: number, processes: Processes): Promise<string> {
  await requireFree(port, "--redis-port");
  processes.say("starting Redis …");
  const folder = resolve(ROOT, `.ferry/dev-redis/${port}`);
  mkdirSync(folder, { recursive: true });
  const data = ["--dir", folder, "--save", "", "--appendonly", "yes"];
  await processes.start("redis-server", "redis-server", ["--port", String(port), "--bind", "127.0.0.1", ...data]);
  return `redis://127.0.0.1:${port}`;
}

/** Whether Docker has an engine that runs, and not only its client. */
function hasDockerEngine(): boolean {
  return spawnSync("docker", ["info"], { stdio: "ignore", timeout: 5_000 }).status === 0;
}

async function requireFree(port: number, option: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((done, fail) => {
    server.once("error", () =>
      fail(new UsageError(`tcp port ${port} is in use: end what listens there, or choose another with ${option}`)),
    );
    server.listen(port, "127.0.0.1", done);
  });
  await new Promise((done) => server.close(done));
}
