#!/usr/bin/env node
import { connect, runService } from "@ferry/runtime";
import { RPC_ROUTER_CONFIG } from "./config.ts";
import { startRpcRouter } from "./service.ts";

await runService({
  name: "rpc-router",
  config: RPC_ROUTER_CONFIG,
  env: process.env,
  args: process.argv.slice(2),
  start: async (settings, runtime) => {
    await startRpcRouter(settings, runtime, await connect(settings, runtime));
  },
});
