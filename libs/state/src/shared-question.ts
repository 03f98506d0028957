/**
 * A question whose answer counts for a caller only if it was put after the caller asked: all who ask the same while one is under way share the next.
 *
 * So at most one is under way about each thing, however many ask, and nobody waits for more than two. `About`: what it may be about; only what is under way is held.
 */
export class SharedQuestion<Answer, About = void> {
  readonly #put: (about: About) => Promise<Answer>;
  /** What is under way, with what was asked meanwhile. */
  readonly #underWay = new Map<About, { next: PromiseWithResolvers<Answer> | undefined }>();

  constructor(put: (about: About) => Promise<Answer>) {
    this.#put = put;
  }

  /** Things about which something is being asked. */
  get size(): number {
    return this.#underWay.size;
  }

  /** Rejects as the question does that was put for it. */
  ask(about: About): Promise<Answer> {
    const running = this.#underWay.get(about);
    if (running === undefined) return this.#putNow(about);
    running.next ??= Promise.withResolvers();
    return running.next.promise;
  }

  #putNow(about: About): Promise<Answer> {
    const running: { next: PromiseWithResolvers<Answer> | undefined } = { next: undefined };
    this.#underWay.set(about, running);
    const answer = this.#put(about);
    const goOn = (): void => {
      this.#underWay.delete(about);
      running.next?.resolve(this.#putNow(about));
    };
    answer.then(goOn, goOn);
    return answer;
  }
}
