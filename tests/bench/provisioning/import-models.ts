/**
 * What importing a whole registry costs: 500 generated model files in one `ferry apply`, on a real Kafka and Redis.
 * `node tests/bench/provisioning/import-models.ts [files] [api|kafka]`; a minute. The command goes through the console's HTTP API, or to Kafka itself. Time is that of the command, as a user sees it; memory is resident memory of each service,
 * fresh and at rest, before, at its peak, and at rest after.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@ferry/testing";
import { type ServiceName, System } from "../../e2e/system.ts";
import { becomesIdle, peakResidentBytes, residentBytes } from "../process-usage.ts";
import { writeModels } from "./generate-models.ts";

const FILES = Number(process.argv[2] ?? 500);
const WAY = process.argv[3] === "kafka" ? "kafka" : "api";
const SERVICES: readonly ServiceName[] = ["transport", "rpc-router", "console"];
const MIB = 1024 * 1024;
const ROOT = join(import.meta.dirname, "../../..");

const folder = mkdtempSync(join(tmpdir(), "ferry-models-"));
writeModels(folder, FILES);
const apiPort = String(await freePort());
const system = await System.start({ name: "import", ownKafka: true, env: { LOG_LEVEL: "warn" } });
try {
  const processes = await Promise.all(
    SERVICES.map(async (name) => {
      const env: Readonly<Record<string, string>> =
        name === "console" ? { LWM2M_API_PORT: apiPort, LWM2M_API_HOST: "127.0.0.1" } : {};
      const service = await system.run(name, name, { env });
      await service.started;
      return service;
    }),
  );
  const atRest = async () => {
    for (const { pid } of processes) await becomesIdle(pid);
    return processes.map(({ pid }) => residentBytes(pid) / MIB);
  };
  const before = await atRest();
  const first = await apply();
  const after = await atRest();
  const peak = processes.map(({ pid }) => peakResidentBytes(pid) / MIB);
  const second = await apply();
  const mib = (values: readonly number[], index: number): string => (values[index] as number).toFixed(0).padStart(5);
  for (const [index, { name }] of processes.entries()) {
    const figures = `before${mib(before, index)}, peak${mib(peak, index)}, after${mib(after, index)} MiB`;
    process.stdout.write(`${name.padEnd(10)} ${figures}\n`);
  }
  process.stdout.write(`${FILES} files by ${WAY}: ${first}\n     again: ${second}\n`);
} finally {
  await system.stop();
  rmSync(folder, { recursive: true });
}

/** Applies the folder through Kafka, as a user does; answers in a line what it took and what it said. */
async function apply(): Promise<string> {
  const startedMs = performance.now();
  const way =
    WAY === "api"
      ? ["--api-url", `http://127.0.0.1:${apiPort}`]
      : ["--bootstrap-servers", system.kafka.bootstrapServers.join(","), "--topic-prefix", system.topicPrefix];
  const child = spawn(process.execPath, [join(ROOT, "tools/ferry/src/main.ts"), "apply", "-f", folder, ...way], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  let peak = 0;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    peak = peakResidentBytes(child.pid as number); // Its last words come before it disconnects.
  });
  await once(child, "close");
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  return `${seconds} s, the command's peak ${(peak / MIB).toFixed(0)} MiB: ${said.trim()}`;
}
