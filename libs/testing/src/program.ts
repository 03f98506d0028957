import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { ProcessStartError } from "./errors.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PATIENCE_MS = 30_000;

/** What became of a program. */
export interface Ended {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const running = new Set<Program>();

/** A program of ours as a user runs it: a process of its own, seen through its output and its exit code. */
export class Program {
  stdout = "";
  stderr = "";
  /** Resolves when it has ended. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;

  /** `script` is a path from the root of the repository. Of our own environment it gets only `PATH` and `NODE_COMPILE_CACHE`. */
  constructor(script: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [join(ROOT, script), ...args], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.#child = child;
    running.add(this);
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        running.delete(this);
        resolve({ code, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Resolves with the match when the output has it. @throws {ProcessStartError} it ended before, or that took half a minute */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match !== null) return match;
      const { promise, resolve } = Promise.withResolvers<unknown>();
      const streams = [this.#child.stdout, this.#child.stderr];
      for (const stream of streams) stream?.once("data", resolve);
      deadline.addEventListener("abort", resolve, { once: true });
      const hasEnded = await Promise.race([promise, this.ended.then(() => "ended")]);
      for (const stream of streams) stream?.off("data", resolve);
      if ((hasEnded === "ended" && !pattern.test(this.stdout + this.stderr)) || deadline.aborted) {
        throw new ProcessStartError(`${pattern} is not in the output:\n${this.stdout}${this.stderr}`);
      }
    }
  }

  /** Closes our end of its standard output, as `head` does when it has enough. */
  closeStdout(): void {
    this.#child.stdout?.destroy();
  }

  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals, times = 1): Promise<Ended> {
    for (let sent = 0; sent < times; sent++) this.#child.kill(signal);
    return this.ended;
  }
}

/** Ends what a test left running, as one that fails does. */
export async function endPrograms(): Promise<void> {
  await Promise.all([...running].map((program) => program.end("SIGKILL")));
}

/** Runs a program of ours to its end. */
export function runProgram(
  script: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Program(script, args, env).ended;
}
