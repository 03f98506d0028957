#!/usr/bin/env node
import { runService } from "@ferry/runtime";
import { STANDALONE_CONFIG } from "./config.ts";
import { startStandalone } from "./service.ts";

await runService({
  name: "standalone",
  config: STANDALONE_CONFIG,
  env: process.env,
  args: process.argv.slice(2),
  start: async (settings, runtime) => {
    await startStandalone(settings, runtime, (line) => process.stdout.write(`${line}\n`));
  },
});
