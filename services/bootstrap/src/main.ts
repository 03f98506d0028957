#!/usr/bin/env node
import { connectBus, connectState, runService } from "@ferry/runtime";
import { BOOTSTRAP_CONFIG } from "./config.ts";
import { startBootstrap } from "./service.ts";

await runService({
  name: "bootstrap",
  config: BOOTSTRAP_CONFIG,
  env: process.env,
  args: process.argv.slice(2),
  start: async (settings, runtime) => {
    const state = await connectState(settings, runtime.metrics);
    runtime.shutdown.onStop("state", () => state.stop());
    const bus = await connectBus(settings, runtime.logger);
    runtime.shutdown.onStop("bus", () => bus.stop());
    await startBootstrap(settings, runtime, { bus, state });
  },
});
