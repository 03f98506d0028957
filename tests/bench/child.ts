import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A program of this folder in a process of its own, that answers each message by one. */
export class Child<Message extends object, Answer extends object> {
  readonly #file: string;
  readonly #process: ChildProcess;

  constructor(file: string, execArgv: readonly string[] = []) {
    this.#file = file;
    this.#process = fork(join(import.meta.dirname, file), { execArgv: [...execArgv] });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Rejects when the process ends instead. */
  async ask(message: Message): Promise<Answer> {
    this.#process.send(message);
    return this.next();
  }

  /** What it says next. */
  async next(): Promise<Answer> {
    const asked = new AbortController();
    const { signal } = asked;
    const message = once(this.#process, "message", { signal });
    const exit = once(this.#process, "exit", { signal });
    const [answer] = (await Promise.race([message, exit])) as [Answer | number | null];
    asked.abort();
    await Promise.allSettled([message, exit]);
    if (typeof answer !== "object" || answer === null) throw new TypeError(`${this.#file} ended with ${answer}`);
    return answer;
  }

  stop(): void {
    this.#process.kill();
  }
}
