import type { PowerSettings } from "@ferry/profile";
import { describe, expect, it } from "@jest/globals";
import {
  type AwakeSettings,
  awakeMs,
  isReachable,
  type Listener,
  type ReachabilitySettings,
  requestBounds,
} from "./reachability.ts";

const FLOW: ReachabilitySettings = { mode: "flow", singleExchangeWindowMs: 25_000, flowWindowMs: 110_000 };
const VIP: ReachabilitySettings = { ...FLOW, mode: "vip" };
const AWAKE: AwakeSettings = { queueModeMs: 93_000, psmMs: 10_000, edrxMs: 11_000 };
const DRX: PowerSettings = {
  mode: "DRX",
  psmActivityTimerMs: undefined,
  edrxCycleMs: undefined,
  pagingTransmissionWindowMs: undefined,
  queueModeAwakeTimeMs: undefined,
};

function device(
  power: Partial<PowerSettings> = {},
  { queueMode = false, flowWindowMs, ...flow }: { queueMode?: boolean; flowWindowMs?: number } & Partial<Listener> = {},
): Listener {
  return {
    flowStartMs: 0,
    lastUplinkMs: 0,
    link: "open",
    asleep: false,
    registration: { queueMode },
    serving: { power: { ...DRX, ...power }, flowWindowMs },
    ...flow,
  };
}

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
    expect(isReachable(device({}, flow), { reachability: FLOW, awake: AWAKE }, nowMs)).toBe(reachable);
  });

  it("does not matter where the server is reached at one address (vip)", () => {
    expect(isReachable(device(), { reachability: VIP, awake: AWAKE }, 1e9)).toBe(true);
  });

  it("follows what the profile knows of the carrier's NAT", () => {
    const settings = { reachability: FLOW, awake: AWAKE };
    expect(isReachable(device({}, { flowWindowMs: 15_000 }), settings, 15_000)).toBe(true);
    expect(isReachable(device({}, { flowWindowMs: 15_000 }), settings, 15_001)).toBe(false);
    const established = device({}, { flowWindowMs: 240_000, lastUplinkMs: 5_000 });
    expect(isReachable(established, settings, 245_000)).toBe(true);
  });
});

describe("a device that sleeps", () => {
  it.each([
    ["never without queue mode or power saving", {}, false, Number.POSITIVE_INFINITY],
    ["93 s after its last message in queue mode", {}, true, 93_000],
    ["in queue mode when its profile says", { queueModeAwakeTimeMs: 20_000 }, true, 20_000],
    ["when the server's timer for PSM says", { mode: "PSM" }, false, 10_000],
    ["when its own activity timer says", { mode: "PSM", psmActivityTimerMs: 5_000 }, true, 5_000],
    ["when the server's paging window says", { mode: "E_DRX" }, false, 11_000],
    ["when its own paging window says", { mode: "E_DRX", pagingTransmissionWindowMs: 2_560 }, true, 2_560],
  ] as const)("falls asleep %s", (_, power, queueMode, ms) => {
    expect(awakeMs(device(power, { queueMode }), AWAKE)).toBe(ms);
  });

  it("is reachable while it listens, where nodes send from one address too", () => {
    const settings = { reachability: VIP, awake: AWAKE };
    expect(isReachable(device({}, { queueMode: true }), settings, 93_000)).toBe(true);
    expect(isReachable(device({}, { queueMode: true }), settings, 93_001)).toBe(false);
  });

  it("is not reachable once it was found asleep, however short ago it was heard", () => {
    const settings = { reachability: VIP, awake: AWAKE };
    expect(isReachable(device({ mode: "PSM" }, { asleep: true }), settings, 1)).toBe(false);
    expect(isReachable(device({}, { asleep: true }), settings, 1)).toBe(true);
  });
});

describe("a message is repeated", () => {
  const EDRX = { mode: "E_DRX", edrxCycleMs: 40_000, pagingTransmissionWindowMs: 5_000 } as const;
  it.each([
    ["until the device falls asleep", VIP, device({}, { queueMode: true }), 93_000],
    ["until its mapping is not trusted any more", FLOW, device({}, { queueMode: true }), 25_000],
    ["always, to a device that always listens behind no NAT", VIP, device(), Number.POSITIVE_INFINITY],
    ["for the cycle for which the network holds it back (E_DRX)", VIP, device(EDRX), 43_000],
    ["for that cycle, while the mapping is trusted", FLOW, device(EDRX), 25_000],
  ])("%s", (_, reachability, listener, untilMs) => {
    expect(requestBounds(listener, { reachability, awake: AWAKE }, 3_000).repeatUntilMs).toBe(untilMs);
  });

  it.each([
    [
      "for as long after an answer as the device listens",
      VIP,
      device({}, { queueMode: true, lastUplinkMs: 1_000 }),
      93_000,
    ],
    ["for as long after an answer as its mapping is trusted", FLOW, device({}, { lastUplinkMs: 1_000 }), 25_000],
    [
      "without end after an answer, to a device that always listens behind no NAT",
      VIP,
      device(),
      Number.POSITIVE_INFINITY,
    ],
  ])("%s", (_, reachability, listener, forMs) => {
    expect(requestBounds(listener, { reachability, awake: AWAKE }, 3_000).repeatForMs).toBe(forMs);
  });
});
