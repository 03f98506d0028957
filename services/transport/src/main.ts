#!/usr/bin/env node
import { connect, runService } from "@ferry/runtime";
import { TRANSPORT_CONFIG } from "./config.ts";
import { startTransport } from "./service.ts";

await runService({
  name: "transport",
  config: TRANSPORT_CONFIG,
  env: process.env,
  args: process.argv.slice(2),
  start: async (settings, runtime) => {
    await startTransport(settings, runtime, await connect(settings, runtime));
  },
});
