import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UsageError } from "@ferry/runtime";
import type { Terminal } from "./terminal.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
/** How long a service may take until it is ready. */
const READY_TIMEOUT_MS = 60_000;
/** How long a process may take to end before it is killed: above a service's own limit of 25 s. */
const END_TIMEOUT_MS = 30_000;

type Variables = Readonly<Record<string, string>>;

/** Processes that were started together, and are ended in the opposite order. */
export class Processes {
  readonly #terminal: Terminal;
  readonly #interrupted: AbortSignal;
  readonly #stops: (() => Promise<unknown>)[] = [];
  #stopping = false;

  constructor(terminal: Terminal, interrupted: AbortSignal) {
    this.#terminal = terminal;
    this.#interrupted = interrupted;
  }

  say(text: string): void {
    this.#terminal.stdout.write(`${text}\n`);
  }

  onStop(stop: () => Promise<unknown>): void {
    this.#stops.push(stop);
  }

  /** Ends everything, whatever becomes of each. A second Ctrl-C does not leave the rest behind. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const keepOn = (): void => this.say("ending …");
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, keepOn);
    for (const stop of this.#stops.reverse()) {
      try {
        await stop();
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        this.#terminal.stderr.write(`ferry: ${error.message}\n`);
      }
    }
  }

  /** Runs a program to its end; Ctrl-C ends it early. @throws {UsageError} it failed, or is not installed */
  async run(command: string, args: readonly string[], env: Variables = {}): Promise<void> {
    const child = this.#spawn(command, args, env, ["ignore", "inherit", "inherit"]);
    const interrupt = (): void => void process.kill(-(child.pid as number), "SIGTERM"); // It leads a group of its own.
    this.#interrupted.addEventListener("abort", interrupt);
    const code = await exited(child, command);
    this.#interrupted.removeEventListener("abort", interrupt);
    if (code !== 0) throw new UsageError(`${command} ${args.join(" ")} failed with exit code ${code}`);
  }

  /** Starts a program that runs until the end. @throws {UsageError} it is not installed */
  async start(
    name: string,
    command: string,
    args: readonly string[],
    { env = {}, stdio = "ignore" }: { readonly env?: Variables; readonly stdio?: StdioOptions } = {},
  ): Promise<ChildProcess> {
    const child = this.#spawn(command, args, env, stdio);
    await new Promise<void>((done, fail) => {
      child.once("spawn", done);
      child.once("error", (error) => fail(new UsageError(`${name} cannot be started: ${error.message}`)));
    });
    this.onStop(() => end(child));
    child.once("exit", (code, signal) => {
      if (!this.#stopping) this.#terminal.stderr.write(`ferry: ${name} ended (${signal ?? `exit code ${code}`})\n`);
    });
    return child;
  }

  /** Starts a service and waits until it says that it has started. @throws {UsageError} it does not */
  async service(name: string, service: string, env: Variables): Promise<void> {
    this.#interrupted.throwIfAborted();
    this.say(`starting ${name} …`);
    const main = resolve(ROOT, `services/${service}/src/main.ts`);
    const child = await this.start(name, process.execPath, [main], {
      env,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const interrupted = Promise.withResolvers<string>();
    this.#interrupted.addEventListener("abort", () => interrupted.resolve("interrupted"), { once: true });
    const first = await Promise.race([
      new Promise<string>((done) => child.once("message", () => done("started"))),
      new Promise<string>((done) => child.once("exit", () => done("ended"))),
      interrupted.promise,
      sleep(READY_TIMEOUT_MS, "late", { ref: false }),
    ]);
    this.#interrupted.throwIfAborted();
    if (first === "ended") throw new UsageError(`${name} could not start`);
    if (first === "late") {
      throw new UsageError(`${name} has not started within ${READY_TIMEOUT_MS / 1000} s: LOG_LEVEL=info shows why`);
    }
  }

  /** Not in this terminal's process group: Ctrl-C is for us, who end them in order. */
  #spawn(command: string, args: readonly string[], env: Variables, stdio: StdioOptions): ChildProcess {
    return spawn(command, args, { stdio, env: { ...this.#terminal.env, ...env }, detached: true });
  }
}

function exited(child: ChildProcess, command: string): Promise<number | null> {
  return new Promise((done, fail) => {
    child.once("exit", done);
    child.once("error", () => fail(new UsageError(`${command} is not installed`)));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), END_TIMEOUT_MS);
  await gone;
  clearTimeout(timer);
}
