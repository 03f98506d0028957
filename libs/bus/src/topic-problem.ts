import type { TopicLayout } from "./bus.ts";

/** A topic as the bus has it. */
export interface FoundTopic {
  readonly partitions: number;
  readonly cleanup: string;
}

/** What is wrong with a topic and what to do about it, in one sentence; undefined when nothing is. */
export function layoutProblem(wanted: TopicLayout, found: FoundTopic | undefined): string | undefined {
  if (found === undefined) {
    return `does not exist; create it with ${wanted.partitions} partitions and cleanup.policy=${wanted.cleanup}`;
  }
  if (wanted.partitionsFixed && found.partitions !== wanted.partitions) {
    return `has ${found.partitions} partitions, but exactly ${wanted.partitions} are needed; delete it and create it anew`;
  }
  if (found.cleanup !== wanted.cleanup) {
    return `has cleanup.policy=${found.cleanup}, but ${wanted.cleanup} is needed; change it with kafka-configs`;
  }
  return undefined;
}
