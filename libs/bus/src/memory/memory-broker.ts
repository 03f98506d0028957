import type { OutgoingRecord, TopicLayout, TopicProblem } from "../bus.ts";
import { BusUnavailableError } from "../errors.ts";
import { layoutProblem } from "../topic-problem.ts";
import type { AssignedPartition, MemorySubscription } from "./memory-subscription.ts";
import { MemoryTopic } from "./memory-topic.ts";

interface Group {
  /** The members and their topics. */
  readonly members: Map<MemorySubscription, readonly string[]>;
  /** Committed offsets by `topic/partition`. */
  readonly committed: Map<string, number>;
}

/** The records of a memory bus, and who reads them: what a Kafka cluster is to its clients. */
export class MemoryBroker {
  readonly #maxRecordsPerPartition: number;
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #groups = new Map<string, Group>();
  readonly #subscriptions = new Set<MemorySubscription>();
  /** What goes on once its topics exist. */
  readonly #waiting: { readonly names: readonly string[]; readonly then: () => void }[] = [];

  /** A partition of a `delete` topic keeps about `maxRecordsPerPartition` records; the oldest go. */
  constructor(maxRecordsPerPartition = 100_000) {
    this.#maxRecordsPerPartition = maxRecordsPerPartition;
  }

  /** @throws {BusUnavailableError} it does not exist */
  topic(name: string): MemoryTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new BusUnavailableError(`topic ${name} does not exist`);
    return topic;
  }

  ensureTopics(layouts: readonly TopicLayout[], mode: "create" | "verify"): TopicProblem[] {
    for (const layout of mode === "create" ? layouts : []) {
      if (!this.#topics.has(layout.name)) {
        this.#topics.set(layout.name, new MemoryTopic(layout, this.#maxRecordsPerPartition));
      }
    }
    for (const { names, then } of this.#waiting.splice(0)) this.whenTopicsExist(names, then);
    return layouts.flatMap((layout) => {
      const problem = layoutProblem(layout, this.#topics.get(layout.name)?.layout);
      return problem === undefined ? [] : [{ topic: layout.name, problem }];
    });
  }

  whenTopicsExist(names: readonly string[], then: () => void): void {
    if (names.every((name) => this.#topics.has(name))) then();
    else this.#waiting.push({ names, then });
  }

  /** Appends records; topics that do not exist come back with the reason. */
  append(recordsByTopic: ReadonlyMap<string, readonly OutgoingRecord[]>): Map<string, Error> {
    const refused = new Map<string, Error>();
    for (const [name, records] of recordsByTopic) {
      const topic = this.#topics.get(name);
      if (topic === undefined) {
        refused.set(name, new BusUnavailableError(`topic ${name} does not exist`));
        continue;
      }
      for (const record of records) topic.append(record, Date.now());
      for (const [partition, log] of topic.partitions.entries()) {
        if (log.isCompactionDue) log.compact(this.#slowest(name, partition));
      }
    }
    for (const subscription of this.#subscriptions) subscription.wake();
    return refused;
  }

  /** Compacts a partition as far as nobody reads any more: a subscription sees every record that was published while it ran. */
  compact(topic: string, partition: number): void {
    this.topic(topic).partitions[partition]?.compact(this.#slowest(topic, partition));
  }

  /** From now on the subscription is told of new records. */
  add(subscription: MemorySubscription): void {
    this.#subscriptions.add(subscription);
  }

  remove(subscription: MemorySubscription): void {
    this.#subscriptions.delete(subscription);
    for (const group of this.#groups.values()) if (group.members.delete(subscription)) this.#rebalance(group);
  }

  join(groupId: string, subscription: MemorySubscription, topics: readonly string[]): void {
    const group = this.#group(groupId);
    group.members.set(subscription, topics);
    this.#rebalance(group);
  }

  commit(groupId: string, topic: string, partition: number, offset: number): void {
    this.#group(groupId).committed.set(`${topic}/${partition}`, offset);
  }

  #group(groupId: string): Group {
    const group = this.#groups.get(groupId) ?? { members: new Map(), committed: new Map() };
    this.#groups.set(groupId, group);
    return group;
  }

  /** Deals the partitions of the group's topics out to its members; a partition begins where it was committed, else at its start. */
  #rebalance({ members, committed }: Group): void {
    const assignments = new Map([...members.keys()].map((member) => [member, [] as AssignedPartition[]]));
    for (const topic of new Set([...members.values()].flat())) {
      const interested = [...members.keys()].filter((member) => members.get(member)?.includes(topic));
      for (const [partition, log] of this.topic(topic).partitions.entries()) {
        const member = interested[partition % interested.length] as MemorySubscription; // The topic is some member's.
        const position = committed.get(`${topic}/${partition}`) ?? log.start;
        assignments.get(member)?.push({ topic, partition, log, position });
      }
    }
    for (const [member, assigned] of assignments) member.assign(assigned);
  }

  #slowest(topic: string, partition: number): number {
    return Math.min(...[...this.#subscriptions].map((each) => each.positionOf(topic, partition) ?? Infinity));
  }
}
