import type { SimulatedObject } from "../object-tree.ts";
import { coreObject } from "./core-object.ts";

/** BinaryAppDataContainer (object 19): two instances, for both directions. */
export function binaryAppDataObject(): SimulatedObject {
  return coreObject(19, "1.0", { 0: { 0: [Uint8Array.of(0xac)], 1: 0 }, 1: { 0: [Uint8Array.of(0xac)], 1: 0 } });
}
