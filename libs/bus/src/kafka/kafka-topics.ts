import type { Admin, ITopicConfig } from "kafkajs";
import type { TopicLayout, TopicProblem } from "../bus.ts";
import { type FoundTopic, layoutProblem } from "../topic-problem.ts";
import { kafkajs } from "./kafkajs.ts";

/** A topic as the broker describes it. */
interface DescribedTopic extends FoundTopic {
  readonly replicas: number;
  readonly maxMessageBytes: number;
}

/** What our topics need beyond their layout. */
export interface TopicNeeds {
  /** Expected replicas of each partition, and what a new topic gets; the broker's default, and no check, when absent. */
  readonly replicationFactor?: number;
  /** Largest record that we send. */
  readonly maxRecordBytes: number;
}

/** Creates the topics that are missing and takes their first leaders in. */
export async function createMissingTopics(
  admin: Admin,
  layouts: readonly TopicLayout[],
  { replicationFactor = -1, maxRecordBytes }: TopicNeeds,
): Promise<void> {
  const existing = new Set(await admin.listTopics());
  const topics = layouts
    .filter(({ name }) => !existing.has(name))
    .map(
      (layout): ITopicConfig => ({
        topic: layout.name,
        numPartitions: layout.partitions,
        replicationFactor,
        configEntries: [
          { name: "cleanup.policy", value: layout.cleanup },
          { name: "compression.type", value: "producer" },
          { name: "max.message.bytes", value: String(brokerBytes(maxRecordBytes)) },
          ...optional("retention.ms", layout.retentionMs),
          ...optional("min.compaction.lag.ms", layout.minCompactionLagMs),
        ],
      }),
    );
  if (topics.length > 0) await admin.createTopics({ topics, waitForLeaders: true });
}

function optional(name: string, value: number | undefined): { readonly name: string; readonly value: string }[] {
  return value === undefined ? [] : [{ name, value: String(value) }];
}

/** Compares the topics with how they should be. */
export async function verifyTopics(
  admin: Admin,
  layouts: readonly TopicLayout[],
  needs: TopicNeeds,
): Promise<readonly TopicProblem[]> {
  const existing = new Set(await admin.listTopics());
  const found = await describe(
    admin,
    layouts.map(({ name }) => name).filter((name) => existing.has(name)),
  );
  return layouts.flatMap((layout) => {
    const topic = found.get(layout.name);
    const problem = layoutProblem(layout, topic) ?? (topic && needsProblem(topic, needs));
    return problem === undefined ? [] : [{ topic: layout.name, problem }];
  });
}

function needsProblem(topic: DescribedTopic, { replicationFactor, maxRecordBytes }: TopicNeeds): string | undefined {
  if (replicationFactor !== undefined && topic.replicas !== replicationFactor) {
    return `has ${topic.replicas} replicas, but ${replicationFactor} are configured; change it with kafka-reassign-partitions`;
  }
  if (topic.maxMessageBytes < maxRecordBytes) {
    return `has max.message.bytes=${topic.maxMessageBytes}, but records reach ${maxRecordBytes}; raise it with kafka-configs`;
  }
  return undefined;
}

async function describe(admin: Admin, names: string[]): Promise<ReadonlyMap<string, DescribedTopic>> {
  if (names.length === 0) return new Map();
  const { topics } = await admin.fetchTopicMetadata({ topics: names });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name,
      configNames: ["cleanup.policy", "max.message.bytes"],
    })),
  });
  const configs = new Map(resources.map(({ resourceName, configEntries }) => [resourceName, configEntries]));
  const configOf = (topic: string, name: string) =>
    configs.get(topic)?.find(({ configName }) => configName === name)?.configValue ?? "";
  return new Map(
    topics.map(({ name, partitions }) => [
      name,
      {
        partitions: partitions.length,
        replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
        cleanup: configOf(name, "cleanup.policy"),
        maxMessageBytes: Number(configOf(name, "max.message.bytes")),
      },
    ]),
  );
}

/** Kafka limits whole batches: the largest record and the head of its batch, as its own default of 1 MiB and 12 bytes. */
function brokerBytes(maxRecordBytes: number): number {
  return maxRecordBytes + 12;
}
