import type { OwnedAssociation, OwnerAnswer } from "@ferry/dtls-endpoint";
import { type lwm2m, toSafeNumber } from "@ferry/proto";
import type { NodeRef } from "@ferry/state";
import type { TransportPorts } from "../ports.ts";

/** How long the owner of an association may take to answer, and the store to say whether it lives, ms: records of the device wait meanwhile. */
const ANSWER_WITHIN_MS = 200;
/** How long the owner may be told to forget it, ms: somebody else has it, however late that is heard, unless the owner has claimed it since. */
const WORTH_MS = 60_000;
/** Questions that wait for an answer; beyond it owners count as dead. */
const MAX_QUESTIONS = 10_000;

/** What is asked by. */
export interface OwnerQuestionsPorts extends Pick<TransportPorts, "node" | "liveSlots" | "clock" | "unpublished"> {
  readonly records: Pick<TransportPorts["records"], "command">;
}

/** Asks the nodes that have DTLS associations for them, by node command. */
export class OwnerQuestions {
  readonly #ports: OwnerQuestionsPorts;
  readonly #later: (ms: number, then: () => void) => void;
  readonly #waiting = new Map<number, (answer: OwnerAnswer | undefined) => void>();
  #next = 1;

  constructor(ports: OwnerQuestionsPorts, later: (ms: number, then: () => void) => void) {
    this.#ports = ports;
    this.#later = later;
  }

  /** Whether the owner releases the association for a record with this number; undefined when it is dead, does not answer in time, or does not have it so any more. */
  async ask(
    { device, id, owner, stamp }: OwnedAssociation,
    sequence: number | undefined,
  ): Promise<OwnerAnswer | undefined> {
    const { node } = this.#ports;
    if (owner.bootId === node.bootId || this.#waiting.size >= MAX_QUESTIONS) return undefined;
    const question = this.#next;
    this.#next = (this.#next % MAX_QUESTION) + 1;
    const answered = new Promise<OwnerAnswer | undefined>((resolve) => {
      this.#waiting.set(question, resolve);
      this.#later(ANSWER_WITHIN_MS, () => this.answered(question, undefined));
    });
    void this.#command(owner, {
      tenant: device.tenant,
      endpoint: device.endpoint,
      association: id,
      question,
      replySlot: node.slot,
      replyBootId: node.bootId,
      stamp,
      ...(sequence === undefined ? {} : { sequence }),
    });
    return await answered;
  }

  /** Also when the time is over: a living owner is to forget the association. */
  async #command(
    owner: NodeRef,
    releaseAssociation: lwm2m.v1.ReleaseAssociation.$Properties & { readonly question: number },
  ): Promise<void> {
    const { records, liveSlots, clock, unpublished } = this.#ports;
    try {
      const isLive = await liveSlots.isLive(owner);
      const deadlineMs = clock.wallMs() + WORTH_MS;
      if (isLive) await records.command(owner.slot, { bootId: owner.bootId, deadlineMs, releaseAssociation });
      else this.answered(releaseAssociation.question, undefined);
    } catch (error) {
      unpublished(error);
      this.answered(releaseAssociation.question, undefined);
    }
  }

  /** An answer came, or its time is over. One that is late or unasked changes nothing. */
  answered(question: number, answer: OwnerAnswer | undefined): void {
    const resolve = this.#waiting.get(question);
    this.#waiting.delete(question);
    resolve?.(answer);
  }
}

/** Largest number of a question: it fits into its field. */
const MAX_QUESTION = 2 ** 32 - 1;
/** Bytes of a mark's window. */
const WINDOW_BYTES = 8;

/** Obeys `ReleaseAssociation`: forgets an association for another node, unless it is more up to date here or was claimed since, and tells how far it was received. */
export function releaseAssociation(command: lwm2m.v1.ReleaseAssociation.$Properties, ports: TransportPorts): void {
  const {
    tenant,
    endpoint,
    association: id,
    question,
    replySlot,
    replyBootId,
    sequence,
    stamp,
  } = command as lwm2m.v1.ReleaseAssociation; // Decoded: no field is missing.
  const shown = sequence === null || sequence === undefined ? undefined : toSafeNumber(sequence);
  const released = ports.dtls?.release({ device: { tenant, endpoint }, id, stamp }, shown);
  if (released?.type === "released") {
    ports.metrics.dtlsReleased.inc();
    const device = ports.ownership.byDevice(tenant, endpoint);
    // What it was asked may still be answered, to the node that has it now, which hands that on.
    if (device?.peer === `dtls:${id}`) device.link = "closed";
  }
  const answer: lwm2m.v1.NodeCommand.$Properties = {
    bootId: replyBootId,
    deadlineMs: ports.clock.wallMs() + WORTH_MS,
    associationReleased: { question, mark: released?.mark ?? null, kept: released?.type === "kept" },
  };
  void ports.records.command(replySlot, answer).catch(ports.unpublished);
}

/** What an owner answered; undefined when it had nothing, or its answer makes no sense. */
export function readOwnerAnswer({ mark, kept }: lwm2m.v1.AssociationReleased.$Properties): OwnerAnswer | undefined {
  if (!mark || mark.window?.length !== WINDOW_BYTES) return undefined;
  const received = { newest: toSafeNumber(mark.newest), window: mark.window };
  return { type: kept ? "kept" : "released", mark: received };
}
