import type { Machine } from "@ferry/coap";
import { describe, expect, it } from "@jest/globals";
import type { DeviceInput, DeviceOutput } from "./device-io.ts";
import { ImpairedMachine, type Impairment } from "./impaired-machine.ts";

/** Sends back every datagram it gets. */
const echo: Machine<DeviceInput, DeviceOutput> = {
  handle: (input) => (input.type === "datagram" ? [{ ...input, type: "send" }] : [{ type: "updated" }]),
  tick: () => [],
  deadlineMs: undefined,
};

/** Sends numbered datagrams, one a ms, and returns the numbers that came back, in order. */
function exchange(impairment: Impairment, count: number): number[] {
  const machine = new ImpairedMachine(echo, impairment);
  const back: number[] = [];
  const collect = (outputs: DeviceOutput[]): void => {
    for (const output of outputs) if (output.type === "send") back.push(output.bytes[0] ?? -1);
  };
  for (let nowMs = 0; nowMs < count; nowMs++) {
    collect(machine.handle({ type: "datagram", peer: "a", bytes: Uint8Array.of(nowMs) }, nowMs));
    collect(machine.tick(nowMs));
  }
  while (machine.deadlineMs !== undefined) collect(machine.tick(machine.deadlineMs));
  return back;
}

const ascending = (numbers: number[]): number[] => [...numbers].sort((a, b) => a - b);

describe("ImpairedMachine", () => {
  it("passes everything when the link is good", () => {
    expect(exchange({ seed: 1 }, 200)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  it("loses about the share asked for, each way", () => {
    const arrived = exchange({ lossRate: 0.2, seed: 7 }, 250).length / 250;
    expect(arrived).toBeGreaterThan(0.64 - 0.1);
    expect(arrived).toBeLessThan(0.64 + 0.1);
  });

  it("doubles about the share asked for and loses nothing", () => {
    const back = exchange({ duplicateRate: 0.2, seed: 7 }, 250);
    expect(new Set(back).size).toBe(250);
    expect(back.length).toBeGreaterThan(300);
  });

  it("delays so that datagrams overtake each other, and loses nothing", () => {
    const back = exchange({ maxDelayMs: 50, seed: 7 }, 250);
    expect(back).not.toEqual(ascending(back));
    expect(ascending(back)).toEqual(Array.from({ length: 250 }, (_, i) => i));
  });

  it("does the same for the same seed", () => {
    const impairment = { lossRate: 0.1, duplicateRate: 0.1, maxDelayMs: 20 };
    expect(exchange({ ...impairment, seed: 3 }, 100)).toEqual(exchange({ ...impairment, seed: 3 }, 100));
    expect(exchange({ ...impairment, seed: 3 }, 100)).not.toEqual(exchange({ ...impairment, seed: 4 }, 100));
  });

  it("leaves commands and events alone", () => {
    expect(new ImpairedMachine(echo, { lossRate: 1, seed: 1 }).handle({ type: "update" }, 0)).toEqual([
      { type: "updated" },
    ]);
  });
});
