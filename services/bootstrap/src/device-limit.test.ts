import { describe, expect, it } from "@jest/globals";
import { DeviceLimit, MAX_COUNTED_DEVICES } from "./device-limit.ts";

const device = (n: number) => ({ tenant: "default", endpoint: `meter-${n}` });
const LIMIT = [{ capacity: 2, periodMs: 10_000 }];

describe("how often a device may ask", () => {
  it("is limited for each by itself, and it may again when time has passed", () => {
    let nowMs = 0;
    const limit = new DeviceLimit(LIMIT, () => nowMs);
    expect([1, 1, 1, 2].map((n) => limit.admits(device(n)))).toEqual([true, true, false, true]);
    nowMs = 5_000;
    expect([1, 1].map((n) => limit.admits(device(n)))).toEqual([true, false]);
  });

  it("is not limited where the setting is empty", () => {
    const limit = new DeviceLimit([], () => 0);
    expect(Array.from({ length: 100 }, () => limit.admits(device(1)))).not.toContain(false);
  });

  it("is counted in bounded memory: who has not asked for longest is forgotten first", () => {
    const limit = new DeviceLimit([{ capacity: 1, periodMs: 10_000 }], () => 0);
    for (let n = 0; n <= MAX_COUNTED_DEVICES; n++) limit.admits(device(n));
    expect(limit.admits(device(MAX_COUNTED_DEVICES))).toBe(false);
    expect(limit.admits(device(0))).toBe(true);
  });
});
