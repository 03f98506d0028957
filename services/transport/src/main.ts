#!/usr/bin/env node
import { connectBus, connectState, runService } from "@ferry/runtime";
import { TRANSPORT_CONFIG } from "./config.ts";
import { startTransport } from "./service.ts";

await runService({
  name: "transport",
  config: TRANSPORT_CONFIG,
  env: process.env,
  args: process.argv.slice(2),
  start: async (settings, runtime) => {
    const state = await connectState(settings, runtime.metrics);
    runtime.shutdown.onStop("state", () => state.stop());
    const bus = await connectBus(settings, runtime.logger);
    runtime.shutdown.onStop("bus", () => bus.stop());
    await startTransport(settings, runtime, { bus, state });
  },
});
