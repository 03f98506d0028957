import { OUTBOX_MAX_ENTRIES, onlySlot, type SlotRange, TRANSPORT_SLOTS } from "@ferry/state";
import { describe, expect, it } from "@jest/globals";
import { pino } from "pino";
import { connectBus, connectState } from "./connect.ts";
import { type Config, defineConfig } from "./define-config.ts";
import { createMetrics } from "./metrics.ts";
import {
  type BusSettings,
  busSettings,
  type NodeSettings,
  nodeSettings,
  requestedSlots,
  type StateSettings,
  stateSettings,
} from "./settings.ts";

type Settings = BusSettings & StateSettings & { readonly node: NodeSettings };
const config: Config<Settings> = defineConfig<Settings>({ ...busSettings, ...stateSettings, node: nodeSettings });
const logger = pino({ level: "silent" });

describe("the slot of a node", () => {
  const slotsOf = (env: Record<string, string>): SlotRange => requestedSlots(config.load({ env }).node);

  it("is any free one unless settings say which", () => {
    expect(slotsOf({})).toEqual(TRANSPORT_SLOTS);
    expect(slotsOf({ LWM2M_NODE_SLOT: "7" })).toEqual(onlySlot(7));
  });

  it("is the ordinal of a StatefulSet's pod where that is asked for", () => {
    expect(slotsOf({ LWM2M_NODE_SLOT: "ordinal", LWM2M_NODE_NAME: "ferry-transport-12" })).toEqual(onlySlot(12));
    expect(() => slotsOf({ LWM2M_NODE_SLOT: "ordinal", LWM2M_NODE_NAME: "laptop" })).toThrow(
      'LWM2M_NODE_SLOT: the name "laptop" does not end in an ordinal from 0 to 63: give a number, or lease',
    );
  });

  it("is below 64", () => {
    expect(() => slotsOf({ LWM2M_NODE_SLOT: "64" })).toThrow("give lease, ordinal, or a number from 0 to 63");
  });
});

describe("connecting", () => {
  it("gives the memory adapters where the settings name them", async () => {
    const settings = config.load({ env: { LWM2M_BUS: "memory", LWM2M_STATE: "memory" } });
    const bus = await connectBus(settings, logger);
    const state = await connectState(settings, createMetrics({ process: false }));
    expect(state.problem()).toBeUndefined();
    expect(await state.nodes.list(TRANSPORT_SLOTS)).toEqual([]);
    await bus.stop();
    await state.stop();
  });

  it("counts what the limit of the store's outbox costs", async () => {
    const settings = config.load({ env: { LWM2M_BUS: "memory", LWM2M_STATE: "memory" } });
    const metrics = createMetrics({ process: false });
    const { devices } = await connectState(settings, metrics);
    const device = { tenant: "default", endpoint: "ep-1" };
    const open = { requestId: "r", request: new Uint8Array(), contentType: "", expiresAtMs: Date.now() + 60_000 };
    for (let i = 0; i <= OUTBOX_MAX_ENTRIES; i++) {
      const nowMs = Date.now();
      await devices.accept({ device, open: { ...open, requestId: `r-${i}` }, limit: 10, nowMs });
      await devices.finish({ device, requestId: `r-${i}`, response: new Uint8Array(), nowMs });
    }
    expect(await metrics.text()).toMatch(/^lwm2m_outbox_dropped_total 1$/m);
    expect(await metrics.text()).toMatch(/^lwm2m_store_quarantined_total 0$/m);
  });

  it("refuses what the Kafka client cannot do, naming it", async () => {
    const settings = config.load({ env: { KAFKA_BOOTSTRAP_SERVERS: "nonsense" } });
    await expect(connectBus(settings, logger)).rejects.toThrow('kafka: bootstrap server "nonsense" is not host:port.');
  });

  it("names the setting of a certificate that cannot be read", async () => {
    const settings = config.load({ env: { KAFKA_SECURITY_PROTOCOL: "SSL", KAFKA_SSL_CA_LOCATION: "/nowhere.pem" } });
    await expect(connectBus(settings, logger)).rejects.toThrow(
      "KAFKA_SSL_CA_LOCATION: /nowhere.pem cannot be read (ENOENT): name a readable PEM file",
    );
  });

  it("refuses Sentinels beside a cluster", () => {
    expect(() => config.load({ env: { REDIS_SENTINELS: "a:1", REDIS_CLUSTER_NODES: "b:1" } })).toThrow(
      "REDIS_SENTINELS: Sentinels and a cluster exclude each other: leave one of them out",
    );
  });
});
