import { StateUnavailableError } from "../errors.ts";

/** A command on its way. */
export interface BoundedCommand {
  /** It was answered, or rejected. */
  readonly isSettled: boolean;
  /** When it is rejected, on the clock of `performance`; undefined when it was never sent. */
  dueMs: number | undefined;
  reject(error: Error): void;
}

/** So many places of commands that are settled before those behind them move up. */
const MOVE_UP_AFTER = 1_024;

/**
 * Bounds commands by one timer for all: one each costs more than to read an answer. All may take equally long, so the oldest is due first.
 * A command that was rejected keeps its place in the client's queue: its late answer goes to nobody.
 */
export class CommandDeadlines {
  readonly #timeoutMs: number;
  /** The oldest unsettled command is at `#first`, and nothing before it. What is settled behind it stays until that is: for one timeout at most. A Map would cost 2 µs a command. */
  readonly #commands: (BoundedCommand | undefined)[] = [];
  #first = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Rejects a command with `StateUnavailableError` when it is not settled in time. Time counts from the first call for it: clients send a command again. */
  add(command: BoundedCommand): void {
    if (command.dueMs !== undefined) return;
    command.dueMs = performance.now() + this.#timeoutMs;
    this.#oldest();
    this.#commands.push(command);
    this.#arm(this.#timeoutMs);
  }

  /** Forgets what is settled up to the oldest command that is not. */
  #oldest(): BoundedCommand | undefined {
    while (this.#commands[this.#first]?.isSettled) this.#commands[this.#first++] = undefined;
    if (this.#first === this.#commands.length || this.#first >= MOVE_UP_AFTER) {
      this.#commands.splice(0, this.#first);
      this.#first = 0;
    }
    return this.#commands[this.#first];
  }

  #arm(delayMs: number): void {
    // What is unsettled has a socket, or a client that connects: they keep the process.
    this.#timer ??= setTimeout(() => this.#fire(), delayMs).unref();
  }

  #fire(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    for (let command = this.#oldest(); command !== undefined; command = this.#oldest()) {
      const leftMs = (command.dueMs as number) - nowMs; // Added, so it has one.
      if (leftMs > 0) {
        this.#arm(leftMs);
        return;
      }
      this.#commands[this.#first++] = undefined;
      command.reject(new StateUnavailableError(`no answer within ${this.#timeoutMs} ms`));
    }
  }
}
