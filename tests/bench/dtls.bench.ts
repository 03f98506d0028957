/**
 * DTLS by itself: `npm run bench:dtls [rounds]`; some four minutes, and one a round.
 *
 * - The machine alone, in lockstep with its clients in one process: CPU of the server's turns.
 * - The listener as the transport has it, with stores in memory and in a process of its own, over UDP on the loopback: CPU is what `/proc` says of that process,
 *   user and system, all threads, from the first datagram until it is idle again; what becomes of a datagram without DTLS is measured beside it in each round.
 * - Bytes that an idle association takes.
 * - How long records of others wait while devices with raw public keys connect as fast as they are let, with the thread pool and without.
 *
 * Rounds to warm up go first; figures are medians of the rounds. The tables are printed, and kept in `dtls-results.json` with the machine and the date.
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { Child } from "./child.ts";
import type { DeviceKind } from "./dtls-devices.ts";
import type { EchoServerOptions, ServerPorts } from "./dtls-echo-server.ts";
import type { DtlsLoadCommand, DtlsLoadResult } from "./dtls-load-generator.ts";
import { DtlsLockstepLoad } from "./dtls-lockstep-load.ts";
import type { AssociationMemory } from "./dtls-memory.ts";
import { becomesIdle, cpuSeconds } from "./process-usage.ts";
import { formatTable } from "./table.ts";

const ROUNDS = Number(process.argv[2] ?? 3);
const KINDS: readonly DeviceKind[] = ["PSK", "RPK", "X.509"];
/** Certificates take long to make, and public-key handshakes long to do. */
const DEVICES: Readonly<Record<DeviceKind, number>> = { PSK: 2_000, RPK: 500, "X.509": 500 };
/** They do not count: with fewer, what is measured is the compiler. */
const WARM_UP_ROUNDS = 4;
const ECHOES = 40_000;
const LOCKSTEP_CLIENTS = 500;
const LOCKSTEP_TURNS = 20;
const LOCKSTEP_REPEATS = 10;
const DEFAULT_POOL_ABOVE = 4;
const NEVER_IN_POOL = 1_000_000;
const STORM_DEVICES = 500;
const STEADY_DEVICES = 100;
const STEADY_PER_SECOND = 500;
const STEADY_ECHOES = 2_000;
const LIMIT_MS = 30 * 60_000;

/** CPU of the server for one, µs. */
const TARGET_CPU_US: Readonly<Record<string, number>> = { "PSK handshake": 300 };
/** Heap and outside of it, bytes for an idle association. */
const TARGET_ASSOCIATION_BYTES = 1_000;

interface Figure {
  readonly operation: string;
  readonly cpuUs: number;
  /** Operations in a second of one core. */
  readonly perCoreSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

interface StormFigure {
  readonly records: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

const NO_LATENCY: Pick<DtlsLoadResult, "p50Ms" | "p99Ms" | "failed"> = { p50Ms: 0, p99Ms: 0, failed: 0 };

class Bench {
  readonly server = new Child<EchoServerOptions, ServerPorts>("dtls-echo-server.ts");
  readonly #generators: Child<DtlsLoadCommand, DtlsLoadResult>[] = [];
  #ports: ServerPorts | undefined;

  async start(computeInPoolAbove: number): Promise<void> {
    this.#ports = await this.server.ask({ devices: DEVICES, computeInPoolAbove });
  }

