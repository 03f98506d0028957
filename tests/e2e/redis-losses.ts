import { setTimeout as sleep } from "node:timers/promises";
import { uriPath } from "@ferry/coap";
import { connectRedis } from "@ferry/state/redis";
import type { RedisProcess } from "@ferry/testing";
import { Device } from "./device.ts";
import { command, cutOff, startReplica, takePlace } from "./redis-replica.ts";
import { type Asked, type Method, type RpcCounts, RpcLedger } from "./rpc-ledger.ts";
import { type Recording, type ServiceProcess, type Stops, System } from "./system.ts";

/** How Redis loses what it had: all of it, or the last second. */
export type Loss = "FLUSHALL" | "fail-over";

/** Where a request is when that happens. */
export type Stage =
  /** It waits for its device, which sleeps. */
  | "waits"
  /** The device has it and has not answered. */
  | "under way"
  /** Its answer is on the bus. */
  | "answered"
  /** It had waited, and after the last second began its device woke and got it. */
  | "woken, under way"
  /** The same, and the device answered. */
  | "woken, answered";

/** One row of the table of losses. */
export interface LossRow {
  readonly loss: Loss;
  readonly stage: Stage;
  readonly method: Method;
  /** Final statuses that are right. */
  readonly statuses: readonly string[];
}

/** How long an open request waits for a device of queue mode to be taken for asleep. */
const AWAKE = "1s";
/** Longer than the devices are taken for awake. */
const ASLEEP_MS = 1_500;
/** How much a fail-over loses. */
const LAST_SECOND_MS = 1_000;
/** How long a device has a request without answering: Redis is lost in between. */
const RESPONSE_DELAY_MS = 3_000;
/** How often the devices are heard afterwards, from the first moment on: before Redis has back what Kafka knows nothing may be carried out twice, and then all that waits is. */
const WAKES_EVERY_MS = 500;
/** How long after that they go on: what is carried out once more, or answered once more, has been. */
const SETTLES_MS = 3_000;
/** A device whose node cannot reach Redis is refused, and comes again. */
const REGISTER_MS = 30_000;

/** A device and what it is asked. */
interface Subject {
  readonly row: LossRow;
  readonly endpoint: string;
  readonly device: Device;
  /** Resolves when the device has the request. */
  readonly received: Promise<void>;
  asked: Asked | undefined;
}

/** Loses Redis under requests, again and again, with all that runs on it alive. */
export class RedisLosses {
  readonly #system: System;
  readonly #stops: Stops;
  readonly #nodes: readonly [ServiceProcess, ServiceProcess];
  readonly #ledger: RpcLedger;
  readonly #progress: Recording;
  readonly #asked = new Map<LossRow, Asked[]>();
  readonly #devices: Device[] = [];
  #redis: RedisProcess;
  #count = 0;

  static async start(stops: Stops): Promise<RedisLosses> {
    const system = await System.start({
      name: "loss",
      transportEnv: { LWM2M_REACHABILITY_MODE: "vip", LWM2M_AWAKE_QUEUE_MODE: AWAKE },
    });
    stops.push(() => system.stop());
    const nodes = [await system.run("transport", "transport-0"), await system.run("transport", "transport-1")] as const;
    const router = await system.run("rpc-router", "rpc-router");
    await Promise.all([...nodes, router].map(({ started }) => started));
    const losses = new RedisLosses(
      system,
      stops,
      nodes,
      await RpcLedger.open(system),
      await system.follow("rpcStatus"),
    );
    stops.push(() => Promise.all(losses.#devices.map((device) => device.stop())));
    return losses;
  }

  private constructor(
    system: System,
    stops: Stops,
    nodes: readonly [ServiceProcess, ServiceProcess],
    ledger: RpcLedger,
    progress: Recording,
  ) {
    this.#system = system;
    this.#stops = stops;
    this.#nodes = nodes;
    this.#ledger = ledger;
    this.#progress = progress;
    this.#redis = system.redis;
  }

  /** Loses Redis `times` times in each way, under one request of each row. @throws {ProcessStartError} a device did not register, or did not get its request */
  async run(rows: readonly LossRow[], times: number): Promise<ReadonlyMap<LossRow, RpcCounts>> {
    await this.#system.explain(async () => {
      for (const loss of ["FLUSHALL", "fail-over"] as const) {
        const ofLoss = rows.filter((row) => row.loss === loss);
        for (let run = 0; run < times && ofLoss.length > 0; run++) await this.#lose(loss, ofLoss, run % 2 === 1);
      }
    });
    return this.#ledger.count(this.#asked);
  }

