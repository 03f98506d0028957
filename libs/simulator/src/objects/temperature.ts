import type { SimulatedObject } from "../object-tree.ts";
import { coreObject } from "./core-object.ts";

/** Temperature (object 3303, IPSO): one sensor, degrees Celsius. */
export function temperatureObject(celsius = 21.5): SimulatedObject {
  return coreObject(3303, "1.0", { 0: { 5601: celsius, 5602: celsius, 5700: celsius, 5701: "Cel" } });
}
