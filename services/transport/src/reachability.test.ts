import { describe, expect, it } from "@jest/globals";
import { isReachable, type ReachabilitySettings } from "./reachability.ts";

const FLOW: ReachabilitySettings = { mode: "flow", singleExchangeWindowMs: 25_000, flowWindowMs: 110_000 };

describe("reachability through a NAT", () => {
  it.each([
    {
      what: "a single exchange is trusted for 25 s",
      flow: { flowStartMs: 0, lastUplinkMs: 0 },
      nowMs: 25_000,
      reachable: true,
    },
    {
      what: "a single exchange is not trusted beyond 25 s",
      flow: { flowStartMs: 0, lastUplinkMs: 0 },
      nowMs: 25_001,
      reachable: false,
    },
    {
      what: "datagrams within 2 s are one exchange",
      flow: { flowStartMs: 0, lastUplinkMs: 1_999 },
      nowMs: 27_000,
      reachable: false,
    },
    {
      what: "an established flow is trusted for 110 s",
      flow: { flowStartMs: 0, lastUplinkMs: 2_000 },
      nowMs: 112_000,
      reachable: true,
    },
    {
      what: "an established flow is not trusted beyond 110 s",
      flow: { flowStartMs: 0, lastUplinkMs: 2_000 },
      nowMs: 112_001,
      reachable: false,
    },
  ])("$what", ({ flow, nowMs, reachable }) => {
    expect(isReachable(flow, FLOW, nowMs)).toBe(reachable);
  });

  it("does not matter where the server is reached at one address (vip)", () => {
    expect(isReachable({ flowStartMs: 0, lastUplinkMs: 0 }, { ...FLOW, mode: "vip" }, 1e9)).toBe(true);
  });
});
