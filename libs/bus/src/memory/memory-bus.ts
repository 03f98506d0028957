import type {
  Bus,
  GroupSubscription,
  IncomingRecord,
  OutgoingRecord,
  ReaderSubscription,
  Running,
  Sender,
  Subscription,
  TopicLayout,
  TopicProblem,
} from "../bus.ts";
import { CatchUp } from "../catch-up.ts";
import { BusUnavailableError } from "../errors.ts";
import { DEFAULT_SENDER_LIMITS, type Flight, type SenderLimits, SingleFlightSender } from "../single-flight-sender.ts";
import { layoutProblem } from "../topic-problem.ts";
import { type AssignedPartition, MemorySubscription } from "./memory-subscription.ts";
import { MemoryTopic } from "./memory-topic.ts";

/** Settings of the memory bus. */
export interface MemoryBusOptions {
  readonly sender?: Partial<SenderLimits>;
  /** Records that a partition of a `delete` topic keeps; the oldest go. */
  readonly maxRecordsPerPartition?: number;
  /** Records of one partition that a group handles at once, of different keys. */
  readonly concurrency?: number;
  /** How long `stop` waits for the records in hand. */
  readonly stopTimeoutMs?: number;
}

interface Group {
  /** The members and their topics. */
  readonly members: Map<MemorySubscription, readonly string[]>;
  /** Committed offsets by `topic/partition`. */
  readonly committed: Map<string, number>;
}

const DEFAULTS = { maxRecordsPerPartition: 100_000, concurrency: 64, stopTimeoutMs: 10_000 } as const;

/** Records that a reader holds in hand per partition; they are handled one after another. */
const READER_LIMIT = 256;

/** The bus in one process: partitions, offsets, groups and compaction as Kafka has them, and nothing survives the process. */
export class MemoryBus implements Bus {
  readonly #options: MemoryBusOptions & typeof DEFAULTS;
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #groups = new Map<string, Group>();
  readonly #subscriptions = new Set<MemorySubscription>();
  readonly #senders: SingleFlightSender[] = [];
  /** What goes on once its topics exist. */
  readonly #waiting: { readonly names: readonly string[]; readonly then: () => void }[] = [];

  constructor(options: MemoryBusOptions = {}) {
    this.#options = { ...DEFAULTS, ...options } as MemoryBusOptions & typeof DEFAULTS;
  }

