import {
  findObservation,
  formatDiscoverAll,
  formatLocalValue,
  formatObserveReadAll,
  formatRefusal,
  type LocalAsk,
  REFUSALS,
} from "@ferry/rpc";
import { logLine } from "../communication-log.ts";
import type { HeldObservation, OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import type { Answer } from "./answer.ts";
import { cancelObservations } from "./reconcile.ts";
import { type Observable, observablesOf, toObserved } from "./rpc-observations.ts";

/** Answers what needs no datagram: also of a device that sleeps. Nothing is answered when the store has not taken in what is cancelled, see `cancelObservations`. */
export async function answerLocally(
  device: OwnedDevice,
  ask: LocalAsk,
  ports: TransportPorts,
): Promise<Answer | "stale" | "unavailable"> {
  const { compat } = ports.settings;
  const observed = observablesOf(device);
  switch (ask.type) {
    case "discoverAll":
      return formatDiscoverAll(device.registration.objectLinks, compat);
    case "observeReadAll":
      return formatObserveReadAll(observed, compat);
    case "observeCancelAll":
      return cancel(device, observed, "Cancel of all observations was", ports);
    case "observeCancel": {
      const found = findObservation(observed, toObserved([ask.path]));
      if (found === undefined) return formatRefusal(REFUSALS.noActiveObservation(ask.id));
      return cancel(device, [found], `Cancel Observe for [${ask.id}]`, ports);
    }
    case "observeCompositeCancel": {
      const found = findObservation(observed, toObserved(ask.paths));
      if (found === undefined) return formatRefusal(REFUSALS.noActiveCompositeObservation(ask.ids));
      return cancel(device, [found], `Cancel Composite Observe for [${ask.ids.join(", ")}]`, ports);
    }
  }
}

/** Cancelling is passive: the next notification is answered with RST (RFC 7641 §3.6). What the profile wants is not made again before the device registers anew, also where another node has it by then. */
async function cancel(
  device: OwnedDevice,
  observed: readonly Observable[],
  what: string,
  ports: TransportPorts,
): Promise<Answer | "stale" | "unavailable"> {
  const helds = observed.map(({ held }): HeldObservation => held);
  const outcome = helds.length === 0 ? "done" : await cancelObservations(device, helds, ports);
  if (outcome !== "done") return outcome;
  logLine(device, `[info]: ${what} successful. Result: [${helds.length}]`, ports);
  return formatLocalValue(String(helds.length));
}
