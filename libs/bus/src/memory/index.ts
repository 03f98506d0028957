export { MemoryBroker } from "./memory-broker.ts";
export { MemoryBus, type MemoryBusOptions } from "./memory-bus.ts";
