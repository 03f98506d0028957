/**
 * The transport end to end on a real Kafka and Redis: UDP in, Redis or Kafka, acknowledgement out. `npm run bench [rounds]`; some minutes.
 *
 * Method: `load-generator.ts` plays the devices from processes of its own, 128 exchanges under way. CPU is what `/proc` says of the transport process,
 * user and system, all threads, from the first datagram until it is idle again; Redis' by its own account. A warm-up goes first; the figure is the median of the rounds.
 * Rates are what the machine left over: generator, Kafka and Redis share its cores. Memory is resident memory of a fresh process, at rest, as the chart runs it:
 * with the heap of its container, and compiled before.
 * The table is printed, and kept in `results.json` with the machine and the date.
 */
import { writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { type ServiceProcess, System } from "../e2e/system.ts";
import { Child } from "./child.ts";
import { endpointOf, pskOf } from "./dtls-devices.ts";
import type { LoadCommand, LoadResult, LoadSecurity } from "./load-generator.ts";
import { becomesIdle, cpuSeconds, residentBytes } from "./process-usage.ts";
import { formatTable } from "./table.ts";

const ROUNDS = Number(process.argv[2] ?? 3);
const DEVICES = 2_000;
const UPDATES = 20_000;
const NOTIFICATIONS = 40_000;
const NON_PER_SECOND = 8_000;
/** Devices of one generator: each has a socket, and a process may not have many more. */
const DEVICES_PER_PROCESS = 5_000;
const MEMORY_AT = [1_000, 20_000, 50_000];
/** The heap that Node 24 gives itself in a container of 1 GiB, the chart's limit; without one it takes what the machine has. */
const HEAP_OF_CHART = "--max-old-space-size=512 --max-semi-space-size=16";
/** Rounds are gone through with the transport log and without. */
const BLOCKS = 2;
const REST_MS = 5_000;
const LIMIT_MS = 40 * 60_000;
const MIB = 1024 * 1024;
const COMPILE_CACHE = join(import.meta.dirname, "../../node_modules/.cache/node");

/** What the transport may take for one: CPU, µs. */
const TARGET_CPU_US: Readonly<Record<string, number>> = {
  "register + observe": 185,
  update: 65,
  "CON notification": 44,
  "NON notification": 30,
  "DTLS-PSK handshake": 300,
  "DTLS-PSK CON notification": 65,
};
/** Above 100 MiB, bytes per device. */
const TARGET_DEVICE_BYTES = 4096;

interface Figure {
  readonly operation: string;
  readonly perSecond: number;
  readonly cpuSecondsPer1000: number;
  readonly redisCpuSecondsPer1000: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  readonly retransmissions: number;
}

interface MemoryFigure {
  readonly devices: number;
  readonly residentMiB: number;
  /** Resident memory above 100 MiB. */
  readonly bytesPerDevice: number;
  /** Resident memory above that of the process without devices. */
  readonly addedBytesPerDevice: number;
}

type Generator = Child<LoadCommand, LoadResult>;

const newGenerator = (): Generator => new Child("load-generator.ts");

setTimeout(() => process.exit(1), LIMIT_MS).unref();
const system = await System.start({ name: "bench" });
const redis = new Redis(system.redis.url);
/** Every round has devices of its own. */
let firstDevice = 0;
let firstSecureDevice = 0;
try {
  await (await system.run("rpc-router", "bench-router")).started;
  await system.provision([join(import.meta.dirname, "provisioning")]);
  await declareSecureDevices();
  const results = {
    date: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model, cores: cpus().length, memoryMiB: Math.round(totalmem() / MIB), linux: release() },
    node: process.version,
    rounds: ROUNDS,
    "transportLog full": await measureOperations({}),
    "transportLog off": await measureOperations({ LWM2M_TRANSPORT_LOG: "off" }),
    memory: await measureMemory(),
  };
  writeFileSync(join(import.meta.dirname, "results.json"), `${JSON.stringify(results, null, 2)}\n`);
  for (const log of ["transportLog full", "transportLog off"] as const) {
    process.stdout.write(`\n${log}\n${formatFigures(results[log])}`);
  }
  process.stdout.write(`\n${formatMemory(results.memory)}`);
} finally {
  redis.disconnect();
  await system.stop();
}

/** Devices with a pre-shared key are declared one by one. */
async function declareSecureDevices(): Promise<void> {
  const count = BLOCKS * (ROUNDS + 1) * DEVICES;
  await system.apply(
    Array.from({ length: count }, (_, index) => {
      const endpoint = endpointOf("PSK", index);
      const credentials = [{ psk: { identity: endpoint, key: { plain: pskOf(endpoint) } } }];
      return {
        kind: "device",
        tenant: "default",
        id: endpoint,
        body: { device: { endpoint, profile: "bench", credentials } },
      };
    }),
  );
}

async function startTransport(name: string, env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const transport = await system.run("transport", name, { env });
  await transport.started;
  return transport;
}

async function measureOperations(env: Readonly<Record<string, string>>): Promise<Figure[]> {
  const transport = await startTransport(`bench-${Object.values(env).join("") || "full"}`, env);
  const generators: Generator[] = [];
  const rounds: Figure[][] = [];
  // The first round warms up and does not count.
  for (let round = 0; round <= ROUNDS; round++) {
    const figures: Figure[] = [];
    for (const security of ["none", "DTLS-PSK"] as const) {
      const generator = newGenerator();
      generators.push(generator);
      figures.push(...(await measureRound(transport, generator, security)));
    }
    rounds.push(figures);
  }
  for (const generator of generators) generator.stop();
  await transport.terminate();
  const [first = [], ...others] = rounds.slice(1);
  return first.map((figure, index) => medianOf([figure, ...others.map((round) => round[index] as Figure)])); // All rounds are alike.
}

