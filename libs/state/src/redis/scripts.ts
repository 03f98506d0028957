import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  MAX_SEQUENCE,
  MAX_SEQUENCE_JUMP,
  MAX_STAMP_LEAD_S,
  SEQUENCE_BLOCK,
  SEQUENCE_GAP,
  SEQUENCES_PER_SECOND,
} from "../association-store.ts";
import { EXPIRY_GRACE_MS } from "../device-store.ts";
import { EXPIRED_REASON } from "../lifecycle.ts";
import {
  ANSWER_MEMORY_MS,
  DESIRED_MEMORY_MS,
  ENDED_MEMORY_MS,
  MAX_DESIRED_VALUES,
  MESSAGE_ID_JUMP,
  OPEN_MEMORY_MS,
  PAGE_MAX_BYTES,
  QUARANTINE_MS,
  REGISTER_MEMORY_MS,
  SWEEP_LEASE_MS,
} from "../limits.ts";
import type { RedisConnection } from "./connection.ts";
import { RESTORED_SUFFIX, SHARD_KEYS } from "./keys.ts";
import { Script, type ScriptArgument, ScriptCommand, type ScriptReply } from "./script-command.ts";

export type { ScriptArgument, ScriptReply } from "./script-command.ts";

/** Beyond every time in ms: places in a queue are times of acceptance less this for requests from before a loss, and count up from 1 for others. */
const BEFORE_LOSS = 1e15;
/** In place of slot and boot id of who dispatched a request: it was before the loss of the store, which forgot who. */
const DISPATCHED_BY_NOBODY = "0 ";

/** One atomic step each. Runs by EVALSHA, and by EVAL where Redis does not know the script (any more). */
export class Scripts<Name extends string> {
  readonly #connection: RedisConnection;
  readonly #scripts: ReadonlyMap<Name, Script>;

  /** Loads `scripts/<name>.lua` of each name, with `prelude` in front. */
  constructor(connection: RedisConnection, names: readonly Name[], prelude = "") {
    this.#connection = connection;
    this.#scripts = new Map(names.map((name) => [name, new Script(prelude + source(name))]));
  }

  /** Runs a step in the slot of `key`. @throws {StateUnavailableError} Redis did not do it in time */
  run(name: Name, key: string, ...args: ScriptArgument[]): Promise<ScriptReply> {
    const script = this.#scripts.get(name) as Script; // Every name was loaded.
    const connection = this.#connection;
    return connection.run((client, again) => {
      const command = new ScriptCommand(script, [key, ...args], { deadlines: connection.deadlines, withSource: again });
      return client.sendCommand(command) as Promise<ScriptReply>; // Replies are bytes.
    });
  }
}

/** What the steps on a device's registration share: names, limits and `device.lua`. */
export function devicePrelude(outboxMaxEntries: number): string {
  const values = {
    ...SHARD_KEYS,
    REGISTER_MEMORY_MS,
    ANSWER_MEMORY_MS,
    OPEN_MEMORY_MS,
    PAGE_MAX_BYTES,
    DESIRED_MEMORY_MS,
    ENDED_MEMORY_MS,
    MAX_DESIRED_VALUES,
    MESSAGE_ID_JUMP,
    QUARANTINE_MS,
    EXPIRY_GRACE_MS,
    EXPIRED_REASON,
    SWEEP_LEASE_MS,
    OUTBOX_MAX_ENTRIES: outboxMaxEntries,
    BEFORE_LOSS,
    DISPATCHED_BY_NOBODY,
  };
  return constants(values) + source("device");
}

/** What the steps on that which waits for a device share: `waiting.lua` too. Apart, as every step pays for what stands before it. */
export function waitingPrelude(outboxMaxEntries: number): string {
  return devicePrelude(outboxMaxEntries) + source("waiting");
}

/** What the steps on a device's DTLS association share: names, limits and `association.lua`. */
export function associationPrelude(): string {
  const { ASSOCIATION, BAD } = SHARD_KEYS;
  const limits = {
    QUARANTINE_MS,
    MAX_STAMP_LEAD_S,
    MAX_SEQUENCE,
    MAX_SEQUENCE_JUMP,
    SEQUENCE_GAP,
    SEQUENCE_BLOCK,
    SEQUENCES_PER_SECOND,
  };
  return constants({ ASSOCIATION, BAD, ...limits }) + source("association");
}

/** What the steps on the incarnation share: a name. */
export function incarnationPrelude(): string {
  return constants({ RESTORED: RESTORED_SUFFIX });
}

/** What the steps on a slot of the node directory share: `holder.lua`. */
export function slotPrelude(): string {
  return source("holder");
}

/** Lua for constants: the names of keys and the limits, which are written down only once. */
export function constants(values: Readonly<Record<string, string | number>>): string {
  const literals = Object.values(values).map((value) => JSON.stringify(value));
  return `local ${Object.keys(values).join(", ")} = ${literals.join(", ")}\n`;
}

function source(name: string): string {
  return readFileSync(join(import.meta.dirname, "scripts", `${name}.lua`), "utf8");
}
