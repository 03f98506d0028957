import type { LiveAssociation } from "./association.ts";
import type { Context } from "./context.ts";
import { transmitFlight } from "./transmit-flight.ts";

/** The client sent its Finished again: ours did not come (RFC 6347 §4.2.4). Not at each repetition. */
export function sendLastFlight(context: Context, association: LiveAssociation): void {
  const last = context.lastFlights.get(association);
  if (last === undefined || context.nowMs - last.sentAtMs < context.limits.minResendMs) return;
  last.sentAtMs = context.nowMs;
  transmitFlight(context, last.flight, { address: association.address, association, source: last });
}
