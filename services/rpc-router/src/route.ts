import { findMethod, REFUSALS } from "@ferry/rpc";
import type { DeviceState, NodeEntry } from "@ferry/state";

/** How a request ends that no device sees, by the names of `lwm2m.v1.RpcFinalStatus`. */
export interface Answer {
  readonly status: "FAILED" | "REJECTED" | "NOT_REGISTERED" | "UNREACHABLE" | "EXPIRED" | "DISPLACED" | "INDETERMINATE";
  /** Name of a CoAP code where the RPC specification has one; else empty. */
  readonly result: string;
  readonly error: string;
}

/** Where a request goes next. */
export type Route =
  | { readonly to: "caller"; readonly answer: Answer }
  | { readonly to: "node"; readonly slot: number; readonly bootId: string; readonly epoch: number }
  /** It waits in the store: the node that the device comes to fetches it. */
  | { readonly to: "store" };

/** What of a request decides where it goes. */
export interface Routed {
  readonly method: string;
  readonly expiresAtMs: number;
  readonly failFast: boolean;
  readonly persistent: boolean;
}

/** The whole routing policy: whether the device can be reached is for its owner to say. `node` is who holds the owner's slot now; `provisioned`: somebody declared the device. */
export function route(
  { method, expiresAtMs, failFast, persistent }: Routed,
  state: DeviceState | undefined,
  node: NodeEntry | undefined,
  provisioned: boolean,
  nowMs: number,
): Route {
  if (findMethod(method) === undefined) {
    const { status, result, error } = REFUSALS.unsupportedMethod(method);
    return { to: "caller", answer: { status: status === "FAILED" ? "REJECTED" : status, result, error } };
  }
  if (nowMs >= expiresAtMs) return toCaller("EXPIRED", LAPSED);
  if (state === undefined || nowMs >= state.registration.expiresAtMs) {
    if (!provisioned) return toCaller("NOT_REGISTERED", "The device is neither registered nor provisioned");
    return persistent && !failFast ? { to: "store" } : toCaller("NOT_REGISTERED", "The device is not registered");
  }
  const { owner } = state;
  const absence =
    node === undefined || node.bootId !== owner.bootId
      ? "The node that had the device is gone; the device's next message brings it to another"
      : node.ready
        ? undefined
        : "The node that has the device is starting";
  if (absence === undefined) return { to: "node", slot: owner.slot, bootId: owner.bootId, epoch: owner.epoch };
  return failFast ? toCaller("UNREACHABLE", absence) : { to: "store" };
}

/** Why a request ends that nobody carried out in time. */
export const LAPSED = "The request lapsed before it could be carried out: give it more time where the device sleeps";

/** The end of a request that made room for a later one. */
export function displacedAnswer(maxOpen: number): Answer {
  const error = `More than ${maxOpen} requests of the device were open: the oldest that only waited made room for a later one`;
  return { status: "DISPLACED", result: "", error };
}

/** The end of a request for which no other could make room. */
export function fullAnswer(maxOpen: number): Answer {
  const error = `${maxOpen} requests of the device are open, and each was sent or may be sent now: ask again later, with a new requestId`;
  return { status: "UNREACHABLE", result: "", error };
}

function toCaller(status: Answer["status"], error: string): Route {
  return { to: "caller", answer: { status, result: "", error } };
}
