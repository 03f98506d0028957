import { setTimeout as sleep } from "node:timers/promises";
import { type RedisProcess, startRedis } from "@ferry/testing";
import { Redis } from "ioredis";

/** A replica of a Redis, in step with it. */
export async function startReplica(primary: RedisProcess): Promise<RedisProcess> {
  await command(primary, "CONFIG", "SET", "repl-diskless-sync-delay", "0");
  const { host, port } = primary;
  const replica = await startRedis(["--appendonly", "yes", "--replicaof", host, String(port)]);
  while (!String(await command(replica, "INFO", "replication")).includes("master_link_status:up")) await sleep(50);
  return replica;
}

/** From now on the replica hears nothing any more: what it has grows old. */
export async function cutOff(replica: RedisProcess): Promise<void> {
  await command(replica, "REPLICAOF", "127.0.0.1", "1"); // Nobody is there.
}

/** The primary dies, and the replica takes its place and its port, as behind a Service or a virtual address. Returns it as it is then. */
export async function takePlace(replica: RedisProcess, primary: RedisProcess, port: number): Promise<RedisProcess> {
  await primary.kill9();
  await command(replica, "REPLICAOF", "NO", "ONE");
  await command(replica, "CONFIG", "SET", "port", String(port));
  return { ...replica, port };
}

/** Sends a command to a Redis. */
export async function command({ host, port }: RedisProcess, ...words: [string, ...string[]]): Promise<unknown> {
  const client = new Redis({ host, port });
  try {
    return await client.call(...words);
  } finally {
    client.disconnect();
  }
}
