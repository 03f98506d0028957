import { randomUUID } from "node:crypto";
import type { Bus, OutgoingRecord, Sender } from "@ferry/bus";
import { CONTENT_TYPE, CONTENT_TYPE_HEADER, lwm2m, parseProvisioningKey, provisioningKey, TOPICS } from "@ferry/proto";
import type { RecordRef } from "@ferry/state";
import type { ProvisioningDocument } from "./document.ts";
import { ProvisioningTimeoutError } from "./errors.ts";

/** Records that are under way at once: the next are encoded and sent when these are answered. */
const BATCH = 500;

/** What became of a published record. */
export interface PublishOutcome extends RecordRef {
  /** `unchanged`: it was in force as it is, and not published again. */
  readonly outcome: "applied" | "unchanged" | "rejected" | "deleted";
  /** For `rejected`: the field that is wrong; empty when it is the record as a whole. */
  readonly field: string;
  /** For `rejected`: why. */
  readonly reason: string;
}

export interface PublishOptions {
  /** How long to wait for the next word about any of them. */
  readonly timeoutMs: number;
  readonly topicPrefix?: string;
  /** What to publish with; without it a sender is made that lives as long as the bus. */
  readonly sender?: Sender;
  /** Told of each outcome as it comes. */
  readonly onOutcome?: (outcome: PublishOutcome) => void;
}

/**
 * Publishes documents, in their order, and waits until each is APPLIED or REJECTED.
 *
 * @throws {ProvisioningTimeoutError} nobody says so in time
 */
export function publishRecords(
  bus: Bus,
  documents: readonly ProvisioningDocument[],
  options: PublishOptions,
): Promise<readonly PublishOutcome[]> {
  const publications = documents.map((document): Publication => {
    const { kind, tenant, id } = document;
    const revision = randomUUID();
    return { kind, tenant, id, revision, encode: () => encodeDocument(document, revision) };
  });
  return publish(bus, publications, options);
}

/** A document as it is published, for who does not wait for its status. `revision`: names this publication, in the store too. */
export function toProvisioningRecord(
  document: ProvisioningDocument,
  revision: string,
  topicPrefix: string,
): OutgoingRecord {
  const { kind, tenant, id } = document;
  return toRecord({ kind, tenant, id, revision, encode: () => encodeDocument(document, revision) }, topicPrefix);
}

function encodeDocument({ tenant, id, body }: ProvisioningDocument, revision: string): Uint8Array {
  return lwm2m.v1.ProvisioningRecord.encode({ revision, tenant, id, publishedAtMs: Date.now(), ...body }).finish();
}

/**
 * Publishes tombstones and waits until each is DELETED; what is named twice is deleted once.
 *
 * @throws {ProvisioningTimeoutError} nobody says so in time
 */
export function deleteRecords(
  bus: Bus,
  records: readonly RecordRef[],
  options: PublishOptions,
): Promise<readonly PublishOutcome[]> {
  const distinct = new Map(records.map((record) => [keyOf(record), record]));
  const tombstones = [...distinct.values()].map(
    ({ kind, tenant, id }): Publication => ({ kind, tenant, id, revision: "", encode: () => null }),
  );
  return publish(bus, tombstones, options);
}

interface Publication extends RecordRef {
  /** Empty for a tombstone: its status has none. */
  readonly revision: string;
  readonly encode: () => Uint8Array | null;
}

async function publish(
  bus: Bus,
  publications: readonly Publication[],
  { timeoutMs, topicPrefix = "", sender = makeSender(bus), onOutcome = () => {} }: PublishOptions,
): Promise<readonly PublishOutcome[]> {
  const waiting = new Map(publications.map((one) => [statusKey(keyOf(one), one.revision), keyOf(one)]));
  const outcomes: PublishOutcome[] = [];
  const progress = new Progress(timeoutMs);
  // Listening begins before publishing: a status must not be missed.
  const statuses = bus.subscribe({
    type: "reader",
    topic: topicPrefix + TOPICS.provisioningStatus.name,
    from: "latest",
    handle: ({ value }) => {
      const status = value === null ? undefined : decodeStatus(value);
      if (status === undefined || !waiting.delete(statusKey(keyOf(status), status.revision))) return;
      outcomes.push(status);
      onOutcome(status);
      progress.made();
    },
  });
  try {
    await statuses.ready;
    for (let start = 0; start < publications.length; start += BATCH) {
      const batch = publications.slice(start, start + BATCH);
      progress.expect(batch.length);
      await Promise.all(batch.map((one) => sender.publish(toRecord(one, topicPrefix))));
      if (!(await progress.finished())) throw new ProvisioningTimeoutError([...waiting.values()], timeoutMs);
    }
    return outcomes;
  } finally {
    progress.stop();
    await statuses.stop();
  }
}

function makeSender(bus: Bus): Sender {
  return bus.sender({ name: "provisioning", lingerMs: 0 });
}

/** Waits for an end that may be far, as long as something happens. */
class Progress {
  readonly #timeoutMs: number;
  #missing = 0;
  #end = Promise.withResolvers<boolean>();
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** From now on so many are missing. */
  expect(count: number): void {
    this.stop();
    this.#missing = count;
    this.#end = Promise.withResolvers<boolean>();
  }

  made(): void {
    this.#missing -= 1;
    if (this.#missing === 0) this.#end.resolve(true);
    else if (this.#timer !== undefined) this.#wait();
  }

  /** True at the end, false when nothing happened for too long. */
  finished(): Promise<boolean> {
    this.#wait();
    return this.#end.promise;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end.resolve(false), this.#timeoutMs);
  }
}

function toRecord(publication: Publication, topicPrefix: string): OutgoingRecord {
  return {
    topic: topicPrefix + TOPICS.provisioning.name,
    key: keyOf(publication),
    value: publication.encode(),
    headers: { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.protobuf },
  };
}

const OUTCOMES = new Map<number, PublishOutcome["outcome"]>([
  [lwm2m.v1.ProvisioningOutcome.PROVISIONING_OUTCOME_APPLIED, "applied"],
  [lwm2m.v1.ProvisioningOutcome.PROVISIONING_OUTCOME_REJECTED, "rejected"],
  [lwm2m.v1.ProvisioningOutcome.PROVISIONING_OUTCOME_DELETED, "deleted"],
]);

function decodeStatus(value: Uint8Array): (PublishOutcome & { readonly revision: string }) | undefined {
  const { revision, kind, tenant, id, outcome: code, field, reason } = lwm2m.v1.ProvisioningStatusRecord.decode(value);
  const outcome = OUTCOMES.get(code);
  const named = parseProvisioningKey(`${kind}/${tenant}/${id}`);
  return outcome === undefined || named === undefined ? undefined : { ...named, revision, outcome, field, reason };
}

/** A repeated key has another revision each time. */
function statusKey(key: string, revision: string): string {
  return `${key}\n${revision}`;
}

function keyOf({ kind, tenant, id }: RecordRef): string {
  return provisioningKey(kind, tenant, id);
}
