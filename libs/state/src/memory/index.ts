export { MemoryAssociationStore } from "./memory-association-store.ts";
export { MemoryBootstrapStore } from "./memory-bootstrap-store.ts";
export { MemoryBudgetStore } from "./memory-budget-store.ts";
export { MemoryDeviceStore, type MemoryDeviceStoreOptions } from "./memory-device-store.ts";
export { MemoryNodeDirectory } from "./memory-node-directory.ts";
export { MemoryProvisioningStore } from "./memory-provisioning-store.ts";
export { type MemoryState, memoryState } from "./memory-state.ts";
