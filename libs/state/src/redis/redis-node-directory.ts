import type { NodeRef } from "../device-store.ts";
import type { NodeDirectory, NodeEntry, SlotRange } from "../node-directory.ts";
import type { RedisConnection } from "./connection.ts";
import { NODE_PREFIX } from "./keys.ts";
import { Scripts, slotPrelude } from "./scripts.ts";

/** Keeps the node directory in Redis: one key per slot, which lapses with its lease. */
export class RedisNodeDirectory implements NodeDirectory {
  readonly #connection: RedisConnection;
  readonly #scripts: Scripts<"lease" | "renew" | "release-slot">;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.#scripts = new Scripts(connection, ["lease", "renew", "release-slot"], slotPrelude());
  }

  async lease(
    entry: Omit<NodeEntry, "slot">,
    { first, last }: SlotRange,
    leaseMs: number,
  ): Promise<NodeEntry | undefined> {
    const text = formatEntry(entry);
    const slot = await this.#scripts.run("lease", NODE_PREFIX, text, entry.bootId, leaseMs, first, last);
    return slot === null ? undefined : { ...entry, slot: slot as number };
  }

  async renew(entry: NodeEntry, leaseMs: number): Promise<boolean> {
    const key = NODE_PREFIX + entry.slot;
    return (await this.#scripts.run("renew", key, formatEntry(entry), entry.bootId, leaseMs)) === 1;
  }

  async release(node: NodeRef): Promise<void> {
    await this.#scripts.run("release-slot", NODE_PREFIX + node.slot, node.bootId);
  }

  async get(slot: number): Promise<NodeEntry | undefined> {
    return parseEntry(slot, await this.#connection.run((client) => client.get(NODE_PREFIX + slot)));
  }

  async list({ first, last }: SlotRange): Promise<readonly NodeEntry[]> {
    const keys = Array.from({ length: last - first + 1 }, (_, index) => `${NODE_PREFIX}${first + index}`);
    const entries = await this.#connection.run((client) => client.mget(keys));
    return entries.map((text, index) => parseEntry(first + index, text)).filter((entry) => entry !== undefined);
  }
}

/** The slot is the key's. */
function formatEntry({ bootId, name, address, version, draining, ready }: Omit<NodeEntry, "slot">): string {
  return JSON.stringify({ bootId, name, address, version, draining, ready });
}

function parseEntry(slot: number, text: string | null): NodeEntry | undefined {
  if (text === null) return undefined;
  try {
    const { bootId, name, address, version, draining, ready } = (JSON.parse(text) ?? {}) as Omit<NodeEntry, "slot">; // Written by formatEntry.
    if (typeof bootId !== "string") return undefined;
    return { slot, bootId, name, address, version, draining, ready };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // What does not parse holds nothing.
    throw error;
  }
}
