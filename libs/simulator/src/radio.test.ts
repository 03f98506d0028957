import { describe, expect, it } from "@jest/globals";
import { Radio } from "./radio.ts";

describe("Radio", () => {
  it("always listens when the device saves no power", () => {
    expect(new Radio(undefined).listens(1e9)).toBe(true);
  });

  it.each([
    ["before the device has sent anything", undefined, 0, false],
    ["right after it sent", 1000, 1000, true],
    ["to the end of the awake time", 1000, 5999, true],
    ["no longer", 1000, 6000, false],
  ])("of queue mode and PSM: %s", (_, sentMs, nowMs, listens) => {
    const radio = new Radio({ awakeMs: 5000 });
    if (sentMs !== undefined) radio.sent(sentMs);
    expect(radio.listens(nowMs)).toBe(listens);
  });

  it("of eDRX listens again at the end of each cycle", () => {
    const radio = new Radio({ awakeMs: 5000, paging: { cycleMs: 20_000, windowMs: 2000 } });
    radio.sent(0);
    const heard = Array.from({ length: 50 }, (_, second) => second).filter((second) => radio.listens(second * 1000));
    expect(heard).toEqual([0, 1, 2, 3, 4, 23, 24, 43, 44]);
  });
});
