import type { NodeRef } from "../device-store.ts";
import { type NodeDirectory, type NodeEntry, TRANSPORT_SLOTS } from "../node-directory.ts";
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
    entry: Omit<NodeEntry, "slot"> & { readonly slot?: number },
    leaseMs: number,
  ): Promise<NodeEntry | undefined> {
    const slot = await this.#scripts.run(
      "lease",
      NODE_PREFIX,
      formatEntry(entry),
      entry.bootId,
      leaseMs,
      TRANSPORT_SLOTS,
      entry.slot ?? "",
    );
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

  async list(): Promise<readonly NodeEntry[]> {
    const keys = Array.from({ length: TRANSPORT_SLOTS }, (_, slot) => NODE_PREFIX + slot);
    const entries = await this.#connection.run((client) => client.mget(keys));
    return entries.map((text, slot) => parseEntry(slot, text)).filter((entry) => entry !== undefined);
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
