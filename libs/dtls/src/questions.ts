import assert from "node:assert";
import { type Deadline, type DeadlineQueue, NOT_QUEUED } from "@ferry/coap";
import type { Answer, CryptoJob, DtlsServerOutput, Question, QuestionId } from "./server-io.ts";

/** What may be said to a question, beside `unavailable`. */
const ANSWERS: Readonly<Record<Question["type"], readonly Answer["type"][]>> = {
  psk: ["psk", "none"],
  rawPublicKey: ["principal", "refused", "none"],
  certificate: ["principal", "refused", "none"],
  session: ["session", "none"],
  store: ["stored", "none"],
  find: ["found", "none"],
  claim: ["claimed", "kept", "none"],
  reserve: ["reserved", "none"],
  compute: ["bytes", "verified"],
};

/** A question that was put and not answered. */
export interface OpenQuestion<Waiter> extends Deadline {
  readonly kind: "question";
  readonly id: QuestionId;
  readonly type: Question["type"];
  /** Undefined: nobody wants the answer any more, but a thread is still busy with it. */
  waiter: Waiter | undefined;
}

/** When questions are given up, and how many computations there are at once. */
export interface QuestionLimits {
  readonly questionTimeoutMs: number;
  readonly maxComputations: number;
}

/** The open questions; of computations only so many are put at once, the others wait for their turn. */
export class Questions<Waiter> {
  readonly #limits: QuestionLimits;
  readonly #deadlines: Pick<DeadlineQueue<OpenQuestion<Waiter>>, "set" | "delete">;
  readonly #open = new Map<QuestionId, OpenQuestion<Waiter>>();
  readonly #turns = new Map<QuestionId, { readonly job: CryptoJob; readonly waiter: Waiter }>();
  #computing = 0;
  #lastId = 0;

  constructor(limits: QuestionLimits, deadlines: Pick<DeadlineQueue<OpenQuestion<Waiter>>, "set" | "delete">) {
    this.#limits = limits;
    this.#deadlines = deadlines;
  }

  /** Questions that were put and not answered. */
  get size(): number {
    return this.#open.size;
  }

  /** Computations that wait for their turn. */
  get waitingComputations(): number {
    return this.#turns.size;
  }

  /** Puts a question into `out`, at once or when it is its turn. */
  ask(question: Question, waiter: Waiter, out: DtlsServerOutput[], nowMs: number): QuestionId {
    const id = ++this.#lastId;
    if (question.type === "compute" && this.#computing >= this.#limits.maxComputations) {
      this.#turns.set(id, { job: question.job, waiter });
    } else {
      this.#put(id, question, waiter, out, nowMs);
    }
    return id;
  }

  /**
   * A question is answered or given up; undefined when it was before. The next computation may follow into `out`. An answer to another type of question is
   * a bug of whoever drives the server: it throws, before anything is changed.
   */
  close(id: QuestionId, answer: Answer, out: DtlsServerOutput[], nowMs: number): OpenQuestion<Waiter> | undefined {
    const open = this.#open.get(id);
    if (open === undefined) return undefined;
    const isOne = answer.type === "unavailable" || ANSWERS[open.type].includes(answer.type);
    assert(isOne, `${answer.type} answers no ${open.type}`);
    this.#open.delete(id);
    this.#deadlines.delete(open);
    if (open.type === "compute") {
      this.#computing--;
      this.#nextTurn(out, nowMs);
    }
    return open;
  }

  /** Nobody wants the answer any more. */
  forget(id: QuestionId): void {
    this.#turns.delete(id);
    const open = this.#open.get(id);
    if (open === undefined) return;
    open.waiter = undefined;
    if (open.type === "compute") return;
    this.#open.delete(id);
    this.#deadlines.delete(open);
  }

  #put(id: QuestionId, question: Question, waiter: Waiter, out: DtlsServerOutput[], nowMs: number): void {
    if (question.type === "compute") this.#computing++;
    const open: OpenQuestion<Waiter> = {
      kind: "question",
      id,
      type: question.type,
      waiter,
      dueMs: 0,
      place: NOT_QUEUED,
    };
    this.#open.set(id, open);
    this.#deadlines.set(open, nowMs + this.#limits.questionTimeoutMs);
    out.push({ type: "question", id, question });
  }

  #nextTurn(out: DtlsServerOutput[], nowMs: number): void {
    for (const [id, { job, waiter }] of this.#turns) {
      this.#turns.delete(id);
      this.#put(id, { type: "compute", job }, waiter, out, nowMs);
      return;
    }
  }
}
