import { MAX_IN_HAND } from "@ferry/state";

/** Most times that a request is tried again after the device did not answer in time, and how often when it does not say. */
export const MAX_RETRIES = 5;

/**
 * What is done with a request that only the device can answer.
 *
 * `send`: it gets its turn in the device's queue. `later`: others are before it; it is fetched when they are through. `wait`: it stays in the store until
 * the device is heard. The rest is its end.
 */
export type NextStep = "send" | "later" | "wait" | "unreachable" | "lapsed";

export function nextStep(
  request: { readonly expiresAtMs: number; readonly failFast: boolean },
  device: {
    readonly reachable: boolean;
    /** The store holds requests that came before this one and are not in hand. */
    readonly othersWait: boolean;
    readonly inHand: number;
  },
  nowMs: number,
): NextStep {
  if (nowMs >= request.expiresAtMs) return "lapsed";
  if (!device.reachable) return request.failFast ? "unreachable" : "wait";
  return device.othersWait || device.inHand >= MAX_IN_HAND ? "later" : "send";
}

/** How a request goes on after the device did not answer in time; `exhausted` with the retries that it had. */
export type AfterTimeout =
  | { readonly type: "again" }
  | { readonly type: "timeout" }
  | { readonly type: "exhausted"; readonly retries: number };

/**
 * A request is tried again when it asks for that (`retries`, `persistent`), or when the device is out of reach: it may have fallen asleep before it heard us.
 * What does something each time is never sent a second time.
 */
export function afterTimeout(
  request: { readonly retries: number | undefined; readonly persistent: boolean; readonly expiresAtMs: number },
  /** `outOfReach`: the device sleeps at times, or did not get it as far as is known. `timeouts`: of this request so far, this one included. */
  facts: { readonly atMostOnce: boolean; readonly outOfReach: boolean; readonly timeouts: number },
  nowMs: number,
): AfterTimeout {
  const { retries = request.persistent || facts.outOfReach ? MAX_RETRIES : undefined } = request;
  if (facts.atMostOnce || retries === undefined || nowMs >= request.expiresAtMs) return { type: "timeout" };
  const effective = Math.min(retries, MAX_RETRIES);
  return facts.timeouts > effective ? { type: "exhausted", retries: effective } : { type: "again" };
}