/** With DTLS and without in each round: what the machine does beside it is the same for both. */
async function measureRound(
  transport: ServiceProcess,
  generator: Generator,
  security: LoadSecurity,
): Promise<Figure[]> {
  const isSecure = security === "DTLS-PSK";
  const first = isSecure ? firstSecureDevice : firstDevice;
  if (isSecure) firstSecureDevice += DEVICES;
  else firstDevice += DEVICES;
  const run = (name: string, count: number, command: LoadCommand): Promise<Figure> =>
    measure(transport, generator, isSecure ? `${security} ${name}` : name, count, command);
  const port = isSecure ? transport.dtlsPort : transport.coapPort;
  const connected = await run("handshake", DEVICES, { type: "connect", security, port, first, count: DEVICES });
  const figures = [
    await run("register + observe", DEVICES, { type: "register" }),
    await run("update", UPDATES, { type: "update", count: UPDATES }),
    await run("CON notification", NOTIFICATIONS, { type: "notifyCon", count: NOTIFICATIONS }),
  ];
  if (isSecure) return [connected, ...figures];
  const non = { type: "notifyNon", count: NOTIFICATIONS, perSecond: NON_PER_SECOND } as const;
  return [...figures, await run("NON notification", NOTIFICATIONS, non)];
}

async function measure(
  { pid }: ServiceProcess,
  generator: Generator,
  operation: string,
  count: number,
  command: LoadCommand,
): Promise<Figure> {
  const [cpuBefore, redisBefore] = [cpuSeconds(pid), await redisCpuSeconds()];
  const { seconds, ...result } = await generator.ask(command);
  await becomesIdle(pid);
  const per1000 = (total: number): number => (total * 1000) / count;
  return {
    operation,
    perSecond: count / seconds,
    cpuSecondsPer1000: per1000(cpuSeconds(pid) - cpuBefore),
    redisCpuSecondsPer1000: per1000((await redisCpuSeconds()) - redisBefore),
    ...result,
  };
}

/** Each number by itself: the median of the rounds. */
function medianOf(rounds: readonly [Figure, ...Figure[]]): Figure {
  const entries = Object.entries(rounds[0]).map(([name, value]) => {
    if (typeof value === "string") return [name, value];
    const values = rounds.map((figure) => figure[name as Exclude<keyof Figure, "operation">]).sort((a, b) => a - b);
    return [name, Number((values[values.length >> 1] as number).toPrecision(4))]; // There is at least one round.
  });
  return Object.fromEntries(entries) as Figure;
}

async function measureMemory(): Promise<MemoryFigure[]> {
  const env = { NODE_OPTIONS: HEAP_OF_CHART, NODE_COMPILE_CACHE: COMPILE_CACHE };
  // What Node compiles is kept when the process ends, as in the image: one that translates TypeScript itself holds the translator, 25 MiB.
  await (await startTransport("bench-memory-before", env)).terminate();
  const transport = await startTransport("bench-memory", env);
  await sleep(REST_MS);
  const empty = residentBytes(transport.pid);
  const generators: Generator[] = [];
  const figures: MemoryFigure[] = [];
  let registered = 0;
  for (const devices of MEMORY_AT) {
    while (registered < devices) {
      const generator = newGenerator();
      generators.push(generator);
      const count = Math.min(DEVICES_PER_PROCESS, devices - registered);
      const { coapPort: port } = transport;
      await generator.ask({ type: "connect", security: "none", port, first: firstDevice, count });
      await generator.ask({ type: "register" });
      firstDevice += count;
      registered += count;
    }
    await becomesIdle(transport.pid);
    await sleep(REST_MS);
    const resident = residentBytes(transport.pid);
    figures.push({
      devices,
      residentMiB: Math.round(resident / MIB),
      bytesPerDevice: Math.round((resident - 100 * MIB) / devices),
      addedBytesPerDevice: Math.round((resident - empty) / devices),
    });
  }
  for (const generator of generators) generator.stop();
  await transport.terminate();
  return [{ devices: 0, residentMiB: Math.round(empty / MIB), bytesPerDevice: 0, addedBytesPerDevice: 0 }, ...figures];
}

async function redisCpuSeconds(): Promise<number> {
  const text = await redis.info("cpu");
  const field = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(text)?.[1]);
  return field("used_cpu_user") + field("used_cpu_sys");
}

function formatFigures(figures: readonly Figure[]): string {
  return formatTable(
    ["", "per s", "CPU µs", "target", "Redis µs", "p50 ms", "p99 ms", "failed", "retransmitted"],
    figures.map((figure) => [
      figure.operation,
      figure.perSecond.toFixed(0),
      (figure.cpuSecondsPer1000 * 1000).toFixed(1),
      targetOf(figure),
      (figure.redisCpuSecondsPer1000 * 1000).toFixed(1),
      figure.p50Ms.toFixed(1),
      figure.p99Ms.toFixed(1),
      String(figure.failed),
      String(figure.retransmissions),
    ]),
  );
}

function targetOf({ operation }: Figure): string {
  const target = TARGET_CPU_US[operation];
  return target === undefined ? "" : `≤ ${target}`;
}

function formatMemory(figures: readonly MemoryFigure[]): string {
  return formatTable(
    ["devices", "resident MiB", "bytes each above 100 MiB", "target", "bytes each above none"],
    figures.map(({ devices, residentMiB, bytesPerDevice, addedBytesPerDevice }) =>
      [devices, residentMiB, bytesPerDevice, `≤ ${TARGET_DEVICE_BYTES}`, addedBytesPerDevice].map(String),
    ),
  );
}
