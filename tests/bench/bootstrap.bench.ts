/**
 * A thousand devices from the factory that are switched on at once, on a real Kafka and Redis: `npm run bench:bootstrap [rounds]`; two minutes.
 *
 * Method: one bootstrap server, one transport and one router, a process each; `bootstrap-devices.ts` plays the devices, from 127.16.0.1 upward, a thousand new ones in each
 * round. They are bootstrapped step by step (LwM2M 1.1) and register: in the clear, then with a pre-shared key at either server, the second of which they get by the bootstrap.
 * Times are from the moment in which they are switched on, and are what the machine left over: devices, Kafka and Redis share its cores. CPU is what `/proc` says of a process,
 * user and system, all threads, from the first datagram until it is idle again. A round to warm up goes first; figures are medians of the others.
 * Resident memory of the bootstrap process is that of a fresh process at rest, the highest that it had by the end of the rounds, and some seconds after them.
 * The table is printed, and kept in `bootstrap-results.json` with the machine and the date.
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProvisioningDocument } from "@ferry/provisioning";
import { type ServiceProcess, System } from "../e2e/system.ts";
import {
  type BootstrapCommand,
  type BootstrapResult,
  type BootstrapSecurity,
  factoryIdentityOf,
} from "./bootstrap-devices.ts";
import { Child } from "./child.ts";
import { pskOf } from "./dtls-devices.ts";
import { becomesIdle, cpuSeconds, peakResidentBytes, residentBytes } from "./process-usage.ts";
import { formatTable } from "./table.ts";

const ROUNDS = Number(process.argv[2] ?? 3);
const DEVICES = 1_000;
const SECURITIES: readonly BootstrapSecurity[] = ["noSec", "DTLS-PSK"];
const LIMIT_MS = 20 * 60_000;
const MIB = 1024 * 1024;
/** A process gives memory back some time after it needed it. */
const REST_MS = 15_000;
/** Why a device has to repeat itself, by names of metrics behind those of the server. */
const LOST = ["socket_drops", "dtls_socket_drops"];
const PUT_OFF = ['dtls_dropped_total{reason="tooManyHandshakes"}'];

/** One round, all numbers. */
interface Round {
  readonly failed: number;
  readonly setbacks: number;
  /** Datagrams that the kernel dropped before the two servers read them. */
  readonly lost: number;
  /** Hellos that the two servers dropped because too many handshakes began: their devices send them again after a second. */
  readonly putOff: number;
  readonly bootstrappedP50Ms: number;
  readonly bootstrappedP99Ms: number;
  readonly allBootstrappedMs: number;
  readonly registeredP50Ms: number;
  readonly registeredP99Ms: number;
  readonly allRegisteredMs: number;
  /** For a device, µs. */
  readonly bootstrapCpuUs: number;
  readonly transportCpuUs: number;
}

interface Figure extends Round {
  readonly security: BootstrapSecurity;
  /** Resident memory of the bootstrap process, MiB. */
  readonly residentMiB: { readonly before: number; readonly peak: number; readonly after: number };
}

type Generator = Child<BootstrapCommand, BootstrapResult>;

setTimeout(() => process.exit(1), LIMIT_MS).unref();
const loadBefore = loadavg()[0];
const system = await System.start({ name: "bench-bootstrap" });
try {
  await (await system.run("rpc-router", "bench-router")).started;
  const figures: Figure[] = [];
  for (const security of SECURITIES) figures.push(await measure(security));
  const results = {
    date: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model, cores: cpus().length, memoryMiB: Math.round(totalmem() / MIB), linux: release() },
    node: process.version,
    loadBefore,
    devices: DEVICES,
    rounds: ROUNDS,
    figures,
  };
  writeFileSync(join(import.meta.dirname, "bootstrap-results.json"), `${JSON.stringify(results, null, 2)}\n`);
  process.stdout.write(format(figures));
} finally {
  await system.stop();
}

/** With servers of its own, so that memory and metrics are those of these devices. */
async function measure(security: BootstrapSecurity): Promise<Figure> {
  const transport = await system.run("transport", `bench-transport-${security}`);
  const bootstrap = await system.run("bootstrap", `bench-bootstrap-${security}`);
  await Promise.all([transport.started, bootstrap.started]);
  await declare(security, transport);
  await Promise.all([becomesIdle(bootstrap.pid), becomesIdle(transport.pid)]);
  const before = residentBytes(bootstrap.pid);
  const generator: Generator = new Child("bootstrap-devices.ts");
  const rounds: Round[] = [];
  for (let round = 0; round <= ROUNDS; round++)
    rounds.push(await measureRound(security, round, generator, { transport, bootstrap }));
  generator.stop();
  await sleep(REST_MS);
  const [peak, after] = [peakResidentBytes(bootstrap.pid), residentBytes(bootstrap.pid)];
  await Promise.all([transport.terminate(), bootstrap.terminate()]);
  const mib = (bytes: number): number => Math.round(bytes / MIB);
  return {
    security,
    ...medianOf(rounds.slice(1)),
    residentMiB: { before: mib(before), peak: mib(peak), after: mib(after) },
  };
}

