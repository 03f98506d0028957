import type { SimulatedObject } from "../object-tree.ts";
import { coreObject } from "./core-object.ts";

/** Location (object 6) of a device that does not move. */
export function locationObject(latitude = 50.45, longitude = 30.52): SimulatedObject {
  return coreObject(6, "1.0", { 0: { 0: latitude, 1: longitude, 5: Date.UTC(2026, 0, 1) } });
}
