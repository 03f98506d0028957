import { describeBusContract } from "../contract/index.ts";
import { MemoryBroker } from "./memory-broker.ts";
import { MemoryBus } from "./memory-bus.ts";

describeBusContract("memory", async () => {
  const broker = new MemoryBroker();
  return {
    connect: ({ maxBufferedRecords, stopTimeoutMs } = {}) =>
      new MemoryBus({
        broker,
        ...(maxBufferedRecords !== undefined && { sender: { maxBufferedRecords } }),
        ...(stopTimeoutMs !== undefined && { stopTimeoutMs }),
      }),
    stop: async () => {},
  };
});
