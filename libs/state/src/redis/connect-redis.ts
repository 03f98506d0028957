import type { AssociationStore } from "../association-store.ts";
import type { BootstrapStore } from "../bootstrap-store.ts";
import type { BudgetStore } from "../budget.ts";
import type { DeviceStore } from "../device-store.ts";
import type { NodeDirectory } from "../node-directory.ts";
import type { ProvisioningStore } from "../provisioning-store.ts";
import { RedisConnection, type RedisConnectionEvents, type RedisSettings } from "./connection.ts";
import { RedisAssociationStore } from "./redis-association-store.ts";
import { RedisBootstrapStore } from "./redis-bootstrap-store.ts";
import { RedisBudgetStore } from "./redis-budget-store.ts";
import { RedisDeviceStore, type RedisDeviceStoreOptions } from "./redis-device-store.ts";
import { RedisNodeDirectory } from "./redis-node-directory.ts";
import { RedisProvisioningStore } from "./redis-provisioning-store.ts";

/** The stores on one connection. */
export interface RedisState {
  readonly devices: DeviceStore;
  readonly nodes: NodeDirectory;
  readonly provisioning: ProvisioningStore;
  readonly budgets: BudgetStore;
  /** Of LwM2M servers, and of the bootstrap server. */
  readonly associations: AssociationStore;
  readonly bootstrapAssociations: AssociationStore;
  readonly bootstraps: BootstrapStore;
  /** What is wrong with the connection, for readiness; undefined when nothing is. */
  problem(): string | undefined;
  stop(): Promise<void>;
}

/** Opens the stores in Redis. Returns at once and connects by itself, for ever: an outage rejects steps, not this. */
export function connectRedis(
  settings: RedisSettings,
  options: RedisConnectionEvents & RedisDeviceStoreOptions = {},
): RedisState {
  const connection = new RedisConnection(settings, options);
  return {
    devices: new RedisDeviceStore(connection, options),
    nodes: new RedisNodeDirectory(connection),
    provisioning: new RedisProvisioningStore(connection),
    budgets: new RedisBudgetStore(connection),
    associations: new RedisAssociationStore(connection, options),
    bootstrapAssociations: new RedisAssociationStore(connection, { ...options, realm: "bootstrap" }),
    bootstraps: new RedisBootstrapStore(connection, options),
    problem: () => connection.problem(),
    stop: () => connection.close(),
  };
}
