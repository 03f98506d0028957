#!/usr/bin/env node
import { connect, runService } from "@ferry/runtime";
import { CONSOLE_CONFIG } from "./config.ts";
import { startConsole } from "./service.ts";

await runService({
  name: "console",
  config: CONSOLE_CONFIG,
  env: process.env,
  args: process.argv.slice(2),
  start: async (settings, runtime) => {
    await startConsole(settings, runtime, await connect(settings, runtime));
  },
});
