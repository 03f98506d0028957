import { type Answer, type CryptoJob, compute, computeInPool } from "@ferry/dtls";

/** What doing computations works with. */
export interface ComputationsParts {
  /** Done in place in one turn of the event loop; what comes beyond goes to the thread pool. */
  readonly inPlaceAtMost: number;
  /** Calls back when the turn is over: `setImmediate`. */
  readonly afterTurn: (then: () => void) => void;
  readonly count: (where: "inPlace" | "pool") => void;
}

/**
 * Public-key cryptography of handshakes: in place while there is little of it, which is cheaper, on threads when many handshakes come at once, so that records
 * of other devices do not wait. How many there are at a time, the machine bounds.
 */
export class Computations {
  readonly #parts: ComputationsParts;
  #inTurn = 0;
  #inPool = 0;

  constructor(parts: ComputationsParts) {
    this.#parts = parts;
  }

  do(job: CryptoJob, answer: (answer: Answer) => void): void {
    const { inPlaceAtMost, afterTurn, count } = this.#parts;
    if (this.#inTurn >= inPlaceAtMost || this.#inPool > 0) {
      count("pool");
      this.#inPool++;
      void computeInPool(job).then((done) => {
        this.#inPool--;
        answer(done);
      });
      return;
    }
    if (this.#inTurn++ === 0) {
      afterTurn(() => {
        this.#inTurn = 0;
      });
    }
    count("inPlace");
    answer(compute(job));
  }
}