  async generator(kind: DeviceKind, count: number): Promise<Child<DtlsLoadCommand, DtlsLoadResult>> {
    const generator = new Child<DtlsLoadCommand, DtlsLoadResult>("dtls-load-generator.ts");
    this.#generators.push(generator);
    if (this.#ports === undefined) throw new TypeError("the server is started first");
    await generator.ask({ type: "prepare", kind, first: 0, count, server: this.#ports });
    return generator;
  }

  stop(): void {
    for (const child of [this.server, ...this.#generators]) child.stop();
  }
}

setTimeout(() => process.exit(1), LIMIT_MS).unref();
const results = {
  date: new Date().toISOString(),
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, linux: release() },
  node: process.version,
  rounds: ROUNDS,
  loadBefore: loadavg()[0],
  machineAlone: await measureMachine(),
  listener: await measureListener(),
  memory: await measureMemory(),
  storm: await measureStorms(),
};
writeFileSync(join(import.meta.dirname, "dtls-results.json"), `${JSON.stringify(results, null, 2)}\n`);
process.stdout.write(`\nThe machine alone\n${formatFigures(results.machineAlone)}`);
process.stdout.write(`\nThe listener, over UDP\n${formatFigures(results.listener)}`);
process.stdout.write(`\nMemory of an idle association\n${formatMemory(results.memory)}`);
process.stdout.write(
  `\nRecords while ${STORM_DEVICES} devices with raw public keys connect\n${formatStorm(results.storm)}`,
);

/** Each step's own figure is short: the quartile is what the machine takes when nothing else disturbs it. */
async function measureMachine(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const kind of KINDS) {
    const load = await DtlsLockstepLoad.of(kind, true);
    const add = (operation: string, turn: () => number): void => {
      const turns = Array.from({ length: LOCKSTEP_TURNS }, turn).sort((a, b) => a - b);
      figures.push(figureOf(`${kind} ${operation}`, turns[turns.length >> 2] ?? 0, NO_LATENCY));
    };
    load.handshakes(LOCKSTEP_CLIENTS);
    add("handshake", () => {
      load.forgetClients();
      return load.handshakes(LOCKSTEP_CLIENTS);
    });
    add("resumption", () => load.resumptions());
    if (kind !== "PSK") continue;
    // What is short is done often, for the kernel counts a thread's CPU in ticks.
    add("record pair", () => load.recordPairs(LOCKSTEP_REPEATS));
    add("hello without cookie", () => load.hellos(LOCKSTEP_CLIENTS * LOCKSTEP_REPEATS));
  }
  return figures;
}

async function measureListener(): Promise<Figure[]> {
  const bench = new Bench();
  try {
    await bench.start(DEFAULT_POOL_ABOVE);
    const figures: Figure[] = [];
    for (const kind of KINDS) {
      const generator = await bench.generator(kind, DEVICES[kind]);
      const rounds: Figure[][] = [];
      for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++)
        rounds.push(await measureRound(bench.server.pid, generator, kind));
      figures.push(...mediansOf(rounds.slice(WARM_UP_ROUNDS)));
    }
    return figures;
  } finally {
    bench.stop();
  }
}

async function measureRound(
  pid: number,
  generator: Child<DtlsLoadCommand, DtlsLoadResult>,
  kind: DeviceKind,
): Promise<Figure[]> {
  const run = async (operation: string, count: number, command: DtlsLoadCommand): Promise<Figure> => {
    const before = cpuSeconds(pid);
    const result = await generator.ask(command);
    await becomesIdle(pid);
    return figureOf(operation, ((cpuSeconds(pid) - before) * 1e6) / count, result);
  };
  const handshakes = [
    await run(`${kind} handshake`, DEVICES[kind], { type: "connect" }),
    await run(`${kind} resumption`, DEVICES[kind], { type: "resume" }),
  ];
  if (kind !== "PSK") return handshakes;
  return [
    ...handshakes,
    await run("datagram pair without DTLS", ECHOES, { type: "plainEcho", count: ECHOES }),
    await run("PSK record pair", ECHOES, { type: "echo", count: ECHOES }),
    await run("hello without cookie", ECHOES, { type: "hello", count: ECHOES }),
  ];
}

async function measureMemory(): Promise<AssociationMemory> {
  return new Child<never, AssociationMemory>("dtls-memory.ts", ["--expose-gc"]).next();
}

async function measureStorms(): Promise<StormFigure[]> {
  return [
    ...(await measureStorm("with thread pool", DEFAULT_POOL_ABOVE)),
    ...(await measureStorm("without", NEVER_IN_POOL)),
  ];
}

async function measureStorm(name: string, computeInPoolAbove: number): Promise<StormFigure[]> {
  const bench = new Bench();
  try {
    await bench.start(computeInPoolAbove);
    const steady = await bench.generator("PSK", STEADY_DEVICES);
    const storm = await bench.generator("RPK", STORM_DEVICES);
    await steady.ask({ type: "connect" });
    const echoes = { type: "steadyEcho", count: STEADY_ECHOES, perSecond: STEADY_PER_SECOND } as const;
    const connects = { type: "connect" } as const;
    await storm.ask(connects);
    const calm = await steady.ask(echoes);
    let isOver = false;
    const storms = (async (): Promise<void> => {
      while (!isOver) await storm.ask(connects);
    })();
    const stormy = await steady.ask(echoes);
    isOver = true;
    await storms;
    return [
      { records: `${name}, nobody connects`, ...latencyOf(calm) },
      { records: name, ...latencyOf(stormy) },
    ];
  } finally {
    bench.stop();
  }
}

function figureOf(
  operation: string,
  cpuUs: number,
  result: Pick<DtlsLoadResult, "p50Ms" | "p99Ms" | "failed">,
): Figure {
  return { operation, cpuUs: round(cpuUs), perCoreSecond: Math.round(1e6 / cpuUs), ...latencyOf(result) };
}

function latencyOf({ p50Ms, p99Ms, failed }: Pick<DtlsLoadResult, "p50Ms" | "p99Ms" | "failed">): typeof NO_LATENCY {
  return { p50Ms: round(p50Ms), p99Ms: round(p99Ms), failed };
}

/** Of each operation the round that is in the middle by its CPU. */
function mediansOf(rounds: readonly (readonly Figure[])[]): Figure[] {
  const [first = []] = rounds;
  return first.map((_, index) => {
    const figures = rounds.map((round) => round[index] as Figure).sort((a, b) => a.cpuUs - b.cpuUs); // All rounds are alike.
    return figures[figures.length >> 1] as Figure; // There is at least one round.
  });
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

function formatFigures(figures: readonly Figure[]): string {
  return formatTable(
    ["", "CPU µs", "target", "per core and s", "p50 ms", "p99 ms", "failed"],
    figures.map(({ operation, cpuUs, perCoreSecond, p50Ms, p99Ms, failed }) => {
      const target = TARGET_CPU_US[operation];
      const latencies = [p50Ms, p99Ms].map((ms) => (ms === 0 ? "" : ms.toFixed(1)));
      return [
        operation,
        cpuUs.toFixed(1),
        target === undefined ? "" : `≤ ${target}`,
        String(perCoreSecond),
        ...latencies,
        String(failed),
      ];
    }),
  );
}

function formatMemory({ associations, heapBytes, externalBytes, residentBytes }: AssociationMemory): string {
  const total = heapBytes + externalBytes;
  return formatTable(
    ["associations", "heap", "outside", "both", "target", "resident"],
    [[associations, heapBytes, externalBytes, total, `≤ ${TARGET_ASSOCIATION_BYTES}`, residentBytes].map(String)],
  );
}

function formatStorm(figures: readonly StormFigure[]): string {
  return formatTable(
    ["", "p50 ms", "p99 ms", "failed"],
    figures.map(({ records, p50Ms, p99Ms, failed }) => [records, p50Ms.toFixed(2), p99Ms.toFixed(2), String(failed)]),
  );
}
