import type { PublishOutcome } from "@ferry/provisioning";
import type { Terminal } from "./terminal.ts";

/** Up to so many are told one by one. */
const FEW = 20;
/** Where no terminal shows it, progress is told so often. */
const STEP = 100;
/** Back to the beginning of the line, and empty it. */
const CLEAR_LINE = "\r\u001B[K";

/** Tells how far an apply is: what is rejected at once, a few documents one by one, many by their number, on a terminal in one line that changes. */
export class ApplyProgress {
  readonly #terminal: Terminal;
  readonly #total: number;
  #done = 0;
  #rejected = 0;

  constructor(terminal: Terminal, total: number) {
    this.#terminal = terminal;
    this.#total = total;
  }

  /** `source` is where the document stands; undefined when it was declared elsewhere. */
  report({ kind, id, outcome, field, reason }: PublishOutcome, source: string | undefined): void {
    const { stdout } = this.#terminal;
    this.#done += 1;
    if (outcome === "rejected") {
      this.#rejected += 1;
      const place = source === undefined ? "" : ` (${source})`;
      this.#line(`rejected ${kind} ${id}${place}: ${field === "" ? "" : `${field} `}${reason}`);
    } else if (this.#total <= FEW) stdout.write(`${outcome} ${kind} ${id}\n`);
    this.#show();
  }

  /** Leaves the line to what comes after. */
  end(): void {
    if (this.#isLive) this.#terminal.stderr.write(CLEAR_LINE);
  }

  get #isLive(): boolean {
    return this.#terminal.stderr.isTTY === true && this.#total > FEW;
  }

  #line(text: string): void {
    this.#terminal.stderr.write(`${this.#isLive ? CLEAR_LINE : ""}${text}\n`);
  }

  #show(): void {
    if (this.#total <= FEW) return;
    const text = `${this.#done} of ${this.#total}${this.#rejected === 0 ? "" : `, ${this.#rejected} rejected`}`;
    if (this.#isLive) this.#terminal.stderr.write(CLEAR_LINE + text);
    else if (this.#done % STEP === 0) this.#line(text);
  }
}
