#!/usr/bin/env node
import { connectBus, connectState, runService } from "@ferry/runtime";
import { RPC_ROUTER_CONFIG } from "./config.ts";
import { startRpcRouter } from "./service.ts";

await runService({
  name: "rpc-router",
  config: RPC_ROUTER_CONFIG,
  env: process.env,
  args: process.argv.slice(2),
  start: async (settings, runtime) => {
    const state = await connectState(settings, runtime.metrics);
    runtime.shutdown.onStop("state", () => state.stop());
    const bus = await connectBus(settings, runtime.logger);
    runtime.shutdown.onStop("bus", () => bus.stop());
    await startRpcRouter(settings, runtime, { bus, state });
  },
});
