import type { SimulatedObject } from "../object-tree.ts";
import { binaryAppDataObject } from "./binary-app-data.ts";
import { connectivityObject } from "./connectivity.ts";
import { deviceObject } from "./device.ts";
import { firmwareObject } from "./firmware.ts";
import { locationObject } from "./location.ts";
import { serverObject } from "./server.ts";
import { temperatureObject } from "./temperature.ts";

/** What a simulated device has when nothing else is said. */
export function standardObjects(lifetimeS: number): readonly SimulatedObject[] {
  return [
    serverObject(lifetimeS),
    deviceObject(),
    connectivityObject(),
    firmwareObject(),
    locationObject(),
    binaryAppDataObject(),
    temperatureObject(),
  ];
}
