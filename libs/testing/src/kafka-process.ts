import { execFile } from "node:child_process";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { MissingToolError, ProcessStartError } from "./errors.ts";
import { freePorts } from "./free-port.ts";

const run = promisify(execFile);

const ROOT = join(import.meta.dirname, "../../..");
const SCRIPT = join(ROOT, "deploy/kafka.sh");
/** `kafka.sh` says with this exit code that a program is missing. */
const PROGRAM_MISSING = 3;

/** A Kafka broker for tests. */
export interface KafkaProcess {
  readonly bootstrapServers: readonly string[];
  /** Kills the broker, as a power cut would. */
  kill9(): Promise<void>;
  /** Starts the broker again on its old data. */
  restart(): Promise<void>;
  /** Ends the broker and removes its data. */
  stop(): Promise<void>;
}

/** How to start a broker. */
export interface KafkaProcessOptions {
  /** A broker of its own even where `FERRY_TEST_KAFKA` names one: for tests that kill it. */
  readonly own?: boolean;
  /** More lines for its `server.properties`. */
  readonly properties?: Readonly<Record<string, string>>;
}

/**
 * The broker that `FERRY_TEST_KAFKA` (host:port) names, else one of its own on free ports with its data in a temporary directory.
 *
 * @throws {MissingToolError} Java or Kafka's jars are missing, with the command that installs them
 */
export async function startKafka({ own = false, properties = {} }: KafkaProcessOptions = {}): Promise<KafkaProcess> {
  const shared = process.env.FERRY_TEST_KAFKA;
  return shared !== undefined && !own ? sharedBroker(shared) : startOwnBroker(properties);
}

function sharedBroker(bootstrapServers: string): KafkaProcess {
  const refuse = async () => {
    throw new ProcessStartError(
      "the broker of FERRY_TEST_KAFKA is shared: ask for one of your own with startKafka({ own: true })",
    );
  };
  return { bootstrapServers: bootstrapServers.split(","), kill9: refuse, restart: refuse, stop: async () => {} };
}

async function startOwnBroker(properties: Readonly<Record<string, string>>): Promise<KafkaProcess> {
  const jars = process.env.KAFKA_DEV_DIR ?? join(ROOT, ".ferry/kafka");
  const version = process.env.KAFKA_VERSION ?? "4.4.0";
  await access(join(jars, `libs-${version}`, ".complete")).catch(() => {
    throw new MissingToolError(`Kafka ${version} in ${jars}`, "npm run setup:test");
  });
  const data = await mkdtemp(join(tmpdir(), "ferry-kafka-"));
  const [port, controllerPort] = await freePorts(2);
  const env = {
    ...process.env,
    KAFKA_DEV_DIR: jars,
    KAFKA_DATA_DIR: data,
    KAFKA_PORT: String(port),
    KAFKA_CONTROLLER_PORT: String(controllerPort),
    KAFKA_EXTRA_CONF: Object.entries(properties)
      .map(([name, value]) => `${name}=${value}`)
      .join("\n"),
  };
  const kafka = async (command: "start" | "kill9" | "reset"): Promise<void> => {
    await run(SCRIPT, [command], { env }).catch((error: { code?: number; stderr?: string }) => {
      if (error.code === PROGRAM_MISSING) throw new MissingToolError("Java", "npm run setup:test");
      throw new ProcessStartError(`kafka.sh ${command} failed: ${error.stderr}`);
    });
  };
  await kafka("start");
  return {
    bootstrapServers: [`127.0.0.1:${port}`],
    kill9: () => kafka("kill9"),
    restart: () => kafka("start"),
    stop: async () => {
      await kafka("reset");
      await rm(data, { recursive: true, force: true });
    },
  };
}
