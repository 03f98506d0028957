import { readFileSync } from "node:fs";
import type { Bus } from "@ferry/bus";
import type { KafkaSettings as KafkaBusSettings } from "@ferry/bus/kafka";
import type {
  AssociationStore,
  BootstrapStore,
  BudgetStore,
  DeviceStore,
  NodeDirectory,
  ProvisioningStore,
} from "@ferry/state";
import { ConfigError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import type { BusSettings, KafkaSettings, StateSettings } from "./settings.ts";
import type { Shutdown } from "./shutdown.ts";
import { STORE_METRICS } from "./store-metrics.ts";

/** The stores, which share a connection. */
export interface State {
  readonly devices: DeviceStore;
  readonly nodes: NodeDirectory;
  readonly provisioning: ProvisioningStore;
  readonly budgets: BudgetStore;
  /** Of LwM2M servers, and of the bootstrap server. */
  readonly associations: AssociationStore;
  readonly bootstrapAssociations: AssociationStore;
  readonly bootstraps: BootstrapStore;
  /** What is wrong with the connection, for readiness; undefined when nothing is. */
  problem(): string | undefined;
  stop(): Promise<void>;
}

/** State and bus that the settings name; they stop after all that is registered later. @throws {ConfigError} a client cannot do what the settings ask for */
export async function connect(
  settings: BusSettings & StateSettings,
  { metrics, logger, shutdown }: { readonly metrics: Metrics; readonly logger: Logger; readonly shutdown: Shutdown },
): Promise<{ readonly bus: Bus; readonly state: State }> {
  const state = await connectState(settings, metrics);
  shutdown.onStop("state", () => state.stop());
  const bus = await connectBus(settings, logger);
  shutdown.onStop("bus", () => bus.stop());
  return { bus, state };
}

/**
 * The bus that the settings name. It connects by itself and goes on trying: an outage rejects what is published, not this.
 *
 * @throws {ConfigError} the client cannot do what the settings ask for
 */
export async function connectBus(settings: BusSettings, logger: Logger): Promise<Bus> {
  if (settings.bus === "memory") {
    const { MemoryBus } = await import("@ferry/bus/memory");
    return new MemoryBus();
  }
  const { KafkaBus, validateKafkaSettings } = await import("@ferry/bus/kafka");
  const kafka = toKafkaBusSettings(settings.kafka);
  const problems = validateKafkaSettings(kafka);
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `kafka: ${problem}`));
  const log = logger.child({ client: "kafka" });
  return new KafkaBus(kafka, (level, message, fields) => log[level](fields, message));
}

/** The stores that the settings name. They connect by themselves and go on trying: an outage rejects steps, not this, and is told by whoever takes the step. */
export async function connectState(settings: StateSettings, metrics: Metrics): Promise<State> {
  const { quarantined, outboxDropped } = metrics.register(STORE_METRICS);
  const counted = {
    onQuarantine: (count: number) => quarantined.inc(count),
    onOutboxDropped: (count: number) => outboxDropped.inc(count),
  };
  if (settings.state === "memory") {
    const { memoryState } = await import("@ferry/state/memory");
    return memoryState(counted);
  }
  const { connectRedis } = await import("@ferry/state/redis");
  return connectRedis(settings.redis, counted);
}

/** Kafka's flat names to what the client takes; certificates are read here, once. */
function toKafkaBusSettings(kafka: KafkaSettings): KafkaBusSettings {
  const { saslUsername, saslPassword } = kafka;
  const tls = kafka.securityProtocol.endsWith("SSL");
  return {
    bootstrapServers: kafka.bootstrapServers,
    clientId: kafka.clientId,
    securityProtocol: kafka.securityProtocol,
    requestTimeoutMs: kafka.requestTimeoutMs,
    deliveryTimeoutMs: kafka.deliveryTimeoutMs,
    lingerMs: kafka.lingerMs,
    compressionType: kafka.compressionType,
    bufferMemoryBytes: kafka.bufferMemory,
    sessionTimeoutMs: kafka.sessionTimeoutMs,
    heartbeatIntervalMs: kafka.heartbeatIntervalMs,
    fetchMaxWaitMs: kafka.fetchMaxWaitMs,
    sender: { maxBatchBytes: kafka.batchSize },
    ...(kafka.replicationFactor !== undefined && { replicationFactor: kafka.replicationFactor }),
    ...(saslUsername !== undefined &&
      saslPassword !== undefined && {
        sasl: { mechanism: kafka.saslMechanism, username: saslUsername, password: saslPassword },
      }),
    ...(tls && {
      ssl: {
        endpointIdentificationAlgorithm: kafka.sslEndpointIdentificationAlgorithm,
        ...optionalPem("ca", "KAFKA_SSL_CA_LOCATION", kafka.sslCaLocation),
        ...optionalPem("certificate", "KAFKA_SSL_CERTIFICATE_LOCATION", kafka.sslCertificateLocation),
        ...optionalPem("key", "KAFKA_SSL_KEY_LOCATION", kafka.sslKeyLocation),
        ...(kafka.sslKeyPassword !== undefined && { keyPassword: kafka.sslKeyPassword }),
      },
    }),
  };
}

function optionalPem<Key extends string>(key: Key, setting: string, file: string | undefined): { [K in Key]?: string } {
  if (file === undefined) return {};
  try {
    return { [key]: readFileSync(file, "utf8") } as { [K in Key]: string };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError([`${setting}: ${file} cannot be read (${code}): name a readable PEM file`]);
  }
}
