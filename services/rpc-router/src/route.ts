import { findMethod, REFUSALS } from "@ferry/rpc";
import type { DeviceState, NodeEntry } from "@ferry/state";

/** How a request ends that no device sees, by the names of `lwm2m.v1.RpcFinalStatus`. */
export interface Answer {
  readonly status:
    | "FAILED"
    | "REJECTED"
    | "NOT_REGISTERED"
    | "UNREACHABLE"
    | "TIMEOUT"
    | "EXPIRED"
    | "DISPLACED"
    | "INDETERMINATE";
  /** Name of a CoAP code where the RPC specification has one; else empty. */
  readonly result: string;
  readonly error: string;
}

/** Where a request goes next. */
export type Route =
  | { readonly to: "caller"; readonly answer: Answer }
  | { readonly to: "node"; readonly slot: number; readonly bootId: string; readonly epoch: number };

/** How devices can be reached: see the settings of the same names. */
export interface Reachability {
  readonly mode: "flow" | "vip";
  readonly flowWindowMs: number;
  /** The store may not know of datagrams that are younger than this: the owner tells it once in a while. */
  readonly revalidateAfterMs: number;
}

/** The whole routing policy. `node` is who holds the owner's slot now. */
export function route(
  { method, expiresAtMs }: { readonly method: string; readonly expiresAtMs: number },
  state: DeviceState | undefined,
  node: NodeEntry | undefined,
  reachability: Reachability,
  nowMs: number,
): Route {
  if (findMethod(method) === undefined) {
    const { status, result, error } = REFUSALS.unsupportedMethod(method);
    return { to: "caller", answer: { status: status === "FAILED" ? "REJECTED" : status, result, error } };
  }
  if (nowMs >= expiresAtMs) return toCaller("EXPIRED", "The request lapsed before it could be carried out");
  if (state === undefined || nowMs >= state.registration.expiresAtMs) {
    return toCaller("NOT_REGISTERED", "The device is not registered");
  }
  const { owner } = state;
  if (node === undefined || node.bootId !== owner.bootId) {
    return toCaller(
      "UNREACHABLE",
      "The node that had the device is gone; the device's next message brings it to another",
    );
  }
  if (!node.ready) return toCaller("UNREACHABLE", "The node that has the device is starting");
  if (isSilent(state, reachability, nowMs)) {
    return toCaller("UNREACHABLE", "The device has been silent for too long to be reached where it was last heard");
  }
  return { to: "node", slot: owner.slot, bootId: owner.bootId, epoch: owner.epoch };
}

/** Whether the device is certainly outside its window; within the rest of it the owner, who knows the last datagram, decides. */
function isSilent({ lastSeenMs }: DeviceState, reachability: Reachability, nowMs: number): boolean {
  const { mode, flowWindowMs, revalidateAfterMs } = reachability;
  return mode === "flow" && nowMs - lastSeenMs > flowWindowMs + revalidateAfterMs;
}

function toCaller(status: Answer["status"], error: string): Route {
  return { to: "caller", answer: { status, result: "", error } };
}