  sender({ lingerMs }: { readonly name: string; readonly lingerMs?: number }): Sender {
    const limits = { ...DEFAULT_SENDER_LIMITS, ...this.#options.sender };
    const flight: Flight = {
      deliver: async (recordsByTopic) => this.#append(recordsByTopic),
      stop: async () => {},
    };
    const sender = new SingleFlightSender(flight, { ...limits, lingerMs: lingerMs ?? limits.lingerMs });
    this.#senders.push(sender);
    return sender;
  }

  subscribe(subscription: Subscription): Running {
    return subscription.type === "group" ? this.#join(subscription) : this.#read(subscription);
  }

  async ensureTopics(layouts: readonly TopicLayout[], mode: "create" | "verify"): Promise<readonly TopicProblem[]> {
    const problems: TopicProblem[] = [];
    for (const layout of layouts) {
      const topic = this.#topics.get(layout.name);
      if (topic === undefined && mode === "create") {
        this.#topics.set(layout.name, new MemoryTopic(layout, this.#options.maxRecordsPerPartition));
        continue;
      }
      const problem = layoutProblem(layout, topic?.layout);
      if (problem !== undefined) problems.push({ topic: layout.name, problem });
    }
    for (const { names, then } of this.#waiting.splice(0)) this.#whenTopicsExist(names, then);
    return problems;
  }

  async endOffsets(topic: string): Promise<readonly number[]> {
    return this.#topic(topic).partitions.map(({ end }) => end);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    for (const sender of this.#senders) {
      await sender.flush(this.#options.stopTimeoutMs);
      await sender.stop();
    }
  }

  #append(recordsByTopic: ReadonlyMap<string, readonly OutgoingRecord[]>): Map<string, Error> {
    const refused = new Map<string, Error>();
    for (const [name, records] of recordsByTopic) {
      const topic = this.#topics.get(name);
      if (topic === undefined) {
        refused.set(name, missing(name));
        continue;
      }
      for (const record of records) topic.append(record, Date.now());
      this.#compact(topic);
    }
    for (const subscription of this.#subscriptions) subscription.wake();
    return refused;
  }

  /** Compacts below the slowest subscription, which so sees every record that was published while it ran. */
  #compact(topic: MemoryTopic): void {
    for (const [partition, log] of topic.partitions.entries()) {
      if (log.isCompactionDue) log.compact(this.#slowest(topic.layout.name, partition, log.end));
    }
  }

  #slowest(topic: string, partition: number, end: number): number {
    const positions = [...this.#subscriptions].map((each) => each.positionOf(topic, partition) ?? end);
    return Math.min(end, ...positions);
  }

  #read(reader: ReaderSubscription): MemorySubscription {
    const catchUp = new CatchUp(reader.onCaughtUp);
    const running = this.#subscription(
      reader.handle,
      () => null,
      READER_LIMIT,
      (_topic, partition, handledTo) => catchUp.progress(partition, handledTo),
    );
    this.#whenTopicsExist([reader.topic], () => {
      const { partitions } = this.#topic(reader.topic);
      const assigned: AssignedPartition[] = [];
      for (const [partition, log] of partitions.entries()) {
        if (reader.partitions?.includes(partition) === false) continue;
        const position = reader.from === "earliest" ? log.start : log.end;
        if (position === log.start) log.compact(this.#slowest(reader.topic, partition, log.end));
        assigned.push({ topic: reader.topic, partition, log, position });
      }
      running.assign(assigned);
      catchUp.start(assigned.map(({ partition, position, log }) => ({ partition, position, end: log.end })));
    });
    return running;
  }

  #join({ groupId, topics, handle }: GroupSubscription): MemorySubscription {
    const group = this.#groups.get(groupId) ?? { members: new Map(), committed: new Map() };
    this.#groups.set(groupId, group);
    const { concurrency } = this.#options;
    const running = this.#subscription(
      handle,
      ({ key }) => key,
      concurrency,
      (topic, partition, handledTo) => group.committed.set(`${topic}/${partition}`, handledTo),
    );
    this.#whenTopicsExist(topics, () => {
      group.members.set(running, topics);
      this.#rebalance(group);
    });
    return running;
  }

  #subscription(
    handle: (record: IncomingRecord) => void | Promise<void>,
    laneOf: (record: IncomingRecord) => string | null,
    concurrency: number,
    onProgress: (topic: string, partition: number, handledTo: number) => void,
  ): MemorySubscription {
    const { stopTimeoutMs } = this.#options;
    const onStop = (stopped: MemorySubscription) => {
      this.#subscriptions.delete(stopped);
      for (const group of this.#groups.values()) if (group.members.delete(stopped)) this.#rebalance(group);
    };
    const running = new MemorySubscription({ handle, laneOf, concurrency, stopTimeoutMs, onProgress, onStop });
    this.#subscriptions.add(running);
    return running;
  }

  /** Deals the partitions of the group's topics out to its members; a partition begins where it was committed, else at its start. */
  #rebalance(group: Group): void {
    const members = [...group.members];
    const assignments = new Map<MemorySubscription, AssignedPartition[]>(members.map(([member]) => [member, []]));
    for (const name of new Set([...group.members.values()].flat())) {
      const interested = members.filter(([, topics]) => topics.includes(name)).map(([member]) => member);
      for (const [partition, log] of this.#topic(name).partitions.entries()) {
        const member = interested[partition % interested.length] as MemorySubscription; // The topic is some member's.
        const position = group.committed.get(`${name}/${partition}`) ?? log.start;
        assignments.get(member)?.push({ topic: name, partition, log, position });
      }
    }
    for (const [member, assigned] of assignments) member.assign(assigned);
  }

  #whenTopicsExist(names: readonly string[], then: () => void): void {
    if (names.every((name) => this.#topics.has(name))) then();
    else this.#waiting.push({ names, then });
  }

  #topic(name: string): MemoryTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw missing(name);
    return topic;
  }
}

function missing(topic: string): BusUnavailableError {
  return new BusUnavailableError(`topic ${topic} does not exist`);
}
