import type { Bus } from "@ferry/bus";
import type { DeviceStore, NodeDirectory, ProvisioningStore } from "@ferry/state";
import type { Logger } from "./logger.ts";
import type { BusSettings, StateSettings } from "./settings.ts";

/** The three stores, which share a connection. */
export interface State {
  readonly devices: DeviceStore;
  readonly nodes: NodeDirectory;
  readonly provisioning: ProvisioningStore;
  /** What is wrong with the connection, for readiness; undefined when nothing is. */
  problem(): string | undefined;
  stop(): Promise<void>;
}

/** The bus that the settings name. It connects by itself and goes on trying: an outage rejects what is published, not this. */
export async function connectBus(settings: BusSettings, _logger: Logger): Promise<Bus> {
  if (settings.bus === "memory") {
    const { MemoryBus } = await import("@ferry/bus/memory");
    return new MemoryBus();
  }
  const { KafkaBus } = await import("@ferry/bus/kafka");
  return new KafkaBus(settings.kafka);
}

/** The stores that the settings name. They connect by themselves and go on trying: an outage rejects steps, not this. */
export async function connectState(settings: StateSettings, _logger: Logger): Promise<State> {
  if (settings.state === "memory") {
    const { MemoryDeviceStore, MemoryNodeDirectory, MemoryProvisioningStore } = await import("@ferry/state/memory");
    return {
      devices: new MemoryDeviceStore(),
      nodes: new MemoryNodeDirectory(),
      provisioning: new MemoryProvisioningStore(),
      problem: () => undefined,
      stop: async () => {},
    };
  }
  const { connectRedis } = await import("@ferry/state/redis");
  return connectRedis(settings.redis);
}
