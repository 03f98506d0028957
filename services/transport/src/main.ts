#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { connectBus, connectState, runService } from "@ferry/runtime";
import { TRANSPORT_CONFIG } from "./config.ts";
import { startTransport } from "./service.ts";

// By default V8 lets the heap grow to four times of what lives before it collects, and gives nothing back: tens of thousands of devices
// at rest would hold a hundred MiB of garbage. V8 reads the flag at each collection, so it may be set now.
setFlagsFromString("--heap-growing-percent=50");

await runService({
  name: "transport",
  config: TRANSPORT_CONFIG,
  env: process.env,
  args: process.argv.slice(2),
  start: async (settings, runtime) => {
    const state = await connectState(settings);
    runtime.shutdown.onStop("state", () => state.stop());
    const bus = await connectBus(settings, runtime.logger);
    runtime.shutdown.onStop("bus", () => bus.stop());
    await startTransport(settings, runtime, { bus, state });
  },
});
