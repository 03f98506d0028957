import { setTimeout as sleep } from "node:timers/promises";
import { type Bus, BusUnavailableError, type TopicProblem } from "@ferry/bus";
import { TOPICS, type TopicLayout } from "@ferry/proto";
import type { Health } from "./health.ts";
import type { Logger } from "./logger.ts";

/** What `awaitTopics` works with. */
export interface AwaitTopicsOptions {
  readonly bus: Bus;
  readonly topicPrefix: string;
  /** `create` makes what is missing; `verify` waits for somebody else to. */
  readonly mode: "create" | "verify";
  readonly health: Health;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const RETRY_MS = 2_000;

/**
 * Waits until every topic of the contract is on the bus as it should be.
 *
 * Not ready meanwhile, with the topics and what is wrong with them as reason; each new set of problems is logged once.
 * A producer that met a missing topic later would only fall silent.
 */
export async function awaitTopics({
  bus,
  topicPrefix,
  mode,
  health,
  logger,
  signal,
}: AwaitTopicsOptions): Promise<void> {
  let wrong: string | undefined = "topics are not verified yet";
  health.require("topics", () => wrong);
  const layouts = Object.values(TOPICS).map((topic: TopicLayout) => ({ ...topic, name: topicPrefix + topic.name }));
  while (!signal.aborted) {
    const problems = await look(bus, layouts, mode);
    const found = problems.map(({ topic, problem }) => `${topic}: ${problem}`).join("; ");
    if (found === "") {
      wrong = undefined;
      return;
    }
    if (found !== wrong) logger.warn({ problems: found }, "topics are not as they should be; waiting");
    wrong = found;
    // Rejects with an AbortError, and with nothing else, when the signal aborts.
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}

async function look(
  bus: Bus,
  layouts: Parameters<Bus["ensureTopics"]>[0],
  mode: "create" | "verify",
): Promise<readonly TopicProblem[]> {
  try {
    return await bus.ensureTopics(layouts, mode);
  } catch (error) {
    if (!(error instanceof BusUnavailableError)) throw error;
    return [{ topic: "all", problem: error.message }];
  }
}
