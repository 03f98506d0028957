import type { SimulatedObject } from "../object-tree.ts";
import { coreObject } from "./core-object.ts";

/** LwM2M Server (object 1): one server, with its short id and the lifetime of the registration. */
export function serverObject(lifetimeS: number): SimulatedObject {
  return coreObject(1, "1.1", { 0: { 0: 123, 1: lifetimeS, 6: false, 7: "U" } });
}
