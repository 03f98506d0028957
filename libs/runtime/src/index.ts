export { type AwaitTopicsOptions, awaitTopics } from "./await-topics.ts";
export { type Clock, delay, monotonicMs, wallMs } from "./clock.ts";
export { type CoapListener, type CoapListenerParts, openCoapListener } from "./coap-listener.ts";
export {
  type CoapHandlers,
  type CoapResult,
  CoapServer,
  type IncomingNotification,
  type IncomingRequest,
  type OutgoingRequest,
  type OwnRequest,
} from "./coap-server.ts";
export { type CoapSettings, coapSettings } from "./coap-settings.ts";
export { connect, connectBus, connectState, type State } from "./connect.ts";

export { type Config, type ConfigSource, defineConfig, type SettingRow } from "./define-config.ts";
export { createEpisode, type Episode } from "./episode.ts";
export { ConfigError, PortInUseError, UsageError } from "./errors.ts";
export { armFailpoint, FAILPOINTS, type Failpoint, type PassFailpoint } from "./failpoint.ts";
export { createHealth, type Health, type HealthServer, startHealthServer } from "./health.ts";
export { createLogger, type Logger } from "./logger.ts";
export {
  type Counter,
  createMetrics,
  type Gauge,
  type Histogram,
  type Metric,
  type MetricDefinition,
  type Metrics,
  type MetricTable,
  type Registered,
} from "./metrics.ts";
export { formatPeerKey, type PeerKey, parsePeerKey } from "./peer-key.ts";
export { pooledRandom } from "./pooled-random.ts";
export { putNewest } from "./put-newest.ts";
export { type RunServiceOptions, runService, type ServiceRuntime, type ServiceSettings } from "./run-service.ts";
export {
  bytes,
  choice,
  duration,
  flag,
  integer,
  list,
  path,
  port,
  ratio,
  type Section,
  type Setting,
  type Shape,
  secret,
  section,
  text,
} from "./setting.ts";
export {
  type BusSettings,
  busSettings,
  type HttpSettings,
  httpSettings,
  type KafkaSettings,
  kafkaSettings,
  type LogSettings,
  logSettings,
  type NodeSettings,
  nodeSettings,
  type RedisSettings,
  redisSettings,
  requestedSlots,
  type StateSettings,
  stateSettings,
} from "./settings.ts";
export { createShutdown, type Shutdown } from "./shutdown.ts";
export { SlotLease, type SlotLeaseParts } from "./slot-lease.ts";
export { STORE_METRICS } from "./store-metrics.ts";
export {
  driveMachine,
  type MachineDriver,
  openUdpSocket,
  type UdpSocket,
  type UdpSocketOptions,
} from "./udp-driver.ts";