  /** `moves`: the devices go to the other node afterwards. */
  async #lose(loss: Loss, rows: readonly LossRow[], moves: boolean): Promise<void> {
    await this.#system.provision(); // Answered once the read model is whole again.
    const replica = loss === "fail-over" ? await startReplica(this.#redis) : undefined;
    if (replica !== undefined) this.#stops.push(() => replica.stop());
    const subjects = await Promise.all(rows.map((row) => this.#startDevice(row)));
    await sleep(ASLEEP_MS);
    await Promise.all(subjects.filter(waits).map((subject) => this.#askAndWait(subject)));

    if (replica !== undefined) await cutOff(replica);
    const brokenMs = Date.now();
    await Promise.all(subjects.map((subject) => this.#proceed(subject)));
    if (replica === undefined) await command(this.#redis, "FLUSHALL");
    else await this.#promote(replica, brokenMs + LAST_SECOND_MS);

    for (const { device } of subjects) if (moves) device.moveTo(this.#nodes[1]);
    const wake = (): void => {
      for (const { device } of subjects) device.handle({ type: "update" });
    };
    wake();
    const wakes = setInterval(wake, WAKES_EVERY_MS);
    await Promise.allSettled(subjects.map(({ asked }) => asked?.answered));
    await this.#restored();
    await sleep(SETTLES_MS);
    clearInterval(wakes);
  }

  async #startDevice(row: LossRow): Promise<Subject> {
    const endpoint = `sim-loss-${++this.#count}`;
    const { promise: received, resolve: onReceived } = Promise.withResolvers<void>();
    const asked = row.method === "Execute" ? "3/0/4" : "3/0/9";
    const device = await Device.start(endpoint, this.#nodes[0], {
      queueMode: waits({ row }),
      responseDelayMs: row.stage.endsWith("under way") ? RESPONSE_DELAY_MS : 0,
      override: ({ options }) => void (uriPath(options).join("/") === asked && onReceived()),
    });
    this.#devices.push(device);
    device.hearEveryNode();
    await device.waitFor("registered", { timeoutMs: REGISTER_MS });
    return { row, endpoint, device, received, asked: undefined };
  }

  async #ask(subject: Subject): Promise<Asked> {
    const { row, endpoint, device } = subject;
    const asked = await this.#ledger.ask(endpoint, row.method, device);
    this.#asked.set(row, [...(this.#asked.get(row) ?? []), asked]);
    subject.asked = asked;
    return asked;
  }

  async #askAndWait(subject: Subject): Promise<void> {
    const { requestId } = await this.#ask(subject);
    await this.#progress.waitFor(
      ({ value }) => value.requestId === requestId && value.progress === "RPC_PROGRESS_WAITING_FOR_DEVICE",
    );
  }

  /** Brings a request to where it is to be when Redis is lost. */
  async #proceed(subject: Subject): Promise<void> {
    const { stage } = subject.row;
    if (stage === "waits") return;
    const asked = subject.asked ?? (await this.#ask(subject));
    if (waits(subject)) subject.device.handle({ type: "update" });
    await (stage.endsWith("answered") ? asked.answered : subject.received);
  }

  /** Resolves when Redis has back what Kafka knows. */
  async #restored(): Promise<void> {
    const state = connectRedis({ url: this.#system.redis.url });
    try {
      while (!(await state.devices.incarnation().catch(() => undefined))?.restored) await sleep(100);
    } finally {
      await state.stop();
    }
  }

  /** The primary dies, and the replica takes its place and address, as behind a Service or a virtual address. */
  async #promote(replica: RedisProcess, atMs: number): Promise<void> {
    await sleep(Math.max(0, atMs - Date.now()));
    this.#redis = await takePlace(replica, this.#redis, this.#system.redis.port);
  }
}

function waits({ row }: Pick<Subject, "row">): boolean {
  return row.stage === "waits" || row.stage.startsWith("woken");
}
