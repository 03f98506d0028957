import { describe, expect, it } from "@jest/globals";
import { parseDeviceProfile } from "./device-profile.ts";
import { overridePower, parsePowerOverride, toPowerForm } from "./power.ts";

const PSM = parseDeviceProfile({ power: { mode: "psm", activityTimerMs: 20_000, queueModeAwakeTimeMs: 5000 } }).power;

describe("the power mode of a device", () => {
  it("is the profile's where nothing is said of the device", () => {
    expect(overridePower(PSM, undefined)).toBe(PSM);
  });

  it("goes before the profile's, with its timers; a timer that is not said is the profile's in the same mode, else the server's", () => {
    expect(overridePower(PSM, { mode: "PSM" })).toEqual(PSM);
    expect(overridePower(PSM, { mode: "PSM", psmActivityTimerMs: 1 })).toEqual({ ...PSM, psmActivityTimerMs: 1 });
    expect(overridePower(PSM, { mode: "E_DRX", edrxCycleMs: 81_000 })).toEqual({
      mode: "E_DRX",
      psmActivityTimerMs: undefined,
      edrxCycleMs: 81_000,
      pagingTransmissionWindowMs: undefined,
      queueModeAwakeTimeMs: 5000,
    });
  });

  it("is written as a profile writes it, and read back", () => {
    const override = parsePowerOverride({ mode: "edrx", cycleMs: 81_000, pagingWindowMs: 10_000 }, "power");
    expect(override).toEqual({ mode: "E_DRX", edrxCycleMs: 81_000, pagingTransmissionWindowMs: 10_000 });
    expect(parsePowerOverride(toPowerForm(override), "power")).toEqual(override);
  });

  it.each([
    [{ activityTimerMs: 1 }, "power.activityTimerMs: is a timer of mode psm, and the mode is drx"],
    [{}, "power.mode: is missing: drx, psm or edrx"],
    [toPowerForm({ mode: "SLEEPY" }), 'power.mode: invalid option: expected one of "drx"|"psm"|"edrx"'],
    [toPowerForm({ mode: "PSM", psmActivityTimerMs: 2 ** 31 }), "power.activityTimerMs: too big"],
    ["psm", "power: invalid input"],
  ])("is refused with field and reason: %j", (form, problem) => {
    expect(() => parsePowerOverride(form, "power")).toThrow(problem);
  });
});
