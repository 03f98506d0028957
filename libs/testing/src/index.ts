export { MissingToolError, ProcessStartError } from "./errors.ts";
export {
  type LeshanCommand,
  type LeshanDevice,
  LeshanError,
  type LeshanEvent,
  type LeshanOptions,
  type LeshanValue,
  startLeshan,
} from "./leshan-device.ts";
export { type RedisClusterProcess, startRedisCluster } from "./redis-cluster-process.ts";
export { freePort, type RedisProcess, startRedis } from "./redis-process.ts";
export { startUdpBalancer, type UdpBalancer, type UdpBalancerOptions, type UdpBalancerStats } from "./udp-balancer.ts";
