import { StateUnavailableError } from "@ferry/state";
import type { RouterPorts } from "./ports.ts";

/**
 * Does a step that rests on the store's knowing all requests, or all that there is: that it has not been emptied or rolled back before, nor is meanwhile.
 *
 * A request that an emptied store accepts may have been sent already, and what it held when it was emptied is read back from what Kafka had then.
 *
 * @throws {StateUnavailableError} it was: the step is to be done anew, once the store has been restored so far
 */
export async function inOneLife<Result>(
  step: () => Promise<Result>,
  { devices }: RouterPorts,
  needs: "requests" | "all" = "all",
): Promise<Result> {
  const before = await devices.incarnation();
  const has = needs === "all" ? before.restored : before.requestsRestored;
  if (!has) throw new StateUnavailableError("Redis was emptied or rolled back, and is not restored yet");
  const result = await step();
  const after = await devices.incarnation();
  if (after.id !== before.id) throw new StateUnavailableError("Redis was emptied or rolled back meanwhile");
  return result;
}
