#!/usr/bin/env node
import { connectBus, connectState, runService } from "@ferry/runtime";
import { CONSOLE_CONFIG } from "./config.ts";
import { startConsole } from "./service.ts";

await runService({
  name: "console",
  config: CONSOLE_CONFIG,
  env: process.env,
  args: process.argv.slice(2),
  start: async (settings, runtime) => {
    const state = await connectState(settings, runtime.metrics);
    runtime.shutdown.onStop("state", () => state.stop());
    const bus = await connectBus(settings, runtime.logger);
    runtime.shutdown.onStop("bus", () => bus.stop());
    await startConsole(settings, runtime, { bus, state });
  },
});
