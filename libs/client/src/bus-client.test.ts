import { BusClient } from "./bus-client.ts";
import { describeFerryClient } from "./contract/index.ts";

describeFerryClient("the bus", { connect: async (bus, topicPrefix) => new BusClient(bus, topicPrefix) });
