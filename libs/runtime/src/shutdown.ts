import type { Logger } from "./logger.ts";

/** The order in which a process lets go. */
export interface Shutdown {
  /** Registers how to stop what was just started; what was started last stops first. `signal` aborts when the time is up. */
  onStop(name: string, stop: (signal: AbortSignal) => Promise<void> | void): void;
  /** Aborts when stopping begins: for loops and waits. */
  readonly signal: AbortSignal;
  /** Stops everything, once; false when that failed or did not end in time. */
  stop(): Promise<boolean>;
}

/** Makes an empty list of what to stop, with the time for all of it. */
export function createShutdown(logger: Logger, budgetMs: number): Shutdown {
  const steps: { readonly name: string; readonly stop: (signal: AbortSignal) => Promise<void> | void }[] = [];
  const begun = new AbortController();
  let stopping: Promise<boolean> | undefined;

  const stopAll = async (): Promise<boolean> => {
    begun.abort();
    const expiry = new AbortController();
    const expired = new Promise<"expired">((resolve) => {
      expiry.signal.addEventListener("abort", () => resolve("expired"));
    });
    const timer = setTimeout(() => expiry.abort(), budgetMs);
    let clean = true;
    for (const { name, stop } of steps.reverse()) {
      const step = settle(name, stop, expiry.signal);
      const outcome = await Promise.race([step, expired]);
      if (outcome === "expired") {
        logger.error({ step: name, budgetMs }, "shutdown did not end in time");
        clean = false;
        break;
      }
      clean &&= outcome;
    }
    clearTimeout(timer);
    return clean;
  };

  const settle = async (
    name: string,
    stop: (signal: AbortSignal) => Promise<void> | void,
    signal: AbortSignal,
  ): Promise<boolean> => {
    try {
      await stop(signal);
      logger.debug({ step: name }, "stopped");
      return true;
    } catch (error) {
      logger.error({ step: name, error }, "stopping failed");
      return false;
    }
  };

  return {
    onStop: (name, stop) => void steps.push({ name, stop }),
    signal: begun.signal,
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
  };
}
