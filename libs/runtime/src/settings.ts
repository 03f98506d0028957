import { hostname } from "node:os";
import { onlySlot, type SlotRange, TRANSPORT_SLOTS } from "@ferry/state";
import { z } from "zod";
import { ConfigError } from "./errors.ts";
import {
  bytes,
  choice,
  duration,
  flag,
  integer,
  list,
  path,
  port,
  type Section,
  type Setting,
  type Shape,
  secret,
  section,
  setting,
  text,
} from "./setting.ts";

/** How to reach Kafka: Kafka's own names, one to one. */
export interface KafkaSettings {
  readonly bootstrapServers: readonly string[];
  readonly clientId: string;
  readonly securityProtocol: "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";
  readonly saslMechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
  readonly saslUsername?: string | undefined;
  readonly saslPassword?: string | undefined;
  readonly sslCaLocation?: string | undefined;
  readonly sslCertificateLocation?: string | undefined;
  readonly sslKeyLocation?: string | undefined;
  readonly sslKeyPassword?: string | undefined;
  readonly sslEndpointIdentificationAlgorithm: "https" | "none";
  readonly lingerMs: number;
  readonly batchSize: number;
  readonly bufferMemory: number;
  readonly deliveryTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly compressionType: "none" | "gzip";
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly fetchMaxWaitMs: number;
  readonly groupId?: string | undefined;
  readonly topicPrefix: string;
  readonly topics: "create" | "verify";
  readonly replicationFactor?: number | undefined;
}

export const kafkaSettings: Section<KafkaSettings> = section<KafkaSettings>(
  "KAFKA",
  {
    bootstrapServers: list(["localhost:9092"]).describe("Brokers to begin with, host:port."),
    clientId: text(`ferry-${hostname()}`, { shownAs: "ferry-<host name>" }).describe(
      "Our name in the brokers' logs and quotas.",
    ),
    securityProtocol: choice(["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], "PLAINTEXT").describe(
      "How connections to the brokers are secured.",
    ),
    saslMechanism: choice(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], "PLAIN").describe(
      "How we log in, with a SASL protocol.",
    ),
    saslUsername: text().optional().describe("User to log in as."),
    saslPassword: secret().optional().describe("The user's password."),
    sslCaLocation: path()
      .optional()
      .describe("PEM file of the CAs that sign the brokers' certificates; the system's when not set."),
    sslCertificateLocation: path().optional().describe("PEM file of our certificate, when brokers ask for one."),
    sslKeyLocation: path().optional().describe("PEM file of our private key."),
    sslKeyPassword: secret().optional().describe("Password of the private key."),
    sslEndpointIdentificationAlgorithm: choice(["https", "none"], "https").describe(
      "Whether a broker's certificate must name the broker.",
    ),
    lingerMs: duration("10ms").describe("How long telemetry gathers before it is sent; RPC is sent at once."),
    batchSize: bytes("512KiB").describe("Largest batch of records, in bytes."),
    bufferMemory: bytes("64MiB").describe(
      "Most bytes of records that wait for the brokers; beyond it devices are left unacknowledged.",
    ),
    deliveryTimeoutMs: duration("2m").describe("How long a record is tried before it counts as not delivered."),
    requestTimeoutMs: duration("10s").describe("How long a broker may take to answer a request."),
    compressionType: choice(["none", "gzip"], "none").describe("Compression of record batches, except RPC."),
    sessionTimeoutMs: duration("10s").describe("After which silence a member of a group counts as dead."),
    heartbeatIntervalMs: duration("1s").describe("How often a member of a group shows that it lives."),
    fetchMaxWaitMs: duration("200ms").describe(
      "How long a broker may hold an empty fetch: delays shutdown, never a record.",
    ),
    groupId: text().optional().describe("Consumer group; topic prefix and the service's name when not set."),
    topicPrefix: text("").describe("In front of every topic name, such as `plant-a.`."),
    topics: choice(["create", "verify"], "verify").describe(
      "Whether missing topics are made at start, or only reported as not ready.",
    ),
    replicationFactor: integer(undefined, { min: 1 })
      .optional()
      .describe(
        "Replicas of the topics that are made, and the number expected of others; the brokers' default when not set.",
      ),
  },
  { keepsUnits: true, check: checkKafka },
);

function checkKafka(kafka: KafkaSettings): readonly (readonly [keyof KafkaSettings, string])[] {
  const problems: (readonly [keyof KafkaSettings, string])[] = [];
  if (kafka.securityProtocol.startsWith("SASL_")) {
    if (kafka.saslUsername === undefined) problems.push(["saslUsername", `${kafka.securityProtocol} needs it: set it`]);
    if (kafka.saslPassword === undefined) problems.push(["saslPassword", `${kafka.securityProtocol} needs it: set it`]);
  }
  if ((kafka.sslCertificateLocation === undefined) !== (kafka.sslKeyLocation === undefined)) {
    const missing = kafka.sslKeyLocation === undefined ? "sslKeyLocation" : "sslCertificateLocation";
    problems.push([missing, "a certificate and its key go together: set both or neither"]);
  }
  return problems;
}

/** How to reach Redis: one server, Sentinels, or a cluster. */
export interface RedisSettings {
  readonly url: string;
  readonly sentinels: readonly string[];
  readonly sentinelMaster: string;
  readonly clusterNodes: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls: boolean;
  readonly tlsCaLocation?: string | undefined;
  readonly tlsCertificateLocation?: string | undefined;
  readonly tlsKeyLocation?: string | undefined;
  readonly commandTimeoutMs: number;
}

