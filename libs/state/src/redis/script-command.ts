import { hash } from "node:crypto";
import { Command } from "ioredis";
import type { BoundedCommand, CommandDeadlines } from "./command-deadlines.ts";

/** What a script takes beside its key. The client would send other byte arrays as text. */
export type ScriptArgument = string | number | Buffer;

/** What scripts answer: strings as bytes. */
export type ScriptReply = Buffer | number | null | readonly ScriptReply[];

/** A script's source in Lua, and how Redis names it. */
export class Script {
  readonly source: string;
  readonly sha1: string;
  /** The sockets that it was sent on. Redis may have forgotten it since, or may not have taken it. */
  readonly sentOn: WeakSet<object> = new WeakSet();

  constructor(source: string) {
    this.source = source;
    this.sha1 = hash("sha1", source);
  }
}

/** How a command is sent. */
export interface ScriptCommandOptions {
  readonly deadlines: CommandDeadlines;
  /** Sends the source also on a socket that it was sent on before. */
  readonly withSource: boolean;
}

const BYTES = { replyEncoding: null };

/** A script on one key: EVALSHA, and EVAL as the first on a socket, so that those right behind it find the script. */
export class ScriptCommand extends Command implements BoundedCommand {
  dueMs: number | undefined = undefined;
  readonly #script: Script;
  readonly #options: ScriptCommandOptions;

  constructor(script: Script, keyAndArguments: readonly ScriptArgument[], options: ScriptCommandOptions) {
    super("evalsha", [script.sha1, 1, ...keyAndArguments], BYTES);
    this.#script = script;
    this.#options = options;
  }

  /** Called by the client as soon as it has the command. */
  override setTimeout(): void {
    this.#options.deadlines.add(this);
  }

  override toWritable(socket: object): string | Buffer {
    const { source, sha1, sentOn } = this.#script;
    const withSource = this.#options.withSource || !sentOn.has(socket);
    if (withSource) sentOn.add(socket);
    this.name = withSource ? "eval" : "evalsha";
    this.args[0] = withSource ? source : sha1;
    return super.toWritable(socket);
  }
}
