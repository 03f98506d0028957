import { setTimeout as sleep } from "node:timers/promises";
import { type RedisClusterProcess, type RedisProcess, startRedis, startRedisCluster } from "@ferry/testing";
import { afterAll, beforeAll, describe } from "@jest/globals";
import { Cluster, type Redis } from "ioredis";
import {
  describeAssociationRealms,
  describeAssociationStore,
  describeBootstrapStore,
  describeBudgetStore,
  describeDeviceStore,
  describeNodeDirectory,
  describeProvisioningStore,
} from "../contract/index.ts";
import { connectRedis } from "./connect-redis.ts";
import { RedisConnection, type RedisSettings } from "./connection.ts";
import { RedisAssociationStore } from "./redis-association-store.ts";
import { RedisBootstrapStore } from "./redis-bootstrap-store.ts";
import { RedisBudgetStore } from "./redis-budget-store.ts";
import { RedisDeviceStore } from "./redis-device-store.ts";
import { RedisNodeDirectory } from "./redis-node-directory.ts";
import { RedisProvisioningStore } from "./redis-provisioning-store.ts";

let redis: RedisProcess;
let cluster: RedisClusterProcess;
beforeAll(async () => {
  [redis, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
}, 30_000);
afterAll(() => Promise.all([redis?.stop(), cluster?.stop()]));

/** Three connections, as three nodes have them, and what empties the store. */
async function connect(settings: RedisSettings): Promise<{
  connections: [RedisConnection, RedisConnection, RedisConnection];
  wipe(): Promise<void>;
  stop(): Promise<void>;
}> {
  const connections: [RedisConnection, RedisConnection, RedisConnection] = [
    new RedisConnection(settings),
    new RedisConnection(settings),
    new RedisConnection(settings),
  ];
  await Promise.all(connections.map((connection) => connection.run((client) => client.ping())));
  return {
    connections,
    wipe: async () => {
      const { client } = connections[0];
      const masters: readonly Redis[] = client instanceof Cluster ? client.nodes("master") : [client];
      await Promise.all(masters.map((master) => master.flushall()));
    },
    stop: async () => {
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

// Settings are known when the servers are up.
describe.each([
  ["Redis", (): RedisSettings => ({ url: redis.url })],
  ["a Redis Cluster of three masters", (): RedisSettings => ({ url: "", clusterNodes: cluster.nodes })],
] as const)("On %s", (_, settings) => {
  describeDeviceStore("RedisDeviceStore", async (now) => {
    const { connections, ...rest } = await connect(settings());
    const [one, two, three] = connections.map((connection) => new RedisDeviceStore(connection, { now })) as [
      RedisDeviceStore,
      RedisDeviceStore,
      RedisDeviceStore,
    ]; // As many as connections.
    return { stores: [one, two, three] as const, ...rest };
  });

  describe.each(["server", "bootstrap"] as const)("Of realm %s", (realm) => {
    describeAssociationStore("RedisAssociationStore", async () => {
      const { connections, ...rest } = await connect(settings());
      const [one, two, three] = connections.map((connection) => new RedisAssociationStore(connection, { realm })) as [
        RedisAssociationStore,
        RedisAssociationStore,
        RedisAssociationStore,
      ]; // As many as connections.
      return { stores: [one, two, three] as const, elapse: (ms) => sleep(ms + 10), ...rest };
    });
  });

  describeAssociationRealms("RedisAssociationStore of two realms", async () => connectRedis(settings()));

  describeBootstrapStore("RedisBootstrapStore", async () => {
    const { connections, ...rest } = await connect(settings());
    return { bootstraps: new RedisBootstrapStore(connections[0]), elapse: (ms) => sleep(ms + 10), ...rest };
  });

  describeNodeDirectory("RedisNodeDirectory", async () => {
    const { connections, ...rest } = await connect(settings());
    return { directory: new RedisNodeDirectory(connections[0]), elapse: (ms) => sleep(ms + 10), ...rest };
  });

  describeBudgetStore("RedisBudgetStore", async () => {
    const { connections, ...rest } = await connect(settings());
    return { budgets: new RedisBudgetStore(connections[0]), elapse: (ms) => sleep(ms + 10), ...rest };
  });

  describeProvisioningStore("RedisProvisioningStore", async () => {
    const { connections, ...rest } = await connect(settings());
    return { store: new RedisProvisioningStore(connections[0]), ...rest };
  });
});
