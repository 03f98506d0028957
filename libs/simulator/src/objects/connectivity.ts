import type { SimulatedObject } from "../object-tree.ts";
import { coreObject } from "./core-object.ts";

/** Connectivity Monitoring (object 4): Ethernet, one address of the documentation range (RFC 5737). */
export function connectivityObject(): SimulatedObject {
  return coreObject(4, "1.2", { 0: { 0: 41, 1: [41], 2: -73, 4: ["192.0.2.10"] } });
}
