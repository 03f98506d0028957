import { BOOTSTRAP_MEMORY_MS, type BootstrapStore, type BootstrapSummary } from "../bootstrap-store.ts";
import { decodeSummary, encodeSummary, summaryRank } from "../bootstrap-summary.ts";
import type { DeviceRef } from "../device-store.ts";
import { StoredValueError } from "../errors.ts";
import { QUARANTINE_MS } from "../limits.ts";
import type { RedisConnection } from "./connection.ts";
import { lastBootstrapKeys } from "./keys.ts";
import { Scripts } from "./scripts.ts";

/** Settings of a `RedisBootstrapStore`. */
export interface RedisBootstrapStoreOptions {
  /** Told how many values did not parse and were moved to `…:bad:…`. */
  readonly onQuarantine?: (count: number) => void;
}

/** Keeps the last bootstrap of each device in Redis: one string in the device's slot, which lapses. */
export class RedisBootstrapStore implements BootstrapStore {
  readonly #scripts: Scripts<"put-bootstrap" | "get-bootstrap">;
  readonly #onQuarantine: (count: number) => void;

  constructor(connection: RedisConnection, options: RedisBootstrapStoreOptions = {}) {
    this.#scripts = new Scripts(connection, ["put-bootstrap", "get-bootstrap"]);
    this.#onQuarantine = options.onQuarantine ?? (() => {});
  }

  async put(device: DeviceRef, summary: BootstrapSummary, ttlMs: number = BOOTSTRAP_MEMORY_MS): Promise<void> {
    const { last } = lastBootstrapKeys(device);
    await this.#scripts.run("put-bootstrap", last, encodeSummary(summary), summaryRank(summary), ttlMs);
  }

  async get(device: DeviceRef): Promise<BootstrapSummary | undefined> {
    const text = await this.#read(device, "");
    if (text === undefined) return undefined;
    try {
      return decodeSummary(text);
    } catch (error) {
      if (!(error instanceof StoredValueError)) throw error;
      await this.#read(device, text);
      return undefined;
    }
  }

  /** What is stored, unless it is what did not parse: that is moved out of the way. */
  async #read(device: DeviceRef, unparsed: string): Promise<string | undefined> {
    const { last, bad } = lastBootstrapKeys(device);
    const reply = await this.#scripts.run("get-bootstrap", last, bad, QUARANTINE_MS, unparsed);
    const [text, quarantined] = reply as [Buffer | null, number]; // As the script answers.
    if (quarantined > 0) this.#onQuarantine(quarantined);
    return text?.toString();
  }
}
