import type { LwM2mPath, ResourceValue } from "@ferry/lwm2m";
import type { Signal } from "./device.ts";

/** Numbers its values 1, 2, 3 …, so that a consumer can tell which one is missing. */
export function countingSignal(path: LwM2mPath, intervalMs: number, type: "FLOAT" | "INTEGER" = "FLOAT"): Signal {
  return { path, intervalMs, value: (n): ResourceValue => ({ type, value: n }) };
}

/** A temperature that swings around 21.5 degrees within five, once in sixty intervals. */
export function temperatureSignal(intervalMs: number, path: LwM2mPath = [3303, 0, 5700]): Signal {
  return {
    path,
    intervalMs,
    value: (n): ResourceValue => ({
      type: "FLOAT",
      value: Math.round(10 * (21.5 + 5 * Math.sin((n * Math.PI) / 30))) / 10,
    }),
  };
}
