import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { ProcessStartError } from "./errors.ts";
import { type RedisProcess, startRedis } from "./redis-process.ts";

/** A Redis Cluster of three masters and no replicas, which share the 16384 slots. */
export interface RedisClusterProcess {
  /** `host:port` of each master. */
  readonly nodes: readonly string[];
  readonly masters: readonly RedisProcess[];
  stop(): Promise<void>;
}

const MASTERS = 3;
const SLOTS = 16_384;
const READY_TIMEOUT_MS = 15_000;

/**
 * Starts a cluster; resolves when every master serves its slots and knows the others'.
 *
 * @throws {MissingToolError} there is no redis-server
 */
export async function startRedisCluster(): Promise<RedisClusterProcess> {
  const options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
  const masters = await Promise.all(Array.from({ length: MASTERS }, () => startRedis(options)));
  const stop = async (): Promise<void> => {
    await Promise.all(masters.map((master) => master.stop()));
  };
  const clients = masters.map(({ host, port }) => new Redis({ host, port }));
  try {
    await Promise.all(clients.map((client, index) => join(client, index, masters[0] as RedisProcess)));
    await Promise.all(clients.map(isReady));
  } catch (error) {
    await stop();
    throw error;
  } finally {
    for (const client of clients) client.disconnect();
  }
  return { nodes: masters.map(({ host, port }) => `${host}:${port}`), masters, stop };
}

async function join(client: Redis, index: number, first: RedisProcess): Promise<void> {
  const from = Math.floor((index * SLOTS) / MASTERS);
  const to = Math.floor(((index + 1) * SLOTS) / MASTERS) - 1;
  await client.call("CLUSTER", "ADDSLOTSRANGE", from, to);
  await client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
  if (index > 0) await client.call("CLUSTER", "MEET", first.host, first.port);
}

async function isReady(client: Redis): Promise<void> {
  const deadlineMs = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadlineMs) {
    const info = String(await client.call("CLUSTER", "INFO"));
    if (info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${MASTERS}`)) return;
    await sleep(50);
  }
  throw new ProcessStartError("the Redis Cluster does not come together");
}
