import { BusOverflowError, BusUnavailableError } from "@ferry/bus";
import { StateUnavailableError } from "@ferry/state";

/** Whether Redis or Kafka is away or cannot keep up: what failed for that works when it is repeated later. */
export function isOutage(error: unknown): boolean {
  return (
    error instanceof StateUnavailableError || error instanceof BusUnavailableError || error instanceof BusOverflowError
  );
}
