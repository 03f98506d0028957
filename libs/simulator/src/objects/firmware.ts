import type { SimulatedObject } from "../object-tree.ts";
import { coreObject } from "./core-object.ts";

/** Firmware Update (object 5) that takes a package address and an Execute, and stays idle. */
export function firmwareObject(): SimulatedObject {
  return coreObject(5, "1.0", { 0: { 1: "", 3: 0, 5: 0, 6: "firmware", 7: "1.0.0", 8: [0], 9: 0 } });
}