export const redisSettings: Section<RedisSettings> = section<RedisSettings>(
  "REDIS",
  {
    url: text("redis://localhost:6379").describe(
      "The server, `redis://` or `rediss://`; not used with Sentinels or a cluster.",
    ),
    sentinels: list([]).describe("Sentinels, host:port, that know the master."),
    sentinelMaster: text("mymaster").describe("Name of the master that the Sentinels watch."),
    clusterNodes: list([]).describe("Nodes of a Redis Cluster to begin with, host:port."),
    username: text().optional().describe("User to log in as; Redis' default user when not set."),
    password: secret().optional().describe("The user's password."),
    tls: flag(false).describe("TLS to Sentinels' master or the cluster; a `rediss://` URL says it by itself."),
    tlsCaLocation: path()
      .optional()
      .describe("PEM file of the CAs that sign the servers' certificates; the system's when not set."),
    tlsCertificateLocation: path().optional().describe("PEM file of our certificate, when servers ask for one."),
    tlsKeyLocation: path().optional().describe("PEM file of our private key."),
    commandTimeoutMs: duration("1s").describe("How long Redis may take before a step counts as failed."),
  },
  {
    check: (redis) =>
      redis.sentinels.length > 0 && redis.clusterNodes.length > 0
        ? [["sentinels", "Sentinels and a cluster exclude each other: leave one of them out"]]
        : [],
  },
);

/** The server for probes and metrics. */
export interface HttpSettings {
  readonly host: string;
  readonly port: number;
  readonly readyGraceMs: number;
}

export const httpSettings: Section<HttpSettings> = section<HttpSettings>("LWM2M_HTTP", {
  host: text("::").describe(
    "Address that `/healthz`, `/readyz` and `/metrics` are served on; `::` is all, IPv4 and IPv6.",
  ),
  port: port(9464).describe("TCP port of `/healthz`, `/readyz` and `/metrics`; 0 lets the system choose."),
  readyGraceMs: duration("2m").describe(
    "How long Kafka or Redis may be away before `/readyz` says so, so that an outage does not empty the Service.",
  ),
});

/** What is logged, and how it looks. */
export interface LogSettings {
  readonly level: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
  readonly format: "auto" | "json" | "pretty";
}

export const logSettings: Section<LogSettings> = section<LogSettings>("LOG", {
  level: choice(["fatal", "error", "warn", "info", "debug", "trace", "silent"], "info").describe(
    "Least severe level that is logged.",
  ),
  format: choice(["auto", "json", "pretty"], "auto").describe("`auto` is for people on a terminal and JSON elsewhere."),
});

/** Who this process is among its like. */
export interface NodeSettings {
  readonly name: string;
  readonly slot: number | "lease" | "ordinal";
  readonly leaseMs: number;
  readonly shutdownMs: number;
}

export const nodeSettings: Section<NodeSettings> = section<NodeSettings>("LWM2M_NODE", {
  name: text(hostname(), { shownAs: "<host name>" }).describe(
    "Name in records, logs and the node directory; in Kubernetes the host name is the pod's.",
  ),
  slot: slot().describe(
    "0 to 63, unique among transport nodes; `ordinal` takes it from the end of the name, `lease` the lowest that is free.",
  ),
  leaseMs: duration("10s", { min: "1s" }).describe("How long a node's slot stays its own without being renewed."),
  shutdownMs: duration("25s").describe("Most time from SIGTERM to exit; below Kubernetes' 30 s."),
});

function slot(): Setting<number | "lease" | "ordinal"> {
  return setting<number | "lease" | "ordinal">(
    z.union([z.int().min(0).max(63), z.enum(["lease", "ordinal"])]),
    "lease",
    {
      type: "`lease`, `ordinal` or 0 to 63",
      expects: "lease, ordinal, or a number from 0 to 63",
      parse: (given) => (/^\d+$/.test(given) ? Number(given) : given),
      format: String,
      jsonSchema: { oneOf: [{ enum: ["lease", "ordinal"] }, { type: "integer", minimum: 0, maximum: 63 }] },
    },
  );
}

/**
 * The slots of which the settings let a transport node take one.
 *
 * @throws {ConfigError} the slot is the ordinal of a StatefulSet's pod, but the name does not end in one below 64
 */
export function requestedSlots(node: NodeSettings): SlotRange {
  if (node.slot === "lease") return TRANSPORT_SLOTS;
  if (node.slot !== "ordinal") return onlySlot(node.slot);
  const ordinal = Number(/-(\d+)$/.exec(node.name)?.[1] ?? Number.NaN);
  if (ordinal <= TRANSPORT_SLOTS.last) return onlySlot(ordinal);
  throw new ConfigError([
    `LWM2M_NODE_SLOT: the name ${JSON.stringify(node.name)} does not end in an ordinal from 0 to 63: give a number, or lease`,
  ]);
}

/** Which bus, and how to reach it. Spread into a service's settings: `...busSettings`. */
export interface BusSettings {
  readonly bus: "kafka" | "memory";
  readonly kafka: KafkaSettings;
}

export const busSettings: Shape<BusSettings> = {
  bus: choice(["kafka", "memory"], "kafka").describe("`memory` lives and dies with the process: for trying out."),
  kafka: kafkaSettings,
};

/** Which store of devices' state, and how to reach it. Spread into a service's settings: `...stateSettings`. */
export interface StateSettings {
  readonly state: "redis" | "memory";
  readonly redis: RedisSettings;
}

export const stateSettings: Shape<StateSettings> = {
  state: choice(["redis", "memory"], "redis").describe("`memory` lives and dies with the process: for trying out."),
  redis: redisSettings,
};
