import type { Bus } from "@ferry/bus";
import { BusClient } from "@ferry/client";
import { PortInUseError, type ServiceRuntime } from "@ferry/runtime";
import type { BootstrapStore } from "@ferry/state";
import { createApi } from "./api.ts";
import { createAuthentication } from "./authenticate.ts";
import type { ConsoleSettings } from "./config.ts";

export { CONSOLE_CONFIG, CONSOLE_SHAPE, type ConsoleSettings } from "./config.ts";

/** A running console. */
export interface Console {
  /** Base of the HTTP API, such as http://127.0.0.1:8080. */
  readonly url: string;
}

/** Where the console reads, and what it writes to. */
export interface ConsolePorts {
  readonly bus: Bus;
  readonly state: { readonly bootstraps: BootstrapStore };
}

/**
 * Starts the HTTP API: a producer and reader, which no other service needs.
 *
 * @throws {ConfigError} it would be open to the network without authentication
 * @throws {PortInUseError} another process has the port
 */
export async function startConsole(
  settings: Pick<ConsoleSettings, "api" | "kafka">,
  { logger, shutdown }: Pick<ServiceRuntime, "logger" | "shutdown">,
  { bus, state: { bootstraps } }: ConsolePorts,
): Promise<Console> {
  const { host, port } = settings.api;
  const authentication = createAuthentication(settings.api);
  const client = new BusClient(bus, settings.kafka.topicPrefix);
  shutdown.onStop("client", () => client.stop());
  const api = await createApi({ client, bootstraps, authentication, logger, stopping: shutdown.signal });
  try {
    const url = await api.listen({ host, port });
    shutdown.onStop("api", () => api.close());
    logger.info({ url }, "Serving the HTTP API");
    return { url };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new PortInUseError("tcp", host, port, error as Error);
  }
}
