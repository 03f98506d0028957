export { RPC_ROUTER_CONFIG, type RpcRouterSettings } from "./config.ts";
export { RPC_ROUTER_METRICS } from "./metrics.ts";
export { type RpcRouterConnections, startRpcRouter } from "./service.ts";
