import { setTimeout as sleep } from "node:timers/promises";
import { BusUnavailableError } from "../errors.ts";
import { errorText } from "./kafka-errors.ts";
import { kafkajs } from "./kafkajs.ts";
import type { KafkaSettings } from "./settings.ts";

/** Takes log lines: a constant sentence and its facts. */
export type KafkaLog = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/** Makes kafkajs clients that are set up alike. Each user has a client of its own: kafkajs shares metadata and offsets within one. */
export class KafkaClients {
  readonly settings: KafkaSettings;
  readonly log: KafkaLog;

  constructor(settings: KafkaSettings, log: KafkaLog) {
    this.settings = settings;
    this.log = log;
  }

  /** `retry` is for everything that the client does: connecting, looking up brokers, asking. */
  client(name: string, retry: import("kafkajs").RetryOptions = RETRY): import("kafkajs").Kafka {
    const { bootstrapServers, clientId, requestTimeoutMs = 10_000 } = this.settings;
    const sasl = saslOptions(this.settings);
    return new kafkajs.Kafka({
      brokers: [...bootstrapServers],
      clientId: `${clientId}-${name}`,
      ssl: sslOptions(this.settings),
      ...(sasl && { sasl }),
      connectionTimeout: 2_000,
      authenticationTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      retry,
      logLevel: kafkajs.logLevel.WARN,
      // kafkajs speaks of every attempt; we tell of episodes ourselves.
      logCreator: () => (entry) => {
        const { message, timestamp: _, ...fields } = entry.log;
        this.log("debug", `kafkajs: ${message}`, { client: name, ...fields });
      },
    });
  }

  /** Runs a task of administration over a connection of its own; again, for some seconds, while the broker says that it passes: a topic that was just made has no leader yet. */
  async administer<Result>(task: (admin: import("kafkajs").Admin) => Promise<Result>): Promise<Result> {
    const admin = this.client("admin").admin();
    try {
      await admin.connect();
      return await untilItPasses(() => task(admin));
    } catch (error) {
      throw new BusUnavailableError(`Kafka at ${this.settings.bootstrapServers.join(",")}: ${errorText(error)}`, {
        cause: error,
      });
    } finally {
      await admin.disconnect().catch(() => {}); // The task has its result; a broken connection is gone anyway.
    }
  }
}

const PASSES_WITHIN = { attempts: 20, everyMs: 250 } as const;

/** kafkajs itself does not try again what the broker answered to a question about offsets or topics. */
async function untilItPasses<Result>(task: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await task();
    } catch (error) {
      const passes = error instanceof kafkajs.KafkaJSProtocolError && error.retriable;
      if (!passes || attempt === PASSES_WITHIN.attempts) throw error;
      await sleep(PASSES_WITHIN.everyMs);
    }
  }
}

/** A few quick retries inside kafkajs; what outlasts them is decided by us, who can replace the client. */
export const RETRY: import("kafkajs").RetryOptions = {
  retries: 3,
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  factor: 0.2,
  multiplier: 2,
};

function sslOptions({
  securityProtocol = "PLAINTEXT",
  ssl = {},
}: KafkaSettings): import("node:tls").ConnectionOptions | boolean {
  if (!securityProtocol.endsWith("SSL")) return false;
  return {
    ...(ssl.ca !== undefined && { ca: ssl.ca }),
    ...(ssl.certificate !== undefined && { cert: ssl.certificate }),
    ...(ssl.key !== undefined && { key: ssl.key }),
    ...(ssl.keyPassword !== undefined && { passphrase: ssl.keyPassword }),
    ...(ssl.endpointIdentificationAlgorithm === "none" && { checkServerIdentity: () => undefined }),
  };
}

function saslOptions({
  securityProtocol = "PLAINTEXT",
  sasl,
}: KafkaSettings): import("kafkajs").SASLOptions | undefined {
  if (!securityProtocol.startsWith("SASL_") || sasl === undefined) return undefined;
  // validateKafkaSettings admits only the three mechanisms that kafkajs spells in lower case.
  const mechanism = sasl.mechanism.toLowerCase() as "plain" | "scram-sha-256" | "scram-sha-512";
  return { mechanism, username: sasl.username, password: sasl.password } as import("kafkajs").SASLOptions;
}
