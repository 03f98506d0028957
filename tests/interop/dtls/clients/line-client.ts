import { type ChildProcess, spawn } from "node:child_process";
import { type Connection, ExchangeError, PATIENCE_MS } from "../client.ts";

const REPEAT_MS = 1_000;
/** From the end of its input a program has this long to say goodbye. */
const GRACE_MS = 300;
const MAX_OUTPUT_CHARS = 65_536;

/** A program that sends the lines of its standard input and writes what comes back. */
export class LineClient implements Connection {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = "";
  #look: () => void = () => undefined;

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("latin1").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_OUTPUT_CHARS);
        this.#look();
      });
    }
    // One that ended does not read any more.
    this.#child.stdin?.on("error", () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#output += String(error);
        resolve();
      });
      this.#child.once("close", () => resolve());
    });
  }

  async exchange(text: string, patienceMs: number = PATIENCE_MS): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<"answered" | "silence">();
    this.#look = () => {
      if (this.#output.includes(text)) resolve("answered");
    };
    const write = (): void => {
      this.#child.stdin?.write(`${text}\n`);
    };
    const repeat = setInterval(write, REPEAT_MS);
    const patience = setTimeout(() => resolve("silence"), patienceMs);
    write();
    const outcome = await Promise.race([promise, this.#ended.then(() => "end")]);
    clearInterval(repeat);
    clearTimeout(patience);
    if (outcome !== "answered") throw new ExchangeError(`${outcome} instead of "${text}": ${this.#output}`);
  }

  async close(): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), GRACE_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
