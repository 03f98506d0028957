/**
 * A question whose answer counts for a caller only if it was put after the caller asked: all who ask while one is under way share the next.
 *
 * So at most one is under way, however many ask, and nobody waits for more than two.
 */
export class SharedQuestion<Answer> {
  readonly #put: () => Promise<Answer>;
  #isUnderWay = false;
  #next: PromiseWithResolvers<Answer> | undefined;

  constructor(put: () => Promise<Answer>) {
    this.#put = put;
  }

  /** Rejects as the question does that was put for it. */
  ask(): Promise<Answer> {
    if (!this.#isUnderWay) return this.#putNow();
    this.#next ??= Promise.withResolvers();
    return this.#next.promise;
  }

  #putNow(): Promise<Answer> {
    this.#isUnderWay = true;
    const answer = this.#put();
    const goOn = (): void => {
      this.#isUnderWay = false;
      const next = this.#next;
      this.#next = undefined;
      next?.resolve(this.#putNow());
    };
    answer.then(goOn, goOn);
    return answer;
  }
}
