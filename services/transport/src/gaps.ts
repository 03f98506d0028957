import { lwm2m } from "@ferry/proto";
import type { TransportPorts } from "./ports.ts";
import { nextHead, type RecordSubject } from "./record-writer.ts";

/** Why messages without confirmation were dropped, in the words of the record. */
const REASONS = {
  pressure: "messages without confirmation were dropped while Kafka did not keep up",
  limit: "messages without confirmation were dropped because the device, or its tenant, sent more than its rate limit",
  rest: "messages without confirmation were dropped because the rest of their blocks could not be had",
} as const;

/** Why a message that nobody repeats was lost. */
export type GapReason = keyof typeof REASONS;

/** Devices whose gaps are told of one by one, for each reason; the metric still counts those of the others. */
const MAX_GAPS = 10_000;

/** What was lost because nobody sends it again: counted by device, and told of once Kafka keeps up. */
export class Gaps {
  #dropped: Record<GapReason, Map<RecordSubject, number>> = none();

  drop(device: RecordSubject, reason: GapReason): void {
    const gaps = this.#dropped[reason];
    const known = gaps.get(device);
    if (known !== undefined || gaps.size < MAX_GAPS) gaps.set(device, (known ?? 0) + 1);
  }

  /** Publishes a `gap` record for each device that lost something since the last call. */
  report({ values, clock, random, records, unpublished }: TransportPorts): void {
    if (values.pressure !== "normal") return;
    const dropped = this.#dropped;
    if (Object.values(dropped).every((gaps) => gaps.size === 0)) return;
    this.#dropped = none();
    const nowMs = clock.wallMs();
    const event = lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_GAP;
    for (const reason of Object.keys(REASONS) as GapReason[]) {
      for (const [device, count] of dropped[reason]) {
        const head = nextHead(device, random(16), nowMs);
        void records.lifecycle(head, { event, dropped: count, reason: REASONS[reason] }).catch(unpublished);
      }
    }
  }
}

function none(): Record<GapReason, Map<RecordSubject, number>> {
  return { pressure: new Map(), limit: new Map(), rest: new Map() };
}
