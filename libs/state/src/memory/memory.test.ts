import {
  describeAssociationRealms,
  describeAssociationStore,
  describeBootstrapStore,
  describeBudgetStore,
  describeDeviceStore,
  describeNodeDirectory,
  describeProvisioningStore,
} from "../contract/index.ts";
import { MemoryAssociationStore } from "./memory-association-store.ts";
import { MemoryBootstrapStore } from "./memory-bootstrap-store.ts";
import { MemoryBudgetStore } from "./memory-budget-store.ts";
import { MemoryDeviceStore } from "./memory-device-store.ts";
import { MemoryNodeDirectory } from "./memory-node-directory.ts";
import { MemoryProvisioningStore } from "./memory-provisioning-store.ts";
import { memoryState } from "./memory-state.ts";

describeDeviceStore("MemoryDeviceStore", async (now) => {
  let store = new MemoryDeviceStore({ now, lost: true });
  return {
    get stores() {
      return [store, store, store] as const;
    },
    wipe: async () => {
      store = new MemoryDeviceStore({ now, lost: true });
    },
    stop: async () => {},
  };
});

describeAssociationStore("MemoryAssociationStore", async () => {
  let nowMs = Date.now();
  const now = (): number => nowMs;
  let store = new MemoryAssociationStore(now);
  return {
    get stores() {
      return [store, store, store] as const;
    },
    wipe: async () => {
      store = new MemoryAssociationStore(now);
    },
    elapse: async (ms) => {
      nowMs += ms;
    },
    stop: async () => {},
  };
});

describeAssociationRealms("MemoryAssociationStore of two realms", async () => memoryState());

describeBootstrapStore("MemoryBootstrapStore", async () => {
  let nowMs = 0;
  return {
    bootstraps: new MemoryBootstrapStore(() => nowMs),
    elapse: async (ms) => {
      nowMs += ms;
    },
    stop: async () => {},
  };
});

describeNodeDirectory("MemoryNodeDirectory", async () => {
  let nowMs = 0;
  const now = (): number => nowMs;
  let directory = new MemoryNodeDirectory(now);
  return {
    get directory() {
      return directory;
    },
    wipe: async () => {
      directory = new MemoryNodeDirectory(now);
    },
    elapse: async (ms) => {
      nowMs += ms;
    },
    stop: async () => {},
  };
});

describeBudgetStore("MemoryBudgetStore", async () => {
  let nowMs = 0;
  const now = (): number => nowMs;
  let budgets = new MemoryBudgetStore(now);
  return {
    get budgets() {
      return budgets;
    },
    wipe: async () => {
      budgets = new MemoryBudgetStore(now);
    },
    elapse: async (ms) => {
      nowMs += ms;
    },
    stop: async () => {},
  };
});

describeProvisioningStore("MemoryProvisioningStore", async () => {
  let store = new MemoryProvisioningStore();
  return {
    get store() {
      return store;
    },
    wipe: async () => {
      store = new MemoryProvisioningStore();
    },
    stop: async () => {},
  };
});
