import type { FinalStatus, RpcResult } from "@ferry/rpc";

/** The final answer of a request; its status may be one that is neither the device's nor the catalogue's. */
export type Answer = Omit<RpcResult, "status"> & {
  readonly status: FinalStatus | "NOT_REGISTERED" | "UNREACHABLE" | "EXPIRED" | "INDETERMINATE";
};

/** An answer that only says why there is none of the device. */
export function answer(status: Answer["status"], error: string): Answer {
  return { status, result: "", code: 0, error, nodes: [] };
}

export const MOVED = "The device has moved to another node";
