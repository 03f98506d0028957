import { setTimeout as delay } from "node:timers/promises";
import { type IncomingRecord, readTable } from "@ferry/bus";
import {
  CONTENT_TYPE,
  CONTENT_TYPE_HEADER,
  lwm2m,
  type ProvisioningKind,
  parseProvisioningKey,
  provisioningKey,
  TOPICS,
} from "@ferry/proto";
import { decodeProvisioningRecord, ProvisioningError, type SealingKeys } from "@ferry/provisioning";
import { type RecordRef, StateUnavailableError } from "@ferry/state";
import { bury } from "./bury.ts";
import type { RouterPorts } from "./ports.ts";
import { ReadModel } from "./read-model.ts";

const KINDS: readonly ProvisioningKind[] = ["model", "profile", "device", "credential"];
const { ProvisioningOutcome } = lwm2m.v1;
/** Longest key that is taken: kind, tenant and a name of 255 bytes fit. */
const MAX_KEY_BYTES = 512;
/** Longest reason, characters: it may quote what it is about. */
const MAX_REASON = 2000;
/** How soon a record is tried again while Redis is away. */
const RETRY_MS = 1000;

/** What became of a record. */
type Outcome =
  | { readonly type: "applied" | "deleted" }
  | { readonly type: "rejected"; readonly field: string; readonly reason: string };

/** How a record came: as it was published, or read again from the beginning. */
type Mode = "live" | "rebuild";

/**
 * Writes the read model of lwm2m.provisioning.v1 and says of each record whether it is in force.
 *
 * Records come to one router at a time: whom the group gives the topic's one partition. They are taken strictly one after another, for each may rest on the last. A rebuild may be done by several at once, each of which ends with what the topic has.
 */
