import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Failpoint } from "@ferry/runtime";
import { Device } from "./device.ts";
import { type Asked, type Method, type RpcCounts, RpcLedger } from "./rpc-ledger.ts";
import { type ServiceProcess, type Stops, System } from "./system.ts";

/** A step at which a process is killed, or with `:stop` stopped, and let go on once the request has its answer. */
export type Fault = Failpoint | `${Failpoint}:stop`;

/** One row of the table of crashes: who ends where in the life of a request, and what may come of it. */
export interface CrashRow {
  readonly method: Method;
  readonly router?: Failpoint;
  readonly owner?: Fault;
  /** A stopped owner goes on at once, and its device stays with it. */
  readonly brief?: boolean;
  /** The device is not there. */
  readonly absent?: boolean;
  /** Final statuses that are right. */
  readonly statuses: readonly string[];
  /** How often the device carries the Execute out. */
  readonly executed: readonly number[];
}

/** Nodes that are killed at a time: their starts would else be each other's delay. */
const LANES = 3;
/** How long a node keeps its slot when it is dead: the router then ends what it had dispatched. */
const LEASE = "3s";
/** How soon a router's partitions are another's; brokers take less than 6 s only when told. */
const SESSION = "2s";
/** A process that is armed ends well within. */
const CRASH_MS = 20_000;
/** A router commits what it took over every second. One that died before would leave it to the next, and each would answer what those before it had answered. */
const COMMIT_MS = 1_200;
/** A process that goes on has sent what it wants to send. */
const AWAKE_MS = 1_500;

/** Runs the rows of the table on real Kafka and Redis, each as often as told. */
export class CrashRuns {
  readonly #system: System;
  readonly #survivor: ServiceProcess;
  readonly #ledger: RpcLedger;
  readonly #asked = new Map<CrashRow, Asked[]>();
  readonly #devices: Device[] = [];
  #count = 0;

  /** Starts what stays: Kafka, Redis and the node that devices go to when theirs is gone. `stops` is told how to end it. */
  static async start(stops: Stops): Promise<CrashRuns> {
    const system = await System.start({
      name: "crash",
      ownKafka: true,
      kafkaProperties: { "group.min.session.timeout.ms": "1000" },
      env: { KAFKA_SESSION_TIMEOUT_MS: SESSION, KAFKA_HEARTBEAT_INTERVAL_MS: "300ms", LWM2M_NODE_LEASE: LEASE },
      transportEnv: { LWM2M_REACHABILITY_MODE: "vip" },
    });
    stops.push(() => system.stop());
    const survivor = await system.run("transport", "survivor");
    await survivor.started;
    const runs = new CrashRuns(system, survivor, await RpcLedger.open(system));
    stops.push(() => Promise.all(runs.#devices.map((device) => device.stop())));
    return runs;
  }

  private constructor(system: System, survivor: ServiceProcess, ledger: RpcLedger) {
    this.#system = system;
    this.#survivor = survivor;
    this.#ledger = ledger;
  }

  /** Runs each row `times` times. @throws {ProcessStartError} a process or device did not start */
  async run(rows: readonly CrashRow[], times: number): Promise<ReadonlyMap<CrashRow, RpcCounts>> {
    const runs = rows.flatMap((row) => Array.from({ length: times }, () => row));
    await this.#system.explain(async () => {
      await this.#crashRouters(runs.filter(({ router }) => router !== undefined));
      await this.#crashOwners(runs.filter(({ router }) => router === undefined));
    });
    await Promise.allSettled([...this.#asked.values()].flat().map(({ answered }) => answered));
    return this.#ledger.count(this.#asked);
  }

  /** One after the other: who takes over from a router that was killed is the one that is killed next. */
  async #crashRouters(runs: readonly CrashRow[]): Promise<void> {
    let router = await this.#startRouter(runs[0]);
    await router.started;
    await this.#system.provision();
    for (const [index, row] of runs.entries()) {
      const owner = row.owner === undefined ? this.#survivor : await this.#startVictim(row);
      const asked = await this.#ask(row, owner);
      await crashes(router, row.router, asked);
      await router.kill9(); // Where it should have ended and did not.
      router = await this.#startRouter(runs[index + 1]);
      await router.started;
      await sleep(COMMIT_MS);
    }
  }

  /** A few at a time. Resolves when the last was killed; answers may still be on their way. */
  async #crashOwners(runs: readonly CrashRow[]): Promise<void> {
    const left = [...runs];
    const lane = async (): Promise<void> => {
      for (let row = left.shift(); row !== undefined; row = left.shift()) await this.#crashOwner(row);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  async #crashOwner(row: CrashRow): Promise<void> {
    const victim = await this.#startVictim(row);
    const asked = await this.#ask(row, victim);
    await crashes(victim, row.owner, asked);
    if (row.brief === true) victim.resume();
    else await this.#moveToSurvivor(asked);
    if (!victim.running) return;

    await Promise.allSettled([asked.answered]);
    victim.resume();
    await victim.readiness(); // It is awake again.
    await sleep(AWAKE_MS);
    await victim.kill9();
  }

  async #startRouter(row: CrashRow | undefined): Promise<ServiceProcess> {
    const env = row?.router === undefined ? {} : { LWM2M_FAILPOINT: row.router };
    return this.#system.run("rpc-router", `router-${++this.#count}`, { env });
  }

  async #startVictim({ owner }: CrashRow): Promise<ServiceProcess> {
    const env = owner === undefined ? {} : { LWM2M_FAILPOINT: owner };
    const victim = await this.#system.run("transport", `victim-${++this.#count}`, { env });
    await victim.started;
    return victim;
  }

  /** Asks a device that has just registered with `owner`. */
  async #ask(row: CrashRow, owner: ServiceProcess): Promise<Asked> {
    const endpoint = `sim-crash-${++this.#count}`;
    const device = row.absent === true ? undefined : await Device.start(endpoint, owner);
    if (device !== undefined) {
      this.#devices.push(device);
      device.hearEveryNode();
      await device.waitFor("registered");
    }
    const asked = await this.#ledger.ask(endpoint, row.method, device);
    this.#asked.set(row, [...(this.#asked.get(row) ?? []), asked]);
    return asked;
  }

  /** The device is heard by the other node, and stays with it. */
  async #moveToSurvivor({ device, problems }: Asked): Promise<void> {
    device?.moveTo(this.#survivor);
    device?.handle({ type: "update" });
    await device?.waitFor("updated").catch((error: unknown) => problems.push(String(error)));
  }
}

/** Resolves when a process is where it was to be killed or stopped, or, with a problem, when it is not in time. */
async function crashes(victim: ServiceProcess, fault: Fault | undefined, { problems }: Asked): Promise<void> {
  for (const deadlineMs = Date.now() + CRASH_MS; Date.now() < deadlineMs; await sleep(20)) {
    if (!victim.running || (await isStopped(victim))) return;
  }
  problems.push(`${victim.name} did not come to ${fault} within ${CRASH_MS} ms:\n${victim.logTail()}`);
}

/** By the state that Linux shows: `T` after SIGSTOP (proc_pid_stat(5)). */
async function isStopped({ pid }: ServiceProcess): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}
