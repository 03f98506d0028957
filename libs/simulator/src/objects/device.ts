import type { SimulatedObject } from "../object-tree.ts";
import { coreObject, type PlainInstance } from "./core-object.ts";

/** Device (object 3) on battery; `values` go before those it has. */
export function deviceObject(values: PlainInstance = {}, version = "1.1"): SimulatedObject {
  return coreObject(3, version, {
    0: {
      0: "Ferry",
      1: "Simulated device",
      2: "SIM-0001",
      3: "1.0.0",
      6: [1],
      7: [3700],
      8: [96],
      9: 100,
      10: 64,
      11: [0],
      13: Date.UTC(2026, 0, 1),
      14: "+00",
      15: "Etc/UTC",
      16: "U",
      17: "simulator",
      18: "1.0",
      19: "1.0",
      20: 0,
      21: 256,
      ...values,
    },
  });
}
