import type { Bus } from "@ferry/bus";
import { createLogger, createShutdown, type Shutdown } from "@ferry/runtime";
import type { BootstrapStore } from "@ferry/state";
import { MemoryBootstrapStore } from "@ferry/state/memory";
import { CONSOLE_CONFIG } from "./config.ts";
import { startConsole } from "./service.ts";

/** A console on a free port of loopback, for tests. */
export async function startTestConsole(
  bus: Bus,
  env: Readonly<Record<string, string>> = {},
  bootstraps: BootstrapStore = new MemoryBootstrapStore(Date.now),
): Promise<{ readonly url: string; readonly shutdown: Shutdown }> {
  const logger = createLogger("console", { level: "silent", format: "json" });
  const shutdown = createShutdown(logger, 5_000);
  const settings = CONSOLE_CONFIG.load({ env: { LWM2M_API_PORT: "0", ...env } });
  const { url } = await startConsole(settings, { logger, shutdown }, { bus, state: { bootstraps } });
  return { url, shutdown };
}
