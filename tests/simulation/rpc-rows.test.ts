import { describeRpcRows, TIME_ZONE } from "../e2e/contract/simulated-rows.ts";
import { SimulatedFerry } from "./simulated-ferry.ts";

const START_MS = Date.UTC(2026, 0, 1);
const FAULTLESS = { seed: 1, natTimeoutMs: Number.POSITIVE_INFINITY };

/** A Ferry of its own for each device, in memory and virtual time. */
describeRpcRows({
  async connect({ compat, endpoint, documents, settings, onEvent }) {
    const ferry = await SimulatedFerry.start(START_MS, documents, {
      LWM2M_TIME_ZONE: TIME_ZONE,
      LWM2M_COMPAT: compat,
      LWM2M_REACHABILITY_MODE: "vip",
    });
    const device = ferry.connect({ ...settings, endpoint }, FAULTLESS, onEvent);
    device({ type: "register" });
    await ferry.time.goOn(START_MS + 10_000);
    return {
      set: (path, value) => device({ type: "set", path, value }),
      rpc: (call) => ferry.time.until(ferry.client.rpc(call)),
      stop: () => ferry.stop(),
    };
  },
});
