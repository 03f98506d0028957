import type { SenderLimits } from "../single-flight-sender.ts";

/** How to reach Kafka, in Kafka's own words. */
export interface KafkaSettings {
  /** `host:port`, one or more. */
  readonly bootstrapServers: readonly string[];
  readonly clientId: string;
  /** PLAINTEXT by default. */
  readonly securityProtocol?: "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";
  readonly sasl?: KafkaSaslSettings;
  readonly ssl?: KafkaSslSettings;
  /** A request without answer after this long has failed; 10 000 ms by default. */
  readonly requestTimeoutMs?: number;
  /** How long a record may wait for its acceptance; 120 000 ms by default. */
  readonly deliveryTimeoutMs?: number;
  /** How long a batch gathers where a sender does not say; 10 ms by default. */
  readonly lingerMs?: number;
  /** `none` by default. */
  readonly compressionType?: "none" | "gzip";
  /** Largest record, 1 MiB by default. */
  readonly maxRequestSizeBytes?: number;
  /** Bytes that may wait in front of one sender; 64 MiB by default. */
  readonly bufferMemoryBytes?: number;
  /** Replicas of topics that `ensureTopics` creates, and the number it expects; the broker's default when absent. */
  readonly replicationFactor?: number;
  /** A group member that is silent this long is taken for dead; 10 000 ms by default. */
  readonly sessionTimeoutMs?: number;
  /** 1000 ms by default. */
  readonly heartbeatIntervalMs?: number;
  /** How long a fetch waits for a first record; it bounds how long stopping takes; 200 ms by default. */
  readonly fetchMaxWaitMs?: number;
  /** Records of one partition that a group handles at once, of different keys; 64 by default. */
  readonly concurrency?: number;
  /** How long `stop` waits for the records in hand and for the senders; 10 000 ms by default. */
  readonly stopTimeoutMs?: number;
  /** Further limits of the senders. */
  readonly sender?: Partial<SenderLimits>;
}

/** SASL credentials. */
export interface KafkaSaslSettings {
  /** PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. */
  readonly mechanism: string;
  readonly username: string;
  readonly password: string;
}

/** TLS material, PEM. */
export interface KafkaSslSettings {
  /** The system's authorities when absent. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly keyPassword?: string;
  /** `https`, the default, verifies that the broker's certificate names its host. */
  readonly endpointIdentificationAlgorithm?: "https" | "none";
}

const SASL_MECHANISMS: ReadonlySet<string> = new Set(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]);
const COMPRESSION_TYPES: ReadonlySet<string> = new Set(["none", "gzip"]);
const SECURITY_PROTOCOLS: ReadonlySet<string> = new Set(["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]);
const SERVER = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/;

/** What is wrong with the settings or beyond this client, one sentence each; empty when all is right. */
export function validateKafkaSettings(settings: KafkaSettings): readonly string[] {
  const { bootstrapServers, securityProtocol = "PLAINTEXT", sasl, ssl, compressionType = "none" } = settings;
  const problems: string[] = [];
  if (bootstrapServers.length === 0) problems.push("bootstrap servers are missing: give at least one host:port.");
  for (const server of bootstrapServers) {
    if (!SERVER.test(server)) problems.push(`bootstrap server "${server}" is not host:port.`);
  }
  if (!SECURITY_PROTOCOLS.has(securityProtocol)) {
    problems.push(`security protocol ${securityProtocol} is not known: use ${[...SECURITY_PROTOCOLS].join(", ")}.`);
  }
  const wantsSasl = securityProtocol.startsWith("SASL_");
  if (wantsSasl && sasl === undefined) problems.push(`security protocol ${securityProtocol} needs a SASL mechanism.`);
  if (!wantsSasl && sasl !== undefined) {
    problems.push(
      `SASL is configured, but security protocol ${securityProtocol} does not use it: use SASL_SSL or SASL_PLAINTEXT.`,
    );
  }
  if (sasl !== undefined && !SASL_MECHANISMS.has(sasl.mechanism)) {
    problems.push(`SASL mechanism ${sasl.mechanism} is not supported: use ${[...SASL_MECHANISMS].join(", ")}.`);
  }
  if (ssl !== undefined && !securityProtocol.endsWith("SSL")) {
    problems.push(`TLS is configured, but security protocol ${securityProtocol} does not use it: use SSL or SASL_SSL.`);
  }
  if ((ssl?.certificate === undefined) !== (ssl?.key === undefined)) {
    problems.push("a client certificate needs its key, and a key its certificate.");
  }
  if (!COMPRESSION_TYPES.has(compressionType)) {
    problems.push(`compression type ${compressionType} is not supported: use ${[...COMPRESSION_TYPES].join(", ")}.`);
  }
  return problems;
}
