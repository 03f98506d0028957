import { readFileSync } from "node:fs";
import { BusClient, type FerryClient, HttpClient } from "@ferry/client";
import { parseSealingKeys, SealingError, type SealingKeys } from "@ferry/provisioning";
import { type BusSettings, busSettings, connectBus, createLogger, defineConfig, UsageError } from "@ferry/runtime";
import type { Command } from "commander";
import type { Terminal } from "./terminal.ts";

/** Where a running Ferry is found. */
export interface ConnectOptions {
  readonly apiUrl: string;
  readonly tokenFile?: string;
  readonly bootstrapServers?: string;
  readonly topicPrefix?: string;
  /** Keys that secrets are sealed with, where a command takes them. */
  readonly sealingKeyFile?: string;
}

/** Where standalone and the console listen unless told otherwise. */
const DEFAULT_API_URL = "http://127.0.0.1:8080";

/** Adds the options that say where a running Ferry is. */
export function withConnection(command: Command, { env }: Terminal): Command {
  return command
    .option("--api-url <url>", "HTTP API of standalone or the console", env.FERRY_API_URL ?? DEFAULT_API_URL)
    .option("--token-file <file>", "file with the bearer token for the HTTP API", env.FERRY_TOKEN_FILE)
    .option(
      "--bootstrap-servers <list>",
      "Kafka brokers, host:port: speak to Kafka instead of the HTTP API",
      env.FERRY_BOOTSTRAP_SERVERS,
    )
    .option("--topic-prefix <prefix>", "in front of every topic name", env.KAFKA_TOPIC_PREFIX);
}

/** Runs `use` with a client for the Ferry that the options name. */
export async function withClient(
  options: ConnectOptions,
  { env }: Terminal,
  use: (client: FerryClient) => Promise<void>,
): Promise<void> {
  if (options.bootstrapServers === undefined) {
    if (!/^https?:\/\//.test(options.apiUrl)) {
      throw new UsageError(`--api-url ${options.apiUrl} is no URL: it begins with http:// or https://`);
    }
    return use(
      new HttpClient(options.apiUrl, options.tokenFile === undefined ? undefined : readToken(options.tokenFile)),
    );
  }
  const settings = BUS_CONFIG.load({
    env: {
      ...kafkaVariables(env),
      KAFKA_BOOTSTRAP_SERVERS: options.bootstrapServers,
      ...(options.topicPrefix === undefined ? {} : { KAFKA_TOPIC_PREFIX: options.topicPrefix }),
    },
  });
  const bus = await connectBus(settings, createLogger("ferry", { level: "error", format: "pretty" }));
  const client = new BusClient(bus, settings.kafka.topicPrefix, readSealingKeys(options));
  try {
    await use(client);
  } finally {
    await client.stop();
    await bus.stop();
  }
}

const BUS_CONFIG = defineConfig<BusSettings>({ ...busSettings });

function kafkaVariables(env: Terminal["env"]): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith("KAFKA_")));
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new UsageError(`--token-file ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** The sealing keys that the options name, if they do. */
export function readSealingKeys({ sealingKeyFile }: ConnectOptions): { readonly sealingKeys?: SealingKeys } {
  if (sealingKeyFile === undefined) return {};
  try {
    return { sealingKeys: parseSealingKeys(readFileSync(sealingKeyFile, "utf8")) };
  } catch (error) {
    if (error instanceof SealingError) throw error;
    throw new UsageError(`--sealing-key-file ${sealingKeyFile} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** How long a stop signal may be a copy of the first: npx and the terminal both pass Ctrl-C on. */
const COPIES_MS = 1_000;

/** Aborts at Ctrl-C, SIGTERM, or when the terminal is closed; a second later they end the process as they do by default, whatever it still waits for. */
export function interrupted(): AbortSignal {
  const controller = new AbortController();
  const release = (): void => {
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
  };
  const stop = (): void => {
    if (controller.signal.aborted) return;
    controller.abort();
    setTimeout(release, COPIES_MS).unref();
  };
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  return controller.signal;
}
