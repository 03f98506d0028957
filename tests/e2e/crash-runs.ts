import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sender } from "@ferry/bus";
import { CONTENT_TYPE, CONTENT_TYPE_HEADER, deviceKey, TOPICS } from "@ferry/proto";
import type { Failpoint } from "@ferry/runtime";
import { ProcessStartError, readKafkaRecords } from "@ferry/testing";
import { Device } from "./device.ts";
import { type Recording, type ServiceProcess, type Stops, System } from "./system.ts";

/** A step at which a process is killed, or with `:stop` stopped, and let go on once the request has its answer. */
export type Fault = Failpoint | `${Failpoint}:stop`;

/** One row of the table of crashes: who ends where in the life of a request, and what may come of it. */
export interface CrashRow {
  readonly method: "Execute" | "Read";
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

/** What came of the runs of a row: each value that was seen, with the number of runs in which it was. */
export interface CrashCounts {
  readonly runs: number;
  /** Different final answers to one request. */
  readonly answers: Readonly<Record<string, number>>;
  /** Records that carry them: what was decided may be published once more, byte by byte the same. */
  readonly records: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<string, number>>;
  /** Executes, counted by the device. */
  readonly executed: Readonly<Record<string, number>>;
}

interface Run {
  readonly row: CrashRow;
  readonly requestId: string;
  readonly device: Device | undefined;
}

/** Nodes that are killed at a time: their starts would else be each other's delay. */
const LANES = 3;
/** How long a node keeps its slot when it is dead: the router then ends what it had dispatched. */
const LEASE = "3s";
/** How soon a router's partitions are another's; brokers take less than 6 s only when told. */
const SESSION = "2s";
/** A process that is armed ends well within. */
const CRASH_MS = 20_000;
/** What a dead node had decided is published by who sweeps its shard: 30 s of its lease, 15 s that an entry is left to its node, 10 s a round. */
const ANSWER_MS = 90_000;
/** Expires after all that: no answer comes of the deadline. */
const EXPIRY_MS = 100_000;
/** A process that goes on has sent what it wants to send. */
const AWAKE_MS = 1_500;

/** Runs the rows of the table on real Kafka and Redis, each as often as told. */
export class CrashRuns {
  readonly #system: System;
  readonly #stops: Stops;
  readonly #survivor: ServiceProcess;
  readonly #answers: Recording;
  readonly #sender: Sender;
  readonly #runs: Run[] = [];
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
    return new CrashRuns(system, stops, survivor, await system.follow("rpcResponse"));
  }

  private constructor(system: System, stops: Stops, survivor: ServiceProcess, answers: Recording) {
    this.#system = system;
    this.#stops = stops;
    this.#survivor = survivor;
    this.#answers = answers;
    this.#sender = system.bus.sender({ name: "crash", lingerMs: 0 });
  }

