import { MemoryAssociationStore } from "./memory-association-store.ts";
import { MemoryBootstrapStore } from "./memory-bootstrap-store.ts";
import { MemoryBudgetStore } from "./memory-budget-store.ts";
import { MemoryDeviceStore, type MemoryDeviceStoreOptions } from "./memory-device-store.ts";
import { MemoryNodeDirectory } from "./memory-node-directory.ts";
import { MemoryProvisioningStore } from "./memory-provisioning-store.ts";

/** All stores of a service, in the process: there is no connection that could be away. */
export interface MemoryState {
  readonly devices: MemoryDeviceStore;
  readonly nodes: MemoryNodeDirectory;
  readonly provisioning: MemoryProvisioningStore;
  readonly budgets: MemoryBudgetStore;
  /** Of LwM2M servers, and of the bootstrap server. */
  readonly associations: MemoryAssociationStore;
  readonly bootstrapAssociations: MemoryAssociationStore;
  readonly bootstraps: MemoryBootstrapStore;
  problem(): undefined;
  stop(): Promise<void>;
}

export function memoryState(options: MemoryDeviceStoreOptions = {}): MemoryState {
  return {
    devices: new MemoryDeviceStore(options),
    nodes: new MemoryNodeDirectory(),
    provisioning: new MemoryProvisioningStore(),
    budgets: new MemoryBudgetStore(),
    associations: new MemoryAssociationStore(options.now),
    bootstrapAssociations: new MemoryAssociationStore(options.now),
    bootstraps: new MemoryBootstrapStore(options.now),
    problem: () => undefined,
    stop: async () => {},
  };
}
