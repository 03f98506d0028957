#!/usr/bin/env node
import { connect, runService } from "@ferry/runtime";
import { BOOTSTRAP_CONFIG } from "./config.ts";
import { startBootstrap } from "./service.ts";

await runService({
  name: "bootstrap",
  config: BOOTSTRAP_CONFIG,
  env: process.env,
  args: process.argv.slice(2),
  start: async (settings, runtime) => {
    await startBootstrap(settings, runtime, await connect(settings, runtime));
  },
});
