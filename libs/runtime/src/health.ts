import { createServer, type ServerResponse } from "node:http";
import { type Clock, monotonicMs } from "./clock.ts";
import { PortInUseError } from "./errors.ts";
import type { Metrics } from "./metrics.ts";
import type { HttpSettings } from "./settings.ts";

/** Says whether the process is to be given work. */
export interface Health {
  /** Adds something that the process needs; `check` answers what is wrong with it, or undefined. It must be quick. */
  require(name: string, check: () => string | undefined): void;
  /** Start is complete: ready as soon as all requirements are met. */
  started(): void;
  /** Stopping: not ready from now on. */
  draining(): void;
  readiness(): Readiness;
}

/** What `/readyz` answers. */
export interface Readiness {
  readonly ready: boolean;
  /** What is wrong by name, also while the grace lasts. */
  readonly reasons: Readonly<Record<string, string>>;
}

/** Makes the health of a process. Once ready, it stays so for `readyGraceMs` after a requirement fails: an outage of Kafka must not empty the Service. */
export function createHealth(readyGraceMs: number, clock: Clock = monotonicMs): Health {
  const checks = new Map<string, () => string | undefined>();
  let phase: "starting" | "started" | "draining" = "starting";
  let lastWellMs: number | undefined;
  return {
    require: (name, check) => void checks.set(name, check),
    started() {
      if (phase === "starting") phase = "started";
    },
    draining() {
      phase = "draining";
    },
    readiness() {
      if (phase !== "started") return { ready: false, reasons: { service: phase } };
      const reasons: Record<string, string> = {};
      for (const [name, check] of checks) {
        const reason = check();
        if (reason !== undefined) reasons[name] = reason;
      }
      const nowMs = clock();
      if (Object.keys(reasons).length === 0) lastWellMs = nowMs;
      return { ready: lastWellMs !== undefined && nowMs - lastWellMs <= readyGraceMs, reasons };
    },
  };
}

/** The HTTP server for probes and metrics. */
export interface HealthServer {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Serves `/healthz` (the process runs), `/readyz` (200 or 503, with reasons) and `/metrics` (Prometheus).
 *
 * @throws {PortInUseError} another process has the port
 */
export async function startHealthServer(
  settings: Pick<HttpSettings, "host" | "port">,
  health: Health,
  metrics: Metrics,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") {
      answer(response, 405, "text/plain", "only GET\n");
    } else if (path === "/healthz") {
      answer(response, 200, "text/plain", "ok\n");
    } else if (path === "/readyz") {
      const readiness = health.readiness();
      answer(response, readiness.ready ? 200 : 503, "application/json", `${JSON.stringify(readiness)}\n`);
    } else if (path === "/metrics") {
      void metrics.text().then(
        (text) => answer(response, 200, metrics.contentType, text),
        (error: unknown) => answer(response, 500, "text/plain", `${String(error)}\n`),
      );
    } else {
      answer(response, 404, "text/plain", "try /healthz, /readyz or /metrics\n");
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new PortInUseError("tcp", settings.host, settings.port, error) : error),
    );
    server.listen(settings.port, settings.host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : settings.port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body) }).end(body);
}
