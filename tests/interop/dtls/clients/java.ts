import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { MissingToolError } from "@ferry/testing";
import { type Connect, ExchangeError, PATIENCE_MS, type Task } from "../client.ts";

const JARS = join(import.meta.dirname, "../../../../.ferry/dtls-java");

/** Scandium's and Bouncy Castle's clients, all in one Java machine. */
export class JavaClients {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (error: string | undefined) => void>();
  #lastId = 0;
  #lastClient = 0;

  /** @throws {MissingToolError} the jars are not there */
  constructor() {
    if (!existsSync(`${JARS}/.built`)) throw new MissingToolError("the DTLS clients in Java", "npm run setup:test");
    const classPath = `${JARS}/dtls-clients-1.jar:${JARS}/lib/*`;
    // Compiled no further than needed: it lives for a minute.
    const options = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", classPath];
    this.#child = spawn("java", [...options, "ferry.interop.dtls.DtlsClients"], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.once("exit", (code) => {
      for (const answer of this.#answers.values()) answer(`java ended (${code})`);
    });
    if (this.#child.stdout === null) return; // It is piped.
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const { id, error } = JSON.parse(line) as { id: number; error?: string };
      this.#answers.get(id)?.(error);
      this.#answers.delete(id);
    });
  }

  /** Connects a client of that library. */
  of(library: "scandium" | "bouncy-castle"): Connect {
    return async (task) => {
      const client = `${library} ${++this.#lastClient}`;
      const exchange = (text: string, patienceMs = PATIENCE_MS): Promise<void> =>
        this.#command({ command: "exchange", client, text, patienceMs });
      await this.#command({ command: "connect", client, library, ...toJson(task) });
      if (task.resumes === true) {
        await exchange("first session");
        await this.#command({ command: "resume", client });
      }
      return { exchange, close: () => this.#command({ command: "close", client }) };
    };
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await exited;
  }

  #command(command: object): Promise<void> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, (error) => (error === undefined ? resolve() : reject(new ExchangeError(error))));
      this.#child.stdin?.write(`${JSON.stringify({ id, ...command })}\n`);
    });
  }
}

function toJson({ port, suite, credential, psk, own, trusted, cidBytes, maxDatagramBytes }: Task): object {
  const isRaw = credential === "RPK";
  return {
    port,
    suite,
    credential,
    pskIdentity: psk.identity,
    pskKey: Buffer.from(psk.key).toString("hex"),
    certificate: isRaw ? own.publicKey : own.certificate,
    privateKey: own.privateKey,
    trusted: isRaw ? trusted.publicKey : trusted.certificate,
    cidBytes,
    maxDatagramBytes,
  };
}
