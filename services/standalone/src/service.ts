import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { startBootstrap } from "@ferry/bootstrap";
import { BusClient, formatRecord, type Stream, type StreamRecord } from "@ferry/client";
import { startConsole } from "@ferry/console";
import { InvalidDocumentsError, readDocuments } from "@ferry/provisioning";
import { startRpcRouter } from "@ferry/rpc-router";
import { awaitTopics, connectBus, connectState, type ServiceRuntime, UsageError } from "@ferry/runtime";
import { startFleet, temperatureSignal } from "@ferry/simulator";
import { startTransport } from "@ferry/transport";
import type { StandaloneSettings } from "./config.ts";

export { STANDALONE_CONFIG, type StandaloneSettings } from "./config.ts";

/** A running standalone. */
export interface Standalone extends UdpPorts {
  readonly apiUrl: string;
  readonly bootstrap: UdpPorts;
}

/** Where a service listens for devices. */
export interface UdpPorts {
  readonly coapPort: number;
  /** UDP port of its DTLS listener; undefined where there is none. */
  readonly dtlsPort: number | undefined;
}

/** What the live feed shows. */
const FEED: readonly Stream[] = [
  "lifecycle",
  "bootstrap",
  "attributes",
  "telemetry",
  "rpcRequest",
  "rpcResponse",
  "deadLetter",
];
/** Root of the repository: what is applied is named from there. */
const ROOT = resolve(import.meta.dirname, "../../..");

/**
 * Starts every service in this process, on a memory bus and memory state, with a simulated device: what a newcomer runs first.
 *
 * `print` gets the live feed, line by line.
 * @throws {UsageError} a file that is to be applied is wrong, or a port is in use
 */
export async function startStandalone(
  given: StandaloneSettings,
  runtime: ServiceRuntime,
  print: (line: string) => void,
): Promise<Standalone> {
  const { shutdown, logger } = runtime;
  const settings = given.state === "memory" ? withKeyOfItsOwn(given) : given;
  const documents = await readQuickstart(settings.apply);
  const state = await connectState(settings, runtime.metrics);
  shutdown.onStop("state", () => state.stop());
  const bus = await connectBus(settings, logger);
  shutdown.onStop("bus", () => bus.stop());
  await awaitTopics({
    bus,
    topicPrefix: settings.kafka.topicPrefix,
    mode: "create",
    health: runtime.health,
    logger,
    signal: shutdown.signal,
  });

  await startRpcRouter(settings, runtime, { bus, state });
  const { coapPort, dtlsPort } = await startTransport(settings, runtime, { bus, state });
  const bootstrap = await startBootstrap(settings, runtime, { bus, state });
  const { url: apiUrl } = await startConsole(settings, runtime, { bus, state });

  const client = new BusClient(bus, settings.kafka.topicPrefix);
  const feed = new AbortController();
  shutdown.onStop("feed", () => feed.abort());
  const onRecord = (record: StreamRecord): void => {
    if (!isLog(record)) print(formatRecord(record));
  };
  const feeds = FEED.map((stream) => client.tail(stream, { from: "latest", signal: feed.signal, onRecord }));
  void Promise.all(feeds).catch((error: unknown) => logger.error({ error }, "The live feed ended"));

  for (const { kind, id, outcome, field, reason } of await client.apply(documents, () => {})) {
    if (outcome === "rejected") throw new UsageError(`${kind} ${id} was rejected: ${field} ${reason}`);
  }
  print(`Ferry listens for LwM2M devices on ${formatPorts({ coapPort, dtlsPort })}; HTTP API at ${apiUrl}`);
  print(`It bootstraps them on ${formatPorts(bootstrap)}`);
  if (settings.demoEndpoint !== "") await startDemo(settings.demoEndpoint, coapPort, shutdown);
  const device = settings.demoEndpoint || "ENDPOINT";
  print(`Try, in a second terminal:
  npx ferry rpc ${device} 'Read {"id":"/3/0/9"}'
  npx ferry tail telemetry
  npx ferry devices
Ctrl-C ends it.\n`);
  return { apiUrl, coapPort, dtlsPort, bootstrap };
}

/** "udp port 5685 (CoAP, NoSec) and 5686 (DTLS)" */
function formatPorts({ coapPort, dtlsPort }: UdpPorts): string {
  return `udp port ${coapPort} (CoAP, NoSec)${dtlsPort === undefined ? "" : ` and ${dtlsPort} (DTLS)`}`;
}

/** What is sealed in memory is gone with it: so may the key be. */
function withKeyOfItsOwn(settings: StandaloneSettings): StandaloneSettings {
  const { sealingKey = randomBytes(32).toString("base64") } = settings.provisioning;
  return { ...settings, provisioning: { sealingKey } };
}

/** Lines of the communication log are many; `ferry tail telemetry` shows them. */
function isLog({ stream, value }: StreamRecord): boolean {
  return stream === "telemetry" && value.source === "VALUE_SOURCE_LOG";
}

async function readQuickstart(paths: readonly string[]): ReturnType<typeof readDocuments> {
  try {
    return await readDocuments(paths.map((path) => resolve(ROOT, path)));
  } catch (error) {
    if (!(error instanceof InvalidDocumentsError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

/** How often the simulated device's temperature changes. */
const DEMO_INTERVAL_MS = 5_000;

/** A device that registers over real UDP, as one from outside would. */
async function startDemo(endpoint: string, port: number, shutdown: ServiceRuntime["shutdown"]): Promise<void> {
  const device = () => ({ signals: [temperatureSignal(DEMO_INTERVAL_MS)] });
  const fleet = await startFleet({ server: { host: "127.0.0.1", port }, count: 1, endpoint, device });
  shutdown.onStop("demo", () => fleet.stop(1000));
}