async function measureRound(
  security: BootstrapSecurity,
  round: number,
  generator: Generator,
  { transport, bootstrap }: Readonly<Record<"transport" | "bootstrap", ServiceProcess>>,
): Promise<Round> {
  const port = security === "noSec" ? bootstrap.coapPort : bootstrap.dtlsPort;
  const before = await usageOf(bootstrap, transport);
  const run = { type: "run", security, port, prefix: prefixOf(security, round), count: DEVICES } as const;
  const { bootstrapped, registered, setbacks } = await generator.ask(run);
  await Promise.all([becomesIdle(bootstrap.pid), becomesIdle(transport.pid)]);
  const after = await usageOf(bootstrap, transport);
  // Those of the next round are to be alone.
  await generator.ask({ type: "stop" });
  await Promise.all([becomesIdle(bootstrap.pid), becomesIdle(transport.pid)]);
  const each = (seconds: number): number => (seconds * 1e6) / DEVICES;
  return {
    failed: DEVICES - registered.count,
    setbacks,
    lost: after.lost - before.lost,
    putOff: after.putOff - before.putOff,
    bootstrappedP50Ms: bootstrapped.p50Ms,
    bootstrappedP99Ms: bootstrapped.p99Ms,
    allBootstrappedMs: bootstrapped.lastMs,
    registeredP50Ms: registered.p50Ms,
    registeredP99Ms: registered.p99Ms,
    allRegisteredMs: registered.lastMs,
    bootstrapCpuUs: each(after.bootstrapCpuS - before.bootstrapCpuS),
    transportCpuUs: each(after.transportCpuS - before.transportCpuS),
  };
}

async function usageOf(bootstrap: ServiceProcess, transport: ServiceProcess) {
  const sum = async (names: readonly string[]): Promise<number> => {
    const all = names.flatMap((name) => [
      bootstrap.metric(`lwm2m_bootstrap_${name}`),
      transport.metric(`lwm2m_${name}`),
    ]);
    return (await Promise.all(all)).reduce((total, value) => total + value, 0);
  };
  const [bootstrapCpuS, transportCpuS] = [cpuSeconds(bootstrap.pid), cpuSeconds(transport.pid)];
  return { bootstrapCpuS, transportCpuS, lost: await sum(LOST), putOff: await sum(PUT_OFF) };
}

/** Devices are declared one by one: each has keys of its own. */
async function declare(security: BootstrapSecurity, { coapPort, dtlsPort }: ServiceProcess): Promise<void> {
  const account = security === "noSec" ? { security: "noSec", port: coapPort } : { security: "psk", port: dtlsPort };
  const servers = [{ shortServerId: 101, host: "127.0.0.1", lifetimeS: 3_600, ...account }];
  const profile = `bench-${security}`;
  const json = JSON.stringify({ resources: {}, bootstrap: { servers } });
  const devices = Array.from({ length: ROUNDS + 1 }, (_, round) =>
    Array.from({ length: DEVICES }, (_, index) => deviceOf(security, profile, `${prefixOf(security, round)}${index}`)),
  );
  await system.apply([{ kind: "profile", tenant: "default", id: profile, body: { profile: { json } } }]);
  await system.apply(devices.flat());
}

function deviceOf(security: BootstrapSecurity, profile: string, endpoint: string): ProvisioningDocument {
  const psk = (identity: string) => ({ psk: { identity, key: { plain: pskOf(identity) } } });
  const keys =
    security === "noSec"
      ? { credentials: [{ noSec: {} }] }
      : { credentials: [psk(endpoint)], bootstrap: { bootstrapServer: psk(factoryIdentityOf(endpoint)) } };
  return { kind: "device", tenant: "default", id: endpoint, body: { device: { endpoint, profile, ...keys } } };
}

function prefixOf(security: BootstrapSecurity, round: number): string {
  return `bench-${security.toLowerCase()}-${round}-`;
}

/** Each number by itself. */
function medianOf(rounds: readonly Round[]): Round {
  const names = Object.keys(rounds[0] ?? {}) as (keyof Round)[];
  const entries = names.map((name) => {
    const values = rounds.map((round) => round[name]).sort((a, b) => a - b);
    return [name, Number((values[values.length >> 1] as number).toPrecision(4))]; // There is at least one round.
  });
  return Object.fromEntries(entries) as Round;
}

function format(figures: readonly Figure[]): string {
  return formatTable(
    [
      `${DEVICES} devices`,
      "all bootstrapped s",
      "p50 s",
      "all registered s",
      "p50 s",
      "failed",
      "setbacks",
      "lost",
      "put off",
      "bootstrap CPU µs",
      "transport CPU µs",
      "resident MiB before, peak, after",
    ],
    figures.map((figure) => [
      figure.security,
      ...[figure.allBootstrappedMs, figure.bootstrappedP50Ms, figure.allRegisteredMs, figure.registeredP50Ms].map(
        (ms) => (ms / 1000).toFixed(2),
      ),
      ...[figure.failed, figure.setbacks, figure.lost, figure.putOff].map(String),
      figure.bootstrapCpuUs.toFixed(0),
      figure.transportCpuUs.toFixed(0),
      Object.values(figure.residentMiB).join(", "),
    ]),
  );
}
