import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BOOTSTRAP_CONFIG, startBootstrap } from "@ferry/bootstrap";
import { MemoryBus } from "@ferry/bus/memory";
import { BusClient } from "@ferry/client";
import { readDocuments } from "@ferry/provisioning";
import { RPC_ROUTER_CONFIG, startRpcRouter } from "@ferry/rpc-router";
import {
  createHealth,
  createLogger,
  createMetrics,
  createShutdown,
  type ServiceRuntime,
  type State,
} from "@ferry/runtime";
import { memoryState } from "@ferry/state/memory";
import { ProcessStartError } from "@ferry/testing";
import { startTransport, TRANSPORT_CONFIG } from "@ferry/transport";

const STOP_MS = 5_000;
/** What the secrets of devices are sealed with in the store. */
export const SEALING_KEY: string = randomBytes(32).toString("base64");
const ENV = {
  LOG_LEVEL: "fatal",
  LWM2M_STATE: "memory",
  KAFKA_TOPICS: "create",
  KAFKA_LINGER_MS: "0ms",
  PROVISIONING_SEALING_KEY: SEALING_KEY,
};
const BOOTSTRAP_ENV = { BOOTSTRAP_DRAIN: "0ms", ...listeners("BOOTSTRAP") };
const TRANSPORT_ENV = listeners("LWM2M");

/** A router, a transport and a bootstrap server, the real services, in this process: on one bus and one store in memory, with UDP on loopback. */
export interface MemorySystem {
  readonly state: State;
  readonly transport: Awaited<ReturnType<typeof startTransport>>;
  readonly bootstrap: Awaited<ReturnType<typeof startBootstrap>>;
  /** Applies documents in YAML. @throws {ProcessStartError} one was rejected */
  readonly apply: (documents: string) => Promise<void>;
  /** A metric of the transport or the bootstrap server, by name and, in braces, labels. */
  readonly metric: (series: string) => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Starts one; `transportEnv` has settings of the transport on top. */
export async function startMemorySystem(transportEnv: Readonly<Record<string, string>> = {}): Promise<MemorySystem> {
  const connections = { bus: new MemoryBus(), state: memoryState() };
  const [router, transportRuntime, bootstrapRuntime] = [
    runtime("rpc-router"),
    runtime("transport"),
    runtime("bootstrap"),
  ] as const;
  await startRpcRouter(RPC_ROUTER_CONFIG.load({ env: ENV }), router, connections);
  const transport = await startTransport(
    TRANSPORT_CONFIG.load({ env: { ...ENV, ...TRANSPORT_ENV, ...transportEnv } }),
    transportRuntime,
    connections,
  );
  const bootstrap = await startBootstrap(
    BOOTSTRAP_CONFIG.load({ env: { ...ENV, ...BOOTSTRAP_ENV } }),
    bootstrapRuntime,
    connections,
  );
  const client = new BusClient(connections.bus, "");
  return {
    state: connections.state,
    transport,
    bootstrap,
    apply: (documents) => apply(client, documents),
    metric: async (series) => {
      const texts = await Promise.all([transportRuntime, bootstrapRuntime].map(({ metrics }) => metrics.text()));
      const line = texts.flatMap((text) => text.split("\n")).find((it) => it.startsWith(`${series} `));
      return Number(line?.slice(series.length));
    },
    stop: async () => {
      for (const { shutdown } of [bootstrapRuntime, transportRuntime, router]) await shutdown.stop();
      await client.stop();
      await connections.bus.stop();
    },
  };
}

/** Any free ports of loopback. */
function listeners(prefix: string): Readonly<Record<string, string>> {
  const each = ["COAP", "DTLS"].map((name) => [
    [`${prefix}_${name}_HOST`, "127.0.0.1"],
    [`${prefix}_${name}_PORT`, "0"],
  ]);
  return Object.fromEntries(each.flat());
}

function runtime(service: string): ServiceRuntime {
  const logger = createLogger(service, { level: "fatal", format: "json" });
  const shutdown = createShutdown(logger, STOP_MS);
  return { logger, shutdown, metrics: createMetrics({ process: false }), health: createHealth(0), httpPort: 0 };
}

/** As a user does: from a file. */
async function apply(client: BusClient, documents: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ferry-documents-"));
  try {
    const file = join(folder, "documents.yaml");
    writeFileSync(file, documents);
    for (const { kind, id, outcome, reason } of await client.apply(await readDocuments([file]), () => {}))
      if (outcome === "rejected") throw new ProcessStartError(`${kind} ${id} was rejected: ${reason}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