export class Materialiser {
  readonly #ports: RouterPorts;
  readonly #readModel: ReadModel;
  readonly #signal: AbortSignal;
  /** What the last check found. */
  #checked: { readonly position: number | undefined; readonly end: number } = { position: undefined, end: 0 };
  /** The topic ended there when we looked last: it only grows. */
  #knownEnd = 0;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(ports: RouterPorts, sealingKeys: SealingKeys | undefined, signal: AbortSignal) {
    this.#ports = ports;
    this.#readModel = new ReadModel(ports, sealingKeys);
    this.#signal = signal;
  }

  /** Takes a record of the topic; resolves once its status is on the bus. The next record does not wait for that. */
  async handle(record: IncomingRecord): Promise<void> {
    const ref = refOf(record);
    const outcome = await this.#inTurn(async () => {
      const found = await this.#ports.provisioning.position();
      const position = (await this.#isGapFree(found, record.offset)) ? found : await this.#rebuild();
      const materialised = ref === undefined ? undefined : await this.#materialise(ref, record, "live");
      await this.#ports.provisioning.setPosition(Math.max(record.offset, position ?? -1));
      return materialised;
    });
    await (ref === undefined || outcome === undefined ? this.#bury(record) : this.#report(ref, record, outcome));
  }

  /** Rebuilds the read model when Redis has lost it, fell back to an older copy, or has that of another topic. Call it now and then. */
  check(): Promise<void> {
    return this.#inTurn(async () => {
      const position = await this.#ports.provisioning.position();
      const end = await this.#end();
      // Twice at the same place means that no router is on its way from there to the end.
      const isStuck = position === this.#checked.position && end === this.#checked.end && position !== end - 1;
      this.#checked = { position, end };
      if (position === undefined || position >= end || isStuck) await this.#rebuild();
    });
  }

  /** Makes the read model equal to the topic, whatever the store's position says. */
  async rebuild(): Promise<void> {
    await this.#inTurn(() => this.#rebuild());
  }

  /**
   * Whether all before `offset` is in the store: it went on to the offset just before, or beyond.
   *
   * A hole proves nothing, for it may be compaction's or a loss. After one rebuild the position lies beyond all holes of the backlog, and new records leave none.
   */
  async #isGapFree(position: number | undefined, offset: number): Promise<boolean> {
    if (position === undefined || position < offset - 1) return false;
    return position < offset || !(await this.#isAhead(position));
  }

  /** Whether the store knows of offsets that the topic does not have: the topic was made anew and the store was not. */
  async #isAhead(position: number): Promise<boolean> {
    if (position >= this.#knownEnd) this.#knownEnd = await this.#end();
    return position >= this.#knownEnd;
  }

  async #end(): Promise<number> {
    const { bus, settings } = this.#ports;
    const [end = 0] = await bus.endOffsets(settings.topicPrefix + TOPICS.provisioning.name);
    return end;
  }

  /** Runs after what came before, and again while Redis is away. */
  #inTurn<Result>(step: () => Promise<Result>): Promise<Result> {
    const turn = this.#tail.then(() => this.#untilAvailable(step));
    this.#tail = turn.catch(() => {});
    return turn;
  }

  async #untilAvailable<Result>(step: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (!(error instanceof StateUnavailableError)) throw error;
        this.#ports.outage.failed(error);
        await delay(RETRY_MS, undefined, { signal: this.#signal });
      }
    }
  }

  /** A record whose key says nothing has nobody who waits for its status. */
  async #bury(record: IncomingRecord): Promise<void> {
    await bury(record, "the key is not <model|profile|device|credential>/<tenant>/<id>, or too long", this.#ports);
    this.#ports.metrics.provisioning.with({ outcome: "unreadable" }).inc();
  }

  async #report(ref: RecordRef, record: IncomingRecord, outcome: Outcome): Promise<void> {
    const { metrics, logger } = this.#ports;
    metrics.provisioning.with({ outcome: outcome.type }).inc();
    const facts = { ...ref, ...outcome, offset: record.offset };
    if (outcome.type === "rejected") logger.info(facts, "provisioning record was rejected");
    else logger.debug(facts, "provisioning record is in force");
    await this.#publishStatus(ref, record, outcome);
  }

  async #materialise(ref: RecordRef, record: IncomingRecord, mode: Mode): Promise<Outcome> {
    if (record.value === null) {
      await this.#readModel.remove(ref);
      return { type: "deleted" };
    }
    try {
      // In a rebuild the topic's order is that of the last records, and a profile may come after its devices.
      await this.#readModel.put(ref, record, record.value, { requireProfile: mode === "live" });
      return { type: "applied" };
    } catch (error) {
      if (!(error instanceof ProvisioningError)) throw error;
      return { type: "rejected", field: error.field, reason: error.reason };
    }
  }

  /** Makes the read model equal to the topic: removes what is not declared, then puts what is, in the order of the offsets. Answers its position. */
  async #rebuild(): Promise<number> {
    const { bus, provisioning, settings, metrics, logger } = this.#ports;
    metrics.rebuilds.inc();
    for (;;) {
      const before = await provisioning.position();
      const end = await this.#end();
      // Offsets of another topic would outlive those of this one.
      if (before !== undefined && before >= end) await this.#removeUndeclared(new Map(), Number.POSITIVE_INFINITY);
      const records = await readTable(bus, settings.topicPrefix + TOPICS.provisioning.name);
      const removed = await this.#removeUndeclared(records, end);
      const rejected = await this.#putDeclared(records);
      logger.info({ records: records.size, removed, rejected }, "provisioning was rebuilt from its topic");
      const position = await provisioning.position();
      // Another router went on meanwhile, and we may have put back what it removed.
      if (position !== undefined && position >= end && position !== before) continue;
      await provisioning.setPosition(end - 1);
      return end - 1;
    }
  }

  async #putDeclared(records: ReadonlyMap<string, IncomingRecord>): Promise<number> {
    let rejected = 0;
    for (const record of records.values()) {
      const ref = refOf(record);
      if (ref === undefined) continue;
      if ((await this.#materialise(ref, record, "rebuild")).type === "rejected") rejected++;
    }
    return rejected;
  }

  async #removeUndeclared(declared: ReadonlyMap<string, IncomingRecord>, end: number): Promise<number> {
    let removed = 0;
    for (const kind of KINDS) {
      for (const { tenant, id, offset } of await this.#ports.provisioning.list(kind)) {
        // What was declared after we began to read is not ours to judge.
        if (offset >= end || declared.has(provisioningKey(kind, tenant, id))) continue;
        await this.#readModel.remove({ kind, tenant, id });
        removed++;
      }
    }
    return removed;
  }

  #publishStatus({ kind, tenant, id }: RecordRef, record: IncomingRecord, outcome: Outcome): Promise<void> {
    const status = {
      revision: revisionOf(record),
      kind,
      tenant,
      id,
      outcome: WIRE_OUTCOMES[outcome.type],
      offset: record.offset,
      ...(outcome.type === "rejected" ? { field: outcome.field, reason: outcome.reason.slice(0, MAX_REASON) } : {}),
    };
    return this.#ports.sender.publish({
      topic: this.#ports.settings.topicPrefix + TOPICS.provisioningStatus.name,
      key: record.key,
      value: lwm2m.v1.ProvisioningStatusRecord.encode(status).finish(),
      headers: { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.protobuf },
    });
  }
}

const WIRE_OUTCOMES = {
  applied: ProvisioningOutcome.PROVISIONING_OUTCOME_APPLIED,
  rejected: ProvisioningOutcome.PROVISIONING_OUTCOME_REJECTED,
  deleted: ProvisioningOutcome.PROVISIONING_OUTCOME_DELETED,
} as const;

/** What a record is about; undefined when its key does not say, or is longer than any that names something. */
function refOf({ key }: IncomingRecord): RecordRef | undefined {
  return key === null || Buffer.byteLength(key) > MAX_KEY_BYTES ? undefined : parseProvisioningKey(key);
}

/** The publication that a record is; empty for a tombstone and for bytes that are no record. */
function revisionOf({ value, headers }: IncomingRecord): string {
  try {
    return value === null ? "" : decodeProvisioningRecord(value, headers[CONTENT_TYPE_HEADER]).revision;
  } catch (error) {
    if (error instanceof ProvisioningError) return "";
    throw error;
  }
}
