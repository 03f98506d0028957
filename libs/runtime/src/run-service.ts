import { parseArgs } from "node:util";
import type { Config } from "./define-config.ts";
import { UsageError } from "./errors.ts";
import { createHealth, type Health, startHealthServer } from "./health.ts";
import { createLogger, type Logger } from "./logger.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { HttpSettings, LogSettings, NodeSettings } from "./settings.ts";
import { createShutdown, type Shutdown } from "./shutdown.ts";

/** What every service's settings contain. */
export interface ServiceSettings {
  readonly log: LogSettings;
  readonly http: HttpSettings;
  readonly node: NodeSettings;
}

/** What a service is given beside its settings. */
export interface ServiceRuntime {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly shutdown: Shutdown;
  /** The port that probes and metrics are served on. */
  readonly httpPort: number;
}

/** How a process becomes a service. */
export interface RunServiceOptions<Settings extends ServiceSettings> {
  readonly name: string;
  readonly config: Config<Settings>;
  /** Starts the service and registers with `shutdown.onStop` how each part stops. */
  readonly start: (settings: Settings, runtime: ServiceRuntime) => Promise<void>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Command line without node and script: `--config FILE`, `--help`. */
  readonly args: readonly string[];
}

const EXIT_CLEAN = 0;
const EXIT_CRASH = 1;
const EXIT_USAGE = 2;

/**
 * Runs a service until SIGTERM or SIGINT, then drains it; a second signal exits at once.
 *
 * Exit codes: 0 stopped cleanly; 1 crashed, or did not stop in time; 2 wrong configuration or use, with one plain line for each problem.
 */
export async function runService<Settings extends ServiceSettings>(
  options: RunServiceOptions<Settings>,
): Promise<void> {
  try {
    const { values } = parseCommandLine(options.args);
    if (values.help) {
      process.stdout.write(helpText(options.name, options.config));
      return;
    }
    const settings = options.config.load({ env: options.env, file: values.config });
    await serve(options, settings);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    for (const line of error.message.split("\n")) process.stderr.write(`${options.name}: ${line}\n`);
    process.exitCode = EXIT_USAGE;
  }
}

async function serve<Settings extends ServiceSettings>(
  { name, config, start }: RunServiceOptions<Settings>,
  settings: Settings,
): Promise<void> {
  const logger = createLogger(name, settings.log);
  const metrics = createMetrics();
  const health = createHealth(settings.http.readyGraceMs);
  const shutdown = createShutdown(logger, settings.node.shutdownMs);

  const stop = async (reason: string): Promise<void> => {
    health.draining();
    logger.info({ reason }, "stopping");
    const clean = await shutdown.stop();
    logger.info({ clean }, "stopped");
    process.exit(clean ? EXIT_CLEAN : EXIT_CRASH);
  };
  const crash = (error: unknown): never => {
    logger.fatal({ error }, "crashed");
    process.exit(EXIT_CRASH);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (shutdown.signal.aborted) process.exit(EXIT_CRASH);
      stop(signal).catch(crash);
    });
  }
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);

  try {
    logger.info({ node: settings.node.name, settings: config.effective(settings) }, "starting");
    const server = await startHealthServer(settings.http, health, metrics);
    shutdown.onStop("http", () => server.stop());
    await start(settings, { logger, metrics, health, shutdown, httpPort: server.port });
    health.started();
    // Whoever started this process with a channel to it waits for this.
    process.send?.("started");
    logger.info({ httpPort: server.port }, "started");
  } catch (error) {
    // A signal during the start stops what the start was waiting for.
    if (shutdown.signal.aborted) return;
    if (!(error instanceof UsageError)) return crash(error);
    await shutdown.stop();
    for (const line of error.message.split("\n")) process.stderr.write(`${name}: ${line}\n`);
    process.exit(EXIT_USAGE);
  }
}

function parseCommandLine(args: readonly string[]): {
  readonly values: { readonly config?: string; readonly help?: boolean };
} {
  try {
    return parseArgs({
      args: [...args],
      options: { config: { type: "string" }, help: { type: "boolean", short: "h" } },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split(".")[0]}: try --help`, { cause: error });
  }
}

function helpText<Settings>(name: string, config: Config<Settings>): string {
  const rows = config.describe();
  const width = Math.max(...rows.map(({ env }) => env.length)) + 2;
  const lines = rows.map(({ env, description, defaultText }) => {
    const suffix = defaultText === undefined ? "" : ` [${defaultText}]`;
    return `  ${env.padEnd(width)}${description}${suffix}`;
  });
  return `${name} [--config FILE] [--help]\n\nSettings, by environment or YAML file:\n${lines.join("\n")}\n`;
}
