export { type AssociationRealmsHarness, describeAssociationRealms } from "./association-realms-contract.ts";
export { type AssociationStoreHarness, describeAssociationStore } from "./association-store-contract.ts";
export { type BootstrapStoreHarness, describeBootstrapStore } from "./bootstrap-store-contract.ts";
export { type BudgetStoreHarness, describeBudgetStore } from "./budget-store-contract.ts";
export { type DeviceStoreHarness, describeDeviceStore } from "./device-store-contract.ts";
export { describeNodeDirectory, type NodeDirectoryHarness } from "./node-directory-contract.ts";
export { describeProvisioningStore, type ProvisioningStoreHarness } from "./provisioning-store-contract.ts";
