import type { ReceiveMark } from "@ferry/dtls";
import { type lwm2m, toSafeNumber } from "@ferry/proto";
import type { AssociationRef, NodeRef } from "@ferry/state";
import type { TransportPorts } from "../ports.ts";

/** How long the owner of an association may take to answer, ms: records of the device wait meanwhile. */
const ANSWER_WITHIN_MS = 200;
/** How long the owner may be told to forget it, ms: somebody else has it, however late that is heard. */
const WORTH_MS = 60_000;
/** Questions that wait for an answer; beyond it owners count as dead. */
const MAX_QUESTIONS = 10_000;

/** Asks the nodes that had DTLS associations, by node command, how far they received them; upon which they forget them. */
export class OwnerQuestions {
  readonly #ports: Pick<TransportPorts, "node" | "records" | "liveSlots" | "clock" | "unpublished">;
  readonly #later: (ms: number, then: () => void) => void;
  readonly #waiting = new Map<number, (mark: ReceiveMark | undefined) => void>();
  #next = 1;

  constructor(
    ports: Pick<TransportPorts, "node" | "records" | "liveSlots" | "clock" | "unpublished">,
    later: (ms: number, then: () => void) => void,
  ) {
    this.#ports = ports;
    this.#later = later;
  }

  /** What the owner received; undefined when it is dead, does not answer in time, or has forgotten the association already. */
  async ask(owner: NodeRef, { device, id }: AssociationRef): Promise<ReceiveMark | undefined> {
    const { node, records, liveSlots, clock, unpublished } = this.#ports;
    if (owner.bootId === node.bootId || this.#waiting.size >= MAX_QUESTIONS) return undefined;
    if ((await liveSlots.isLive(owner)) !== true) return undefined;
    const question = this.#next;
    this.#next = (this.#next % MAX_QUESTION) + 1;
    const answered = new Promise<ReceiveMark | undefined>((resolve) => {
      this.#waiting.set(question, resolve);
      this.#later(ANSWER_WITHIN_MS, () => this.answered(question, undefined));
    });
    const command: lwm2m.v1.NodeCommand.$Properties = {
      bootId: owner.bootId,
      deadlineMs: clock.wallMs() + WORTH_MS,
      releaseAssociation: {
        tenant: device.tenant,
        endpoint: device.endpoint,
        association: id,
        question,
        replySlot: node.slot,
        replyBootId: node.bootId,
      },
    };
    records.command(owner.slot, command).catch((error: unknown) => {
      unpublished(error);
      this.answered(question, undefined);
    });
    return answered;
  }

  /** An answer came, or its time is over. One that is late or unasked changes nothing. */
  answered(question: number, mark: ReceiveMark | undefined): void {
    const resolve = this.#waiting.get(question);
    this.#waiting.delete(question);
    resolve?.(mark);
  }
}

/** Largest number of a question: it fits into its field. */
const MAX_QUESTION = 2 ** 32 - 1;
/** Bytes of a mark's window. */
const WINDOW_BYTES = 8;

/** Obeys `ReleaseAssociation`: forgets an association that another node has claimed, and tells it how far it was received here. */
export function releaseAssociation(command: lwm2m.v1.ReleaseAssociation.$Properties, ports: TransportPorts): void {
  const {
    tenant,
    endpoint,
    association: id,
    question,
    replySlot,
    replyBootId,
  } = command as lwm2m.v1.ReleaseAssociation; // Decoded: no field is missing.
  const mark = ports.dtls?.release({ device: { tenant, endpoint }, id });
  if (mark !== undefined) {
    ports.metrics.dtlsReleased.inc();
    const device = ports.ownership.byDevice(tenant, endpoint);
    // What it was asked may still be answered, to the node that has it now, which hands that on.
    if (device?.peer === `dtls:${id}`) device.link = "closed";
  }
  const answer: lwm2m.v1.NodeCommand.$Properties = {
    bootId: replyBootId,
    deadlineMs: ports.clock.wallMs() + WORTH_MS,
    associationReleased: { question, mark: mark ?? null },
  };
  void ports.records.command(replySlot, answer).catch(ports.unpublished);
}

/** The mark of an answer; undefined when there is none, or it makes no sense. */
export function readMark({ mark }: lwm2m.v1.AssociationReleased.$Properties): ReceiveMark | undefined {
  if (!mark || mark.window?.length !== WINDOW_BYTES) return undefined;
  return { newest: toSafeNumber(mark.newest), window: mark.window };
}
