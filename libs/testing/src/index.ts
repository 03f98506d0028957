export { MissingToolError } from "./errors.ts";
export {
  type LeshanCommand,
  type LeshanDevice,
  LeshanError,
  type LeshanEvent,
  type LeshanOptions,
  type LeshanValue,
  startLeshan,
} from "./leshan-device.ts";
export { startUdpBalancer, type UdpBalancer, type UdpBalancerOptions, type UdpBalancerStats } from "./udp-balancer.ts";
