export { connectRedis, type RedisState } from "./connect-redis.ts";
export { RedisConnection, type RedisConnectionEvents, type RedisSettings } from "./connection.ts";
export { RedisAssociationStore, type RedisAssociationStoreOptions } from "./redis-association-store.ts";
export { RedisBootstrapStore, type RedisBootstrapStoreOptions } from "./redis-bootstrap-store.ts";
export { RedisBudgetStore } from "./redis-budget-store.ts";
export { RedisDeviceStore, type RedisDeviceStoreOptions } from "./redis-device-store.ts";
export { RedisNodeDirectory } from "./redis-node-directory.ts";
export { RedisProvisioningStore } from "./redis-provisioning-store.ts";
