import { StateUnavailableError } from "@ferry/state";
import type { RouterPorts } from "./ports.ts";

/**
 * Does a step that rests on the store's knowing all requests: that it has not been emptied or rolled back before, nor is meanwhile.
 *
 * A request that an emptied store accepts may have been sent already, and what it held when it was emptied is read back from what Kafka had then.
 *
 * @throws {StateUnavailableError} it was: the request is to be routed anew, once the store has been restored
 */
export async function inOneLife<Result>(step: () => Promise<Result>, { devices }: RouterPorts): Promise<Result> {
  const before = await devices.incarnation();
  if (!before.restored) throw new StateUnavailableError("Redis was emptied or rolled back, and is not restored yet");
  const result = await step();
  const after = await devices.incarnation();
  if (after.id !== before.id) throw new StateUnavailableError("Redis was emptied or rolled back meanwhile");
  return result;
}
