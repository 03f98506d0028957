/**
 * How long an RPC request takes, application to application, on a real Kafka and Redis at low load. `npm run bench:rpc [requests]`; about a minute.
 *
 * Method: one transport, one router, one simulated device over UDP; Reads of one resource, ten a second, after a warm-up. The total is what the caller sees,
 * on its own clock. The hops are differences between the times that the records on the way carry, in whole milliseconds: their mean is meaningful, single ones are not.
 * The table is printed, and kept in `rpc-latency.json` with the machine and the date.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Device } from "../e2e/device.ts";
import { System } from "../e2e/system.ts";

const REQUESTS = Number(process.argv[2] ?? 300);
const WARM_UP = 50;
const EVERY_MS = 100;
const TIMEOUT_MS = 10_000;
const LIMIT_MS = 10 * 60_000;

/** Where the time goes, in order. */
const HOPS = [
  "caller → Kafka → router has stored the request",
  "router → Kafka → owner has sent the datagram",
  "device answers",
  "Redis decides the final answer → Kafka → caller",
];

interface Sample {
  readonly requestId: string;
  readonly startMs: number;
  readonly totalMs: number;
}

setTimeout(() => process.exit(1), LIMIT_MS).unref();
const system = await System.start({ name: "latency", transportEnv: { LWM2M_REACHABILITY_MODE: "vip" } });
try {
  const transport = await system.run("transport", "latency-transport");
  const router = await system.run("rpc-router", "latency-router");
  await Promise.all([transport.started, router.started]);
  await system.provision();
  const device = await Device.start("sim-latency", transport);
  await device.waitFor("registered");
  const statuses = await system.follow("rpcStatus");
  const responses = await system.follow("rpcResponse");

  for (let request = 0; request < WARM_UP; request++) await read();
  const samples: Sample[] = [];
  for (let request = 0; request < REQUESTS; request++) {
    const [sample] = await Promise.all([read(), sleep(EVERY_MS)]);
    samples.push(sample);
  }
  await sleep(1_000); // The last records are still on their way to the two readers.
  await device.stop();

  const times = new Map<string, Map<string, number>>();
  for (const { records, name } of [
    { records: statuses.records, name: (value: Members) => String(value.progress) },
    { records: responses.records, name: () => "ANSWERED" },
  ]) {
    for (const { value } of records) {
      const { requestId, context, ingestTimeMs = context?.ingestTimeMs } = value as Members;
      const of = times.get(String(requestId)) ?? new Map<string, number>();
      of.set(name(value as Members).replace("RPC_PROGRESS_", ""), Number(ingestTimeMs));
      times.set(String(requestId), of);
    }
  }
  const hops = samples.flatMap(({ requestId, startMs, totalMs }) => {
    const at = times.get(requestId);
    const [queued, sent, answered] = ["QUEUED", "SENT", "ANSWERED"].map((name) => at?.get(name));
    if (queued === undefined || sent === undefined || answered === undefined) return [];
    return [[queued - startMs, sent - queued, answered - sent, startMs + totalMs - answered]];
  });
  const totals = samples.map(({ totalMs }) => totalMs).sort((a, b) => a - b);
  const results = {
    date: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model, cores: cpus().length },
    requests: REQUESTS,
    p50Ms: quantile(totals, 0.5),
    p99Ms: quantile(totals, 0.99),
    meanMs: Object.fromEntries(HOPS.map((hop, index) => [hop, mean(hops.map((of) => of[index] as number))])),
  };
  writeFileSync(join(import.meta.dirname, "rpc-latency.json"), `${JSON.stringify(results, null, 2)}\n`);
  process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
} finally {
  await system.stop();
}

interface Members {
  readonly requestId?: string;
  readonly progress?: string;
  readonly context?: { readonly ingestTimeMs?: number | string };
  /** Answers in JSON have no `context`: its members stand beside the others. */
  readonly ingestTimeMs?: number | string;
}

async function read(): Promise<Sample> {
  const startMs = performance.timeOrigin + performance.now();
  const { requestId, status } = await system.client.rpc({
    endpoint: "sim-latency",
    method: "Read",
    params: { id: "/3/0/9" },
    timeoutMs: TIMEOUT_MS,
  });
  if (status !== "SUCCESSFUL") process.exitCode = 1;
  return { requestId, startMs, totalMs: performance.timeOrigin + performance.now() - startMs };
}

function quantile(sorted: readonly number[], share: number): number {
  return round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
}

function mean(values: readonly number[]): number {
  return round(values.reduce((sum, value) => sum + value, 0) / values.length);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
