import { StateUnavailableError } from "../errors.ts";

/** Waits for a step whose loss costs nothing but a hint. */
export async function ignoreOutage(step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
  }
}
