#!/usr/bin/env node
import { connectBus, runService } from "@ferry/runtime";
import { CONSOLE_CONFIG } from "./config.ts";
import { startConsole } from "./service.ts";

await runService({
  name: "console",
  config: CONSOLE_CONFIG,
  env: process.env,
  args: process.argv.slice(2),
  start: async (settings, runtime) => {
    const bus = await connectBus(settings, runtime.logger);
    runtime.shutdown.onStop("bus", () => bus.stop());
    await startConsole(settings, runtime, { bus });
  },
});
