import { createWriteStream, type WriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { ProcessStartError, runProgram, type UdpBalancerOptions } from "@ferry/testing";
import { encodeEntry } from "./nonce-check/capture-file.ts";
import type { NonceReport } from "./nonce-check/find-reuse.ts";

/** All datagrams that a balancer saw, in a file for a program that shares no code with what sent them. */
export class WireCapture {
  readonly #folder: string;
  readonly #file: WriteStream;

  static async open(): Promise<WireCapture> {
    return new WireCapture(await mkdtemp(join(tmpdir(), "ferry-capture-")));
  }

  private constructor(folder: string) {
    this.#folder = folder;
    this.#file = createWriteStream(join(folder, "capture"));
  }

  /** For a balancer. */
  readonly take: NonNullable<UdpBalancerOptions["onDatagram"]> = (from, clientPort, nodePort, bytes) => {
    const entry = {
      from: from === "client" ? from : ("server" as const),
      atMs: Date.now(),
      clientPort,
      nodePort,
      bytes,
    };
    if (!this.#file.writableEnded) this.#file.write(encodeEntry(entry));
  };

  /** Ends the capture and has it checked: what the program says, and its exit code. @throws {ProcessStartError} it gave no report */
  async check(): Promise<{ readonly code: number | null; readonly report: NonceReport }> {
    this.#file.end();
    await finished(this.#file);
    const { code, stdout, stderr } = await runProgram("tests/e2e/nonce-check/main.ts", [join(this.#folder, "capture")]);
    if (stdout === "") throw new ProcessStartError(`nonce-check ended with ${code}: ${stderr}`);
    return { code, report: JSON.parse(stdout) as NonceReport };
  }

  /** Removes the file. */
  async remove(): Promise<void> {
    this.#file.end();
    await finished(this.#file);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
