export { coapMessage, coapOption, coapOptions } from "./arbitraries.ts";
export {
  DtlsAnswers,
  DtlsConversation,
  type DtlsConversationClient,
  type DtlsConversationOptions,
  makeDtlsServer,
} from "./dtls-conversation.ts";
export { DTLS_KEYS } from "./dtls-keys.ts";
export {
  DtlsLockstep,
  type DtlsLockstepOptions,
  DtlsLockstepPeer,
  type DtlsLockstepPeerOptions,
  EMPTY_DTLS_SERVER,
  type ReceivedRecord,
  type RecordFields,
} from "./dtls-lockstep.ts";
export { MissingToolError, ProcessStartError } from "./errors.ts";
export { FakeClock } from "./fake-clock.ts";
export { freePort, freePorts } from "./free-port.ts";
export { hex, toHex } from "./hex.ts";
export { type KafkaProcess, type KafkaProcessOptions, startKafka } from "./kafka-process.ts";
export { type KafkaRecord, readKafkaRecords } from "./kafka-records.ts";
export {
  type LeshanCommand,
  type LeshanDevice,
  LeshanError,
  type LeshanEvent,
  type LeshanEventOf,
  type LeshanOptions,
  type LeshanValue,
  startLeshan,
} from "./leshan-device.ts";
export { ACK, CON, type Fields, Lockstep, LockstepPeer, NON, RST } from "./lockstep.ts";
export { LossyLink, type LossyLinkOptions } from "./lossy-link.ts";
export {
  type MinimalDtls,
  type MinimalRegistration,
  type MinimalServer,
  startMinimalServer,
} from "./minimal-server.ts";
export { type Ended, endPrograms, Program, runProgram } from "./program.ts";
export { type RedisClusterProcess, startRedisCluster } from "./redis-cluster-process.ts";
export { type RedisProcess, startRedis } from "./redis-process.ts";
export { SeededRandom } from "./seeded-random.ts";
export { startUdpBalancer, type UdpBalancer, type UdpBalancerOptions, type UdpBalancerStats } from "./udp-balancer.ts";