  /** Runs each row `times` times. @throws {ProcessStartError} a process did not end where it should, or an answer did not come */
  async run(rows: readonly CrashRow[], times: number): Promise<ReadonlyMap<CrashRow, CrashCounts>> {
    const jobs = rows.flatMap((row) => Array.from({ length: times }, () => row));
    await this.#system.explain(async () => {
      const ofRouters = await this.#crashRouters(jobs.filter(({ router }) => router !== undefined));
      const ofOwners = await this.#crashOwners(jobs.filter(({ router }) => router === undefined));
      await Promise.all([...ofRouters, ...ofOwners].map(({ answered }) => answered));
    });
    return this.#readTopic(rows);
  }

  /** One after the other: who takes over from a router that was killed is the one that is killed next. */
  async #crashRouters(jobs: readonly CrashRow[]): Promise<Asked[]> {
    const asked: Asked[] = [];
    let router = await this.#startRouter(jobs[0]);
    await router.started;
    await this.#system.provision();
    for (const [index, row] of jobs.entries()) {
      const owner = row.owner === undefined ? this.#survivor : await this.#startVictim(row);
      const { answered } = await this.#ask(row, owner);
      await crashed(router, row.router);
      router = await this.#startRouter(jobs[index + 1]);
      asked.push({ answered });
      await router.started;
    }
    return asked;
  }

  /** A few at a time. Resolves when the last was killed; answers may still be on their way. */
  async #crashOwners(jobs: readonly CrashRow[]): Promise<Asked[]> {
    const asked: Asked[] = [];
    const left = [...jobs];
    const lane = async (): Promise<void> => {
      for (let row = left.shift(); row !== undefined; row = left.shift()) asked.push(await this.#crashOwner(row));
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return asked;
  }

  async #crashOwner(row: CrashRow): Promise<Asked> {
    const victim = await this.#startVictim(row);
    const { device, answered } = await this.#ask(row, victim);
    await crashed(victim, row.owner);
    if (row.brief === true) victim.resume();
    else await this.#moveToSurvivor(device);
    if (!victim.running) return { answered };

    await answered;
    victim.resume();
    await victim.readiness(); // It is awake again.
    await sleep(AWAKE_MS);
    await victim.kill9();
    return { answered };
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

  /** Sends a request as an application does, to a device that has just registered. */
  async #ask(row: CrashRow, owner: ServiceProcess): Promise<Asked & { readonly device: Device | undefined }> {
    const endpoint = `sim-crash-${++this.#count}`;
    const device = row.absent === true ? undefined : await Device.start(endpoint, owner);
    if (device !== undefined) {
      this.#stops.push(() => device.stop());
      device.hearEveryNode();
      await device.waitFor("registered");
    }
    const requestId = randomUUID();
    const params = { id: row.method === "Execute" ? "/3/0/4" : "/3/0/9" };
    const request = { requestId, tenant: "default", endpoint, method: row.method, params };
    this.#runs.push({ row, requestId, device });
    await this.#sender.publish({
      topic: this.#system.topicPrefix + TOPICS.rpcRequest.name,
      key: deviceKey("default", endpoint),
      value: Buffer.from(JSON.stringify({ ...request, expiresAtMs: Date.now() + EXPIRY_MS })),
      headers: { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.json },
    });
    const answered = this.#answers.waitFor(({ value }) => value.requestId === requestId, ANSWER_MS);
    answered.catch(() => {}); // Whoever awaits it is told.
    return { device, answered };
  }

  /** The device is heard by the other node, and stays with it. */
  async #moveToSurvivor(device: Device | undefined): Promise<void> {
    device?.moveTo(this.#survivor);
    device?.handle({ type: "update" });
    await device?.waitFor("updated");
  }

  /** What Kafka's own client finds in the topic of answers, and what the devices counted. */
  async #readTopic(rows: readonly CrashRow[]): Promise<ReadonlyMap<CrashRow, CrashCounts>> {
    const { kafka, topicPrefix } = this.#system;
    const answers = new Map<string, string[]>();
    for (const { value } of await readKafkaRecords(kafka.bootstrapServers, [topicPrefix + TOPICS.rpcResponse.name])) {
      const text = Buffer.from(value ?? []).toString();
      const { requestId } = JSON.parse(text) as { readonly requestId: string };
      answers.set(requestId, [...(answers.get(requestId) ?? []), text]);
    }
    const answersTo = ({ requestId }: Run): string[] => answers.get(requestId) ?? [];
    return new Map(
      rows.map((row) => {
        const runs = this.#runs.filter((run) => run.row === row);
        const found = runs.map(answersTo);
        return [
          row,
          {
            runs: runs.length,
            answers: tally(found.map((texts) => new Set(texts).size)),
            records: tally(found.map((texts) => texts.length)),
            statuses: tally(found.flatMap((texts) => [...new Set(texts)].map(statusOf))),
            executed: tally(runs.map(({ device }) => device?.of("executed").length ?? 0)),
          },
        ];
      }),
    );
  }
}

interface Asked {
  readonly answered: Promise<unknown>;
}

/** Resolves when a process is where it was to be killed or stopped. @throws {ProcessStartError} it is not, in time */
async function crashed(victim: ServiceProcess, fault: Fault | undefined): Promise<void> {
  for (const deadlineMs = Date.now() + CRASH_MS; Date.now() < deadlineMs; await sleep(20)) {
    if (!victim.running || (await isStopped(victim))) return;
  }
  throw new ProcessStartError(`${victim.name} did not come to ${fault} within ${CRASH_MS} ms`);
}

/** By the state that Linux shows: `T` after SIGSTOP (proc_pid_stat(5)). */
async function isStopped({ pid }: ServiceProcess): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}

function statusOf(answer: string): string {
  return (JSON.parse(answer) as { readonly status: string }).status;
}

function tally(values: readonly (string | number)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
